/* A training made ready and not begun: what a run has before its first step, but for its run directory.
 * Studies are built on it; nothing that they do with it reaches a file of a run. */
#ifndef TRAIN_TRAINING_H
#define TRAIN_TRAINING_H

#include "comm/world.h"
#include "config/settings.h"
#include "data/dataset.h"
#include "step/engine.h"

struct trainer;

/* All borrowed from `trainer`, which owns it. The parameters are the initial ones of the settings' seed. */
typedef struct {
  world_t *world;
  const settings_t *settings;
  const layout_t *layout;
  const graph_t *graph;
  const objective_t *objective;
  partition_t partition;      /* of the training rows */
  const float *factors;       /* of their weights, as in target_t, or NULL */
  const features_t *features; /* what becomes of them */
  engine_t *engine;
  struct trainer *trainer;
} training_t;

/* `settings` are borrowed too. Collective; *out is untouched on failure. */
ls_status training_open(world_t *world, const settings_t *settings, training_t *out, ls_error *error);
void training_close(training_t *training); /* collective */

#endif
