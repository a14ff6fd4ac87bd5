/* Principal components in a model file. All figures follow from the variances and the total, but other
 * programs should not have to compute them. */
#include "score/components_file.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char group[] = "components";

void components_free(components_t *components) {
  arena_free(&components->arena);
  *components = (components_t){0};
}

/* ---- writing ---- */

static ls_status write_figures(store_t *store, const components_t *components, ls_error *error) {
  const int64_t n = components->n;
  double *shares = malloc((size_t)n * sizeof *shares);
  if (shares == NULL) return error_set(error, LS_NO_MEMORY, "no memory for %" PRId64 " components", n);
  for (int64_t i = 0; i < n; i++) shares[i] = components->variance[i] / components->total;
  ls_status status =
      store_write(store, "components/explained_variance", STORE_F64, 1, &n, components->variance, error);
  if (status == LS_OK)
    status = store_write(store, "components/explained_variance_ratio", STORE_F64, 1, &n, shares, error);
  if (status == LS_OK)
    status = store_write(store, "components/singular_values", STORE_F64, 1, &n, components->singular, error);
  free(shares);
  return status;
}

ls_status components_write(store_t *store, const components_t *components, ls_error *error) {
  if (components->n == 0) return LS_OK;
  TRY(write_figures(store, components, error));
  TRY(store_write(store, "components/mean", STORE_F64, 1, &components->inputs, components->mean, error));
  TRY(store_write_text(store, group, "method", components->method, error));
  TRY(store_write_int(store, group, "rows", components->rows, error));
  return store_write_double(store, group, "total_variance", components->total, error);
}

/* ---- reading ---- */

static ls_status read_list(const store_t *store, const char *name, int64_t n, double *out, ls_error *error) {
  store_array_t array = {0};
  TRY(store_describe(store, name, &array, error));
  if (array.dims != 1 || array.shape[0] != n)
    return error_set(error, LS_BAD_DATA, "%s: %s is no list of %" PRId64 " numbers", store_path(store), name,
                     n);
  return store_read_rows(store, name, 0, n, STORE_F64, out, error);
}

static ls_status read_method(const store_t *store, const char **out, ls_error *error) {
  static const char *const methods[] = {"exact", "randomized"};
  char *text = NULL;
  TRY(store_read_text(store, group, "method", &text, error));
  for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
    if (strcmp(text, methods[i]) == 0) *out = methods[i];
  free(text);
  return *out != NULL
             ? LS_OK
             : error_set(error, LS_BAD_DATA, "%s: components: the method is neither exact nor randomized",
                         store_path(store));
}

static ls_status read_into(const store_t *store, components_t *out, ls_error *error) {
  store_array_t variance = {0};
  TRY(store_describe(store, "components/explained_variance", &variance, error));
  if (variance.dims != 1 || variance.shape[0] < 1)
    return error_set(error, LS_BAD_DATA, "%s: components/explained_variance is no list of numbers",
                     store_path(store));
  out->n = variance.shape[0];
  out->mean = arena_new(&out->arena, (size_t)out->inputs, sizeof(double));
  out->variance = arena_new(&out->arena, (size_t)out->n, sizeof(double));
  out->singular = arena_new(&out->arena, (size_t)out->n, sizeof(double));
  if (out->mean == NULL || out->variance == NULL || out->singular == NULL)
    return error_set(error, LS_NO_MEMORY, "no memory for %" PRId64 " components", out->n);
  TRY(read_list(store, "components/explained_variance", out->n, out->variance, error));
  TRY(read_list(store, "components/singular_values", out->n, out->singular, error));
  TRY(read_list(store, "components/mean", out->inputs, out->mean, error));
  TRY(read_method(store, &out->method, error));
  TRY(store_read_int(store, group, "rows", &out->rows, error));
  return store_read_double(store, group, "total_variance", &out->total, error);
}

ls_status components_read(const store_t *store, int64_t inputs, components_t *out, ls_error *error) {
  components_t components = {.inputs = inputs};
  if (!store_has(store, "components/explained_variance")) return LS_OK;
  ls_status status = read_into(store, &components, error);
  if (status == LS_OK)
    *out = components;
  else
    components_free(&components);
  return status;
}

/* ---- the table ---- */

void components_print(const components_t *components, FILE *out) {
  enum { SHOWN = 20 };
  const double *variance = components->variance;
  double sum = 0;
  if (components->n == 0) return;
  fprintf(out,
          "components           %" PRId64 ", %s, of %" PRId64 " rows\n"
          "  component       variance      share   together\n",
          components->n, components->method, components->rows);
  for (int64_t i = 0; i < components->n; i++) {
    sum += variance[i];
    if (i >= SHOWN && i + 1 < components->n) continue;
    if (i > SHOWN) fputs("        ...\n", out);
    fprintf(out, "  %9" PRId64 " %14.6g %10.6f %10.6f\n", i + 1, variance[i], variance[i] / components->total,
            sum / components->total);
  }
}
