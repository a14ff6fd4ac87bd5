/* Sweeps: many trainings that differ in some settings, in their seeds and in the rows that they are validated
 * with, compared by one figure.
 *
 * A combination is one value for each axis (sweep/axes.h). A trial is one training: a combination with one
 * seed and one fold. Trials are ordinary runs RUNS/NAME-sweep/NUMBER, trained side by side by groups of ranks
 * (layout/groups.h). All that a sweep knows of a trial is in the trial's directory, so a sweep that was
 * killed goes on from there, and its result does not depend on who trained what. */
#ifndef SWEEP_SWEEP_H
#define SWEEP_SWEEP_H

#include "base/log.h"
#include "comm/world.h"
#include "config/settings.h"

#include <stdbool.h>

#define SWEEP_FORMAT "lockstep sweep 1"

/* Reads the settings file words[0] with the overrides in the other words, on rank 0, for all ranks. *out is
 * caller-owned. Collective. */
typedef ls_status sweep_load_t(void *context, char **words, size_t n, settings_t **out, ls_error *error);

typedef struct {
  char **words; /* (n_words): the settings file, what is varied and what is set */
  size_t n_words;
  int64_t random;     /* number of combinations to draw; 0: try all */
  int64_t repeat;     /* seeds of a combination: train.seed, train.seed + 1, ...; 0: one */
  int64_t folds;      /* >= 2; 0: the validation rows are those of the settings */
  int64_t eta;        /* successive halving keeps the best 1 / eta, eta >= 2; 0: all train to the end */
  const char *metric; /* as stop.metric; NULL: valid_accuracy of a classifier, else valid_loss */
  const char *part;   /* "I/N": only trials I, I + N, ..., and no result; NULL: all */
  bool resume;        /* go on with an earlier sweep; start if there is none */
  sweep_load_t *load;
  void *context;
  const log_t *log;
  int64_t job_end; /* as in train_options_t */
} sweep_options_t;

/* Checks all combinations, trains all trials, prints the table on rank 0 to stdout, and writes sweep.h5 and
 * sweep.csv (docs/formats.md). A trial that diverges is noted and the sweep goes on; any other failure ends
 * it. LS_STOPPED as train_run; train.time_limit counts for the whole sweep. Collective. */
ls_status sweep_run(world_t *world, const sweep_options_t *options, ls_error *error);

#endif
