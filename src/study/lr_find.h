/* The learning-rate range test (Smith 2017): trains with a learning rate that grows at every step. The losses
 * show at which rate the loss starts to fall, where it falls fastest, and where training diverges. The range
 * test may pass over a rate at which plain gradient descent diverges, because its few steps there are soon
 * over. So for sgd and proximal the limit that follows from the curvature is measured too. */
#ifndef STUDY_LR_FIND_H
#define STUDY_LR_FIND_H

#include "comm/world.h"
#include "config/settings.h"

#define LR_FIND_FORMAT "lockstep lr-find 1"

typedef struct {
  double low, high; /* first and last rate, 0 < low < high */
  int64_t steps;    /* number of steps, at least 2 */
} lr_find_options_t;

/* Result of the test, caller-owned (lr_find_free). n is the number of steps done; it is smaller than
 * requested if training diverged. */
typedef struct {
  int64_t n;
  double *rates;                         /* (n): low (high / low)^(i / (steps - 1)) */
  double *losses;                        /* (n): mean loss of the batch of step i, before its update */
  double *smooth;                        /* (n): losses averaged over neighbouring steps, see lr_find_judge */
  double steepest, smallest, divergence; /* rates; NaN if there is none */
  double curvature, limit;               /* with plain gradient steps, see curvature.h; else NaN */
  double suggested; /* a rate to begin with: steepest, but at most half of the limit; NaN if there is none */
} lr_find_t;

/* Trains in memory from the initial parameters of the settings; writes no file of a run and ignores the
 * settings' schedule. Every rank gets the result. Collective. */
ls_status lr_find_run(world_t *world, const settings_t *settings, const lr_find_options_t *options,
                      lr_find_t *out, ls_error *error);
void lr_find_free(lr_find_t *result);

/* Computes smooth and the three rates from rates and losses. Pure. */
void lr_find_judge(lr_find_t *result, int64_t steps);

/* Writes the arrays learning_rate, loss and smooth, and the numbers that are known as attributes. Not
 * collective. */
ls_status lr_find_write(const lr_find_t *result, const char *path, ls_error *error);

#endif
