#include "landscape/point.h"

#include "base/activity.h"
#include "landscape/first_rows.h"
#include "score/evaluate.h"
#include "score/model_file.h"
#include "store/store.h"
#include "train/choices.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* More bytes of rows than these are not kept by every rank. */
static const int64_t most_alone = (int64_t)1 << 29;

struct point {
  point_inputs_t inputs;
  world_t *world; /* whose ranks evaluate together: all, or this rank */
  world_t *own;   /* of this rank alone; NULL if they evaluate together */
  training_t training;
  settings_t settings;        /* of the engine: a batch has no more rows than there are */
  split_t splits[POINT_ROWS]; /* rows that do not exist have partition.rows == 0 */
  const char *names[POINT_ROWS];
  evaluator_t *evaluator;
  engine_t *engine; /* NULL without wants_gradient */
  size_t *first;    /* (arrays + 1): where the arrays begin */
  size_t size;
  float *vector;   /* (graph_floats): the parameters as the graph has them */
  float *gradient; /* (graph_floats) */
  float *plain;    /* (size) */
  float *start;    /* (size) */
  arena_t arena;
};

/* ---- settings ---- */

static ls_status no_memory(ls_error *error) {
  return error_set(error, LS_NO_MEMORY, "no memory for a network and its rows");
}

static void stop_draws(layer_settings_t *layers, size_t n) {
  for (size_t i = 0; i < n; i++) {
    layers[i].rate = layers[i].deviation = 0; /* of dropout and noise */
    layers[i].is_still = true;
    stop_draws(layers[i].layers, layers[i].n_layers);
  }
}

void point_settle(settings_t *settings) {
  settings->train.precision = "fp32";
  settings->train.members = 1;
  stop_draws(settings->model.layers, settings->model.n_layers);
}

/* The settings in a model file, and the same with overrides. */
static ls_status override_settings(const char *model, const char *text, char *const *overrides,
                                   size_t n_overrides, const char *const *uses, settings_t **stored,
                                   settings_t **out, ls_error *error) {
  const char *key = NULL;
  char *own = NULL;
  TRY(settings_restore(text, strlen(text), model, NULL, 0, settings_choices(), stored, error));
  (*stored)->data.external = false; /* the user says so, not a file */
  TRY(settings_dump(*stored, &own, error));
  ls_status status =
      settings_restore(own, strlen(own), model, overrides, n_overrides, settings_choices(), out, error);
  free(own);
  TRY(status);
  TRY(settings_compare_except(*stored, *out, uses, &key, error));
  if (key == NULL) return LS_OK;
  return error_set(error, LS_BAD_SETTINGS,
                   "%s: %s has no effect here, because the model is trained: leave it out",
                   settings_where(*out, key), key);
}

/* Makes the training begin with the model. */
static ls_status begin_with(settings_t *settings, const char *model, ls_error *error) {
  settings->model.init_from = arena_text(&settings->arena, model);
  settings->model.init_layers = "all";
  return settings->model.init_from != NULL ? LS_OK : no_memory(error);
}

ls_status point_settings(const char *model, char *const *overrides, size_t n_overrides,
                         const char *const *uses, settings_t **out, ls_error *error) {
  store_t *store = NULL;
  settings_t *stored = NULL, *settings = NULL;
  char *text = NULL;
  TRY(model_open(model, MODEL_FORMAT, &store, error));
  ls_status status = store_read_text(store, "/", "settings", &text, error);
  store_close(&store);
  if (status == LS_OK)
    status = override_settings(model, text, overrides, n_overrides, uses, &stored, &settings, error);
  if (status == LS_OK) status = begin_with(settings, model, error);
  free(text);
  settings_destroy(&stored);
  if (status == LS_OK) {
    point_settle(settings);
    *out = settings;
  } else {
    settings_destroy(&settings);
  }
  return status;
}

/* ---- the place of arrays ---- */

size_t point_size(const point_t *point) {
  return point->size;
}

size_t point_arrays(const point_t *point) {
  return graph_parameter_count(point->training.graph);
}

point_array_t point_array(const point_t *point, size_t i) {
  const parameter_t *about = graph_parameter(point->training.graph, i);
  return (point_array_t){about, point->first[i], parameter_values(about)};
}

static void unpack(const point_t *point, const graph_t *graph, const float *vector, float *out) {
  for (size_t i = 0; i < point_arrays(point); i++) graph_unpack(graph, i, vector, out + point->first[i]);
}

static void pack(const point_t *point, const float *parameters, float *vector) {
  for (size_t i = 0; i < point_arrays(point); i++)
    graph_pack(point->training.graph, i, parameters + point->first[i], vector);
}

static ls_status take_memory(point_t *point, ls_error *error) {
  const graph_t *graph = point->training.graph;
  const size_t arrays = graph_parameter_count(graph), floats = graph_floats(graph);
  point->first = arena_new(&point->arena, arrays + 1, sizeof *point->first);
  if (point->first == NULL) return no_memory(error);
  for (size_t i = 0; i < arrays; i++)
    point->first[i + 1] = point->first[i] + parameter_values(graph_parameter(graph, i));
  point->size = point->first[arrays];
  point->vector = arena_new(&point->arena, floats, sizeof *point->vector);
  point->gradient = arena_new(&point->arena, floats, sizeof *point->gradient);
  point->plain = arena_new(&point->arena, point->size, sizeof *point->plain);
  point->start = arena_new(&point->arena, point->size, sizeof *point->start);
  bool has_all = point->vector != NULL && point->gradient != NULL && point->plain != NULL;
  return has_all && point->start != NULL ? LS_OK : no_memory(error);
}

/* ---- opening ---- */

/* The rows of the data that the point is for. Collective. */
static ls_status choose_rows(point_t *point, ls_error *error) {
  const dataset_t *data = point->training.dataset;
  const int64_t rows = point->inputs.rows > 0 ? point->inputs.rows : INT64_MAX;
  const bool has_test = data->test.partition.rows > 0, has_valid = data->valid.partition.rows > 0;
  point->names[POINT_TRAIN] = "train";
  point->names[POINT_TEST] = has_test ? "test" : has_valid ? "valid" : "";
  const split_t *test = has_test ? &data->test : &data->valid;
  const bool alone =
      point->inputs.alone && rows_fit(&data->train, rows, most_alone) && rows_fit(test, rows, most_alone);
  ls_status (*take)(world_t *, const split_t *, int64_t, arena_t *, split_t *, ls_error *) =
      alone ? whole_rows : first_rows;
  TRY(take(point->inputs.world, &data->train, rows, &point->arena, &point->splits[POINT_TRAIN], error));
  TRY(take(point->inputs.world, test, rows, &point->arena, &point->splits[POINT_TEST], error));
  point->world = point->inputs.world;
  if (!alone) return LS_OK;
  int part = 0;
  TRY(world_split(point->inputs.world, world_size(point->inputs.world), &part, &point->own, error));
  point->world = point->own;
  return LS_OK;
}

/* Collective. */
static ls_status make_engine(point_t *point, ls_error *error) {
  const training_t *training = &point->training;
  const split_t *train = &point->splits[POINT_TRAIN];
  point->settings = *training->settings;
  point->settings.optimizer.name = "sgd"; /* no update happens, and others keep states or want all rows */
  point->settings.optimizer.momentum = 0;
  if (point->settings.train.global_batch_size > train->partition.rows)
    point->settings.train.global_batch_size = train->partition.rows;
  const int64_t batch = point->settings.train.global_batch_size;
  const int shards = training->layout->shards;
  const engine_inputs_t inputs = {.world = point->inputs.world,
                                  .settings = &point->settings,
                                  .layout = training->layout,
                                  .graph = training->graph,
                                  .objective = training->objective,
                                  .train = train,
                                  .features = training->features};
  if (!point->inputs.wants_gradient) return LS_OK;
  TRY(shards_check(batch, shards, error));
  TRY(graph_check_trained(training->graph, error));
  TRY(graph_check_rows(training->graph, slice_shape(batch, shards).call_rows, error));
  return engine_create(&inputs, &point->engine, error);
}

/* Collective. */
static ls_status prepare(point_t *point, ls_error *error) {
  const point_inputs_t *inputs = &point->inputs;
  training_t *training = &point->training;
  TRY(training_plan(inputs->world, inputs->settings, training, error));
  TRY(training_load_rows(training, error));
  TRY(world_agree(inputs->world, take_memory(point, error), error));
  TRY(training_start(training, point->vector, error));
  unpack(point, training->graph, point->vector, point->start);
  TRY(choose_rows(point, error));
  ls_status status =
      evaluator_create(training->graph, training->objective, training->features, training->targets,
                       training->layout->threads, 0, &point->evaluator, error);
  TRY(world_agree(inputs->world, status, error));
  evaluator_be_part(point->evaluator);
  return make_engine(point, error);
}

ls_status point_open(const point_inputs_t *inputs, point_t **out, ls_error *error) {
  point_t *point = calloc(1, sizeof *point);
  TRY(world_agree(inputs->world, point != NULL ? LS_OK : no_memory(error), error));
  point->inputs = *inputs;
  ls_status status = prepare(point, error);
  if (status == LS_OK)
    *out = point;
  else
    point_close(&point);
  return status;
}

void point_close(point_t **point) {
  if (*point == NULL) return;
  engine_destroy(&(*point)->engine);
  evaluator_destroy(&(*point)->evaluator);
  training_close(&(*point)->training);
  world_destroy(&(*point)->own);
  arena_free(&(*point)->arena);
  free(*point);
  *point = NULL;
}

bool point_is_alone(const point_t *point) {
  return point->own != NULL;
}

const training_t *point_training(const point_t *point) {
  return &point->training;
}

const char *point_origin(const point_t *point) {
  return point->inputs.model != NULL ? point->inputs.model : "initial weights";
}

const float *point_start(const point_t *point) {
  return point->start;
}

engine_t *point_engine(const point_t *point) {
  return point->engine;
}

partition_t point_partition(const point_t *point) {
  return point->splits[POINT_TRAIN].partition;
}

int64_t point_rows(const point_t *point, point_rows_t rows) {
  return point->splits[rows].partition.rows;
}

const char *point_split(const point_t *point, point_rows_t rows) {
  return point->names[rows];
}

/* ---- other models ---- */

static bool is_scaling(const char *name) {
  return strncmp(name, "/scaling", strlen("/scaling")) == 0;
}

/* Whether two models make the same inputs and targets of a row. */
static ls_status compare_scaling(const char *a, const char *b, ls_error *error) {
  store_t *first = NULL, *second = NULL;
  char *name = NULL;
  ls_status status = store_open(a, &first, error);
  if (status == LS_OK) status = store_open(b, &second, error);
  if (status == LS_OK) status = store_difference(first, second, is_scaling, &name, error);
  store_close(&first);
  store_close(&second);
  if (status == LS_OK && name != NULL)
    status = error_set(error, LS_BAD_DATA,
                       "%s scales or encodes rows in another way than %s (%s differs), so its weights mean "
                       "something else: train both on the same rows with the same settings",
                       b, a, name);
  free(name);
  return status;
}

static bool is_same_name(const char *a, const char *b) {
  return strcmp(a != NULL ? a : "identity", b != NULL ? b : "identity") == 0;
}

static bool are_same_layers(const layer_settings_t *a, size_t n_a, const layer_settings_t *b, size_t n_b) {
  bool is_same = n_a == n_b;
  for (size_t i = 0; i < n_a && is_same; i++)
    is_same = a[i].kind == b[i].kind && a[i].units == b[i].units && a[i].bias == b[i].bias &&
              is_same_name(a[i].activation, b[i].activation) && a[i].epsilon == b[i].epsilon &&
              are_same_layers(a[i].layers, a[i].n_layers, b[i].layers, b[i].n_layers);
  return is_same;
}

bool point_is_same_network(const model_settings_t *a, const model_settings_t *b) {
  return are_same_layers(a->layers, a->n_layers, b->layers, b->n_layers);
}

static ls_status compare_network(const graph_t *here, const graph_t *there, const char *path,
                                 ls_error *error) {
  const size_t n = graph_parameter_count(here);
  if (graph_parameter_count(there) != n)
    return error_set(error, LS_BAD_DATA, "%s is another network: it has %zu arrays of parameters, not %zu",
                     path, graph_parameter_count(there), n);
  for (size_t i = 0; i < n; i++) {
    const parameter_t *a = graph_parameter(here, i), *b = graph_parameter(there, i);
    bool is_same = strcmp(a->name, b->name) == 0 && a->dims == b->dims &&
                   memcmp(a->shape, b->shape, (size_t)a->dims * sizeof a->shape[0]) == 0;
    if (!is_same)
      return error_set(error, LS_BAD_DATA,
                       "%s is another network: its array %s (%zu values) stands for %s (%zu values)", path,
                       b->name, parameter_values(b), a->name, parameter_values(a));
  }
  return LS_OK;
}

/* On rank 0. */
static ls_status read_model(const point_t *point, const char *path, float *out, ls_error *error) {
  model_t *model = NULL;
  TRY(model_read(path, settings_choices(), &model, error));
  ls_status status = LS_OK;
  if (model->n_members > 1)
    status = error_set(error, LS_BAD_DATA,
                       "%s is an ensemble of %" PRId64 " networks: name the model of one of them", path,
                       model->n_members);
  if (status == LS_OK) status = compare_network(point->training.graph, model->graph, path, error);
  if (status == LS_OK && !point_is_same_network(&point->settings.model, &model->settings->model))
    status = error_set(error, LS_BAD_DATA,
                       "%s is another network: its layers have other activations or options "
                       "(`lockstep diff` shows the difference)",
                       path);
  if (status == LS_OK && point->inputs.model != NULL)
    status = compare_scaling(point->inputs.model, path, error);
  if (status == LS_OK) unpack(point, model->graph, model->parameters, out);
  model_destroy(&model);
  return status;
}

ls_status point_read(point_t *point, const char *model, float *out, ls_error *error) {
  world_t *world = point->inputs.world;
  ls_status status = world_rank(world) == 0 ? read_model(point, model, point->plain, error) : LS_OK;
  TRY(world_agree(world, status, error));
  TRY(world_broadcast(world, point->plain, point->size * sizeof *point->plain, 0, error));
  memcpy(out, point->plain, point->size * sizeof *out);
  return LS_OK;
}

/* ---- the function ---- */

ls_status point_set(point_t *point, const float *parameters, ls_error *error) {
  pack(point, parameters, point->vector);
  return point->engine != NULL ? engine_set_parameters(point->engine, point->vector, error) : LS_OK;
}

ls_status point_metrics(point_t *point, point_rows_t rows, metrics_t *metrics, ls_error *error) {
  const float *const members[] = {point->vector};
  const mixture_t mixture = {.members = members, .n_members = 1};
  return evaluator_run(point->evaluator, point->world, &point->splits[rows], &mixture, metrics, error);
}

/* On rank 0: adds `rows` times the gradient of a batch. */
static void add_gradient(const point_t *point, double rows, double *sum) {
  const graph_t *graph = point->training.graph;
  unpack(point, graph, point->gradient, point->plain);
  for (size_t i = 0; i < point_arrays(point); i++) {
    const point_array_t array = point_array(point, i);
    if (array.about->is_statistic) continue;
    for (size_t k = array.first; k < array.first + array.count; k++) sum[k] += rows * (double)point->plain[k];
  }
}

ls_status point_gradient(point_t *point, double *gradient, ls_error *error) {
  world_t *world = point->inputs.world;
  const partition_t partition = point_partition(point);
  const int64_t batch = point->settings.train.global_batch_size, steps = epoch_steps(partition, batch);
  const bool is_root = world_rank(world) == 0;
  engine_faults_t faults;
  memset(gradient, 0, point->size * sizeof *gradient);
  engine_begin_epoch(point->engine, 0);
  for (int64_t t = 0; t < steps; t++) {
    TRY(engine_gradient(point->engine, t, 0, is_root ? point->gradient : NULL, error));
    if (is_root) add_gradient(point, (double)step_rows(partition, batch, t), gradient);
  }
  for (size_t k = 0; k < point->size && is_root; k++) gradient[k] /= (double)partition.rows;
  TRY(engine_take_faults(point->engine, &faults, error)); /* numbers that are not finite are the answer */
  return world_broadcast(world, gradient, point->size * sizeof *gradient, 0, error);
}
