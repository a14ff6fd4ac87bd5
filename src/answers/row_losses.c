#include "answers/row_losses.h"

#include "base/activity.h"
#include "answers/answers.h"
#include "layout/validation.h"
#include "store/store.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int64_t number_of(const row_losses_t *rows, int64_t row) {
  return rows->numbers != NULL ? rows->numbers[row] : row;
}

static double loss_of(const row_losses_t *rows, int64_t row) {
  return rows->objective == NULL
             ? rows->losses[row]
             : objective_total(rows->objective, rows->losses + row * (int64_t)rows->objective->n);
}

/* Heads that have numbers of their own. */
static size_t heads_of(const row_losses_t *rows) {
  return rows->objective != NULL && rows->objective->n > 1 ? rows->objective->n : 0;
}

static const char *name_of(const row_losses_t *rows) {
  return rows->name != NULL ? rows->name : "loss";
}

/* ---- numbers of rows ---- */

/* Of n rows of an array, those that validate or those that do not. fold (n): 1 .. folds, or NULL: a share. */
static ls_status choose_numbers(const settings_t *settings, const uint16_t *fold, int64_t n, bool validates,
                                const split_t *split, int64_t **numbers, ls_error *error) {
  const validation_settings_t *validation = &settings->data.validation;
  const int64_t rows = split->partition.rows;
  bool *chosen = malloc((size_t)n * sizeof *chosen);
  int64_t *found = malloc((size_t)rows * sizeof *found), k = 0;
  ls_status status = LS_OK;
  if (chosen == NULL || found == NULL)
    TRY_OR_DONE(error_set(error, LS_NO_MEMORY, "no memory for the numbers of %" PRId64 " rows", n));
  if (fold == NULL) validation_choice(n, validation->share, validation_seed(settings), chosen);
  for (int64_t i = 0; i < n; i++) {
    const bool is_chosen = fold != NULL ? fold[i] == validation->fold : chosen[i];
    if (is_chosen != validates) continue;
    if (k < rows) found[k] = i;
    k++;
  }
  if (k != rows) status = error_set(error, LS_FAILED, "the rows of the split could not be numbered");
done:
  free(chosen);
  if (status == LS_OK)
    *numbers = found;
  else
    free(found);
  return status;
}

ls_status row_losses_number(world_t *world, const settings_t *settings, const objective_t *objective,
                            const dataset_t *data, const split_t *split, int64_t **numbers, ls_error *error) {
  dataset_shape_t shape = {0};
  uint16_t *fold = NULL;
  int64_t n = 0;
  *numbers = NULL;
  if (data->dropped > 0)
    return error_set(error, LS_USAGE,
                     "%" PRId64 " rows were left out for missing values (data.missing: drop), so the others "
                     "have no numbers",
                     data->dropped);
  if (split->windows != NULL || split == &data->test || !validation_splits_training(settings)) return LS_OK;
  TRY(dataset_describe(world, settings, &shape, error));
  n = shape.train_rows + shape.valid_rows;
  if (settings->data.validation.folds > 0)
    TRY(dataset_folds(world, settings, objective->strata, &fold, &n, error));
  ls_status status = choose_numbers(settings, fold, n, split == &data->valid, split, numbers, error);
  free(fold);
  return world_agree(world, status, error);
}

/* ---- CSV ---- */

static void put_header(const row_losses_t *rows, FILE *out) {
  fputs("row", out);
  if (rows->windows != NULL) fputs(window_has_series(rows->windows) ? ",series,time" : ",time", out);
  fprintf(out, ",%s", name_of(rows));
  for (size_t h = 0; h < heads_of(rows); h++)
    fprintf(out, ",%s_%s", rows->objective->heads[h].name, name_of(rows));
  if (rows->is_anomaly != NULL) fputs(",anomaly", out);
  if (rows->labels != NULL) fputs(",label", out);
  fputc('\n', out);
}

static void put_row(const row_losses_t *rows, int64_t row, FILE *out) {
  const size_t n = heads_of(rows);
  fprintf(out, "%" PRId64, number_of(rows, row));
  if (rows->windows != NULL && window_has_series(rows->windows))
    fprintf(out, ",%" PRId64, window_series(rows->windows, row));
  if (rows->windows != NULL) fprintf(out, ",%" PRId64, window_time(rows->windows, row));
  fprintf(out, ",%.*g", DBL_DECIMAL_DIG, loss_of(rows, row));
  for (size_t h = 0; h < n; h++)
    fprintf(out, ",%.*g", DBL_DECIMAL_DIG, rows->losses[row * (int64_t)n + (int64_t)h]);
  if (rows->is_anomaly != NULL) fprintf(out, ",%d", rows->is_anomaly[row]);
  if (rows->labels != NULL) fprintf(out, ",%d", rows->labels[row]);
  fputc('\n', out);
}

static ls_status write_csv(const char *path, const row_losses_t *rows, ls_error *error) {
  enum { ROWS_OF_A_BEAT = 1024 };
  char *text = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);
  if (out == NULL) return error_set(error, LS_NO_MEMORY, "no memory for %s", path);
  put_header(rows, out);
  for (int64_t row = 0; row < rows->rows; row++) {
    if (row % ROWS_OF_A_BEAT == 0) activity_beat();
    put_row(rows, row, out);
  }
  ls_status status =
      fclose(out) == 0 ? store_write_file(path, text, error)
                       : error_set(error, LS_NO_MEMORY, "no memory for %s; HDF5 (FILE.h5) takes less", path);
  free(text);
  return status;
}

/* ---- HDF5 ---- */

static ls_status write_numbers(store_t *store, const char *name, const row_losses_t *rows,
                               int64_t (*number)(const windows_t *windows, int64_t row), ls_error *error) {
  int64_t *numbers = malloc((size_t)rows->rows * sizeof *numbers);
  if (numbers == NULL) return error_set(error, LS_NO_MEMORY, "no memory for %" PRId64 " numbers", rows->rows);
  for (int64_t row = 0; row < rows->rows; row++)
    numbers[row] = number != NULL ? number(rows->windows, row) : number_of(rows, row);
  ls_status status = store_write(store, name, STORE_I64, 1, &rows->rows, numbers, error);
  free(numbers);
  return status;
}

/* The losses of head h, or with h beyond all of them their weighted sum. */
static ls_status write_losses(store_t *store, const row_losses_t *rows, size_t h, ls_error *error) {
  const size_t n = heads_of(rows);
  char name[112];
  if (h < n)
    snprintf(name, sizeof name, "%s/%.32s", rows->objective->heads[h].name, name_of(rows));
  else
    snprintf(name, sizeof name, "%.32s", name_of(rows));
  double *losses = malloc((size_t)rows->rows * sizeof *losses);
  if (losses == NULL) return error_set(error, LS_NO_MEMORY, "no memory for %" PRId64 " losses", rows->rows);
  for (int64_t row = 0; row < rows->rows; row++)
    losses[row] = h < n ? rows->losses[row * (int64_t)n + (int64_t)h] : loss_of(rows, row);
  ls_status status = store_write(store, name, STORE_F64, 1, &rows->rows, losses, error);
  free(losses);
  return status;
}

/* An array of 0 and 1. */
static ls_status write_flags(store_t *store, const char *name, const row_losses_t *rows, const bool *flags,
                             ls_error *error) {
  uint8_t *values = malloc((size_t)rows->rows * sizeof *values);
  if (values == NULL) return error_set(error, LS_NO_MEMORY, "no memory for %" PRId64 " flags", rows->rows);
  for (int64_t row = 0; row < rows->rows; row++) values[row] = flags[row];
  ls_status status = store_write(store, name, STORE_U8, 1, &rows->rows, values, error);
  free(values);
  return status;
}

static ls_status write_arrays(store_t *store, const row_losses_t *rows, ls_error *error) {
  const size_t n = heads_of(rows);
  TRY(write_numbers(store, "row", rows, NULL, error));
  if (rows->windows != NULL) TRY(write_numbers(store, "time", rows, window_time, error));
  if (rows->windows != NULL && window_has_series(rows->windows))
    TRY(write_numbers(store, "series", rows, window_series, error));
  TRY(write_losses(store, rows, n, error));
  for (size_t h = 0; h < n; h++) TRY(write_losses(store, rows, h, error));
  if (rows->is_anomaly != NULL) TRY(write_flags(store, "anomaly", rows, rows->is_anomaly, error));
  if (rows->labels != NULL) TRY(write_flags(store, "label", rows, rows->labels, error));
  if (rows->threshold != NULL) TRY(store_write_double(store, "/", "threshold", *rows->threshold, error));
  return LS_OK;
}

ls_status row_losses_write(const char *path, const row_losses_t *rows, ls_error *error) {
  const char *dot = strrchr(path, '.');
  store_t *store = NULL;
  activity_set("writing %s", path);
  if (dot != NULL && strcmp(dot, ".csv") == 0) return write_csv(path, rows, error);
  TRY(store_create(path, &store, error));
  ls_status status = write_arrays(store, rows, error);
  if (status == LS_OK) status = store_publish(&store, error);
  store_close(&store);
  return status;
}

/* ---- the worst rows ---- */

void row_losses_print(const row_losses_t *rows, FILE *out) {
  enum { SHOWN = 5 };
  int64_t worst[SHOWN];
  int n = 0;
  for (int64_t row = 0; row < rows->rows; row++) {
    const double loss = loss_of(rows, row);
    int at = n;
    while (at > 0 &&
           (loss > loss_of(rows, worst[at - 1]) || (isnan(loss) && !isnan(loss_of(rows, worst[at - 1])))))
      at--;
    if (at == SHOWN) continue;
    if (n < SHOWN) n++;
    memmove(worst + at + 1, worst + at, (size_t)(n - 1 - at) * sizeof *worst);
    worst[at] = row;
  }
  fprintf(out, "largest %s%s:", name_of(rows), rows->name != NULL ? "s" : "es");
  for (int i = 0; i < n; i++)
    fprintf(out, "%s row %" PRId64 " (%.6g)", i > 0 ? "," : "", number_of(rows, worst[i]),
            loss_of(rows, worst[i]));
  fputc('\n', out);
}
