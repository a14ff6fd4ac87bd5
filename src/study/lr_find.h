/* The learning-rate range test (Smith 2017): training with a rate that grows from step to step shows from
 * which rate on the loss falls, where it falls fastest, and where training breaks. */
#ifndef STUDY_LR_FIND_H
#define STUDY_LR_FIND_H

#include "comm/world.h"
#include "config/settings.h"

typedef struct {
  double low, high; /* first and last rate, 0 < low < high */
  int64_t steps;    /* from low to high, at least 2 */
} lr_find_options_t;

/* Caller-owned (lr_find_free). Steps that were done: n, fewer than asked for where training broke. */
typedef struct {
  int64_t n;
  double *rates;                         /* (n): low (high / low)^(i / (steps - 1)) */
  double *losses;                        /* (n): mean over the batch of step i, before its update */
  double *smooth;                        /* (n): mean over neighbouring steps, see lr_find_judge */
  double steepest, smallest, divergence; /* rates; NaN where there is none */
} lr_find_t;

/* Trains from the initial parameters of the settings, in memory alone: no file of a run is touched. The
 * settings' schedule is left aside. Every rank gets the result. Collective. */
ls_status lr_find_run(world_t *world, const settings_t *settings, const lr_find_options_t *options,
                      lr_find_t *out, ls_error *error);
void lr_find_free(lr_find_t *result);

/* Fills smooth and the three rates from rates and losses. Pure. */
void lr_find_judge(lr_find_t *result, int64_t steps);

/* Writes arrays learning_rate, loss, smooth and attributes steepest, smallest, divergence. Not collective. */
ls_status lr_find_write(const lr_find_t *result, const char *path, ls_error *error);

#endif
