/* Converts input files, or a synthetic set, to one dataset file: reads every input completely, checks that
 * the inputs are compatible, numbers the classes of all inputs together, and writes the file
 * (import_write.c). Each input becomes one part: rows of x with rows of y. */
#include "import/import.h"

#include "base/text.h"
#include "import/import_impl.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { DEFAULT_GROUPS = 1 };

/* ---- options ---- */

static ls_status check_shares(const import_options_t *options, ls_error *error) {
  double sum = 0;
  for (size_t i = 0; i < options->n_shares; i++) {
    if (!(options->shares[i].share > 0 && options->shares[i].share <= 1))
      return error_set(error, LS_USAGE, "share %s=%g: shares must be above 0 and add up to 1",
                       options->shares[i].split, options->shares[i].share);
    sum += options->shares[i].share;
  }
  if (options->n_shares > 0 && fabs(sum - 1) > 1e-9)
    return error_set(error, LS_USAGE, "the shares add up to %.10g, not to 1", sum);
  return LS_OK;
}

/* The split that a name resembles; NULL for the name of a split and for names of other groups, like fold1. */
static const char *known_split(const char *name) {
  static const char *const known[] = {"train", "valid", "test"};
  static const char *const others[][2] = {{"training", "train"},
                                          {"val", "valid"},
                                          {"validation", "valid"},
                                          {"dev", "valid"},
                                          {"testing", "test"}};
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
    if (strcasecmp(name, others[i][0]) == 0) return others[i][1];
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
    if (strcmp(name, known[i]) == 0) return NULL;
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
    if (strcasecmp(name, known[i]) == 0 || (*name == *known[i] && text_distance(name, known[i]) <= 2))
      return known[i];
  return NULL;
}

static ls_status check_group_name(const char *name, ls_error *error) {
  if (*name == '\0' || strchr(name, '/') != NULL || strcmp(name, ".") == 0 ||
      strlen(name) >= IMPORT_GROUP_SIZE)
    return error_set(error, LS_USAGE, "'%.140s' cannot be a split's name: 1 to %d characters without /", name,
                     IMPORT_GROUP_SIZE - 1);
  const char *meant = known_split(name);
  if (meant != NULL)
    return error_set(error, LS_USAGE,
                     "split '%.60s': did you mean %s? train, valid and test are read by name", name, meant);
  return LS_OK;
}

/* The i-th group that the options ask for: first the named inputs, then the splits of the unnamed input. */
static const char *group_name(const import_options_t *options, size_t i) {
  for (size_t k = 0; k < options->n_inputs; k++) {
    if (options->inputs[k].split == NULL) continue;
    if (i-- == 0) return options->inputs[k].split;
  }
  return i < options->n_shares ? options->shares[i].split : "train";
}

static ls_status check_options(const import_options_t *options, ls_error *error) {
  size_t unnamed = 0;
  if (options->n_inputs == 0)
    return error_set(error, LS_USAGE, "nothing to import: name at least one input file");
  for (size_t k = 0; k < options->n_inputs; k++) unnamed += options->inputs[k].split == NULL;
  if (unnamed > 1)
    return error_set(error, LS_USAGE,
                     "%zu inputs without a split's name; give each its own, as in --train and --test",
                     unnamed);
  if (unnamed == 0 && options->n_shares > 0)
    return error_set(error, LS_USAGE, "--split divides an input without a split's name, and there is none");
  TRY(check_shares(options, error));
  if (options->series != NULL && (options->shuffle || options->n_shares > 0))
    return error_set(error, LS_USAGE,
                     "--series keeps rows in the order of time: leave --%s out; data.window.test and "
                     "data.validation split every series",
                     options->shuffle ? "shuffle" : "split");
  size_t groups = options->n_inputs - unnamed;
  if (unnamed > 0) groups += options->n_shares > 0 ? options->n_shares : DEFAULT_GROUPS;
  for (size_t i = 0; i < groups; i++) {
    TRY(check_group_name(group_name(options, i), error));
    for (size_t k = 0; k < i; k++)
      if (strcmp(group_name(options, i), group_name(options, k)) == 0)
        return error_set(error, LS_USAGE, "split '%s' is given twice", group_name(options, i));
  }
  return LS_OK;
}

/* ---- reading ---- */

/* Reads one file: an array, or a table if it is CSV. */
static ls_status read_input(const char *path, const csv_options_t *csv, import_array_t *array,
                            csv_table_t *table, bool *is_table, ls_error *error) {
  import_bytes_t content = {0};
  import_format_t format = FORMAT_CSV;
  TRY(import_read_file(path, &content, error));
  ls_status status = import_format(path, &content, &format, error);
  if (status == LS_OK)
    status = format == FORMAT_IDX   ? idx_read(path, &content, array, error)
             : format == FORMAT_NPY ? npy_read(path, &content, array, error)
                                    : csv_read(path, &content, csv, table, error);
  import_bytes_free(&content);
  *is_table = format == FORMAT_CSV;
  return status;
}

static void move_array(import_array_t *to, import_array_t *from) {
  *to = *from;
  *from = (import_array_t){0};
}

static ls_status read_x(const import_options_t *options, import_part_t *part, ls_error *error) {
  const char *path = part->input->x;
  csv_options_t csv = {.label = part->input->y == NULL ? options->label : NULL,
                       .series = options->series,
                       .header = options->header,
                       .delimiter = options->delimiter,
                       .regression = options->regression,
                       .missing = options->missing,
                       .keep_index = options->keep_index};
  TRY(read_input(path, &csv, &part->x, &part->table, &part->is_table, error));
  if (part->is_table) {
    move_array(&part->x, &part->table.values);
    move_array(&part->y, &part->table.targets);
  }
  if (options->label != NULL && !part->is_table)
    return error_set(
        error, LS_USAGE,
        "%s: --label names a column of a CSV file, but this is not one; name the file of labels after it",
        path);
  if (options->series != NULL && !part->is_table)
    return error_set(error, LS_USAGE,
                     "%s: --series names a column of a CSV file, but this is not one: add an array with the "
                     "series numbers to the HDF5 file, beside x",
                     path);
  if (options->label != NULL && part->input->y != NULL)
    return error_set(error, LS_USAGE, "%s: targets come from the --label column or from %s, not from both",
                     path, part->input->y);
  return LS_OK;
}

static ls_status read_y(const import_options_t *options, import_part_t *part, ls_error *error) {
  const char *path = part->input->y;
  csv_options_t csv = {.header = options->header,
                       .delimiter = options->delimiter,
                       .regression = options->regression,
                       .is_y = true};
  bool is_table = false;
  TRY(read_input(path, &csv, &part->y, &part->y_table, &is_table, error));
  if (is_table) move_array(&part->y, &part->y_table.values);
  int64_t rows = part->y_table.labels != NULL ? part->y_table.rows : part->y.shape[0];
  if (rows != part->x.shape[0])
    return error_set(error, LS_BAD_DATA, "%s has %" PRId64 " rows, but %s has %" PRId64, part->input->x,
                     part->x.shape[0], path, rows);
  bool is_integer = part->y.type != STORE_F32 && part->y.type != STORE_F64;
  if (part->y.dims > 2 || (part->y.dims == 2 && is_integer && part->y.shape[1] == 1))
    return error_set(error, LS_BAD_DATA, "%s: y must be a list of labels (n) or of rows of targets (n, k)%s",
                     path, part->y.dims > 2 ? "; are x and y exchanged?" : "; save labels as a.ravel()");
  return LS_OK;
}

static ls_status read_part(const import_options_t *options, import_part_t *part, ls_error *error) {
  if (options->synthetic != NULL) return synthetic_make(options->synthetic, &part->x, &part->y, error);
  TRY(read_x(options, part, error));
  return part->input->y != NULL ? read_y(options, part, error) : LS_OK;
}

/* ---- compatibility of the inputs ---- */

static ls_status check_rows_alike(const import_part_t *a, const import_part_t *b, ls_error *error) {
  bool alike = a->x.dims == b->x.dims;
  for (int k = 1; alike && k < a->x.dims; k++) alike = a->x.shape[k] == b->x.shape[k];
  if (!alike)
    return error_set(error, LS_BAD_DATA,
                     "a row of %s has %" PRId64 " values, a row of %s has %" PRId64 ", or other dimensions",
                     a->input->x, import_array_width(&a->x), b->input->x, import_array_width(&b->x));
  if ((a->table.names == NULL) != (b->table.names == NULL)) return LS_OK;
  for (int64_t c = 0; a->table.names != NULL && c < a->x.shape[1]; c++)
    if (strcmp(a->table.names[c], b->table.names[c]) != 0)
      return error_set(error, LS_BAD_DATA, "feature %" PRId64 " is called '%.60s' in %s and '%.60s' in %s",
                       c + 1, a->table.names[c], a->input->x, b->table.names[c], b->input->x);
  return LS_OK;
}

static const csv_table_t *label_table(const import_part_t *part) {
  return part->input->y != NULL ? &part->y_table : &part->table;
}

/* Whether a column of a table of targets holds class names. */
static bool has_classes(const import_part_t *part, int64_t column) {
  return part->y_table.classes != NULL && part->y_table.classes[column] != NULL;
}

static ls_status check_targets_alike(const import_part_t *a, const import_part_t *b, ls_error *error) {
  bool a_has = a->y.dims > 0 || label_table(a)->labels != NULL;
  bool b_has = b->y.dims > 0 || label_table(b)->labels != NULL;
  bool alike = a_has == b_has && (label_table(a)->labels == NULL) == (label_table(b)->labels == NULL) &&
               a->y.dims == b->y.dims && import_array_width(&a->y) == import_array_width(&b->y);
  bool any = a->y_table.classes != NULL || b->y_table.classes != NULL;
  for (int64_t c = 0; alike && any && c < import_array_width(&a->y); c++)
    alike = has_classes(a, c) == has_classes(b, c);
  if (alike) return LS_OK;
  return error_set(
      error, LS_BAD_DATA, "the labels or targets of %s and %s are of different kinds: %s", a->input->x,
      b->input->x,
      a_has != b_has
          ? "one has none"
          : "both must be labels, or targets of the same width with names of classes in the same columns");
}

/* ---- classes and types ---- */

static ls_status number_classes(import_t *import, ls_error *error) {
  if (label_table(&import->parts[0])->labels == NULL) return LS_OK;
  class_column_t *columns = calloc(import->n_parts, sizeof *columns);
  ls_status status = LS_OK;
  if (columns == NULL) return error_set(error, LS_NO_MEMORY, "no memory for %zu inputs", import->n_parts);
  for (size_t k = 0; k < import->n_parts; k++) {
    import_part_t *part = &import->parts[k];
    const csv_table_t *table = label_table(part);
    part->y = (import_array_t){.type = STORE_I32, .dims = 1, .shape = {table->rows}};
    part->y.values = calloc((size_t)table->rows, sizeof(int32_t));
    if (part->y.values == NULL)
      TRY_OR_DONE(error_set(error, LS_NO_MEMORY, "no memory for %" PRId64 " labels", table->rows));
    columns[k] = (class_column_t){.path = part->input->y != NULL ? part->input->y : part->input->x,
                                  .labels = table->labels,
                                  .n = table->rows,
                                  .class_names = table->class_names,
                                  .n_class_names = table->n_class_names,
                                  .classes = part->y.values};
  }
  status = import_classes(columns, import->n_parts, &import->class_names, &import->n_classes, error);
done:
  free(columns);
  return status;
}

/* Replaces the class names in column c of the targets by numbers that are common to all inputs. */
static ls_status number_column(import_t *import, int64_t c, class_column_t *columns, ls_error *error) {
  int64_t width = import_array_width(&import->parts[0].y);
  size_t rows = 0, at = 0;
  for (size_t k = 0; k < import->n_parts; k++) rows += (size_t)import->parts[k].y_table.rows;
  char **labels = calloc(rows, sizeof *labels);
  int32_t *classes = calloc(rows, sizeof *classes);
  ls_status status = LS_OK;
  if (labels == NULL || classes == NULL)
    TRY_OR_DONE(error_set(error, LS_NO_MEMORY, "no memory for %zu labels", rows));
  for (size_t k = 0; k < import->n_parts; k++) {
    const import_part_t *part = &import->parts[k];
    columns[k] = (class_column_t){
        .path = part->input->y, .labels = labels + at, .n = part->y_table.rows, .classes = classes + at};
    for (int64_t i = 0; i < part->y_table.rows; i++, at++) labels[at] = part->y_table.classes[i * width + c];
  }
  import_names_t *names = &import->columns[c];
  TRY_OR_DONE(import_classes(columns, import->n_parts, &names->names, &names->n, error));
  for (size_t k = 0; k < import->n_parts; k++) {
    double *values = import->parts[k].y.values;
    for (int64_t i = 0; i < columns[k].n; i++) values[i * width + c] = (double)columns[k].classes[i];
  }
done:
  free(labels);
  free(classes);
  return status;
}

static ls_status number_columns(import_t *import, ls_error *error) {
  const import_part_t *first = &import->parts[0];
  int64_t width = first->y_table.classes != NULL ? import_array_width(&first->y) : 0;
  if (width == 0) return LS_OK;
  class_column_t *columns = calloc(import->n_parts, sizeof *columns);
  import->columns = calloc((size_t)width, sizeof *import->columns);
  ls_status status = LS_OK;
  if (columns == NULL || import->columns == NULL)
    status = error_set(error, LS_NO_MEMORY, "no memory for the classes of %" PRId64 " columns", width);
  for (int64_t c = 0; c < width && status == LS_OK; c++)
    if (has_classes(first, c)) status = number_column(import, c, columns, error);
  free(columns);
  return status;
}

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

/* ---- the whole ---- */

static ls_status run(import_t *import, const log_t *log, ls_error *error) {
  const import_part_t *parts = import->parts;
  for (size_t k = 0; k < import->n_parts; k++) {
    import->parts[k].input = &import->options->inputs[k];
    TRY(read_part(import->options, &import->parts[k], error));
    TRY(check_rows_alike(&parts[0], &parts[k], error));
    TRY(check_targets_alike(&parts[0], &parts[k], error));
  }
  TRY(number_classes(import, error));
  TRY(number_columns(import, error));
  if (import->options->series != NULL) TRY(import_series(import, error));
  TRY(narrow_features(import, error));
  return import_write(import, log, error);
}

/* Whether two files have the same bytes. */
static bool same_bytes(const char *a, const char *b) {
  enum { PIECE = 1 << 16 };
  static char of_a[PIECE], of_b[PIECE];
  FILE *files[2] = {fopen(a, "rb"), fopen(b, "rb")};
  bool same = files[0] != NULL && files[1] != NULL;
  for (size_t n = 1; same && n > 0;) {
    n = fread(of_a, 1, PIECE, files[0]);
    same = fread(of_b, 1, PIECE, files[1]) == n && memcmp(of_a, of_b, n) == 0;
  }
  for (int i = 0; i < 2; i++)
    if (files[i] != NULL) fclose(files[i]);
  return same;
}

/* An output that exists is replaced only if the user says so. An import of the same content changes nothing
 * (files carry no times), so commands may be repeated. */
static ls_status import_beside(const import_options_t *options, const log_t *log, ls_error *error) {
  char beside[4096];
  int length = snprintf(beside, sizeof beside, "%s.new", options->output);
  if (length < 0 || (size_t)length >= sizeof beside)
    return error_set(error, LS_USAGE, "%.80s…: too long a path", options->output);
  import_options_t other = *options;
  other.output = beside;
  other.overwrite = true;
  TRY(import_run(&other, log, error));
  bool same = same_bytes(beside, options->output);
  unlink(beside);
  if (same) {
    log_info(log, "%s holds this already", options->output);
    return LS_OK;
  }
  return error_set(
      error, LS_USAGE,
      "%s exists and holds something else: choose another name, or give --overwrite to replace it",
      options->output);
}

ls_status import_run(const import_options_t *options, const log_t *log, ls_error *error) {
  import_options_t settled = *options;
  synthetic_t set = {0};
  TRY(check_options(options, error));
  if (!options->overwrite && access(options->output, F_OK) == 0) return import_beside(options, log, error);
  if (options->synthetic != NULL) {
    TRY(synthetic_settle(options->synthetic, &set, error));
    settled.synthetic = &set;
  }
  import_t import = {.options = &settled, .n_parts = options->n_inputs};
  import.parts = calloc(import.n_parts, sizeof *import.parts);
  if (import.parts == NULL) return error_set(error, LS_NO_MEMORY, "no memory for %zu inputs", import.n_parts);
  ls_status status = run(&import, log, error);
  int64_t width = import.columns != NULL ? import_array_width(&import.parts[0].y) : 0;
  for (int64_t c = 0; c < width; c++) free(import.columns[c].names);
  free(import.columns);
  for (size_t k = 0; k < import.n_parts; k++) {
    import_array_free(&import.parts[k].x);
    import_array_free(&import.parts[k].y);
    import_array_free(&import.parts[k].series);
    csv_table_free(&import.parts[k].table);
    csv_table_free(&import.parts[k].y_table);
  }
  free(import.parts);
  free(import.class_names);
  free(import.series_names);
  return status;
}
