/* Internal to a run: shared by its files. training_setup.c prepares a run with training_columns.c and
 * training_load.c, trainer.c trains it epoch by epoch, save.c saves it, training_end.c ends it;
 * trainer_parts.c has the functions that all of them use, solution.c what runs in closed form share.
 * ensemble.c contains train_run, insitu.c the same in pieces. */
#ifndef TRAIN_TRAINER_IMPL_H
#define TRAIN_TRAINER_IMPL_H

#include "model/regression.h"
#include "quality/quality.h"
#include "step/engine.h"
#include "score/evaluate.h"
#include "score/origin.h"
#include "host/host.h"
#include "train/report.h"
#include "run/run_lock.h"
#include "run/saver.h"
#include "features/row_weights.h"
#include "train/stop_rules.h"
#include "run/stop_watch.h"
#include "train/trainer.h"
#include "train/training.h"

struct trainer;

/* The result of a run that does not train itself: a closed form, or a collected ensemble. */
typedef struct {
  regression_t fit;              /* rank 0, `lockstep solve` only; weights are NULL otherwise */
  double train_loss, valid_loss; /* NaN if there are no such rows */
  components_t components;       /* `lockstep components` only; n is 0 otherwise */
  layer_settings_t layers[2];    /* of its network */
  /* The set-up calls these where they are not NULL: the first when the widths of a row are known, to complete
   * the layers; the second when the rows are there, after which the network is made again. Collective. */
  ls_status (*plan_layers)(struct trainer *trainer, const features_width_t *width, ls_error *error);
  ls_status (*fit_rows)(struct trainer *trainer, ls_error *error);
} solution_t;

/* The rows of a run, and what was fitted to them. */
typedef struct {
  dataset_t *dataset;
  bool has_features; /* features are fitted or read from the checkpoint */
  features_t features;
  scaler_t targets;
  class_weights_t class_weights;
  char *const *class_names[MOST_HEADS]; /* (heads): borrowed from the dataset, or NULL */
} trainer_data_t;

/* Copies of the engine's state, for files. */
typedef struct {
  float *vector;       /* whole parameter vector: on rank 0, and while loading on all ranks */
  int64_t vector_step; /* on rank 0: `vector` holds the best parameters, of this step; -1: it does not */
  double *sums;        /* (shards, heads) */
  part_list_t list;    /* parts of the checkpoint that the run goes on from */
  saver_t saver;
} trainer_copies_t;

/* What is recorded of a run while it goes on. On rank 0, except began, seconds_before
 * and zero_loss. */
typedef struct {
  double began; /* when this process began to work on the run, by clock_seconds; on every rank */
  history_t history;
  size_t history_rows; /* rows that history.h5 already holds */
  double history_time; /* time at which history.h5 was written, or should have been */
  bool history_failed; /* the last time it could not be written */
  report_t report;
  double seconds_before[PHASES]; /* engine's seconds at the start of the epoch */
  double zero_loss;              /* of outputs that are all 0; 0: not known (train/advice.h) */
  int64_t memory_bytes;          /* peak memory of all ranks, known at the end */
  double test_loss;              /* known at the end, if there are test rows */
  quality_t quality;             /* of a fit, known at the end; clusters 0: not known */
} trainer_record_t;

/* What is known of the health of the numbers (finite.h, verify.h). The same on every rank. */
typedef struct {
  int64_t told_skips; /* skipped steps that users know of */
  bool has_warned;    /* of a validation loss that is not finite */
  int64_t returns;    /* how often the run has gone back to a checkpoint */
  bool returned;      /* it has just done so: the epoch at work is over */
} guard_t;

/* The state of a run, in the order in which it is created. */
typedef struct trainer {
  world_t *world;             /* the ranks that have work, once it is known which */
  const settings_t *settings; /* points to `own` once find_shards has run */
  settings_t own;             /* a copy in which `global_batch_size: all` is a number */
  const train_options_t *options;
  run_directory_t run; /* options->in_memory: its path is empty */
  host_facts_t host;   /* rank 0 */
  bool resumed;
  position_t position;
  dataset_shape_t shape;
  layout_t layout;
  objective_t objective;
  const optimizer_t *optimizer;
  graph_t *graph;
  trainer_data_t data;
  engine_t *engine;        /* NULL if the run fits */
  struct fitting *fitting; /* NULL if the run takes steps (fitting.h) */
  evaluator_t *evaluator;
  trainer_copies_t copies;
  solution_t *solution; /* NULL if the run trains */
  float **members;      /* (settings->train.members): parameters of a trained ensemble, or NULL */
  trainer_record_t record;
  stop_reason_t stop;
  stop_watch_t watch;
  guard_t guard;
  char origin[17]; /* checksum of the model that training began with (score/origin.h); "": none */
} trainer_t;

/* Whether this is rank 0, which reads and writes the run's files. */
bool is_root(const trainer_t *trainer);

/* Makes a failure on any rank a failure on all ranks, after work that only some of them did. Collective. */
ls_status trainer_agree(trainer_t *trainer, ls_status status, ls_error *error);

/* Evaluates the current parameters, or the ensemble, on a split. Collective. */
ls_status trainer_evaluate(trainer_t *trainer, const split_t *split, metrics_t *metrics, ls_error *error);

/* Trains epoch by epoch until a rule or a request ends the run. If the set-up failed (`status`), only keeps
 * the history. Returns the status of the run. Collective. */
ls_status trainer_run(trainer_t *trainer, ls_status status, ls_error *error);

/* The same in three parts: trainer_begin, trainer_epoch until trainer->stop is set, trainer_finish with the
 * status of these. Collective. */
ls_status trainer_begin(trainer_t *trainer, ls_error *error);
ls_status trainer_epoch(trainer_t *trainer, ls_error *error);
ls_status trainer_finish(trainer_t *trainer, ls_status status, ls_error *error);

/* Where the lines at the end of the run go. */
const log_t *trainer_results(const trainer_t *trainer);

/* Whether the run has a directory. */
bool trainer_has_files(const trainer_t *trainer);

/* Prepares saving, once the run directory exists. Collective. */
ls_status trainer_open_saver(trainer_t *trainer, ls_error *error);

/* Saves a checkpoint of the present state; see saver_save. The last one of a run if it ends (trainer->stop).
 * Collective. */
ls_status trainer_save(trainer_t *trainer, ls_error *error);

/* On rank 0: keeps the present parameters as the best, until a checkpoint refers to them. */
void trainer_keep_best(trainer_t *trainer);

/* Makes room for the whole vector and for the sums of losses, and frees what was there. On rank 0 the vector
 * stays, for the best parameters; the others have it while they load. Not collective. */
ls_status trainer_make_buffers(trainer_t *trainer, ls_error *error);
void trainer_free_vector(trainer_t *trainer);

/* Gives the engine the state of the checkpoint of trainer->position, or if `resumed` is false the initial
 * parameters. Collective. */
ls_status trainer_load(trainer_t *trainer, ls_error *error);

/* Within a run: loads the checkpoint of trainer->position, or if `resumed` is false the initial parameters.
 * Afterwards the epoch of the position begins anew. Collective. */
ls_status trainer_load_again(trainer_t *trainer, ls_error *error);

/* Takes over the layers of model.init_from into `vector` (graph_floats) on every rank; NULL: only sees
 * whether it could. Collective. */
ls_status trainer_take_origin(trainer_t *trainer, float *vector, ls_error *error);

/* Whether a signal or a time limit asked the run to stop early. */
bool trainer_is_requested(const trainer_t *trainer);

/* Computes the losses of trainer->solution and prints a line for each split. Collective. */
ls_status trainer_judge(trainer_t *trainer, ls_error *error);

/* The parameter vector of the engine or the fit, borrowed; and setting it: every rank passes the same whole
 * vector. The second is collective. */
const float *trainer_parameters(const trainer_t *trainer);
ls_status trainer_set_parameters(trainer_t *trainer, const float *vector, ls_error *error);

/* The parts of a model file with the current parameters. Borrowed from the trainer. */
model_parts_t trainer_model(const trainer_t *trainer);

/* LS_BAD_SETTINGS if the settings ask for something that only training can do. */
ls_status solution_check(const settings_t *settings, ls_error *error);

/* Writes what follows from trainer->solution as members of a summary. */
void solution_summary(FILE *out, const trainer_t *trainer);

/* Allocates the parameter vector on ranks that lack one. */
ls_status trainer_make_vector(trainer_t *trainer, ls_error *error);

/* Sends rank 0's vector to all ranks. Collective. */
ls_status trainer_share(trainer_t *trainer, float *vector, ls_error *error);

/* Takes the lock of the run that the settings name, for as long as it trains; see run_lock_share. */
ls_status training_lock(world_t *world, const settings_t *settings, const log_t *log, run_lock_t **out,
                        ls_error *error);

/* What a run does between its set-up, which ended with `status`, and its end. Returns the status of the run.
 * Called on every rank that has work. Collective. */
typedef ls_status training_work_t(trainer_t *trainer, ls_status status, ls_error *error);

/* Prepares a run for its first step, does the work, and releases everything again. If there are more ranks
 * than shards, only the first ones do this, and the others wait (layout_crew). Collective. */
ls_status training_run(trainer_t *trainer, training_work_t *work, ls_error *error);

/* The parts of training_run. training_prepare finds the checkpoint and the shards, and whether the run has
 * finished and kept no checkpoint; all ranks call it. The ranks that have work then set trainer->world to
 * their world, call training_setup, and in any case training_teardown. Collective. */
ls_status training_prepare(trainer_t *trainer, bool *is_finished, ls_error *error);
ls_status training_setup(trainer_t *trainer, ls_error *error);
void training_teardown(trainer_t *trainer);

/* Reads this rank's rows as they are needed, fits scalers and weights, scales targets. Collective. */
ls_status trainer_load_data(trainer_t *trainer, ls_error *error);

/* Finds the checkpoint to go on from; position.step stays 0 and resumed false when there is none. Collective.
 */
ls_status training_find_checkpoint(trainer_t *trainer, ls_error *error);

/* Whether there is nothing to resume because the run has finished and kept no checkpoint. Collective. */
ls_status training_find_finished(trainer_t *trainer, bool *out, ls_error *error);

/* Features and scalers come with the checkpoint: the model was trained in their units. Refuses settings and
 * data that are not those of the run. Every rank reads them; not collective. */
ls_status training_read_scalers(trainer_t *trainer, ls_error *error);

/* Refuses a position beyond the training rows: the same answer on every rank. */
ls_status training_check_position(const trainer_t *trainer, ls_error *error);

/* Reads all rows that are not kept in memory once, only to see that they can be. Collective. */
ls_status trainer_read_rows(trainer_t *trainer, ls_error *error);

/* Warns of what will hardly learn (train/advice.h). Collective. */
ls_status trainer_advise(trainer_t *trainer, const log_t *log, ls_error *error);

/* Reports categories that no training row holds, and columns of very different size; refuses to resume a run
 * with other categories. Once features are there. Collective. */
ls_status training_look_at_columns(trainer_t *trainer, ls_error *error);

/* Ends a completed run: restores the best parameters, evaluates the test rows, writes model.h5 and
 * summary.json. Collective. */
ls_status training_end(trainer_t *trainer, ls_error *error);

/* The parts of the model file of a run that has ended. Borrowed from the trainer. */
model_parts_t training_result(const trainer_t *trainer);

/* Ends a run that stopped early and has its checkpoint: writes summary.json and returns LS_STOPPED with the
 * reason. Collective. */
ls_status training_stopped(trainer_t *trainer, ls_error *error);

#endif
