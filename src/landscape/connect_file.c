/* The files of lockstep connect: its state on the way, its result, and a network of a curve. */
#include "landscape/connect_impl.h"

#include "data/identity.h"
#include "score/model_file.h"
#include "store/store.h"
#include "train/choices.h"
#include "host/host.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_SIZE = 160, REQUEST_SIZE = 512 };

ls_status connect_checkpoint_path(const connect_options_t *options, char out[CONNECT_PATH_SIZE],
                                  ls_error *error) {
  if (snprintf(out, CONNECT_PATH_SIZE, "%s.checkpoint", options->out) < CONNECT_PATH_SIZE) return LS_OK;
  return error_set(error, LS_USAGE, "--out: the path is too long");
}

/* ---- curves ---- */

void connect_value_name(const connect_t *connect, int value, char *out, size_t size) {
  const bool is_test = value >= CONNECT_TEST_LOSS, is_loss = value % 2 == 0;
  const char *name = is_loss ? "loss" : connect->metric;
  if (name == NULL || (is_test && connect->test[0] == '\0'))
    snprintf(out, size, "%s", "");
  else
    snprintf(out, size, "%s_%s", is_test ? "test" : "train", name);
}

static ls_status write_values(const connect_t *connect, store_t *store, size_t k, ls_error *error) {
  const int64_t shape[] = {connect->options->points};
  for (int v = 0; v < CONNECT_VALUES; v++) {
    char value[32], name[NAME_SIZE];
    connect_value_name(connect, v, value, sizeof value);
    if (value[0] == '\0') continue;
    snprintf(name, sizeof name, "%s/%s", curves[k].name, value);
    TRY(store_write(store, name, STORE_F64, 1, shape, connect->curves[k].values[v], error));
  }
  return LS_OK;
}

/* Parameters as a model file has them, below `folder`. */
static ls_status write_parameters(const connect_t *connect, store_t *store, const char *folder,
                                  const float *parameters, ls_error *error) {
  for (size_t i = 0; i < point_arrays(connect->point); i++) {
    const point_array_t array = point_array(connect->point, i);
    char name[NAME_SIZE];
    snprintf(name, sizeof name, "%.80s/%.64s", folder, array.about->name);
    TRY(store_write(store, name, STORE_F32, array.about->dims, array.about->shape, parameters + array.first,
                    error));
  }
  return LS_OK;
}

/* ---- the state ---- */

/* All that decides the result besides the settings, as a sentence for the user. */
static void describe_request(const connect_t *connect, char out[REQUEST_SIZE]) {
  const connect_options_t *options = connect->options;
  int n = snprintf(out, REQUEST_SIZE, "models %s and %s%s, %" PRId64 " points of", connect->checksums[0],
                   connect->checksums[1], options->align ? " aligned" : "", options->points);
  for (size_t k = 0; k < CURVES; k++)
    if (options->curves[k]) n += snprintf(out + n, (size_t)(REQUEST_SIZE - n), " %s", curves[k].name);
  snprintf(out + n, (size_t)(REQUEST_SIZE - n),
           ", %s at %.17g for %" PRId64 " epochs, --rows %" PRId64 ", %d shards",
           options->search.optimizer->name, options->search.learning_rate, options->search.epochs,
           options->rows, point_training(connect->point)->layout->shards);
}

static ls_status write_settings(const connect_t *connect, store_t *store, ls_error *error) {
  char *text = NULL;
  TRY(settings_dump(point_training(connect->point)->settings, &text, error));
  ls_status status = store_write_text(store, "/", "settings", text, error);
  free(text);
  return status;
}

/* The vectors of the search under way: theta and the states of its optimiser. */
static ls_status write_search(const connect_t *connect, store_t *store, ls_error *error) {
  const curve_search_t *search = &connect->search;
  const int64_t shape[] = {(int64_t)point_size(connect->point)};
  if (search->step == 0) return LS_OK;
  for (int i = 0; i < search->plan->optimizer->states; i++) {
    char name[NAME_SIZE];
    snprintf(name, sizeof name, "search/%s", search->plan->optimizer->state_names[i]);
    TRY(store_write(store, name, STORE_F32, 1, shape, search->states[i], error));
  }
  return LS_OK;
}

static ls_status write_state(const connect_t *connect, store_t *store, ls_error *error) {
  const dataset_t *data = point_training(connect->point)->dataset;
  const int64_t size[] = {(int64_t)point_size(connect->point)};
  char request[REQUEST_SIZE];
  describe_request(connect, request);
  TRY(store_write_text(store, "/", "format", CONNECT_CHECKPOINT_FORMAT, error));
  TRY(store_write_text(store, "/", "request", request, error));
  TRY(write_settings(connect, store, error));
  TRY(store_write_text(store, "/", "metric", connect->metric != NULL ? connect->metric : "", error));
  TRY(store_write_int(store, "/", "curve", connect->curve, error));
  TRY(store_write_int(store, "/", "step", connect->search.step, error));
  TRY(identity_write(&data->identity, store, error));
  for (size_t k = 0; k < CURVES; k++) {
    const connect_curve_t *curve = &connect->curves[k];
    char name[NAME_SIZE];
    if (!connect->options->curves[k]) continue;
    TRY(store_write_int(store, curves[k].name, "done", curve->done, error));
    if (curve->done > 0) TRY(write_values(connect, store, k, error));
    snprintf(name, sizeof name, "%s/theta", curves[k].name);
    if (curve->theta != NULL) TRY(store_write(store, name, STORE_F32, 1, size, curve->theta, error));
  }
  return write_search(connect, store, error);
}

ls_status connect_save(const connect_t *connect, ls_error *error) {
  char path[CONNECT_PATH_SIZE];
  store_t *store = NULL;
  TRY(connect_checkpoint_path(connect->options, path, error));
  TRY(store_create(path, &store, error));
  ls_status status = write_state(connect, store, error);
  if (status == LS_OK) status = store_publish(&store, error);
  store_close(&store);
  return status;
}

/* ---- going on ---- */

static ls_status read_vector(const store_t *store, const char *name, store_type_t type, size_t n, void *out,
                             ls_error *error) {
  store_array_t array;
  TRY(store_describe(store, name, &array, error));
  if (array.dims != 1 || array.shape[0] != (int64_t)n)
    return error_set(error, LS_BAD_DATA, "%s: %s has not %zu values", store_path(store), name, n);
  return store_read_rows(store, name, 0, (int64_t)n, type, out, error);
}

/* A number that the state of a search can have. */
static ls_status read_count(const store_t *store, const char *name, const char *key, int64_t most,
                            int64_t *out, ls_error *error) {
  TRY(store_read_int(store, name, key, out, error));
  if (*out >= 0 && *out <= most) return LS_OK;
  return error_set(error, LS_BAD_DATA, "%s: %s is %" PRId64 ", but at most %" PRId64 " is possible",
                   store_path(store), key, *out, most);
}

static ls_status check_request(const connect_t *connect, const store_t *store, ls_error *error) {
  char request[REQUEST_SIZE], *then = NULL;
  describe_request(connect, request);
  TRY(store_read_text(store, "/", "request", &then, error));
  const bool is_same = strcmp(request, then) == 0;
  ls_status status = LS_OK;
  if (!is_same)
    status = error_set(error, LS_BAD_SETTINGS,
                       "%s is of another search: it was %s; now it is %s. Repeat the options of that search, "
                       "or remove the file",
                       store_path(store), then, request);
  free(then);
  return status;
}

static ls_status check_settings(const connect_t *connect, const store_t *store, ls_error *error) {
  const training_t *training = point_training(connect->point);
  settings_t *then = NULL;
  char *text = NULL;
  const char *key = NULL;
  TRY(store_read_text(store, "/", "settings", &text, error));
  ls_status status =
      settings_restore(text, strlen(text), store_path(store), NULL, 0, settings_choices(), &then, error);
  free(text);
  TRY(status);
  status = settings_compare(then, training->settings, &key, error);
  settings_destroy(&then);
  if (status == LS_OK && key != NULL)
    status = error_set(error, LS_BAD_SETTINGS,
                       "%s is of a search with another %s: give it the same value, or remove the file",
                       store_path(store), key);
  return status;
}

static ls_status check_data(const connect_t *connect, const store_t *store, ls_error *error) {
  const training_t *training = point_training(connect->point);
  data_identity_t then;
  bool is_known = false;
  char what[512] = "";
  TRY(identity_read(store, &then, &is_known, error));
  if (is_known) identity_compare(&then, &training->dataset->identity, what, sizeof what);
  if (what[0] == '\0') return LS_OK;
  return error_set(error, LS_BAD_DATA, "%s has other rows than when %s was saved: %s",
                   training->settings->data.file, store_path(store), what);
}

static ls_status read_curve(connect_t *connect, const store_t *store, size_t k, ls_error *error) {
  connect_curve_t *curve = &connect->curves[k];
  const size_t points = (size_t)connect->options->points;
  char name[NAME_SIZE], value[32];
  TRY(read_count(store, curves[k].name, "done", connect->options->points, &curve->done, error));
  for (int v = 0; v < CONNECT_VALUES && curve->done > 0; v++) {
    connect_value_name(connect, v, value, sizeof value);
    snprintf(name, sizeof name, "%s/%s", curves[k].name, value);
    if (value[0] != '\0') TRY(read_vector(store, name, STORE_F64, points, curve->values[v], error));
  }
  snprintf(name, sizeof name, "%s/theta", curves[k].name);
  if (curve->theta == NULL) return LS_OK;
  return read_vector(store, name, STORE_F32, point_size(connect->point), curve->theta, error);
}

static ls_status read_state(connect_t *connect, const store_t *store, ls_error *error) {
  static const char *const metrics[] = {"acc", "rmse"};
  curve_search_t *search = &connect->search;
  char *metric = NULL, name[NAME_SIZE];
  TRY(check_request(connect, store, error));
  TRY(check_settings(connect, store, error));
  TRY(check_data(connect, store, error));
  TRY(store_read_text(store, "/", "metric", &metric, error));
  for (int i = 0; i < 2; i++)
    if (strcmp(metric, metrics[i]) == 0) connect->metric = metrics[i];
  free(metric);
  TRY(read_count(store, "/", "curve", CURVES, &connect->curve, error));
  TRY(read_count(store, "/", "step", search_steps(search), &search->step, error));
  for (size_t k = 0; k < CURVES; k++)
    if (connect->options->curves[k]) TRY(read_curve(connect, store, k, error));
  for (int i = 0; i < search->plan->optimizer->states && search->step > 0; i++) {
    snprintf(name, sizeof name, "search/%s", search->plan->optimizer->state_names[i]);
    TRY(read_vector(store, name, STORE_F32, point_size(connect->point), search->states[i], error));
  }
  return LS_OK;
}

ls_status connect_load(connect_t *connect, ls_error *error) {
  char path[CONNECT_PATH_SIZE], *format = NULL;
  store_t *store = NULL;
  TRY(connect_checkpoint_path(connect->options, path, error));
  TRY(store_open_whole(path, &store, error));
  ls_status status = store_read_text(store, "/", "format", &format, error);
  if (status == LS_OK && strcmp(format, CONNECT_CHECKPOINT_FORMAT) != 0)
    status = error_set(error, LS_BAD_DATA, "%s: its format is '%.60s', not '%s'", path, format,
                       CONNECT_CHECKPOINT_FORMAT);
  free(format);
  if (status == LS_OK) status = read_state(connect, store, error);
  store_close(&store);
  return status;
}

/* ---- the result ---- */

static ls_status write_curve(const connect_t *connect, store_t *store, size_t k, ls_error *error) {
  static const char *const rows[] = {"train", "test"};
  const connect_curve_t *curve = &connect->curves[k];
  char name[NAME_SIZE];
  TRY(write_values(connect, store, k, error));
  TRY(store_write_text(store, curves[k].name, "meaning", curves[k].meaning, error));
  for (int s = 0; s < 2; s++) {
    const curve_barrier_t *barrier = &curve->barriers[s];
    if (isnan(barrier->height)) continue;
    snprintf(name, sizeof name, "%s_barrier", rows[s]);
    TRY(store_write_double(store, curves[k].name, name, barrier->height, error));
    snprintf(name, sizeof name, "%s_barrier_at", rows[s]);
    TRY(store_write_double(store, curves[k].name, name, connect->t[barrier->at], error));
  }
  snprintf(name, sizeof name, "%s/theta", curves[k].name);
  return curve->theta != NULL ? write_parameters(connect, store, name, curve->theta, error) : LS_OK;
}

/* The order of units: place i of a group has unit order[i] of the second network. */
static ls_status write_orders(const connect_t *connect, store_t *store, ls_error *error) {
  const symmetry_t *symmetry = &connect->symmetry;
  for (size_t g = 0; g < symmetry->n_groups; g++) {
    const size_t units = symmetry->units[g];
    const int64_t shape[] = {(int64_t)units};
    char name[NAME_SIZE];
    snprintf(name, sizeof name, "aligned/order/%s", symmetry->names[g]);
    uint64_t *order = malloc(units * sizeof *order);
    if (order == NULL) return error_set(error, LS_NO_MEMORY, "no memory for an order of units");
    for (size_t i = 0; i < units; i++) order[i] = connect->alignment.orders[g][i];
    ls_status status = store_write(store, name, STORE_U64, 1, shape, order, error);
    free(order);
    TRY(status);
  }
  if (symmetry->n_groups == 0) return LS_OK;
  TRY(store_write_double(store, "aligned", "distance_before", connect->alignment.before, error));
  return store_write_double(store, "aligned", "distance", connect->alignment.after, error);
}

static ls_status write_result(const connect_t *connect, store_t *store, ls_error *error) {
  const connect_options_t *options = connect->options;
  const int64_t shape[] = {options->points};
  const struct {
    const char *key, *text;
  } texts[] = {{"format", CONNECT_FORMAT},
               {"first", options->first},
               {"second", options->second},
               {"first_checksum", connect->checksums[0]},
               {"second_checksum", connect->checksums[1]},
               {"test_split", connect->test},
               {"optimizer", options->search.optimizer->name}};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
    TRY(store_write_text(store, "/", texts[i].key, texts[i].text, error));
  TRY(write_settings(connect, store, error));
  TRY(store_write_int(store, "/", "train_rows", point_rows(connect->point, POINT_TRAIN), error));
  TRY(store_write_int(store, "/", "test_rows", point_rows(connect->point, POINT_TEST), error));
  TRY(store_write_double(store, "/", "learning_rate", options->search.learning_rate, error));
  TRY(store_write_int(store, "/", "epochs", options->search.epochs, error));
  TRY(store_write(store, "t", STORE_F64, 1, shape, connect->t, error));
  for (size_t k = 0; k < CURVES; k++)
    if (options->curves[k]) TRY(write_curve(connect, store, k, error));
  return write_orders(connect, store, error);
}

ls_status connect_write(const connect_t *connect, ls_error *error) {
  store_t *store = NULL;
  TRY(store_create(connect->options->out, &store, error));
  ls_status status = write_result(connect, store, error);
  if (status == LS_OK) status = store_publish(&store, error);
  store_close(&store);
  return status;
}

/* ---- a network of a curve ---- */

/* Everything but the parameters is that of the first model. */
static ls_status write_model(const connect_t *connect, const model_t *model, float *vector, ls_error *error) {
  const connect_options_t *options = connect->options;
  host_facts_t host;
  data_identity_t identity;
  bool is_known = false;
  store_t *store = NULL;
  model_parts_t parts = model_parts(model);
  TRY(store_open(options->first, &store, error));
  ls_status status = identity_read(store, &identity, &is_known, error);
  store_close(&store);
  TRY(status);
  for (size_t i = 0; i < point_arrays(connect->point); i++)
    graph_pack(model->graph, i, connect->search.here + point_array(connect->point, i).first, vector);
  host_facts(&host);
  parts.libraries = host.libraries;
  parts.cpu = host.cpu;
  parts.parameters = vector;
  parts.posterior = NULL;
  parts.data = is_known ? &identity : NULL;
  parts.origin = connect->checksums[0];
  return model_write(options->model, &parts, NULL, error);
}

ls_status connect_write_model(const connect_t *connect, ls_error *error) {
  model_t *model = NULL;
  TRY(model_read(connect->options->first, settings_choices(), &model, error));
  const size_t bytes = graph_floats(model->graph) * sizeof(float);
  float *vector = aligned_alloc(64, bytes);
  ls_status status =
      vector == NULL ? error_set(error, LS_NO_MEMORY, "no memory for a network of a curve") : LS_OK;
  if (status == LS_OK) {
    memset(vector, 0, bytes);
    status = write_model(connect, model, vector, error);
  }
  free(vector);
  model_destroy(&model);
  return status;
}
