/* Principal components in a model file. All figures follow from the variances and the total, but other
 * programs should not have to compute them. */
#include "score/components_file.h"

#include <inttypes.h>
#include <stdlib.h>

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

/* ---- the table ---- */

static void print_table(FILE *out, const char *method, int64_t rows, int64_t n, const double *variance,
                        double total) {
  enum { SHOWN = 20 };
  double sum = 0;
  fprintf(out,
          "components           %" PRId64 ", %s, of %" PRId64 " rows\n"
          "  component       variance      share   together\n",
          n, method, rows);
  for (int64_t i = 0; i < n; i++) {
    sum += variance[i];
    if (i >= SHOWN && i + 1 < n) continue;
    if (i > SHOWN) fputs("        ...\n", out);
    fprintf(out, "  %9" PRId64 " %14.6g %10.6f %10.6f\n", i + 1, variance[i], variance[i] / total,
            sum / total);
  }
}

void components_print(const components_t *components, FILE *out) {
  print_table(out, components->method, components->rows, components->n, components->variance,
              components->total);
}

ls_status components_print_file(const store_t *store, FILE *out, ls_error *error) {
  store_array_t array = {0};
  char *method = NULL;
  int64_t rows = 0;
  double total = 0;
  if (!store_has(store, "components/explained_variance")) return LS_OK;
  TRY(store_describe(store, "components/explained_variance", &array, error));
  if (array.dims != 1)
    return error_set(error, LS_BAD_DATA, "%s: components/explained_variance is no list of numbers",
                     store_path(store));
  TRY(store_read_int(store, group, "rows", &rows, error));
  TRY(store_read_double(store, group, "total_variance", &total, error));
  double *variance = malloc((size_t)array.shape[0] * sizeof *variance);
  ls_status status = variance == NULL ? error_set(error, LS_NO_MEMORY, "no memory for %" PRId64 " components",
                                                  array.shape[0])
                                      : LS_OK;
  if (status == LS_OK)
    status = store_read_rows(store, "components/explained_variance", 0, array.shape[0], STORE_F64, variance,
                             error);
  if (status == LS_OK) status = store_read_text(store, group, "method", &method, error);
  if (status == LS_OK) print_table(out, method, rows, array.shape[0], variance, total);
  free(method);
  free(variance);
  return status;
}
