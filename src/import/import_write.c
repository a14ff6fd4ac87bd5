/* Writes the dataset file: each part is shuffled if requested, divided into its groups and written in blocks
 * of rows; then names and source are written and the file is published. */
#include "base/progress.h"
#include "base/random.h"
#include "data/dataset.h"
#include "import/import_impl.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WRITE_BYTES = 1 << 22, STRATIFIED_SEED = 1 };

/* Rows of one part that form one group. */
typedef struct {
  const char *name;
  int64_t first, rows;
} group_t;

/* ---- the stored type ---- */

static bool fits_float(const import_array_t *array) {
  const double *values = array->values;
  int64_t n = array->shape[0] * import_array_width(array);
  for (int64_t i = 0; i < n; i++)
    if (fabs(values[i]) > 3.4e38 || (!isnan(values[i]) && (double)(float)values[i] != values[i]))
      return false;
  return true;
}

static ls_status narrow(import_array_t *array, ls_error *error) {
  const double *values = array->values;
  size_t n = (size_t)(array->shape[0] * import_array_width(array));
  float *floats = malloc(n * sizeof *floats);
  if (floats == NULL) return error_set(error, LS_NO_MEMORY, "no memory for %zu values", n);
  for (size_t i = 0; i < n; i++) floats[i] = (float)values[i];
  free(array->values);
  array->values = floats;
  array->type = STORE_F32;
  return LS_OK;
}

/* Stores table features as float if no input loses precision. */
static ls_status narrow_features(import_t *import, ls_error *error) {
  for (size_t k = 0; k < import->n_parts; k++)
    if (import->parts[k].is_table && !fits_float(&import->parts[k].x)) return LS_OK;
  for (size_t k = 0; k < import->n_parts; k++)
    if (import->parts[k].is_table) TRY(narrow(&import->parts[k].x, error));
  return LS_OK;
}

/* ---- arrays ---- */

static ls_status write_in_order(store_t *store, const char *name, const import_array_t *array,
                                const uint32_t *order, int64_t rows, size_t row_bytes, ls_error *error) {
  int64_t piece = (int64_t)(WRITE_BYTES / row_bytes) + 1;
  unsigned char *buffer = malloc((size_t)piece * row_bytes);
  ls_status status = LS_OK;
  if (buffer == NULL)
    return error_set(error, LS_NO_MEMORY, "no memory for %" PRId64 " rows of %s", piece, name);
  progress_begin(rows, NULL, "writing %s", name);
  for (int64_t first = 0; first < rows && status == LS_OK; first += piece) {
    int64_t n = rows - first < piece ? rows - first : piece;
    for (int64_t i = 0; i < n; i++)
      memcpy(buffer + (size_t)i * row_bytes,
             (const unsigned char *)array->values + (size_t)order[first + i] * row_bytes, row_bytes);
    status = store_write_rows(store, name, first, n, array->type, buffer, error);
    progress_advance(n);
  }
  progress_end();
  free(buffer);
  return status;
}

/* `order` lists the rows of the whole part; NULL: the order of the input. */
static ls_status write_array(store_t *store, const group_t *group, const char *what,
                             const import_array_t *array, const uint32_t *order, ls_error *error) {
  char name[IMPORT_GROUP_SIZE + 8];
  snprintf(name, sizeof name, "%s/%s", group->name, what);
  int64_t shape[STORE_MAX_DIMS];
  memcpy(shape, array->shape, sizeof shape);
  shape[0] = group->rows;
  size_t row_bytes = (size_t)import_array_width(array) * store_type_size(array->type);
  TRY(store_declare(store, name, array->type, array->dims, shape, error));
  if (order != NULL)
    return write_in_order(store, name, array, order + group->first, group->rows, row_bytes, error);
  const unsigned char *rows = (const unsigned char *)array->values + (size_t)group->first * row_bytes;
  progress_begin(0, NULL, "writing %s", name);
  ls_status status = store_write_rows(store, name, 0, group->rows, array->type, rows, error);
  progress_end();
  return status;
}

static void log_array(const char *what, const import_array_t *array, int64_t rows, char *out, size_t size) {
  static const char *const types[] = {
      [STORE_U8] = "uint8",   [STORE_I32] = "int32",   [STORE_I64] = "int64",
      [STORE_U64] = "uint64", [STORE_F32] = "float32", [STORE_F64] = "float64"};
  size_t used = (size_t)snprintf(out, size, "%s (%" PRId64, what, rows);
  for (int k = 1; k < array->dims && used < size; k++)
    used += (size_t)snprintf(out + used, size - used, ", %" PRId64, array->shape[k]);
  if (used < size) snprintf(out + used, size - used, ") %s", types[array->type]);
}

static ls_status write_group(store_t *store, const import_part_t *part, const group_t *group,
                             const uint32_t *order, class_counts_t *counts, const log_t *log,
                             ls_error *error) {
  char x[128], y[128] = "no y";
  if (group->rows == 0)
    return error_set(error, LS_BAD_DATA, "%s: %" PRId64 " rows are too few: none is left for split '%s'",
                     part->input->x, part->x.shape[0], group->name);
  TRY(write_array(store, group, "x", &part->x, order, error));
  if (part->y.dims > 0) TRY(write_array(store, group, "y", &part->y, order, error));
  if (part->weights.dims > 0) TRY(write_array(store, group, "weights", &part->weights, order, error));
  if (part->series.dims > 0) TRY(write_array(store, group, "series", &part->series, order, error));
  TRY(class_counts_add(counts, part, group->name, order, group->first, group->rows, error));
  log_array("x", &part->x, group->rows, x, sizeof x);
  if (part->y.dims > 0) log_array("y", &part->y, group->rows, y, sizeof y);
  log_info(log, "%s: %s, %s", group->name, x, y);
  return LS_OK;
}

/* Group i of n ends at row floor(N (share_0 + … + share_i) + 1/2), the last at N. */
static ls_status write_groups(store_t *store, const import_options_t *options, const import_part_t *part,
                              const uint32_t *order, class_counts_t *counts, const log_t *log,
                              ls_error *error) {
  int64_t rows = part->x.shape[0], first = 0;
  bool whole = part->input->split != NULL || options->n_shares == 0;
  size_t n = whole ? 1 : options->n_shares;
  double sum = 0;
  for (size_t i = 0; i < n; i++) {
    sum += whole ? 1 : options->shares[i].share;
    int64_t end = i + 1 == n ? rows : (int64_t)floor(sum * (double)rows + 0.5);
    const char *name = part->input->split != NULL ? part->input->split
                       : whole                    ? "train"
                                                  : options->shares[i].split;
    group_t group = {.name = name, .first = first, .rows = end - first};
    TRY(write_group(store, part, &group, order, counts, log, error));
    first = end;
  }
  return LS_OK;
}

static ls_status write_series(store_t *store, const import_options_t *options, const import_part_t *part,
                              class_counts_t *counts, const log_t *log, ls_error *error) {
  uint32_t *order = NULL;
  int64_t n = 1;
  const int64_t *numbers = part->series.values;
  TRY(import_series_order(part, &order, error));
  for (int64_t i = 1; i < part->series.shape[0]; i++) n += numbers[order[i]] != numbers[order[i - 1]];
  log_info(log, "%s: %" PRId64 " series", part->input->x, n);
  ls_status status = write_groups(store, options, part, order, counts, log, error);
  free(order);
  return status;
}

/* Rows of classes that are to be split come in a stratified order unless the user says otherwise: tables are
 * often sorted by class. */
static bool is_stratified(const import_options_t *options, const import_part_t *part) {
  return options->n_shares > 1 && part->input->split == NULL && options->synthetic == NULL &&
         !options->shuffle && !options->in_order && import_has_labels(part);
}

static ls_status write_part(store_t *store, const import_options_t *options, size_t number,
                            const import_part_t *part, class_counts_t *counts, const log_t *log,
                            ls_error *error) {
  bool stratified = is_stratified(options, part);
  if (part->series.dims > 0) return write_series(store, options, part, counts, log, error);
  if (!options->shuffle && !stratified) return write_groups(store, options, part, NULL, counts, log, error);
  int64_t rows = part->x.shape[0];
  if (rows > UINT32_MAX)
    return error_set(error, LS_BAD_DATA, "%s: %" PRId64 " rows; up to 2^32 - 1 can be shuffled",
                     part->input->x, rows);
  uint32_t *order = NULL;
  if (stratified) {
    TRY(import_stratified_order(part, STRATIFIED_SEED, number, &order, error));
    log_info(log, "rows are shuffled, and each split gets its share of every class; --shuffle none keeps the "
                  "order of the file");
  } else {
    order = malloc((size_t)rows * sizeof *order);
    if (order == NULL)
      return error_set(error, LS_NO_MEMORY, "no memory for the order of %" PRId64 " rows", rows);
    random_stream_t stream = {.seed = options->shuffle_seed, .purpose = RANDOM_IMPORT, .shard = number};
    random_permutation(&stream, (size_t)rows, order);
  }
  ls_status status = write_groups(store, options, part, order, counts, log, error);
  free(order);
  return status;
}

static ls_status write_source(store_t *store, const import_options_t *options, ls_error *error) {
  char made[256];
  if (options->synthetic != NULL) {
    synthetic_describe(options->synthetic, made, sizeof made);
    return store_write_text(store, "/", "source", made, error);
  }
  if (options->source != NULL) return store_write_text(store, "/", "source", options->source, error);
  char *text = NULL;
  size_t size = 0;
  FILE *stream = open_memstream(&text, &size);
  if (stream == NULL) return error_set(error, LS_NO_MEMORY, "no memory for the list of inputs");
  for (size_t k = 0; k < options->n_inputs; k++) {
    fprintf(stream, "%s%s", k > 0 ? ", " : "", options->inputs[k].x);
    if (options->inputs[k].y != NULL) fprintf(stream, ", %s", options->inputs[k].y);
  }
  ls_status status = LS_OK;
  if (fclose(stream) != 0)
    status = error_set(error, LS_NO_MEMORY, "no memory for the list of inputs");
  else
    status = store_write_text(store, "/", "source", text, error);
  free(text);
  return status;
}

static ls_status write_class_names(store_t *store, const tables_t *labels, ls_error *error) {
  if (labels->classes.names != NULL)
    TRY(store_write_texts(store, "/", "class_names", labels->classes.names, labels->classes.n, error));
  for (size_t j = 0; labels->target_classes != NULL && j < labels->n_targets; j++) {
    char key[CLASS_NAMES_KEY_SIZE];
    class_names_key((int64_t)j, key);
    if (labels->target_classes[j].names != NULL)
      TRY(store_write_texts(store, "/", key, labels->target_classes[j].names, labels->target_classes[j].n,
                            error));
  }
  return LS_OK;
}

/* Names of features and of their categories. */
static ls_status write_columns(store_t *store, const tables_t *tables, ls_error *error) {
  char name[64];
  const char **names = calloc(tables->n_x + 1, sizeof *names);
  ls_status status = LS_OK;
  if (names == NULL) return error_set(error, LS_NO_MEMORY, "no memory for %zu names", tables->n_x);
  for (size_t f = 0; f < tables->n_x; f++) names[f] = tables->x[f].name;
  if (tables->has_names)
    TRY_OR_DONE(store_write_texts(store, "/", "feature_names", names, tables->n_x, error));
  if (tables->series.names != NULL)
    TRY_OR_DONE(store_write_texts(store, "/", "series_names", tables->series.names, tables->series.n, error));
  for (size_t f = 0; f < tables->n_x; f++) {
    const table_column_t *column = &tables->features[tables->x[f].column];
    if (column->kind != KIND_CATEGORY) continue;
    snprintf(name, sizeof name, "categories/%zu", f);
    TRY_OR_DONE(store_write_text_array(store, name, column->texts, column->n_texts, error));
    if (column->is_ordered) TRY_OR_DONE(store_write_int(store, name, "ordered", 1, error));
  }
done:
  free(names);
  return status;
}

static ls_status write_attributes(store_t *store, const import_t *import, ls_error *error) {
  const tables_t *labels = import_labels(import);
  if (labels != NULL) TRY(write_class_names(store, labels, error));
  if (import->x != NULL) TRY(write_columns(store, import->x, error));
  return write_source(store, import->options, error);
}

static void log_labels(const import_t *import, const log_t *log) {
  const import_part_t *part = &import->parts[0];
  const tables_t *labels = import_labels(import);
  if (import->options->synthetic != NULL) return;
  if (import->x != NULL) tables_report(import->x, log);
  if (part->y.dims == 0)
    log_info(log, "neither a label column nor a file of labels was named: there is no y");
  if (labels == NULL) return;
  for (size_t j = 0; labels->target_classes != NULL && j < labels->n_targets; j++)
    if (labels->target_classes[j].n > 0)
      log_info(log, "column %zu of y (counted from 0): %zu classes", j, labels->target_classes[j].n);
  if (labels->classes.n == 0) return;
  log_info(log, "%zu classes", labels->classes.n);
  if (labels->classes.n > 20 && (int64_t)labels->classes.n > part->x.shape[0] / 4)
    log_warn(log, "%zu classes in %" PRId64 " rows; if y holds numbers to predict, import with --regression",
             labels->classes.n, part->x.shape[0]);
}

static void log_weights(const import_t *import, const log_t *log) {
  if (import->parts[0].weights.dims == 0) return;
  log_info(log, "weights are beside x: data.weights=train/weights uses them (data.valid_weights, "
                "data.test_weights for other splits)");
}

ls_status import_write(import_t *import, const log_t *log, ls_error *error) {
  store_t *store = NULL;
  class_counts_t counts = {0};
  ls_status status = LS_OK;
  log_labels(import, log);
  TRY(narrow_features(import, error));
  TRY(store_create(import->options->output, &store, error));
  for (size_t k = 0; k < import->n_parts; k++)
    TRY_OR_DONE(write_part(store, import->options, k, &import->parts[k], &counts, log, error));
  TRY_OR_DONE(write_attributes(store, import, error));
  progress_begin(0, NULL, "sealing %s", import->options->output);
  status = store_publish(&store, error);
  progress_end();
  if (status == LS_OK) class_counts_report(&counts, import, log);
  if (status == LS_OK) log_weights(import, log);
done:
  class_counts_free(&counts);
  store_close(&store);
  return status;
}
