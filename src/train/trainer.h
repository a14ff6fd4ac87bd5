/* A training run from settings to summary. */
#ifndef TRAIN_TRAINER_H
#define TRAIN_TRAINER_H

#include "base/log.h"
#include "comm/world.h"
#include "config/settings.h"

#include <stdbool.h>

typedef struct {
  bool resume;      /* go on from the newest good checkpoint, or start when there is none */
  const log_t *log; /* lines for people; rank 0's out is open */
  bool live;        /* log->out is a terminal: show a live line */
} train_options_t;

/* Trains, evaluates, writes the run directory runs/NAME. Without resume an existing run of that name is an
 * error when it holds a finished or unfinished run, unless `name` is new; LS_BAD_SETTINGS says how to go on.
 * Collective. */
ls_status train_run(world_t *world, const settings_t *settings, const train_options_t *options,
                    ls_error *error);

#endif
