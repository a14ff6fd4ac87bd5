/* A run that fits clusters (cluster/fit.h): what its trainer does in place of the engine's steps. Each rank
 * has its own copy of the parameters. They become plain values, as model files hold them, when an epoch
 * begins, and a vector of the graph when it has ended. */
#include "train/fitting.h"

#include "base/activity.h"
#include "base/clock.h"
#include "base/progress.h"
#include "layout/shard.h"
#include "math/finite.h"
#include "train/finite.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A fit has no optimiser; files of its state have none. */
static const optimizer_t no_optimizer = {.name = "none", .meaning = "the parameters are fitted"};

const optimizer_t *fitting_optimizer(void) {
  return &no_optimizer;
}

bool fitting_is_wanted(const settings_t *settings) {
  return settings->cluster.k > 0;
}

settings_t fitting_settings(const settings_t *settings) {
  settings_t own = *settings;
  if (!fitting_is_wanted(settings)) return own;
  own.model.embeddings.above = EMBEDDINGS_NEVER; /* vectors that are trained have no place here */
  own.checkpoint.parts = "one";                  /* there is no optimiser's state */
  return own;
}

/* ---- settings ---- */

static ls_status refuse(const char *key, const char *why, ls_error *error) {
  return error_set(error, LS_BAD_SETTINGS, "%s: %s", key, why);
}

static bool finds_centres(const settings_t *settings) {
  const char *method = settings->cluster.method;
  return strcmp(method, "kmeans") == 0 || strcmp(method, "minibatch") == 0;
}

/* Rules that would end the run although not all starts, or not all bandwidths, have had their turn. */
static ls_status check_stop(const stop_settings_t *stop, ls_error *error) {
  const char *key = stop->tol > 0             ? "stop.tol"
                    : stop->patience > 0      ? "stop.patience"
                    : stop->gradient_norm > 0 ? "stop.gradient_norm"
                                              : NULL;
  if (key == NULL) return LS_OK;
  return refuse(
      key,
      "it would end the run before all starts, or all bandwidths, have had their turn; a start ends "
      "by cluster.tolerance: leave it out",
      error);
}

ls_status fitting_check(const settings_t *settings, ls_error *error) {
  const layer_settings_t *last = settings->model.layers + settings->model.n_layers - 1;
  const bool has_centres = finds_centres(settings);
  if (settings->model.n_layers != 1 || last->kind != (has_centres ? LAYER_CENTRES : LAYER_GAUSSIANS))
    return error_set(
        error, LS_BAD_SETTINGS,
        "model.layers: with cluster.method=%s the network is one layer, %s: leave model.layers out, "
        "and it follows from `cluster`. For clusters of what an encoder makes of rows, write its code with "
        "`lockstep predict RUN DATA --layer NAME --out CODE.h5`, and cluster that (data.file=CODE.h5 "
        "data.x=NAME)",
        settings->cluster.method, has_centres ? "centres" : "gaussians");
  if (last->units != settings->cluster.k)
    return error_set(error, LS_BAD_SETTINGS,
                     "model.layers: %" PRId64 " units, but cluster.k is %" PRId64
                     ": leave model.layers out, and it follows from cluster.k",
                     last->units, settings->cluster.k);
  if (settings->n_losses != 1 || strcmp(settings->losses->name, has_centres ? "distortion" : "density") != 0)
    return error_set(error, LS_BAD_SETTINGS,
                     "loss: what cluster.method=%s makes small is %s: leave loss out, and it follows",
                     settings->cluster.method, has_centres ? "distortion" : "density");
  const bool has_batches = strcmp(settings->cluster.method, "minibatch") == 0;
  const bool has_passes = !has_batches && strcmp(settings->cluster.method, "kernels") != 0;
  if (has_passes && strcmp(settings->data.shuffle, "full") != 0)
    return refuse("data.shuffle", "only cluster.method=minibatch takes rows in an order: leave it out",
                  error);
  if (has_batches && settings->train.global_batch_size != settings->cluster.batch)
    return refuse("train.global_batch_size", "it follows from cluster.batch: leave it out", error);
  TRY(check_stop(&settings->stop, error));
  if (settings->train.members > 1)
    return refuse("train.members", "a clustering is one network: leave it out", error);
  if (settings->model.freeze.n > 0)
    return refuse("model.freeze", "every parameter is fitted: leave it out", error);
  if (strcmp(settings->train.precision, "fp32") != 0)
    return refuse("train.precision", "fits have the precision fp32: leave it out", error);
  if (settings->model.embeddings.n_columns > 0)
    return refuse(
        "model.embeddings.columns",
        "vectors that are trained have no place in a fit: leave it out, and columns of categories are "
        "one_hot",
        error);
  if (strcmp(settings->parallel.reduce, "shared") != 0)
    return refuse("parallel.reduce", "the sums of a fit are always those of the tree: leave it out", error);
  return LS_OK;
}

/* ---- stopping within an epoch ---- */

/* One of the equal shares of a pass is done. Before the watch has begun, nothing ends a pass. */
static ls_status ask(void *context, bool begins, ls_error *error) {
  trainer_t *trainer = context;
  stop_watch_t *watch = &trainer->watch;
  const bool save_due = watch->save_due;
  if (watch->world == NULL) return LS_OK;
  if (begins) stop_watch_pass(watch, INTERRUPT_SHARES);
  if (--watch->steps_left > 0) return LS_OK;
  TRY(stop_watch_look(watch, &trainer->stop, error));
  watch->save_due = watch->save_due || save_due; /* the end of the epoch saves */
  if (trainer->stop == STOP_NOT) return LS_OK;
  return error_set(error, LS_STOPPED, "the run stops within an epoch");
}

/* ---- set-up ---- */

ls_status fitting_open(trainer_t *trainer, ls_error *error) {
  const graph_t *graph = trainer->graph;
  struct fitting *fitting = calloc(1, sizeof *fitting);
  size_t values = 0;
  for (size_t i = 0; i < graph_parameter_count(graph); i++)
    values += parameter_values(graph_parameter(graph, i));
  trainer->fitting = fitting;
  ls_status status = LS_OK;
  if (fitting != NULL) fitting->values = calloc(values, sizeof(float));
  if (fitting != NULL) fitting->vector = aligned_alloc(ARENA_ALIGNMENT, graph_floats(graph) * sizeof(float));
  if (fitting == NULL || fitting->values == NULL || fitting->vector == NULL)
    status = error_set(error, LS_NO_MEMORY, "no memory for the parameters of a fit");
  else
    memset(fitting->vector, 0, graph_floats(graph) * sizeof(float));
  if (status == LS_OK)
    status = gather_create(&trainer->data.dataset->train, &trainer->data.features, &fitting->gather, error);
  TRY(trainer_agree(trainer, status, error));
  const fit_inputs_t inputs = {.world = trainer->world,
                               .settings = trainer->settings,
                               .gather = &fitting->gather,
                               .threads = trainer->layout.threads,
                               .log = trainer->options->log,
                               .interrupt = &fitting->interrupt};
  fitting->interrupt = (interrupt_t){ask, trainer};
  TRY(fit_create(&inputs, &fitting->fit, error));
  fitting->fit.seeds_first = !origin_is_set(trainer->settings);
  return LS_OK;
}

void fitting_close(trainer_t *trainer) {
  struct fitting *fitting = trainer->fitting;
  if (fitting == NULL) return;
  fit_destroy(&fitting->fit);
  gather_free(&fitting->gather);
  free(fitting->values);
  free(fitting->vector);
  free(fitting);
  trainer->fitting = NULL;
}

/* ---- parameters ---- */

static void pack(const trainer_t *trainer, float *vector) {
  const float *values = trainer->fitting->values;
  for (size_t i = 0; i < graph_parameter_count(trainer->graph); i++) {
    graph_pack(trainer->graph, i, values, vector);
    values += parameter_values(graph_parameter(trainer->graph, i));
  }
}

static void unpack(const trainer_t *trainer) {
  float *values = trainer->fitting->values;
  for (size_t i = 0; i < graph_parameter_count(trainer->graph); i++) {
    graph_unpack(trainer->graph, i, trainer->fitting->vector, values);
    values += parameter_values(graph_parameter(trainer->graph, i));
  }
}

ls_status fitting_start(trainer_t *trainer, float *vector, ls_error *error) {
  struct fitting *fitting = trainer->fitting;
  progress_begin(0, NULL, "choosing what to begin with");
  TRY(fitting->fit.method->seed(fitting->fit.own, 0, fitting->values, error));
  progress_end();
  memset(vector, 0, graph_floats(trainer->graph) * sizeof *vector);
  pack(trainer, vector);
  return LS_OK;
}

/* ---- epochs ---- */

static fit_place_t place_of(const trainer_t *trainer) {
  const history_t *history = &trainer->record.history;
  return fit_place(trainer->settings, history->n > 0 ? &history->rows->values[HISTORY_TRAIN_LOSS] : NULL,
                   history->n, sizeof *history->rows / sizeof(double));
}

bool fitting_is_over(const trainer_t *trainer) {
  return place_of(trainer).start >= trainer->settings->cluster.starts;
}

/* Begins a start, if the fit is at one, and then an epoch. *began: when the epoch itself did. */
static ls_status run_epoch(trainer_t *trainer, double *objective, double *began, ls_error *error) {
  struct fitting *fitting = trainer->fitting;
  const int64_t epoch = trainer->position.epoch;
  if (fitting->next.epochs == 0) {
    progress_begin(0, NULL, "choosing what to begin with");
    TRY(fit_begin(&fitting->fit, fitting->next, fitting->values, error));
    progress_end();
  }
  activity_set("fitting clusters, in epoch %" PRId64, epoch + 1);
  progress_begin(trainer->data.dataset->train.rows, NULL, "epoch %" PRId64 "/%" PRId64, epoch + 1,
                 trainer->settings->train.epochs);
  *began = clock_seconds();
  return fit_epoch(&fitting->fit, fitting->next, epoch, fitting->values, objective, error);
}

ls_status fitting_epoch(trainer_t *trainer, ls_error *error) {
  struct fitting *fitting = trainer->fitting;
  position_t *position = &trainer->position;
  const partition_t partition = trainer->data.dataset->train.partition;
  double began = clock_seconds(), objective = 0;
  fitting->next = place_of(trainer); /* rank 0 has the history */
  TRY(world_broadcast(trainer->world, &fitting->next, sizeof fitting->next, 0, error));
  unpack(trainer);
  const ls_status status = run_epoch(trainer, &objective, &began, error);
  fitting->was_interrupted = status == LS_STOPPED;
  if (fitting->was_interrupted) {
    progress_end();
    return LS_OK;
  }
  TRY(status);
  trainer->copies.sums[0] = objective;
  pack(trainer, fitting->vector);
  progress_end();
  position->seconds += clock_seconds() - began;
  position->step += epoch_steps(partition, trainer->settings->train.global_batch_size);
  position->rows += partition.rows;
  return stop_watch_look(&trainer->watch, &trainer->stop, error);
}

void fitting_describe(const trainer_t *trainer, char *text, size_t size) {
  const struct fitting *fitting = trainer->fitting;
  char found[128];
  fitting->fit.method->describe(fitting->fit.own, found, sizeof found);
  if (trainer->settings->cluster.starts > 1)
    snprintf(text, size, "start %" PRId64 "%s%s", fitting->next.start + 1, found[0] != '\0' ? ", " : "",
             found);
  else
    snprintf(text, size, "%s", found);
}

ls_status fitting_judge(trainer_t *trainer, double objective, quality_t *out, ls_error *error) {
  const layer_settings_t *last = &trainer->settings->model.layers[trainer->settings->model.n_layers - 1];
  const quality_inputs_t inputs = {.world = trainer->world,
                                   .graph = trainer->graph,
                                   .parameters = trainer->fitting->vector,
                                   .gather = &trainer->fitting->gather,
                                   .threads = trainer->layout.threads,
                                   .seed = (uint64_t)trainer->settings->train.seed,
                                   .covariance = last->kind == LAYER_GAUSSIANS ? last->covariance : NULL,
                                   .mean_log_density = -objective};
  if (strcmp(trainer->settings->cluster.method, "kernels") == 0) return LS_OK; /* they are no clusters */
  return quality_find(&inputs, out, error);
}

/* ---- numbers ---- */

ls_status fitting_check_finite(trainer_t *trainer, double objective, ls_error *error) {
  ls_status status = LS_OK;
  if (!floats_are_finite(trainer->fitting->vector, graph_floats(trainer->graph)) || !isfinite(objective))
    status = error_set(error, LS_DIVERGED,
                       "epoch %" PRId64
                       ": the fit has numbers that are not finite: scale the data (data.scaling=standard)",
                       trainer->position.epoch + 1);
  return trainer_agree(trainer, status, error);
}
