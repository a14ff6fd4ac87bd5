/* The posterior of a Bayesian linear regression in a model file: the group posterior. */
#include "score/model_file_impl.h"

#include <inttypes.h>
#include <string.h>

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

ls_status posterior_write(store_t *store, const posterior_t *posterior, ls_error *error) {
  posterior_array_t arrays[POSTERIOR_ARRAYS];
  posterior_arrays(posterior, arrays);
  for (int i = 0; i < POSTERIOR_ARRAYS; i++)
    TRY(store_write(store, arrays[i].name, STORE_F64, arrays[i].dims, arrays[i].shape, arrays[i].values,
                    error));
  return LS_OK;
}

ls_status posterior_read(const store_t *store, int64_t inputs, int64_t outputs, posterior_t *posterior,
                         ls_error *error) {
  posterior_array_t arrays[POSTERIOR_ARRAYS];
  store_array_t found = {0};
  TRY(store_describe(store, "posterior/vectors", &found, error));
  if (found.dims != 2 || found.shape[0] != inputs) /* before memory is taken */
    return error_set(error, LS_BAD_DATA, "%s: posterior/vectors does not belong to %" PRId64 " inputs",
                     store_path(store), inputs);
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
