#include "score/vector_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* An optimiser has no state of running statistics. */
static bool has_array(const char *folder, const parameter_t *array) {
  return !array->is_statistic || strncmp(folder, "optimizer/", strlen("optimizer/")) != 0;
}

ls_status vector_write(store_t *store, const graph_t *graph, const char *folder, const float *vector,
                       ls_error *error) {
  float *plain = plain_buffer(graph);
  if (plain == NULL) return error_set(error, LS_NO_MEMORY, "no memory to write parameters");
  ls_status status = LS_OK;
  for (size_t i = 0; i < graph_parameter_count(graph) && status == LS_OK; i++) {
    const parameter_t *array = graph_parameter(graph, i);
    char name[160];
    if (!has_array(folder, array)) continue;
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

ls_status vector_read(const store_t *store, const graph_t *graph, const char *folder, float *vector,
                      ls_error *error) {
  float *plain = plain_buffer(graph);
  if (plain == NULL) return error_set(error, LS_NO_MEMORY, "no memory to read parameters");
  ls_status status = LS_OK;
  for (size_t i = 0; i < graph_parameter_count(graph) && status == LS_OK; i++) {
    const parameter_t *array = graph_parameter(graph, i);
    char name[160];
    if (!has_array(folder, array)) continue;
    snprintf(name, sizeof name, "%s/%s", folder, array->name);
    if (array->is_statistic && !store_has(store, name)) /* earlier versions left them out for members */
      status =
          error_set(error, LS_BAD_DATA, "%s: the running statistics %s are missing: train the ensemble again",
                    store_path(store), name);
    if (status == LS_OK) status = check_shape(store, name, array, error);
    if (status == LS_OK) status = store_read_rows(store, name, 0, array->shape[0], STORE_F32, plain, error);
    if (status == LS_OK) status = graph_pack(graph, i, plain, vector, error);
  }
  free(plain);
  return status;
}
