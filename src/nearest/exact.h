/* Sums of the rows of each cluster that are exact, so the order in which rows are added does not matter: a
 * row that moves to another cluster is taken off one sum and added to another, and the sums are those that a
 * pass over all rows would give.
 *
 * Numbers are whole: w (x_c − m_c) in units of 2^e_c, rounded to the nearest, with m_c amid the values of
 * column c and e_c so small that 64 bits hold the sum over all rows. With 60,000 rows a unit is 2⁻⁴⁵ of the
 * largest difference from m_c. */
#ifndef NEAREST_EXACT_H
#define NEAREST_EXACT_H

#include "base/arena.h"
#include "comm/world.h"

typedef struct {
  int64_t k, inputs;
  int threads;
  double *mean;   /* (inputs): m, of whole floats */
  double *scale;  /* (inputs): 2^-e */
  double weights; /* the same of weights; 1 if all are 1 */
  int64_t **own;  /* (threads): (k, 1 + inputs): the weight, then the columns; what a pass has added */
  int64_t *total; /* (k, 1 + inputs): of all ranks */
} exact_t;

/* Memory comes from the arena. Not collective. */
ls_status exact_create(int64_t k, int64_t inputs, int threads, arena_t *arena, exact_t *out, ls_error *error);

/* Chooses the units for `rows` rows: mean (inputs), of whole floats; most (inputs): the largest |x|; the
 * largest weight, 0 if all are 1. */
void exact_scale(exact_t *exact, int64_t rows, const double *mean, const float *most, float weight);

/* Begins a pass. */
void exact_begin(exact_t *exact);

/* Adds columns [first, first + n) of a row to cluster k. The weight belongs to column 0. By thread number
 * `thread`. */
void exact_add(const exact_t *exact, int thread, int64_t k, const float *x, double weight, int64_t first,
               int64_t n);
/* Takes a row off cluster `from` and adds it to cluster `to`. */
void exact_move(const exact_t *exact, int thread, int64_t from, int64_t to, const float *x, double weight);

/* Ends a pass: total = what it has added, and what total was if `goes_on`. Collective. */
ls_status exact_end(exact_t *exact, world_t *world, bool goes_on, ls_error *error);

/* The weight of cluster k, and the sum of w (x − m) in column c. */
double exact_weight(const exact_t *exact, int64_t k);
double exact_sum(const exact_t *exact, int64_t k, int64_t c);

#endif
