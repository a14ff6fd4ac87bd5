/* Model files and checkpoints. On disk: attributes on "/" for what is small, parameters/NAME as plain (out,
 * in) matrices, scaling/features and scaling/targets, and in a checkpoint optimizer/STATE/NAME, epoch_loss
 * and history. The resolved settings are stored as the YAML text that built the network, so that a reader
 * needs nothing else. */
#include "train/model_file_impl.h"

#include "train/host.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- arrays of a vector, plain in files ---- */

static size_t array_size(const parameter_t *array) {
  return (size_t)(array->shape[0] * (array->dims == 2 ? array->shape[1] : 1));
}

/* Room for the largest array. */
static float *plain_buffer(const graph_t *graph) {
  size_t most = 1;
  for (size_t i = 0; i < graph_parameter_count(graph); i++)
    if (array_size(graph_parameter(graph, i)) > most) most = array_size(graph_parameter(graph, i));
  return malloc(most * sizeof(float));
}

static ls_status write_vector(store_t *store, const graph_t *graph, const char *folder, const float *vector,
                              ls_error *error) {
  float *plain = plain_buffer(graph);
  if (plain == NULL) return error_set(error, LS_NO_MEMORY, "no memory to write parameters");
  ls_status status = LS_OK;
  for (size_t i = 0; i < graph_parameter_count(graph) && status == LS_OK; i++) {
    const parameter_t *array = graph_parameter(graph, i);
    char name[160];
    if (array->is_statistic && strcmp(folder, "parameters") != 0)
      continue; /* an optimiser has no state of it */
    snprintf(name, sizeof name, "%s/%s", folder, array->name);
    status = graph_unpack(graph, i, vector, plain, error);
    if (status == LS_OK)
      status = store_write(store, name, STORE_F32, array->dims, array->shape, plain, error);
  }
  free(plain);
  return status;
}

static ls_status check_shape(const store_t *store, const char *name, const parameter_t *array,
                             ls_error *error) {
  store_array_t found = {0};
  TRY(store_describe(store, name, &found, error));
  bool same = found.dims == array->dims && found.shape[0] == array->shape[0] &&
              (array->dims == 1 || found.shape[1] == array->shape[1]);
  if (same) return LS_OK;
  return error_set(error, LS_BAD_DATA,
                   "%s: %s has another shape than this network's (%" PRId64
                   " outputs): it belongs to another "
                   "model.layers",
                   store_path(store), name, array->shape[0]);
}

static ls_status read_vector(const store_t *store, const graph_t *graph, const char *folder, float *vector,
                             ls_error *error) {
  float *plain = plain_buffer(graph);
  if (plain == NULL) return error_set(error, LS_NO_MEMORY, "no memory to read parameters");
  ls_status status = LS_OK;
  for (size_t i = 0; i < graph_parameter_count(graph) && status == LS_OK; i++) {
    const parameter_t *array = graph_parameter(graph, i);
    char name[160];
    if (array->is_statistic && strcmp(folder, "parameters") != 0)
      continue; /* an optimiser has no state of it */
    snprintf(name, sizeof name, "%s/%s", folder, array->name);
    status = check_shape(store, name, array, error);
    if (status == LS_OK) status = store_read_rows(store, name, 0, array->shape[0], STORE_F32, plain, error);
    if (status == LS_OK) status = graph_pack(graph, i, plain, vector, error);
  }
  free(plain);
  return status;
}

/* ---- writing ---- */

static ls_status write_settings(store_t *store, const settings_t *settings, ls_error *error) {
  char *text = NULL;
  TRY(settings_dump(settings, &text, error));
  ls_status status = store_write_text(store, "/", "settings", text, error);
  free(text);
  return status;
}

ls_status model_checksum(const model_parts_t *parts, char hex[17], ls_error *error) {
  uint64_t sum = 0;
  if (parts->members == NULL) {
    TRY(graph_checksum(parts->graph, parts->parameters, &sum, error));
  } else {
    size_t n = (size_t)parts->n_members;
    uint64_t *sums = malloc(n * sizeof *sums);
    if (sums == NULL) return error_set(error, LS_NO_MEMORY, "no memory for the checksum of an ensemble");
    ls_status status = LS_OK;
    for (size_t m = 0; m < n && status == LS_OK; m++)
      status = graph_checksum(parts->graph, parts->members[m], &sums[m], error);
    if (status == LS_OK) sum = store_checksum(sums, n * sizeof *sums);
    free(sums);
    TRY(status);
  }
  snprintf(hex, 17, "%016" PRIx64, sum);
  return LS_OK;
}

static ls_status write_origin(store_t *store, const model_parts_t *parts, ls_error *error) {
  char libraries[512], cpu[256], checksum[17];
  host_libraries(", ", libraries, sizeof libraries);
  host_cpu(cpu, sizeof cpu);
  TRY(model_checksum(parts, checksum, error));
  TRY(store_write_text(store, "/", "parameters_checksum", checksum, error));
  TRY(store_write_text(store, "/", "libraries", libraries, error));
  return store_write_text(store, "/", "cpu", cpu, error);
}

/* ---- the members of an ensemble: the first lies where a single network lies ---- */

static void member_folder(int64_t member, char out[64]) {
  snprintf(out, 64, member == 0 ? "parameters" : "members/%" PRId64, member + 1);
}

static ls_status write_members(store_t *store, const model_parts_t *parts, ls_error *error) {
  TRY(store_write_int(store, "/", "members", parts->n_members, error));
  for (int64_t m = 1; m < parts->n_members; m++) {
    char folder[64];
    member_folder(m, folder);
    TRY(write_vector(store, parts->graph, folder, parts->members[m], error));
  }
  return LS_OK;
}

static ls_status read_members(const store_t *store, model_t *model, ls_error *error) {
  size_t bytes = graph_floats(model->graph) * sizeof(float);
  model->n_members = 1;
  if (store_has_attribute(store, "/", "members"))
    TRY(store_read_int(store, "/", "members", &model->n_members, error));
  model->members = calloc((size_t)model->n_members, sizeof *model->members);
  for (int64_t m = 0; m < model->n_members; m++) {
    char folder[64];
    if (model->members != NULL) model->members[m] = aligned_alloc(ARENA_ALIGNMENT, bytes);
    if (model->members == NULL || model->members[m] == NULL)
      return error_set(error, LS_NO_MEMORY, "%s: no memory for %.1f MB of parameters", store_path(store),
                       (double)bytes / 1e6);
    memset(model->members[m], 0, bytes);
    member_folder(m, folder);
    TRY(read_vector(store, model->graph, folder, model->members[m], error));
  }
  model->parameters = model->members[0];
  return LS_OK;
}

/* ---- the posterior of a Bayesian linear regression ---- */

typedef struct {
  const char *name;
  int dims;
  int64_t shape[2];
  double *values;
} posterior_array_t;

enum { POSTERIOR_ARRAYS = 5 };

static void posterior_arrays(const posterior_t *posterior, posterior_array_t out[POSTERIOR_ARRAYS]) {
  int64_t inputs = posterior->inputs, outputs = posterior->outputs;
  const posterior_array_t arrays[POSTERIOR_ARRAYS] = {
      {"posterior/mean", 1, {inputs}, posterior->mean},
      {"posterior/vectors", 2, {inputs, inputs}, posterior->vectors},
      {"posterior/variance", 2, {outputs, inputs}, posterior->variance},
      {"posterior/bias_variance", 1, {outputs}, posterior->bias_variance},
      {"posterior/noise", 1, {outputs}, posterior->noise},
  };
  memcpy(out, arrays, sizeof arrays);
}

static ls_status write_posterior(store_t *store, const posterior_t *posterior, ls_error *error) {
  posterior_array_t arrays[POSTERIOR_ARRAYS];
  posterior_arrays(posterior, arrays);
  for (int i = 0; i < POSTERIOR_ARRAYS; i++)
    TRY(store_write(store, arrays[i].name, STORE_F64, arrays[i].dims, arrays[i].shape, arrays[i].values,
                    error));
  return LS_OK;
}

static ls_status read_posterior(const store_t *store, int64_t inputs, int64_t outputs, posterior_t *posterior,
                                ls_error *error) {
  posterior_array_t arrays[POSTERIOR_ARRAYS];
  store_array_t found = {0};
  TRY(posterior_create(inputs, outputs, posterior, error));
  posterior_arrays(posterior, arrays);
  for (int i = 0; i < POSTERIOR_ARRAYS; i++) {
    const posterior_array_t *array = &arrays[i];
    TRY(store_describe(store, array->name, &found, error));
    if (found.dims != array->dims || found.shape[0] != array->shape[0] ||
        (array->dims == 2 && found.shape[1] != array->shape[1]))
      return error_set(error, LS_BAD_DATA, "%s: %s has not the shape of this network's weights",
                       store_path(store), array->name);
    TRY(store_read_rows(store, array->name, 0, array->shape[0], STORE_F64, array->values, error));
  }
  return LS_OK;
}

static ls_status write_model(store_t *store, const model_parts_t *parts, ls_error *error) {
  TRY(write_settings(store, parts->settings, error));
  TRY(write_origin(store, parts, error));
  TRY(store_write_int(store, "/", "inputs", graph_inputs(parts->graph), error));
  TRY(store_write_int(store, "/", "step", parts->position->step, error));
  TRY(store_write_int(store, "/", "epoch", parts->position->epoch, error));
  TRY(store_write_int(store, "/", "shards", parts->position->shards, error));
  TRY(head_classes_write(store, parts, error));
  TRY(write_vector(store, parts->graph, "parameters", parts->parameters, error));
  if (parts->members != NULL) TRY(write_members(store, parts, error));
  if (parts->posterior != NULL && parts->posterior->inputs > 0)
    TRY(write_posterior(store, parts->posterior, error));
  TRY(features_write(parts->features, store, error));
  return scaler_write(parts->targets, store, "scaling/targets", error);
}

static ls_status write_extra(store_t *store, const model_parts_t *parts, const checkpoint_parts_t *extra,
                             ls_error *error) {
  const position_t *position = parts->position;
  TRY(store_write_int(store, "/", "step_in_epoch", position->step_in_epoch, error));
  TRY(store_write_int(store, "/", "best_step", position->best_step, error));
  TRY(store_write_double(store, "/", "best_loss", position->best_loss, error));
  TRY(store_write_int(store, "/", "rows", position->rows, error));
  TRY(store_write_double(store, "/", "seconds", position->seconds, error));
  TRY(loss_window_save(&position->window, store, error));
  for (int k = 0; k < extra->optimizer->states; k++) {
    char folder[64];
    snprintf(folder, sizeof folder, "optimizer/%s", extra->optimizer->state_names[k]);
    TRY(write_vector(store, parts->graph, folder, extra->states[k], error));
  }
  const int64_t heads = (int64_t)history_heads(extra->history), sums[] = {position->shards, heads};
  TRY(store_write(store, "epoch_loss", STORE_F64, heads > 0 ? 2 : 1, sums, extra->epoch_loss, error));
  return history_save(extra->history, store, error);
}

ls_status model_write(const char *path, const model_parts_t *parts, const checkpoint_parts_t *extra,
                      ls_error *error) {
  store_t *store = NULL;
  TRY(store_create(path, &store, error));
  ls_status status = store_write_text(store, "/", "format",
                                      extra != NULL ? "lockstep checkpoint 1" : "lockstep model 1", error);
  if (status == LS_OK) status = write_model(store, parts, error);
  if (status == LS_OK && extra != NULL) status = write_extra(store, parts, extra, error);
  if (status == LS_OK) status = store_publish(&store, error);
  store_close(&store);
  return status;
}

/* ---- reading ---- */

static ls_status check_format(const store_t *store, bool checkpoint, ls_error *error) {
  char *format = NULL;
  if (!store_has_attribute(store, "/", "format"))
    return error_set(error, LS_BAD_DATA, "%s is not a lockstep model or checkpoint", store_path(store));
  TRY(store_read_text(store, "/", "format", &format, error));
  bool good = strcmp(format, "lockstep checkpoint 1") == 0 ||
              (!checkpoint && strcmp(format, "lockstep model 1") == 0);
  ls_status status = LS_OK;
  if (!good)
    status = error_set(error, LS_BAD_DATA, "%s is a \"%s\", not a lockstep %s 1", store_path(store), format,
                       checkpoint ? "checkpoint" : "model");
  free(format);
  return status;
}

static ls_status open_verified(const char *path, bool checkpoint, store_t **out, ls_error *error) {
  store_t *store = NULL;
  TRY(store_open(path, &store, error));
  ls_status status = check_format(store, checkpoint, error);
  if (status == LS_OK) status = store_verify(store, error);
  if (status != LS_OK) {
    store_close(&store);
    return status;
  }
  *out = store;
  return LS_OK;
}

static ls_status read_int(const store_t *store, const char *key, int *out, ls_error *error) {
  int64_t value = 0;
  TRY(store_read_int(store, "/", key, &value, error));
  *out = (int)value;
  return LS_OK;
}

static ls_status read_position(const store_t *store, position_t *position, ls_error *error) {
  TRY(store_read_int(store, "/", "step", &position->step, error));
  TRY(store_read_int(store, "/", "epoch", &position->epoch, error));
  TRY(store_read_int(store, "/", "step_in_epoch", &position->step_in_epoch, error));
  TRY(store_read_int(store, "/", "best_step", &position->best_step, error));
  TRY(store_read_double(store, "/", "best_loss", &position->best_loss, error));
  TRY(store_read_int(store, "/", "rows", &position->rows, error));
  TRY(store_read_double(store, "/", "seconds", &position->seconds, error));
  TRY(loss_window_load(&position->window, store, error));
  return read_int(store, "shards", &position->shards, error);
}

ls_status checkpoint_read_position(const char *path, position_t *out, ls_error *error) {
  store_t *store = NULL;
  position_t position = {0};
  TRY(open_verified(path, true, &store, error));
  ls_status status = read_position(store, &position, error);
  store_close(&store);
  if (status == LS_OK) *out = position;
  return status;
}

static ls_status read_checkpoint(const store_t *store, const graph_t *graph, const optimizer_t *optimizer,
                                 checkpoint_t *checkpoint, ls_error *error) {
  TRY(read_position(store, &checkpoint->position, error));
  TRY(read_vector(store, graph, "parameters", checkpoint->parameters, error));
  for (int k = 0; k < optimizer->states; k++) {
    char folder[64];
    snprintf(folder, sizeof folder, "optimizer/%s", optimizer->state_names[k]);
    if (!store_has(store, folder))
      return error_set(
          error, LS_BAD_SETTINGS,
          "%s holds no state of the optimiser %s: go on with the optimiser that the run began with",
          store_path(store), optimizer->name);
    TRY(read_vector(store, graph, folder, checkpoint->states[k], error));
  }
  TRY(store_read_rows(store, "epoch_loss", 0, checkpoint->position.shards, STORE_F64, checkpoint->epoch_loss,
                      error));
  return history_load(&checkpoint->history, store, error);
}

ls_status checkpoint_read(const char *path, const graph_t *graph, const optimizer_t *optimizer,
                          checkpoint_t *checkpoint, ls_error *error) {
  store_t *store = NULL;
  TRY(open_verified(path, true, &store, error));
  ls_status status = read_checkpoint(store, graph, optimizer, checkpoint, error);
  store_close(&store);
  return status;
}

ls_status model_read_parameters(const char *path, const graph_t *graph, float *parameters, ls_error *error) {
  store_t *store = NULL;
  TRY(open_verified(path, false, &store, error));
  ls_status status = read_vector(store, graph, "parameters", parameters, error);
  store_close(&store);
  return status;
}

/* ---- whole models ---- */

static ls_status read_settings(const store_t *store, const settings_choices_t *choices, settings_t **out,
                               ls_error *error) {
  char *text = NULL, source[512];
  snprintf(source, sizeof source, "%.480s (settings)", store_path(store));
  TRY(store_read_text(store, "/", "settings", &text, error));
  ls_status status = settings_restore(text, strlen(text), source, NULL, 0, choices, out, error);
  free(text);
  return status;
}

static ls_status read_checksum(const store_t *store, char checksum[17], ls_error *error) {
  char *text = NULL;
  TRY(store_read_text(store, "/", "parameters_checksum", &text, error));
  snprintf(checksum, 17, "%s", text);
  free(text);
  return LS_OK;
}

static ls_status read_model(const store_t *store, const settings_choices_t *choices, model_t *model,
                            ls_error *error) {
  TRY(read_settings(store, choices, &model->settings, error));
  TRY(store_read_int(store, "/", "step", &model->step, error));
  TRY(store_read_int(store, "/", "epoch", &model->epoch, error));
  TRY(read_int(store, "shards", &model->shards, error));
  TRY(read_checksum(store, model->checksum, error));
  TRY(features_read(store, &model->features, error));
  TRY(scaler_read(store, "scaling/targets", &model->targets, error));
  TRY(graph_create(model->settings->model.layers, model->settings->model.n_layers, model->features.inputs,
                   &model->graph, error));
  TRY(objective_create(model->settings, graph_outputs(model->graph), &model->objective, error));
  TRY(head_classes_read(store, model, error));
  if (store_has(store, "posterior"))
    TRY(read_posterior(store, model->features.inputs, graph_outputs(model->graph), &model->posterior, error));
  return read_members(store, model, error);
}

ls_status model_read(const char *path, const settings_choices_t *choices, model_t **out, ls_error *error) {
  store_t *store = NULL;
  model_t *model = calloc(1, sizeof *model);
  if (model == NULL) return error_set(error, LS_NO_MEMORY, "no memory for a model");
  ls_status status = open_verified(path, false, &store, error);
  if (status == LS_OK) status = read_model(store, choices, model, error);
  store_close(&store);
  if (status != LS_OK) {
    model_destroy(&model);
    return status;
  }
  *out = model;
  return LS_OK;
}

void model_destroy(model_t **model) {
  if (model == NULL || *model == NULL) return;
  objective_free(&(*model)->objective);
  settings_destroy(&(*model)->settings);
  graph_destroy(&(*model)->graph);
  features_free(&(*model)->features);
  scaler_free(&(*model)->targets);
  posterior_free(&(*model)->posterior);
  for (int64_t m = 0; (*model)->members != NULL && m < (*model)->n_members; m++) free((*model)->members[m]);
  free((*model)->members);
  for (size_t h = 0; h < MOST_HEADS; h++) free((void *)(*model)->class_names[h]);
  free((*model)->class_weights.values);
  free(*model);
  *model = NULL;
}
