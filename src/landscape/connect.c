#include "landscape/connect_impl.h"

#include "base/activity.h"
#include "base/clock.h"
#include "base/progress.h"
#include "data/identity.h"
#include "landscape/statistics.h"
#include "math/finite.h"
#include "run/run_lock.h"
#include "score/model_file.h"
#include "train/choices.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Seconds between two checkpoints at least, and what share of the time they may take. */
#define SAVE_EVERY 5.0
#define SAVE_PART  0.01

static bool is_root(const connect_t *connect) {
  return world_rank(point_training(connect->point)->world) == 0;
}

static world_t *world_of(const connect_t *connect) {
  return point_training(connect->point)->world;
}

void connect_settle(settings_t *settings) {
  settings->optimizer.name = "sgd";
  settings->optimizer.momentum = 0;
  settings->optimizer.nesterov = false;
  settings->train.clip_norm = settings->train.l1 = settings->train.l2 = 0;
  settings->train.on_nan = "stop";
}

/* ---- the two models ---- */

/* Warns if the models were trained on different rows. */
static ls_status compare_data(const connect_options_t *options, ls_error *error) {
  const char *const paths[] = {options->first, options->second};
  data_identity_t identities[2];
  bool is_known[2] = {false, false};
  char what[512] = "";
  for (int i = 0; i < 2; i++) {
    store_t *store = NULL;
    TRY(store_open(paths[i], &store, error));
    ls_status status = identity_read(store, &identities[i], &is_known[i], error);
    store_close(&store);
    TRY(status);
  }
  if (is_known[0] && is_known[1]) identity_compare(&identities[0], &identities[1], what, sizeof what);
  if (what[0] != '\0')
    log_warn(options->log,
             "the models were trained on different rows: for %s, %s; losses are those on the "
             "rows of %s",
             options->second, what, options->first);
  return LS_OK;
}

static ls_status compare_models(connect_t *connect, const model_t *a, const model_t *b, ls_error *error) {
  const connect_options_t *options = connect->options;
  if (!point_is_same_network(&a->settings->model, &b->settings->model))
    return error_set(error, LS_BAD_DATA,
                     "%s and %s have different layers, so no curve of networks leads from one to the other "
                     "(`lockstep diff` shows the difference)",
                     options->first, options->second);
  memcpy(connect->checksums[0], a->checksum, sizeof a->checksum);
  memcpy(connect->checksums[1], b->checksum, sizeof b->checksum);
  return compare_data(options, error);
}

/* On rank 0, before the rows are read. */
static ls_status look_at_models(connect_t *connect, ls_error *error) {
  model_t *a = NULL, *b = NULL;
  ls_status status = model_read(connect->options->first, settings_choices(), &a, error);
  if (status == LS_OK) status = model_read(connect->options->second, settings_choices(), &b, error);
  if (status == LS_OK) status = compare_models(connect, a, b, error);
  model_destroy(&a);
  model_destroy(&b);
  return status;
}

/* On rank 0: puts the units of the second network in order. */
static ls_status align(connect_t *connect, ls_error *error) {
  const training_t *training = point_training(connect->point);
  const model_settings_t *model = &training->settings->model;
  activity_set("aligning hidden units");
  TRY(symmetry_find(model->layers, model->n_layers, training->graph, &connect->symmetry, error));
  return alignment_find(training->graph, &connect->symmetry, connect->first, connect->second,
                        connect->aligned, &connect->alignment, error);
}

/* ---- memory ---- */

static ls_status take_curve(connect_t *connect, connect_curve_t *curve, bool has_theta, ls_error *error) {
  const size_t points = (size_t)connect->options->points, n = point_size(connect->point);
  bool has_all = true;
  for (int v = 0; v < CONNECT_VALUES; v++) {
    curve->values[v] = arena_new(&connect->arena, points, sizeof(double));
    for (size_t i = 0; i < points && curve->values[v] != NULL; i++) curve->values[v][i] = NAN;
    has_all = has_all && curve->values[v] != NULL;
  }
  if (has_theta && is_root(connect)) curve->theta = arena_new(&connect->arena, n, sizeof *curve->theta);
  if (has_all && (curve->theta != NULL || !has_theta || !is_root(connect))) return LS_OK;
  return error_set(error, LS_NO_MEMORY, "no memory for %zu points of a curve", points);
}

static ls_status take_memory(connect_t *connect, ls_error *error) {
  const connect_options_t *options = connect->options;
  const size_t points = (size_t)options->points, n = point_size(connect->point);
  connect->t = arena_new(&connect->arena, points, sizeof *connect->t);
  connect->second = arena_new(&connect->arena, n, sizeof *connect->second);
  connect->aligned =
      options->align ? arena_new(&connect->arena, n, sizeof *connect->aligned) : connect->second;
  if (connect->t == NULL || connect->second == NULL || connect->aligned == NULL)
    return error_set(error, LS_NO_MEMORY, "no memory for two networks of %zu parameters", n);
  for (size_t i = 0; i < points; i++) connect->t[i] = (double)i / (double)(points - 1);
  for (size_t k = 0; k < CURVES; k++)
    if (options->curves[k]) TRY(take_curve(connect, &connect->curves[k], curves[k].is_trained, error));
  return search_create(connect->point, &options->search, &connect->arena, &connect->search, error);
}

/* ---- stopping and saving ---- */

/* Begins work whose steps take another time: the first one is followed by a look. */
static void begin_looks(connect_t *connect) {
  connect->watch.steps_left = connect->watch.steps_between = 1;
}

/* Saves the state. Collective. */
static ls_status save(connect_t *connect, ls_error *error) {
  stop_watch_t *watch = &connect->watch;
  const double began = clock_seconds();
  stop_watch_saves(watch);
  ls_status status = is_root(connect) ? connect_save(connect, error) : LS_OK;
  const double took = clock_seconds() - began;
  stop_watch_saved(watch, took, &(background_cost_t){0});
  if (is_root(connect)) watch->pace.every = fmax(SAVE_EVERY, took / SAVE_PART);
  return world_agree(world_of(connect), status, error);
}

/* After a step or a point: a few times per second all ranks look whether to stop or to save. Collective. */
static ls_status look(connect_t *connect, ls_error *error) {
  stop_watch_t *watch = &connect->watch;
  stop_reason_t stop = STOP_NOT;
  char reason[160], path[CONNECT_PATH_SIZE];
  if (--watch->steps_left > 0) return LS_OK;
  TRY(search_check(&connect->search, error));
  TRY(stop_watch_look(watch, &stop, error));
  if (stop != STOP_NOT || watch->save_due) TRY(save(connect, error));
  if (stop == STOP_NOT) return LS_OK;
  stop_watch_text(watch, stop, reason, sizeof reason);
  TRY(connect_checkpoint_path(connect->options, path, error));
  return error_set(error, stop_status(stop),
                   "stopped: %s. The state is saved in %s; the same command with --resume continues from "
                   "there",
                   reason, path);
}

/* ---- curves ---- */

static const float *last_end(const connect_t *connect, size_t k) {
  return curves[k].is_trained || curves[k].is_aligned ? connect->aligned : connect->second;
}

/* Prepares the search of a curve, from its beginning or from where it was saved. */
static void begin_search(connect_t *connect, size_t k) {
  curve_search_t *search = &connect->search;
  search->curve = &curves[k];
  search->number = k;
  search->first = connect->first;
  search->second = last_end(connect, k);
  search->theta = connect->curves[k].theta;
  search->epoch = -1;
  search->bad = -1;
  if (search->step > 0 || !is_root(connect)) return;
  const size_t n = point_size(connect->point);
  const curve_weights_t middle = {.first = 0.5, .second = 0.5};
  curve_point(middle, n, search->first, NULL, search->second, search->theta);
  for (int i = 0; i < search->plan->optimizer->states; i++)
    memset(search->states[i], 0, n * sizeof *search->states[i]);
}

/* Collective. */
static ls_status search_curve(connect_t *connect, size_t k, ls_error *error) {
  curve_search_t *search = &connect->search;
  const int64_t steps = search_steps(search), before = search->step;
  const double began = clock_seconds();
  begin_search(connect, k);
  begin_looks(connect);
  activity_set("searching the curve %s", curves[k].name);
  progress_begin(steps, "step", "searching the curve %s", curves[k].name);
  ls_status status = LS_OK;
  while (search->step < steps && status == LS_OK) {
    status = search_step(search, error);
    if (status != LS_OK) break;
    const bool looks = connect->watch.steps_left <= 1;
    double loss = NAN;
    if (looks) status = search_loss(search, &loss, error);
    if (looks && status == LS_OK)
      progress_figures(search->step, loss, NAN,
                       (clock_seconds() - began) / (double)(search->step - before) *
                           (double)(steps - search->step));
    if (status == LS_OK) status = look(connect, error);
  }
  progress_end();
  return status == LS_OK ? search_check(search, error) : status;
}

static double metric_of(connect_t *connect, const metrics_t *metrics) {
  connect->metric = metrics->n_heads > 0   ? NULL
                    : metrics->classes > 0 ? "acc"
                    : metrics->targets > 0 ? "rmse"
                                           : NULL;
  if (connect->metric == NULL) return NAN;
  return metrics->classes > 0 ? 100 * metrics_accuracy(metrics) : metrics->rmse;
}

/* Moves to the point of a curve at t. Between the ends running statistics are found anew. Collective. */
static ls_status go(connect_t *connect, size_t k, double t, ls_error *error) {
  const size_t n = point_size(connect->point);
  float *here = connect->search.here;
  if (is_root(connect))
    curve_point(curves[k].at(t), n, connect->first, connect->curves[k].theta, last_end(connect, k), here);
  TRY(world_broadcast(world_of(connect), here, n * sizeof *here, 0, error));
  if (t > 0 && t < 1 && statistics_exist(connect->point))
    return statistics_renew(connect->point, here, error);
  return point_set(connect->point, here, error);
}

static ls_status evaluate_point(connect_t *connect, size_t k, int64_t i, ls_error *error) {
  static const point_rows_t rows[] = {POINT_TRAIN, POINT_TEST};
  double **values = connect->curves[k].values;
  TRY(go(connect, k, connect->t[i], error));
  for (int s = 0; s < 2; s++) {
    metrics_t metrics = {0};
    if (point_rows(connect->point, rows[s]) == 0) continue;
    TRY(point_metrics(connect->point, rows[s], &metrics, error));
    values[2 * s][i] = metrics.loss;
    values[2 * s + 1][i] = metric_of(connect, &metrics);
    metrics_free(&metrics);
  }
  return LS_OK;
}

/* Collective. */
static ls_status evaluate_curve(connect_t *connect, size_t k, ls_error *error) {
  connect_curve_t *curve = &connect->curves[k];
  const int64_t points = connect->options->points;
  ls_status status = LS_OK;
  begin_looks(connect);
  activity_set("evaluating the curve %s", curves[k].name);
  progress_begin(points, "point", "evaluating the curve %s", curves[k].name);
  while (curve->done < points && status == LS_OK) {
    status = evaluate_point(connect, k, curve->done, error);
    if (status == LS_OK) progress_reach(++curve->done);
    if (status == LS_OK) status = look(connect, error);
  }
  progress_end();
  return status;
}

/* On rank 0. */
static void find_barriers(connect_t *connect) {
  for (size_t k = 0; k < CURVES; k++)
    for (int s = 0; s < 2 && connect->options->curves[k]; s++)
      connect->curves[k].barriers[s] =
          curve_barrier((size_t)connect->options->points, connect->t, connect->curves[k].values[2 * s]);
}

/* All curves that are not yet complete. Collective. */
static ls_status find_curves(connect_t *connect, ls_error *error) {
  for (; connect->curve < CURVES; connect->curve++) {
    const size_t k = (size_t)connect->curve;
    if (!connect->options->curves[k]) continue;
    if (curves[k].is_trained && connect->search.step < search_steps(&connect->search))
      TRY(search_curve(connect, k, error));
    TRY(evaluate_curve(connect, k, error));
    connect->search.step = 0;
  }
  return LS_OK;
}

/* ---- the whole ---- */

/* Finds the checkpoint to go on from. Rank 0 restores it, and all learn where to go on. Collective. */
static ls_status resume(connect_t *connect, ls_error *error) {
  const connect_options_t *options = connect->options;
  char path[CONNECT_PATH_SIZE];
  struct stat about;
  ls_status status = LS_OK;
  if (is_root(connect)) {
    status = connect_checkpoint_path(options, path, error);
    const bool is_there = status == LS_OK && stat(path, &about) == 0;
    if (is_there && options->resume) status = connect_load(connect, error);
    if (is_there && !options->resume)
      status = error_set(error, LS_USAGE,
                         "%s is left of an earlier search: go on with --resume, or remove the file", path);
    if (is_there && status == LS_OK) log_info(options->log, "going on from %s", path);
  }
  TRY(world_agree(world_of(connect), status, error));
  int64_t position[2 + CURVES] = {connect->curve, connect->search.step};
  for (int k = 0; k < CURVES; k++) position[2 + k] = connect->curves[k].done;
  TRY(world_broadcast(world_of(connect), position, sizeof position, 0, error));
  connect->curve = position[0];
  connect->search.step = position[1];
  for (int k = 0; k < CURVES; k++) connect->curves[k].done = position[2 + k];
  return LS_OK;
}

/* Reads the second model and aligns it. Collective. */
static ls_status read_ends(connect_t *connect, ls_error *error) {
  const connect_options_t *options = connect->options;
  const size_t n = point_size(connect->point);
  connect->first = point_start(connect->point);
  TRY(point_read(connect->point, options->second, connect->second, error));
  for (int i = 0; i < 2; i++) /* the same on every rank */
    if (!floats_are_finite(i == 0 ? connect->first : connect->second, n))
      return error_set(error, LS_BAD_DATA, "%s: its parameters are not all finite",
                       i == 0 ? options->first : options->second);
  ls_status status = options->align && is_root(connect) ? align(connect, error) : LS_OK;
  TRY(world_agree(world_of(connect), status, error));
  if (options->align && is_root(connect))
    log_info(options->log,
             "aligned: %" PRId64 " of %" PRId64 " hidden units moved in %d rounds, distance %.5g before and "
             "%.5g after",
             connect->alignment.moved, connect->alignment.units, connect->alignment.rounds,
             connect->alignment.before, connect->alignment.after);
  return LS_OK;
}

/* The curve whose middle becomes a model: the first trained one, otherwise the last. */
static size_t model_curve(const connect_options_t *options) {
  size_t last = 0;
  for (size_t k = 0; k < CURVES; k++) {
    if (options->curves[k]) last = k;
    if (options->curves[k] && curves[k].is_trained) break;
  }
  return last;
}

/* Writes what was found, and removes the checkpoint. Collective. */
static ls_status end(connect_t *connect, ls_error *error) {
  const connect_options_t *options = connect->options;
  char path[CONNECT_PATH_SIZE];
  if (options->model != NULL) TRY(go(connect, model_curve(options), 0.5, error));
  ls_status status = LS_OK;
  if (is_root(connect)) {
    find_barriers(connect);
    if (options->model != NULL) status = connect_write_model(connect, error);
    if (status == LS_OK) status = connect_write(connect, error);
    if (status == LS_OK) status = connect_checkpoint_path(options, path, error);
    if (status == LS_OK) unlink(path);
  }
  return world_agree(world_of(connect), status, error);
}

static ls_status run(world_t *world, const settings_t *settings, connect_t *connect, ls_error *error) {
  const connect_options_t *options = connect->options;
  const point_inputs_t inputs = {.world = world,
                                 .settings = settings,
                                 .model = options->first,
                                 .rows = options->rows,
                                 .wants_gradient = true};
  ls_status status = world_rank(world) == 0 ? look_at_models(connect, error) : LS_OK;
  TRY(world_agree(world, status, error));
  TRY(point_open(&inputs, &connect->point, error));
  TRY(world_agree(world, take_memory(connect, error), error));
  connect->test = point_split(connect->point, POINT_TEST);
  TRY(read_ends(connect, error));
  TRY(resume(connect, error));
  stop_watch_begin(&connect->watch, world, clock_seconds(), 0, options->job_end,
                   4.0 * (double)(point_size(connect->point) * sizeof(float)));
  if (is_root(connect))
    connect->watch.pace = save_pace_begin(&(interval_t){.seconds = SAVE_EVERY}, clock_seconds(), 0);
  TRY(find_curves(connect, error));
  return end(connect, error);
}

ls_status connect_run(world_t *world, const settings_t *settings, const connect_options_t *options,
                      connect_t **out, ls_error *error) {
  run_lock_t *lock = NULL;
  connect_t *connect = calloc(1, sizeof *connect);
  ls_status status = connect == NULL ? error_set(error, LS_NO_MEMORY, "no memory for two networks") : LS_OK;
  TRY_OR_DONE(world_agree(world, status, error));
  connect->options = options;
  TRY_OR_DONE(run_lock_share(world, options->out, options->log, &lock, error));
  status = run(world, settings, connect, error);
  run_lock_release(&lock);
done:
  if (status == LS_OK)
    *out = connect;
  else
    connect_free(&connect);
  return status;
}

void connect_free(connect_t **connect) {
  if (*connect == NULL) return;
  point_close(&(*connect)->point);
  symmetry_free(&(*connect)->symmetry);
  alignment_free(&(*connect)->alignment);
  arena_free(&(*connect)->arena);
  free(*connect);
  *connect = NULL;
}
