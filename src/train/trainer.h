/* A training run from settings to summary. */
#ifndef TRAIN_TRAINER_H
#define TRAIN_TRAINER_H

#include "base/log.h"
#include "comm/world.h"
#include "config/settings.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct {
  bool resume;      /* go on from the newest good checkpoint, or start when there is none */
  bool timing;      /* keep the seconds of every step and write timing.h5 */
  const log_t *log; /* lines for people; rank 0's out is open */
  bool live;        /* log->out is a terminal: show a live line */
  int64_t job_end;  /* when the batch system ends the job, seconds since 1970; 0: not known */
} train_options_t;

/* Trains, evaluates and writes the run directory runs/NAME; with train.members > 1 each member in a run of
 * its own first, runs/NAME-member-M. A fresh run moves an earlier one of that name to NAME.previous, once
 * settings and data have been found good. LS_STOPPED when a signal or a time limit ended it early, with a
 * checkpoint: signals are looked for, if signals_note was called. Collective. */
ls_status train_run(world_t *world, const settings_t *settings, const train_options_t *options,
                    ls_error *error);

/* The same for a network of one linear layer and squared error, whose best weights are found in closed form
 * in place of training: settings->solve says how. LS_BAD_SETTINGS when the network or the loss is another.
 * Collective. */
ls_status solve_run(world_t *world, const settings_t *settings, const train_options_t *options,
                    ls_error *error);

#endif
