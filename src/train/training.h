/* A training run that is ready for its first step but has no run directory. Studies use it; they write no
 * file of a run. */
#ifndef TRAIN_TRAINING_H
#define TRAIN_TRAINING_H

#include "comm/world.h"
#include "base/log.h"
#include "config/settings.h"
#include "data/dataset.h"
#include "step/engine.h"

struct trainer;

/* All members are borrowed from `trainer`, which owns them. The parameters are the initial ones for the
 * settings' seed. */
typedef struct {
  world_t *world;
  const settings_t *settings;
  const layout_t *layout;
  const graph_t *graph;
  const objective_t *objective;
  dataset_shape_t shape;
  features_width_t width;
  partition_t partition;      /* partition of the training rows */
  const float *factors;       /* factors of the row weights as in target_t, or NULL */
  const dataset_t *dataset;   /* all rows; their targets are scaled */
  const features_t *features; /* how rows become inputs */
  const scaler_t *targets;    /* how targets become what a loss takes */
  engine_t *engine;           /* not with training_load_rows */
  struct trainer *trainer;
} training_t;

/* Calls `work` with the ranks that have a shard of this training, all or the first ones (layout_crew).
 * Collective. */
ls_status training_crew(world_t *world, const settings_t *settings, const log_t *log, crew_work_t *work,
                        void *context, ls_error *error);

/* Prepares a training run on ranks that all have a shard. `settings` is borrowed. *out is untouched on
 * failure. Collective. */
ls_status training_open(world_t *world, const settings_t *settings, training_t *out, ls_error *error);
void training_close(training_t *training); /* collective */

/* The same in two parts. training_plan reads the headers of the data (and its rows if only they tell the
 * number of the network's inputs); then members from `partition` on are not there yet. training_load reads
 * the rows and takes the memory of training. Together they refuse all that a training refuses before its
 * first step. Collective. */
ls_status training_plan(world_t *world, const settings_t *settings, training_t *out, ls_error *error);
ls_status training_load(training_t *training, ls_error *error);

/* The part of training_load that reads the rows: for a plan whose steps need more memory than there is, or
 * for work without steps. Collective. */
ls_status training_load_rows(training_t *training, ls_error *error);

/* After either: the parameters that training begins with, by the seed and model.init_from, into `vector`
 * (graph_floats) on every rank. Collective. */
ls_status training_start(const training_t *training, float *vector, ls_error *error);

/* Warns of what will hardly learn (train/advice.h). Collective. */
ls_status training_advise(training_t *training, const log_t *log, ls_error *error);

/* Reads rows that do not stay in memory once, so that every row has been checked. Collective. */
ls_status training_read_rows(training_t *training, ls_error *error);

#endif
