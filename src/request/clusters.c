#include "request/clusters.h"

#include "store/store.h"

#include <string.h>

/* A component for each row, as a kernel density has, says nothing of clusters. */
bool clusters_are_known(const model_t *model) {
  return model->objective.targets == 0 && strcmp(model->settings->cluster.method, "kernels") != 0;
}

/* Whether an array holds one whole number for each row. */
static bool is_column_of_numbers(const store_array_t *array) {
  return array->is_integer && (array->dims == 1 || (array->dims == 2 && array->shape[1] == 1));
}

/* What the place's own y is good for. */
static labels_t own_labels(const char *file, const char *y) {
  store_t *store = NULL;
  store_array_t array;
  labels_t found = LABELS_NONE;
  if (y[0] == '\0' || store_open(file, &store, NULL) != LS_OK) return found;
  if (store_has(store, y) && store_describe(store, y, &array, NULL) == LS_OK && is_column_of_numbers(&array))
    found = LABELS_FOUND;
  store_close(&store);
  return found;
}

static ls_status check_array(const char *file, const char *labels, ls_error *error) {
  store_t *store = NULL;
  store_array_t array;
  TRY(store_open(file, &store, error));
  ls_status status = store_describe(store, labels, &array, error);
  if (status == LS_OK && array.dims != 1 && (array.dims != 2 || array.shape[1] != 1))
    status = error_set(error, LS_BAD_DATA, "%s: %s has not one label for each row", file, labels);
  store_close(&store);
  return status == LS_OK ? LS_OK : error_prefix(error, status, "--labels");
}

ls_status clusters_choose_labels(const char *labels, ready_t *ready, asked_place_t *place, ls_error *error) {
  data_settings_t *data = &ready->settings->data;
  if (labels != NULL && !clusters_are_known(ready->model))
    return error_set(
        error, LS_USAGE,
        "--labels is for models of clusters, whose loss is distortion or density; the targets of "
        "this one are named by --y or data.y");
  if (!clusters_are_known(ready->model) || (labels != NULL && strcmp(labels, "none") == 0)) return LS_OK;
  const char *y = labels != NULL ? labels : place->y;
  if (labels != NULL) TRY(check_array(data->file, labels, error));
  place->labels = labels != NULL ? LABELS_NAMED : own_labels(data->file, y);
  if (place->labels == LABELS_NONE) return LS_OK;
  data->y = data->valid_y = data->test_y = y;
  ready->settings->reads_labels = true;
  return LS_OK;
}

ls_status clusters_judge(const session_t *session, const ready_t *ready, const split_t *split,
                         const asked_place_t *place, double mean_loss, quality_t *out, ls_error *error) {
  const model_t *model = ready->model;
  const layer_settings_t *last = &model->settings->model.layers[model->settings->model.n_layers - 1];
  gather_t gather = {0};
  ls_status status = gather_create(split, &model->features, &gather, error);
  TRY_OR_DONE(world_agree(session->world, status, error));
  const quality_inputs_t inputs = {.world = session->world,
                                   .graph = model->graph,
                                   .parameters = model->members[0],
                                   .gather = &gather,
                                   .threads = ready->layout.threads,
                                   .seed = (uint64_t)ready->settings->train.seed,
                                   .has_labels = place->labels != LABELS_NONE,
                                   .labels_are_named = place->labels == LABELS_NAMED,
                                   .covariance = last->kind == LAYER_GAUSSIANS ? last->covariance : NULL,
                                   .mean_log_density = -mean_loss};
  status = quality_find(&inputs, out, error);
done:
  gather_free(&gather);
  return status;
}
