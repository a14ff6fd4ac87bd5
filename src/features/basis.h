/* Basis functions ahead of the network: phi(x) for the scaled features x of a row. With one dense layer
 * behind them they make linear models of curves: polynomial regression, radial basis functions, random
 * Fourier features, and kernel machines, y = sum_i w_i k(c_i, x) over landmark rows c_i.
 *
 * A kind of basis is a row of a table (basis.c). It works in float; every number follows from its row and the
 * basis alone, so the layout has no part in it. */
#ifndef FEATURES_BASIS_H
#define FEATURES_BASIS_H

#include "base/arena.h"
#include "base/error.h"
#include "config/settings.h"
#include "store/store.h"

typedef struct basis_kind basis_kind_t;

typedef struct {
  const basis_kind_t *kind; /* NULL: the features go to the network as they are */
  int64_t inputs, outputs;  /* numbers of a row before and after */
  int64_t degree;
  double gamma, coef0;
  float *centres;  /* (inputs, outputs): column p is the centre or the frequency of function p; NULL for
                      polynomials */
  float *phases;   /* (outputs): fourier */
  int64_t *parent; /* (outputs), polynomials: function p is function parent[p] times feature factor[p], */
  int64_t *factor; /* or that feature alone where parent[p] is -1 */
  arena_t arena;
} basis_t;

/* What is drawn for a basis: the time of its random streams. */
enum { BASIS_FREQUENCIES, BASIS_PHASES, BASIS_LANDMARKS };

bool basis_choice(size_t i, choice_t *out);

/* phi's width for rows of so many scaled features, of which there are so many for training; 0 when it is more
 * than can be. The width is `inputs` for none. */
int64_t basis_width(const basis_settings_t *settings, int64_t inputs, int64_t rows);

/* LS_BAD_SETTINGS where there are too many functions, or more landmarks than rows. */
ls_status basis_check(const basis_settings_t *settings, int64_t inputs, int64_t rows, ls_error *error);

/* Bytes that a basis takes once it is made. */
double basis_bytes(const basis_settings_t *settings, int64_t inputs, int64_t outputs);

/* Whether two settings mean the same basis. */
bool basis_is_same(const basis_settings_t *a, const basis_settings_t *b);

/* Everything but the centres of kernels, which are zero; basis_set_centres completes them. */
ls_status basis_create(const basis_settings_t *settings, uint64_t seed, int64_t inputs, int64_t rows,
                       basis_t *out, ls_error *error);
/* Whether centres are training rows. */
bool basis_has_landmarks(const basis_t *basis);
/* rows (outputs, inputs): scaled features of the landmarks. */
void basis_set_centres(basis_t *basis, const float *rows);
void basis_free(basis_t *basis);

/* ---- computing: phi is made in the place where it is wanted, from the features piece by piece ---- */

/* Whether phi begins with the features themselves: these are put in their place, and basis_extend does the
 * rest. */
bool basis_extends(const basis_t *basis);
/* phi (n, outputs), the first `inputs` of each row filled. */
void basis_extend(const basis_t *basis, int64_t n, float *phi);

/* Else sums over features: phi (n, outputs), zero to begin with, takes features [first, first + count), x (n,
 * stride); when all are taken, basis_finish makes phi of the sums. */
void basis_add(const basis_t *basis, int64_t n, int64_t first, int64_t count, const float *x, int64_t stride,
               float *phi);
void basis_finish(const basis_t *basis, int64_t n, float *phi);

/* The group basis; nothing for none. */
ls_status basis_write(const basis_t *basis, store_t *store, ls_error *error);
ls_status basis_read(const store_t *store, int64_t inputs, basis_t *out, ls_error *error);

#endif
