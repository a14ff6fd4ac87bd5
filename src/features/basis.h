/* Basis functions: phi(x), computed from the scaled features x of a row, replaces x as the network's input.
 * With one dense layer, this gives linear models of curves: polynomial regression, radial basis functions,
 * random Fourier features, and kernel machines, y = sum_i w_i k(c_i, x) over landmark rows c_i. Principal
 * components come before a network of any kind.
 *
 * A kind of basis is a row of a table (basis.c). It computes in float. Every value depends only on its row
 * and the basis, so the layout does not change it. */
#ifndef FEATURES_BASIS_H
#define FEATURES_BASIS_H

#include "base/arena.h"
#include "base/error.h"
#include "config/settings.h"
#include "store/store.h"

typedef struct basis_kind basis_kind_t;

typedef struct {
  const basis_kind_t *kind; /* NULL: the features themselves are the inputs */
  int64_t inputs, outputs;  /* values of a row before and after */
  int64_t degree;
  double gamma, coef0;
  float *centres;  /* (inputs, outputs): column p is the centre or the frequency of function p; NULL for
                      polynomials */
  float *phases;   /* (outputs): fourier */
  float *origin;   /* (inputs): pca, the means that are subtracted; NULL: none are */
  bool is_fitted;  /* pca: centres and origin are there */
  int64_t *parent; /* (outputs), polynomials: function p is function parent[p] times feature factor[p], */
  int64_t *factor; /* or that feature alone where parent[p] is -1 */
  arena_t arena;
} basis_t;

/* The random draws of a basis. Each has its own random stream. */
enum { BASIS_FREQUENCIES, BASIS_PHASES, BASIS_LANDMARKS };

bool basis_choice(size_t i, choice_t *out);

/* The width of phi for a number of scaled features and of training rows; 0 if it is too large. Without a
 * basis, the width is `inputs`. */
int64_t basis_width(const basis_settings_t *settings, int64_t inputs, int64_t rows);

/* LS_BAD_SETTINGS if there are too many functions, or more landmarks than rows. */
ls_status basis_check(const basis_settings_t *settings, int64_t inputs, int64_t rows, ls_error *error);

/* Bytes of memory of a basis. */
double basis_bytes(const basis_settings_t *settings, int64_t inputs, int64_t outputs);

/* Whether two settings describe the same basis. */
bool basis_is_same(const basis_settings_t *a, const basis_settings_t *b);

/* Creates a basis, complete except for the centres of kernels, which are zero until basis_set_centres. */
ls_status basis_create(const basis_settings_t *settings, uint64_t seed, int64_t inputs, int64_t rows,
                       basis_t *out, ls_error *error);
/* Whether centres are training rows. */
bool basis_has_landmarks(const basis_t *basis);
/* rows (outputs, inputs): scaled features of the landmarks. */
void basis_set_centres(basis_t *basis, const float *rows);
/* Whether it consists of principal components that are still to be found of the training rows. */
bool basis_needs_components(const basis_t *basis);
/* mean (inputs); vectors (outputs, inputs), of which vector p is divided by divisors[p]; NULL: by 1. */
void basis_set_components(basis_t *basis, const double *mean, const double *vectors, const double *divisors);
/* Whether there is a way back from phi: for principal components, to the row that the scores stand for. */
bool basis_goes_back(const basis_t *basis);
/* x (inputs) = origin + sum of phi_p v_p of the directions v_p, phi (outputs). */
void basis_go_back(const basis_t *basis, const double *phi, double *x);
void basis_free(basis_t *basis);

/* ---- computing: phi is built in place, from pieces of the features ---- */

/* Whether phi begins with the features themselves. The caller then writes them there, and basis_extend
 * computes the rest. */
bool basis_extends(const basis_t *basis);
/* phi (n, outputs), the first `inputs` of each row filled. */
void basis_extend(const basis_t *basis, int64_t n, float *phi);

/* Otherwise phi is computed from sums over features. phi (n, outputs) is zero at first. Each call adds
 * features [first, first + count) from x (n, stride). After the last, basis_finish turns the sums into phi.
 */
void basis_add(const basis_t *basis, int64_t n, int64_t first, int64_t count, const float *x, int64_t stride,
               float *phi);
void basis_finish(const basis_t *basis, int64_t n, float *phi);

/* dx (n, inputs) from dphi (n, outputs), the derivatives of anything by the features and by phi, for rows x
 * (n, inputs) of scaled features. work (n, outputs) is work space; dphi is overwritten. Thread-safe. */
void basis_backward(const basis_t *basis, int64_t n, const float *x, float *work, float *dphi, float *dx);

/* Reads and writes the group `basis`; nothing without a basis. */
ls_status basis_write(const basis_t *basis, store_t *store, ls_error *error);
ls_status basis_read(const store_t *store, int64_t inputs, basis_t *out, ls_error *error);

#endif
