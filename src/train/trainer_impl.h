/* Inside of a run: what its chapters share. trainer.c walks over epochs, training_setup.c begins a run,
 * training_end.c ends it, and all three use trainer_parts.c. */
#ifndef TRAIN_TRAINER_IMPL_H
#define TRAIN_TRAINER_IMPL_H

#include "model/regression.h"
#include "step/engine.h"
#include "score/evaluate.h"
#include "train/host.h"
#include "train/report.h"
#include "train/row_weights.h"
#include "train/stop_rules.h"
#include "train/stop_watch.h"
#include "train/trainer.h"
#include "train/training.h"

/* What stands in place of training: a closed form, or the members of an ensemble, and what that is worth. */
typedef struct {
  regression_t fit;              /* rank 0, `lockstep solve` alone; weights NULL: none */
  double train_loss, valid_loss; /* NaN: no such rows */
} solution_t;

/* Everything a run holds, in the order in which it is made. */
typedef struct trainer {
  world_t *world;
  const settings_t *settings; /* from prepare on: own */
  settings_t own;             /* for the rows that there are */
  const train_options_t *options;
  run_directory_t run;
  host_facts_t host; /* rank 0 */
  bool resumed;
  position_t position;
  layout_t layout;
  objective_t objective;
  const optimizer_t *optimizer;
  graph_t *graph;
  dataset_t *dataset;
  bool has_features; /* fitted, or read from the checkpoint */
  features_t features;
  scaler_t targets;
  class_weights_t class_weights;
  char *const *class_names[MOST_HEADS]; /* (heads): the dataset's, or NULL */
  engine_t *engine;
  evaluator_t *evaluator;
  float *vector;                       /* rank 0, and all while loading: a whole parameter vector */
  float *states[OPTIMIZER_MAX_STATES]; /* the same for the optimiser's state */
  double *sums;                        /* (shards, heads) */
  history_t history;                   /* rank 0 */
  size_t history_rows;                 /* of it that history.h5 holds */
  double history_time;                 /* when history.h5 was written */
  solution_t *solution;                /* NULL when the run trains */
  float **members; /* (settings->train.members): of an ensemble that has been trained, or NULL */
  report_t report; /* rank 0 */
  stop_reason_t stop;
  stop_watch_t watch;
  double seconds_before[PHASES]; /* at the start of the epoch */
  double began;
  int64_t memory_bytes; /* the most that all ranks have held; known at the end */
} trainer_t;

/* Whether this rank is the one that reads and writes the run's files. */
bool is_root(const trainer_t *trainer);

/* What rank 0 did alone becomes everyone's result. Collective. */
ls_status trainer_agree(trainer_t *trainer, ls_status status, ls_error *error);

/* Metrics of the present parameters, or of the ensemble, on a split. Collective. */
ls_status trainer_evaluate(trainer_t *trainer, const split_t *split, metrics_t *metrics, ls_error *error);

/* Trains one network, a run from settings to summary: train_run without ensembles. Collective. */
ls_status train_network(world_t *world, const settings_t *settings, const train_options_t *options,
                        ls_error *error);

/* Fills the losses of trainer->solution, with a line about each split. Collective. */
ls_status trainer_judge(trainer_t *trainer, ls_error *error);

/* What makes the model file of the present parameters. */
model_parts_t trainer_model(const trainer_t *trainer);

/* Room for a whole parameter vector on ranks that have none. */
ls_status trainer_make_vector(trainer_t *trainer, ls_error *error);

/* Rank 0's vector to all. Collective. */
ls_status trainer_share(trainer_t *trainer, float *vector, ls_error *error);

/* From settings to a trainer that is ready for its first step, and back. Both collective. */
ls_status training_setup(trainer_t *trainer, ls_error *error);
void training_teardown(trainer_t *trainer);

/* After the last epoch: the best parameters, the test, model.h5 and summary.json. Collective. */
ls_status training_end(trainer_t *trainer, ls_error *error);

/* After a stop before that, with a checkpoint: summary.json, and LS_STOPPED with the reason. Collective. */
ls_status training_stopped(trainer_t *trainer, ls_error *error);

#endif
