/* Permutation importance: how much worse a model gets when a column of x no longer belongs to its rows
 * (Breiman 2001, "Random forests", section 10; Fisher, Rudin and Dominici 2019, "All models are wrong, but
 * many are useful"). The values of one column are dealt to the rows anew, everything else stays, and the rise
 * of the loss is measured:
 *
 *   importance of column c in repeat r = L(rows with column c permuted by pi_cr) - L(rows)
 *
 * The permutation acts on the column as the file has it, before filling in, scaling, encoding and basis
 * functions. So all inputs that come from a column change together: those of a category, of a missing value,
 * of products. In windows a column moves with all of its time steps. pi_cr follows from the seed, the column
 * and the repeat (base/random.h), and evaluation has the same bits on any layout, so importances have too. */
#ifndef STUDY_IMPORTANCE_H
#define STUDY_IMPORTANCE_H

#include "base/arena.h"
#include "comm/world.h"
#include "score/evaluate.h"

typedef struct {
  int64_t repeats; /* >= 1 */
  uint64_t seed;
} importance_options_t;

/* A figure without a permutation, and with each. */
typedef struct {
  char name[80]; /* loss; accuracy or rmse, of several heads HEAD_accuracy */
  bool falls;    /* a worse model has a smaller figure: accuracy */
  double base;
  double *values; /* (columns, repeats) */
} importance_figure_t;

typedef struct {
  int64_t columns, repeats;
  importance_figure_t *figures; /* (n): the loss first, then a metric of each head */
  size_t n;
  arena_t arena;
} importance_t;

/* Evaluates the split once as it is and `repeats` times for each of the `columns` columns of the file. The
 * rows must be in memory: LS_USAGE if they are streamed. x of the split is changed on the way and is as
 * before in the end. Every rank gets the result. Collective. *out is caller-owned (importance_free). */
ls_status importance_run(evaluator_t *evaluator, world_t *world, split_t *split, int64_t columns,
                         const mixture_t *mixture, const importance_options_t *options, importance_t *out,
                         ls_error *error);
void importance_free(importance_t *importance);

/* What column c costs: the mean over repeats of how much worse the figure gets, and the standard deviation of
 * these R numbers (divided by R). */
double importance_mean(const importance_t *importance, size_t figure, int64_t column);
double importance_deviation(const importance_t *importance, size_t figure, int64_t column);

#endif
