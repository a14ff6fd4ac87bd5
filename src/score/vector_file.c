#include "score/vector_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A walk over the arrays of a folder. */
typedef struct {
  const graph_t *graph;
  const char *folder;
  size_t next;
  float *plain;   /* room for the largest array; freed by the caller */
  size_t number;  /* the present array */
  char name[160]; /* its path in the file */
} array_walk_t;

static ls_status walk_begin(const graph_t *graph, const char *folder, const char *purpose, array_walk_t *out,
                            ls_error *error) {
  size_t most = 1;
  for (size_t i = 0; i < graph_parameter_count(graph); i++) {
    size_t n = parameter_values(graph_parameter(graph, i));
    if (n > most) most = n;
  }
  *out = (array_walk_t){.graph = graph, .folder = folder, .plain = malloc(most * sizeof *out->plain)};
  if (out->plain == NULL) return error_set(error, LS_NO_MEMORY, "no memory to %s parameters", purpose);
  return LS_OK;
}

/* Goes to the next array and returns its description; NULL after the last. An optimiser has no state of
 * running statistics. */
static const parameter_t *walk_next(array_walk_t *walk) {
  const bool no_statistics = strncmp(walk->folder, "optimizer/", strlen("optimizer/")) == 0;
  while (walk->next < graph_parameter_count(walk->graph)) {
    const parameter_t *array = graph_parameter(walk->graph, walk->next);
    walk->number = walk->next++;
    if (array->is_statistic && no_statistics) continue;
    snprintf(walk->name, sizeof walk->name, "%s/%s", walk->folder, array->name);
    return array;
  }
  return NULL;
}

ls_status vector_write(store_t *store, const graph_t *graph, const char *folder, const float *vector,
                       ls_error *error) {
  array_walk_t walk;
  TRY(walk_begin(graph, folder, "write", &walk, error));
  ls_status status = LS_OK;
  for (const parameter_t *array; status == LS_OK && (array = walk_next(&walk)) != NULL;) {
    graph_unpack(graph, walk.number, vector, walk.plain);
    status = store_write(store, walk.name, STORE_F32, array->dims, array->shape, walk.plain, error);
  }
  free(walk.plain);
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
  array_walk_t walk;
  TRY(walk_begin(graph, folder, "read", &walk, error));
  ls_status status = LS_OK;
  for (const parameter_t *array; (array = walk_next(&walk)) != NULL;) {
    if (array->is_statistic && !store_has(store, walk.name)) /* earlier versions left them out for members */
      status =
          error_set(error, LS_BAD_DATA, "%s: the running statistics %s are missing: train the ensemble again",
                    store_path(store), walk.name);
    if (status == LS_OK) status = check_shape(store, walk.name, array, error);
    if (status == LS_OK)
      status = store_read_rows(store, walk.name, 0, array->shape[0], STORE_F32, walk.plain, error);
    if (status != LS_OK) break;
    graph_pack(graph, walk.number, walk.plain, vector);
  }
  free(walk.plain);
  return status;
}
