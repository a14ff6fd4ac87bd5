/* Training runs, from settings to summary. */
#ifndef TRAIN_TRAINER_H
#define TRAIN_TRAINER_H

#include "base/log.h"
#include "comm/world.h"
#include "config/settings.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct {
  bool resume;    /* resume from the newest valid checkpoint; start if there is none */
  bool replace;   /* remove an earlier run of the name, even a finished one */
  bool rewrites;  /* a finished run of this name is written again in its place: a resumed ensemble */
  bool timing;    /* record the time of every step and write timing.h5 */
  bool in_memory; /* no run directory: nothing is read or written but the data; not with the four above */
  const char *data_name; /* what files of the run call the dataset; NULL: its path */
  const log_t *log;      /* messages for users; only rank 0's `out` is open */
  const log_t *results;  /* the lines at the end, likewise; NULL: they go to `log` */
  int64_t job_end;       /* end of the batch job in seconds since 1970; 0: unknown */
  double began;        /* train.time_limit counts from this time of clock_seconds; 0: from the run's start */
  int64_t pause_epoch; /* after this epoch the run saves a checkpoint and returns LS_OK; 0: never. Resumed,
                          it has the bits of a run without a pause */
} train_options_t;

/* LS_BAD_SETTINGS when the name of the run, or of a member, is too long. Not collective. */
ls_status train_check_name(const settings_t *settings, ls_error *error);

/* Trains, evaluates and writes the run directory runs/NAME. With train.members > 1 it first trains each
 * member in a run of its own, runs/NAME-member-M. A fresh run renames an earlier run of that name
 * (run/predecessor.h), but only after settings and data have passed their checks. A finished run without
 * checkpoints is not resumed: nothing is done. Returns LS_STOPPED if a signal or
 * a time limit ended the run early; then there is a checkpoint. Signals are noticed only if signals_note was
 * called. Collective. */
ls_status train_run(world_t *world, const settings_t *settings, const train_options_t *options,
                    ls_error *error);

/* Finds the principal components of the features (components/components.h), as a network of two dense layers:
 * the first computes the scores, the second the row that they stand for. settings->components says how many;
 * the layers, the loss and the targets of the settings are not used. Writes a run directory as train_run
 * does. Collective. */
ls_status components_run(world_t *world, const settings_t *settings, const train_options_t *options,
                         ls_error *error);

/* Like train_run for a network of one linear layer with squared error, but computes the best weights in
 * closed form instead of training; settings->solve selects the method. LS_BAD_SETTINGS for any other network
 * or loss. Collective. */
ls_status solve_run(world_t *world, const settings_t *settings, const train_options_t *options,
                    ls_error *error);

#endif
