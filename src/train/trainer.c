/* A training run: set-up, epochs, the end. Every step of it is collective; what only rank 0 does (files,
 * messages) is followed by an agreement, so that a rank that fails alone takes the others with it. */
#include "train/trainer.h"

#include "base/clock.h"
#include "math/tree.h"
#include "model/init.h"
#include "train/choices.h"
#include "train/engine.h"
#include "train/evaluate.h"
#include "train/report.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Everything a run holds, in the order in which it is made. */
typedef struct {
  world_t *world;
  const settings_t *settings;
  const train_options_t *options;
  run_directory_t run;
  bool resumed;
  position_t position;
  layout_t layout;
  const loss_t *loss;
  const optimizer_t *optimizer;
  graph_t *graph;
  dataset_t *dataset;
  scaler_t features, targets;
  engine_t *engine;
  evaluator_t *evaluator;
  float *vector;                       /* rank 0, and all while loading: a whole parameter vector */
  float *states[OPTIMIZER_MAX_STATES]; /* the same for the optimiser's state */
  double *sums;                        /* (shards) */
  history_t history;                   /* rank 0 */
  report_t report;                     /* rank 0 */
  double seconds_before[PHASES];       /* at the start of the epoch */
  double began;
} trainer_t;

static bool is_root(const trainer_t *trainer) {
  return world_rank(trainer->world) == 0;
}

/* What rank 0 did alone becomes everyone's result. */
static ls_status agree(trainer_t *trainer, ls_status status, ls_error *error) {
  return world_agree(trainer->world, status, error);
}

/* ---- set-up ---- */

/* Finds the checkpoint to go on from; position.step stays 0 and resumed false when there is none. */
static ls_status find_checkpoint(trainer_t *trainer, ls_error *error) {
  ls_status status = LS_OK;
  trainer->position = (position_t){.best_loss = INFINITY, .best_step = -1};
  if (!trainer->options->resume) return LS_OK;
  if (is_root(trainer))
    status = run_newest_checkpoint(&trainer->run, trainer->options->log, &trainer->resumed,
                                   &trainer->position, error);
  TRY(agree(trainer, status, error));
  TRY(world_broadcast(trainer->world, &trainer->resumed, sizeof trainer->resumed, 0, error));
  return world_broadcast(trainer->world, &trainer->position, sizeof trainer->position, 0, error);
}

/* A resumed run must see the same batches: what decides them may not have changed. */
static ls_status check_resumed(const trainer_t *trainer, const settings_t *stored, ls_error *error) {
  const settings_t *now = trainer->settings;
  const char *changed = NULL;
  if (stored->train.global_batch_size != now->train.global_batch_size) changed = "train.global_batch_size";
  if (stored->train.seed != now->train.seed) changed = "train.seed";
  if (strcmp(stored->data.shuffle, now->data.shuffle) != 0) changed = "data.shuffle";
  if (stored->data.validation != now->data.validation) changed = "data.validation";
  if (strcmp(stored->optimizer.name, now->optimizer.name) != 0) changed = "optimizer.name";
  if (changed == NULL) return LS_OK;
  return error_set(
      error, LS_BAD_SETTINGS,
      "%s is not what %s was started with, so the run cannot be resumed; set it back, or start anew "
      "without --resume",
      changed, trainer->run.path);
}

/* Scalers come with the checkpoint: the model was trained in their units. Every rank reads them. */
static ls_status read_scalers(trainer_t *trainer, ls_error *error) {
  char path[RUN_FILE_SIZE], *text = NULL;
  store_t *store = NULL;
  settings_t *stored = NULL;
  run_checkpoint(&trainer->run, trainer->position.step, path);
  ls_status status = store_open(path, &store, error);
  if (status == LS_OK) status = scaler_read(store, "scaling/features", &trainer->features, error);
  if (status == LS_OK) status = scaler_read(store, "scaling/targets", &trainer->targets, error);
  if (status == LS_OK) status = store_read_text(store, "/", "settings", &text, error);
  if (status == LS_OK)
    status = settings_parse(text, strlen(text), path, NULL, 0, settings_choices(), &stored, error);
  if (status == LS_OK) status = check_resumed(trainer, stored, error);
  settings_destroy(&stored);
  free(text);
  store_close(&store);
  return status;
}

static ls_status make_scalers(trainer_t *trainer, ls_error *error) {
  const settings_t *settings = trainer->settings;
  if (trainer->resumed) return agree(trainer, read_scalers(trainer, error), error);
  TRY(scaler_fit_features(trainer->world, &settings->data.scaling, &trainer->dataset->train,
                          &trainer->features, error));
  if (trainer->loss->target == TARGET_VALUES && !trainer->loss->is_classification)
    TRY(scaler_fit_targets(trainer->world, &settings->data.target_scaling, &trainer->dataset->train,
                           &trainer->targets, error));
  return LS_OK;
}

static void scale_targets(const scaler_t *scaler, split_t *split) {
  if (scaler->n > 0 && split->targets != NULL) scaler_apply(scaler, split->rows, split->targets);
}

static ls_status load_data(trainer_t *trainer, ls_error *error) {
  TRY(dataset_load(trainer->world, trainer->settings, SPLIT_TRAIN | SPLIT_VALID | SPLIT_TEST,
                   trainer->loss->target, graph_outputs(trainer->graph), trainer->layout.shards,
                   &trainer->dataset, error));
  TRY(make_scalers(trainer, error));
  scale_targets(&trainer->targets, &trainer->dataset->train);
  scale_targets(&trainer->targets, &trainer->dataset->valid);
  scale_targets(&trainer->targets, &trainer->dataset->test);
  return LS_OK;
}

static ls_status make_network(trainer_t *trainer, int64_t features, ls_error *error) {
  const settings_t *settings = trainer->settings;
  int64_t rows = slice_shape(settings->train.global_batch_size, trainer->layout.shards).block_rows;
  trainer->loss = loss_find(settings->loss.name);
  trainer->optimizer = optimizer_find(settings->optimizer.name);
  return agree(
      trainer,
      graph_create(settings->model.layers, settings->model.n_layers, features, rows, &trainer->graph, error),
      error);
}

static ls_status make_buffers(trainer_t *trainer, ls_error *error) {
  size_t floats = graph_floats(trainer->graph);
  bool whole = is_root(trainer) || trainer->resumed, all = true;
  trainer->sums = calloc((size_t)trainer->layout.shards, sizeof *trainer->sums);
  trainer->vector = calloc(floats, sizeof *trainer->vector);
  all = trainer->sums != NULL && trainer->vector != NULL;
  for (int k = 0; k < trainer->optimizer->states && whole; k++)
    all = (trainer->states[k] = calloc(floats, sizeof(float))) != NULL && all;
  if (all) return LS_OK;
  return error_set(error, LS_NO_MEMORY, "no memory for whole parameter vectors (%.1f MB)",
                   (double)floats * sizeof(float) * (1 + trainer->optimizer->states) / 1e6);
}

static ls_status make_engines(trainer_t *trainer, ls_error *error) {
  const settings_t *settings = trainer->settings;
  loss_params_t params = {.delta = settings->loss.delta};
  engine_inputs_t inputs = {.world = trainer->world,
                            .settings = settings,
                            .layout = &trainer->layout,
                            .graph = trainer->graph,
                            .loss = trainer->loss,
                            .train = &trainer->dataset->train,
                            .features = &trainer->features};
  TRY(engine_create(&inputs, &trainer->engine, error));
  TRY(agree(trainer,
            evaluator_create(trainer->graph, trainer->loss, &params, &trainer->features, &trainer->targets,
                             trainer->layout.threads, settings->train.top_k, &trainer->evaluator, error),
            error));
  return agree(trainer, make_buffers(trainer, error), error);
}

static ls_status share_vector(trainer_t *trainer, float *vector, ls_error *error) {
  return world_broadcast(trainer->world, vector, graph_floats(trainer->graph) * sizeof *vector, 0, error);
}

/* Rank 0 reads the checkpoint, all take their part of it. */
static ls_status load_checkpoint(trainer_t *trainer, ls_error *error) {
  ls_status status = LS_OK;
  char path[RUN_FILE_SIZE];
  if (is_root(trainer)) {
    checkpoint_t checkpoint = {.parameters = trainer->vector, .epoch_loss = trainer->sums};
    memcpy(checkpoint.states, trainer->states, sizeof checkpoint.states);
    run_checkpoint(&trainer->run, trainer->position.step, path);
    status = checkpoint_read(path, trainer->graph, trainer->optimizer, &checkpoint, error);
    trainer->history = checkpoint.history;
  }
  TRY(agree(trainer, status, error));
  TRY(share_vector(trainer, trainer->vector, error));
  for (int k = 0; k < trainer->optimizer->states; k++) {
    TRY(share_vector(trainer, trainer->states[k], error));
    engine_set_state(trainer->engine, k, trainer->states[k]);
  }
  return world_broadcast(trainer->world, trainer->sums, (size_t)trainer->layout.shards * sizeof(double), 0,
                         error);
}

static ls_status load_parameters(trainer_t *trainer, ls_error *error) {
  if (trainer->resumed) {
    TRY(load_checkpoint(trainer, error));
  } else {
    TRY(agree(trainer, init_parameters(trainer->graph, trainer->settings->train.seed, trainer->vector, error),
              error));
  }
  return engine_set_parameters(trainer->engine, trainer->vector, error);
}

static ls_status write_config(trainer_t *trainer, ls_error *error) {
  char path[RUN_FILE_SIZE], *text = NULL;
  TRY(settings_dump(trainer->settings, &text, error));
  run_file(&trainer->run, "config.yaml", path);
  ls_status status = store_write_file(path, text, error);
  free(text);
  return status;
}

static void describe_layout(const trainer_t *trainer, char *out, size_t size) {
  const world_t *world = trainer->world;
  snprintf(out, size, "%d node%s x %d rank%s x %d thread%s, %d shards", world_nodes(world),
           world_nodes(world) == 1 ? "" : "s", world_places(world), world_places(world) == 1 ? "" : "s",
           trainer->layout.threads, trainer->layout.threads == 1 ? "" : "s", trainer->layout.shards);
}

/* The run directory appears last, when nothing in the settings or the data can go wrong any more. */
static ls_status open_run(trainer_t *trainer, ls_error *error) {
  char layout[128];
  if (!is_root(trainer)) return LS_OK;
  if (!trainer->resumed) TRY(run_directory_fresh(&trainer->run, trainer->options->log, error));
  TRY(write_config(trainer, error));
  TRY(report_open(&trainer->report, &trainer->run, trainer->options, trainer->settings->train.epochs, error));
  describe_layout(trainer, layout, sizeof layout);
  report_start(&trainer->report, trainer->position.step, layout);
  log_info(trainer->options->log, "%s: %" PRId64 " rows, %" PRId64 " parameters, %s", trainer->settings->name,
           trainer->dataset->train.partition.rows, graph_parameters(trainer->graph), layout);
  if (trainer->layout.advice[0] != '\0') log_warn(trainer->options->log, "%s", trainer->layout.advice);
  if (trainer->resumed)
    log_info(trainer->options->log, "going on from step %" PRId64 " (epoch %" PRId64 ")",
             trainer->position.step, trainer->position.epoch + 1);
  return LS_OK;
}

static ls_status set_up(trainer_t *trainer, ls_error *error) {
  const settings_t *settings = trainer->settings;
  dataset_shape_t shape = {0};
  TRY(agree(trainer, run_directory_of(settings, &trainer->run, error), error));
  TRY(find_checkpoint(trainer, error));
  TRY(dataset_describe(trainer->world, settings, &shape, error));
  int64_t ranks_per_node = settings->parallel.ranks_per_node;
  TRY(world_group(trainer->world, ranks_per_node == SETTINGS_AUTO ? 0 : (int)ranks_per_node, error));
  TRY(layout_plan(trainer->world, settings, trainer->position.shards, &trainer->layout, error));
  trainer->position.shards = trainer->layout.shards;
  TRY(make_network(trainer, shape.features, error));
  TRY(load_data(trainer, error));
  TRY(make_engines(trainer, error));
  TRY(load_parameters(trainer, error));
  return agree(trainer, open_run(trainer, error), error);
}

static void tear_down(trainer_t *trainer) {
  report_close(&trainer->report);
  history_free(&trainer->history);
  for (int k = 0; k < OPTIMIZER_MAX_STATES; k++) free(trainer->states[k]);
  free(trainer->vector);
  free(trainer->sums);
  evaluator_destroy(&trainer->evaluator);
  engine_destroy(&trainer->engine);
  scaler_free(&trainer->features);
  scaler_free(&trainer->targets);
  dataset_destroy(&trainer->dataset);
  graph_destroy(&trainer->graph);
}

/* ---- files ---- */

static model_parts_t model_parts(const trainer_t *trainer) {
  return (model_parts_t){.settings = trainer->settings,
                         .graph = trainer->graph,
                         .features = &trainer->features,
                         .targets = &trainer->targets,
                         .class_names = trainer->dataset->class_names,
                         .n_classes = trainer->dataset->n_classes,
                         .position = &trainer->position,
                         .parameters = engine_parameters(trainer->engine)};
}

static bool keeps_checkpoints(const trainer_t *trainer) {
  return trainer->settings->checkpoint.every_epochs > 0 || trainer->settings->checkpoint.every_steps > 0;
}

/* Collective: the optimiser's state is spread over all ranks. */
static ls_status save_checkpoint(trainer_t *trainer, ls_error *error) {
  ls_status status = LS_OK;
  for (int k = 0; k < trainer->optimizer->states; k++)
    TRY(engine_get_state(trainer->engine, k, trainer->states[k], error));
  TRY(engine_epoch_loss(trainer->engine, trainer->sums, error));
  if (is_root(trainer)) {
    char path[RUN_FILE_SIZE];
    model_parts_t parts = model_parts(trainer);
    checkpoint_parts_t extra = {.optimizer = trainer->optimizer,
                                .states = (const float *const *)trainer->states,
                                .epoch_loss = trainer->sums,
                                .history = &trainer->history};
    run_checkpoint(&trainer->run, trainer->position.step, path);
    status = model_write(path, &parts, &extra, error);
    if (status == LS_OK)
      run_prune(&trainer->run, trainer->settings->checkpoint.keep, trainer->position.best_step);
  }
  return agree(trainer, status, error);
}

/* ---- an epoch ---- */

static double mean_loss(const trainer_t *trainer, int64_t rows) {
  return tree_sum(trainer->sums, trainer->layout.shards, 1) / (double)rows;
}

/* Steps until the next thing that must be done between steps: the end of the epoch, a logged step, a
 * checkpoint. */
static int64_t next_stop(const trainer_t *trainer, int64_t steps) {
  const settings_t *settings = trainer->settings;
  int64_t at = trainer->position.step_in_epoch, stop = steps - at;
  int64_t every[] = {settings->train.log_every, settings->checkpoint.every_steps};
  for (size_t i = 0; i < sizeof every / sizeof every[0]; i++) {
    if (every[i] <= 0) continue;
    int64_t left = every[i] - trainer->position.step % every[i];
    if (left < stop) stop = left;
  }
  return at + stop;
}

/* Runs to `stop`. Where somebody watches, rank 0 comes up for air four times a second: only it does, since
 * nothing collective happens there. */
static ls_status run_to(trainer_t *trainer, int64_t stop, int64_t steps, ls_error *error) {
  position_t *position = &trainer->position;
  partition_t partition = trainer->dataset->train.partition;
  int64_t batch = trainer->settings->train.global_batch_size, chunk = trainer->report.live ? 1 : stop;
  while (position->step_in_epoch < stop) {
    int64_t at = position->step_in_epoch, to = stop - at < chunk ? stop : at + chunk;
    double began = clock_seconds();
    TRY(engine_run(trainer->engine, at, to, position->step, to == stop, error));
    double took = clock_seconds() - began;
    for (int64_t t = at; t < to; t++) position->rows += step_rows(partition, batch, t);
    position->seconds += took;
    position->step += to - at;
    position->step_in_epoch = to;
    if (!trainer->report.live) continue;
    double rate = (double)position->rows / position->seconds;
    double left = (double)(trainer->settings->train.epochs * partition.rows - position->rows);
    report_live(&trainer->report, position->epoch + 1, (double)to / (double)steps,
                engine_live_loss(trainer->engine), rate, left / rate);
    chunk = took > 0.25 ? chunk / 2 + 1 : took < 0.1 ? 2 * chunk : chunk;
  }
  return LS_OK;
}

static ls_status check_finite(const trainer_t *trainer, double loss, ls_error *error) {
  if (isfinite(loss) && isfinite(engine_norm(trainer->engine))) return LS_OK;
  return error_set(
      error, LS_DIVERGED,
      "training diverged: loss %g, gradient norm %g at step %" PRId64
      "; lower optimizer.learning_rate, scale the data (data.scaling) or set train.clip_norm. The last "
      "checkpoint is untouched",
      loss, engine_norm(trainer->engine), trainer->position.step);
}

static ls_status log_step(trainer_t *trainer, int64_t step_in_epoch, ls_error *error) {
  int64_t batch = trainer->settings->train.global_batch_size;
  TRY(engine_step_loss(trainer->engine, trainer->sums, error));
  double loss = mean_loss(trainer, step_rows(trainer->dataset->train.partition, batch, step_in_epoch - 1));
  report_step(&trainer->report, trainer->position.step, trainer->position.epoch + 1, loss,
              engine_learning_rate(trainer->engine, trainer->position.step - 1),
              engine_norm(trainer->engine));
  return check_finite(trainer, loss, error);
}

/* Before a checkpoint within an epoch: one of diverged parameters would push out the good ones. */
static ls_status check_so_far(trainer_t *trainer, ls_error *error) {
  int64_t rows = trainer->position.step_in_epoch * trainer->settings->train.global_batch_size;
  TRY(engine_epoch_loss(trainer->engine, trainer->sums, error));
  return check_finite(trainer, mean_loss(trainer, rows), error);
}

static ls_status train_steps(trainer_t *trainer, int64_t steps, ls_error *error) {
  const settings_t *settings = trainer->settings;
  position_t *position = &trainer->position;
  while (position->step_in_epoch < steps) {
    TRY(run_to(trainer, next_stop(trainer, steps), steps, error));
    if (settings->train.log_every > 0 && position->step % settings->train.log_every == 0)
      TRY(log_step(trainer, position->step_in_epoch, error));
    bool due = settings->checkpoint.every_steps > 0 && position->step % settings->checkpoint.every_steps == 0;
    if (!due || position->step_in_epoch == steps) continue;
    TRY(check_so_far(trainer, error));
    TRY(save_checkpoint(trainer, error));
  }
  return LS_OK;
}

static void fill_row(const trainer_t *trainer, double loss, const metrics_t *valid, double seconds,
                     history_row_t *row) {
  double phases[PHASES];
  for (int c = 0; c < HISTORY_WIDTH; c++) row->values[c] = NAN;
  row->values[HISTORY_EPOCH] = (double)trainer->position.epoch;
  row->values[HISTORY_STEP] = (double)trainer->position.step;
  row->values[HISTORY_TRAIN_LOSS] = loss;
  row->values[HISTORY_LEARNING_RATE] = engine_learning_rate(trainer->engine, trainer->position.step - 1);
  row->values[HISTORY_GRADIENT_NORM] = engine_norm(trainer->engine);
  row->values[HISTORY_ROWS] = (double)trainer->dataset->train.partition.rows;
  row->values[HISTORY_SECONDS] = seconds;
  engine_seconds(trainer->engine, phases);
  for (int p = 0; p < PHASES; p++) row->values[HISTORY_PHASES + p] = phases[p] - trainer->seconds_before[p];
  if (valid == NULL) return;
  row->values[HISTORY_VALID_LOSS] = valid->loss;
  if (valid->classes > 0) row->values[HISTORY_VALID_ACCURACY] = metrics_accuracy(valid);
  if (valid->targets == 0) return;
  row->values[HISTORY_VALID_MAE] = valid->mae;
  row->values[HISTORY_VALID_RMSE] = valid->rmse;
  row->values[HISTORY_VALID_R2] = valid->r2;
}

/* Rank 0 writes down what the epoch brought. */
static ls_status record_epoch(trainer_t *trainer, double loss, const metrics_t *valid, double seconds,
                              ls_error *error) {
  history_row_t row;
  char path[RUN_FILE_SIZE];
  if (!is_root(trainer)) return LS_OK;
  fill_row(trainer, loss, valid, seconds, &row);
  TRY(graph_checksum(trainer->graph, engine_parameters(trainer->engine), &row.checksum, error));
  TRY(history_add(&trainer->history, &row, error));
  TRY(report_epoch(&trainer->report, &row, valid, error));
  run_file(&trainer->run, "history.h5", path);
  return history_write(&trainer->history, path, error);
}

/* Validation, history, checkpoint: the end of an epoch whose steps are done. */
static ls_status end_epoch(trainer_t *trainer, double seconds, ls_error *error) {
  position_t *position = &trainer->position;
  const split_t *valid_split = &trainer->dataset->valid;
  metrics_t valid = {0};
  bool has_valid = valid_split->partition.rows > 0, better = false;
  TRY(engine_epoch_loss(trainer->engine, trainer->sums, error));
  double loss = mean_loss(trainer, trainer->dataset->train.partition.rows);
  TRY(check_finite(trainer, loss, error));
  if (has_valid)
    TRY(evaluator_run(trainer->evaluator, trainer->world, valid_split, engine_parameters(trainer->engine),
                      &valid, error));
  position->epoch++;
  position->step_in_epoch = 0;
  if (has_valid && valid.loss < position->best_loss && keeps_checkpoints(trainer)) {
    better = true;
    position->best_loss = valid.loss;
    position->best_step = position->step;
  }
  ls_status status = record_epoch(trainer, loss, has_valid ? &valid : NULL, seconds, error);
  metrics_free(&valid);
  TRY(agree(trainer, status, error));
  const settings_t *settings = trainer->settings;
  bool last = position->epoch == settings->train.epochs;
  bool due =
      settings->checkpoint.every_epochs > 0 && position->epoch % settings->checkpoint.every_epochs == 0;
  due =
      due || (settings->checkpoint.every_steps > 0 && position->step % settings->checkpoint.every_steps == 0);
  return keeps_checkpoints(trainer) && (due || better || last) ? save_checkpoint(trainer, error) : LS_OK;
}

static ls_status train_epoch(trainer_t *trainer, ls_error *error) {
  position_t *position = &trainer->position;
  int64_t steps = epoch_steps(trainer->dataset->train.partition, trainer->settings->train.global_batch_size);
  double before = position->seconds;
  engine_begin_epoch(trainer->engine, position->epoch);
  if (position->step_in_epoch > 0) engine_set_epoch_loss(trainer->engine, trainer->sums);
  engine_seconds(trainer->engine, trainer->seconds_before);
  TRY(train_steps(trainer, steps, error));
  return end_epoch(trainer, position->seconds - before, error);
}

/* ---- the end ---- */

/* The best parameters, by validation loss, take the place of the last ones. */
static ls_status restore_best(trainer_t *trainer, ls_error *error) {
  ls_status status = LS_OK;
  const position_t *position = &trainer->position;
  if (position->best_step < 0 || position->best_step == position->step) return LS_OK;
  if (is_root(trainer)) {
    char path[RUN_FILE_SIZE];
    run_checkpoint(&trainer->run, position->best_step, path);
    status = model_read_parameters(path, trainer->graph, trainer->vector, error);
    log_info(trainer->options->log, "model.h5 holds the best parameters, of step %" PRId64,
             position->best_step);
  }
  TRY(agree(trainer, status, error));
  TRY(share_vector(trainer, trainer->vector, error));
  return engine_set_parameters(trainer->engine, trainer->vector, error);
}

static void summary_test(FILE *out, const metrics_t *test) {
  json_number(out, false, "test_loss", test->loss);
  if (test->classes > 0) json_number(out, false, "test_accuracy", metrics_accuracy(test));
  if (test->top_k > 0) json_number(out, false, "test_top_k", metrics_top_k(test));
  if (test->targets == 0) return;
  json_number(out, false, "test_mae", test->mae);
  json_number(out, false, "test_rmse", test->rmse);
  json_number(out, false, "test_r2", test->r2);
}

static void summary_losses(FILE *out, const trainer_t *trainer) {
  const position_t *position = &trainer->position;
  if (trainer->history.n == 0) return;
  const history_row_t *last = &trainer->history.rows[trainer->history.n - 1];
  json_number(out, false, "train_loss", last->values[HISTORY_TRAIN_LOSS]);
  if (position->best_step >= 0)
    json_number(out, false, "valid_loss", position->best_loss);
  else if (!isnan(last->values[HISTORY_VALID_LOSS]))
    json_number(out, false, "valid_loss", last->values[HISTORY_VALID_LOSS]);
}

static ls_status summary_body(FILE *out, const trainer_t *trainer, const metrics_t *test, ls_error *error) {
  const position_t *position = &trainer->position;
  const world_t *world = trainer->world;
  uint64_t sum = 0;
  char checksum[17];
  TRY(graph_checksum(trainer->graph, engine_parameters(trainer->engine), &sum, error));
  snprintf(checksum, sizeof checksum, "%016" PRIx64, sum);
  fputc('{', out);
  json_text(out, true, "status", "done");
  json_text(out, false, "name", trainer->settings->name);
  json_integer(out, false, "steps", position->step);
  json_integer(out, false, "epochs", position->epoch);
  json_integer(out, false, "rows", trainer->dataset->train.partition.rows);
  json_integer(out, false, "parameters", graph_parameters(trainer->graph));
  json_integer(out, false, "shards", trainer->layout.shards);
  json_integer(out, false, "nodes", world_nodes(world));
  json_integer(out, false, "ranks", world_size(world));
  json_integer(out, false, "threads", trainer->layout.threads);
  json_number(out, false, "seconds", clock_seconds() - trainer->began);
  if (position->seconds > 0)
    json_number(out, false, "rows_per_second", (double)position->rows / position->seconds);
  summary_losses(out, trainer);
  if (test != NULL) summary_test(out, test);
  json_integer(out, false, "model_step", position->best_step >= 0 ? position->best_step : position->step);
  json_text(out, false, "parameters_checksum", checksum);
  json_number(out, false, "flops_per_row", graph_flops_per_row(trainer->graph));
  fputs("}\n", out);
  return LS_OK;
}

static ls_status write_summary(const trainer_t *trainer, const metrics_t *test, ls_error *error) {
  char path[RUN_FILE_SIZE], *text = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);
  if (out == NULL) return error_set(error, LS_NO_MEMORY, "no memory for the summary");
  ls_status status = summary_body(out, trainer, test, error);
  if (fclose(out) != 0 && status == LS_OK)
    status = error_set(error, LS_NO_MEMORY, "no memory for the summary");
  run_file(&trainer->run, "summary.json", path);
  if (status == LS_OK) status = store_write_file(path, text, error);
  free(text);
  return status;
}

static ls_status write_results(trainer_t *trainer, const metrics_t *test, ls_error *error) {
  char path[RUN_FILE_SIZE];
  if (!is_root(trainer)) return LS_OK;
  model_parts_t parts = model_parts(trainer);
  position_t position = trainer->position;
  if (position.best_step >= 0) position.step = position.best_step;
  parts.position = &position;
  run_file(&trainer->run, "model.h5", path);
  TRY(model_write(path, &parts, NULL, error));
  TRY(write_summary(trainer, test, error));
  FILE *out = trainer->options->log->out;
  if (test != NULL && out != NULL) {
    fputs("test ", out);
    metrics_print_line(test, out);
    fputc('\n', out);
  }
  log_info(trainer->options->log, "run directory: %s", trainer->run.path);
  return LS_OK;
}

static ls_status finish(trainer_t *trainer, ls_error *error) {
  metrics_t test = {0};
  const split_t *split = &trainer->dataset->test;
  bool has_test = split->partition.rows > 0;
  TRY(restore_best(trainer, error));
  if (has_test)
    TRY(evaluator_run(trainer->evaluator, trainer->world, split, engine_parameters(trainer->engine), &test,
                      error));
  ls_status status = write_results(trainer, has_test ? &test : NULL, error);
  metrics_free(&test);
  return agree(trainer, status, error);
}

ls_status train_run(world_t *world, const settings_t *settings, const train_options_t *options,
                    ls_error *error) {
  trainer_t trainer = {.world = world, .settings = settings, .options = options, .began = clock_seconds()};
  ls_status status = set_up(&trainer, error);
  while (status == LS_OK && trainer.position.epoch < settings->train.epochs)
    status = train_epoch(&trainer, error);
  if (status == LS_OK) status = finish(&trainer, error);
  tear_down(&trainer);
  return status;
}
