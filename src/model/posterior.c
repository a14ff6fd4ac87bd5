#include "model/posterior.h"

#include <inttypes.h>
#include <string.h>

ls_status posterior_create(int64_t inputs, int64_t outputs, posterior_t *out, ls_error *error) {
  posterior_t posterior = {.inputs = inputs, .outputs = outputs};
  size_t m = (size_t)inputs, k = (size_t)outputs;
  posterior.mean = arena_new(&posterior.arena, m, sizeof(double));
  posterior.vectors = arena_new(&posterior.arena, m * m, sizeof(double));
  posterior.variance = arena_new(&posterior.arena, k * m, sizeof(double));
  posterior.bias_variance = arena_new(&posterior.arena, k, sizeof(double));
  posterior.noise = arena_new(&posterior.arena, k, sizeof(double));
  if (posterior.mean == NULL || posterior.vectors == NULL || posterior.variance == NULL ||
      posterior.bias_variance == NULL || posterior.noise == NULL) {
    arena_free(&posterior.arena);
    return error_set(error, LS_NO_MEMORY, "no memory for the posterior of %" PRId64 " features (%.1f MB)",
                     inputs, (double)inputs * (double)inputs * sizeof(double) / 1e6);
  }
  *out = posterior;
  return LS_OK;
}

void posterior_free(posterior_t *posterior) {
  arena_free(&posterior->arena);
  *posterior = (posterior_t){0};
}

void posterior_variance(const posterior_t *posterior, const float *x, double *scratch, double *variance) {
  int64_t m = posterior->inputs;
  for (int64_t i = 0; i < m; i++) scratch[i] = (double)x[i] - posterior->mean[i];
  memcpy(variance, posterior->bias_variance, (size_t)posterior->outputs * sizeof *variance);
  for (int64_t i = 0; i < m; i++) {
    const double *v = posterior->vectors + i * m;
    double along = 0;
    for (int64_t j = 0; j < m; j++) along += v[j] * scratch[j];
    for (int64_t k = 0; k < posterior->outputs; k++)
      variance[k] += posterior->variance[k * m + i] * along * along;
  }
}
