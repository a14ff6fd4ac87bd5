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
  size_t piped = 0;
  for (size_t k = 0; k < options->n_inputs && options->synthetic == NULL; k++)
    piped += (size_t)file_is_standard_input(options->inputs[k].x) +
             (options->inputs[k].y != NULL && file_is_standard_input(options->inputs[k].y));
  if (piped > 1) return error_set(error, LS_USAGE, "the standard input (-) can be read only once");
  if (unnamed > 1)
    return error_set(error, LS_USAGE,
                     "%zu inputs without a split's name; give each its own, as in --train and --test",
                     unnamed);
  if (unnamed == 0 && options->n_shares > 0)
    return error_set(error, LS_USAGE, "--split divides an input without a split's name, and there is none");
  TRY(check_shares(options, error));
  if (options->table.series != NULL && (options->shuffle || options->n_shares > 0))
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

/* Whether an option about columns of a table is given; *name is the option. */
static bool asks_for_columns(const import_options_t *options, const char **name) {
  const table_options_t *columns = &options->table;
  const struct {
    const char *name;
    bool is_given;
  } given[] = {{"label", columns->labels.n > 0},      {"series", columns->series != NULL},
               {"weights", columns->weights != NULL}, {"categorical", columns->categorical.n > 0},
               {"numeric", columns->numeric.n > 0},   {"drop", columns->drop.n > 0},
               {"cyclic", columns->cyclic.n > 0},     {"ordered", columns->ordered.n > 0}};
  for (size_t i = 0; i < sizeof given / sizeof given[0]; i++)
    if (given[i].is_given) {
      *name = given[i].name;
      return true;
    }
  return false;
}

static ls_status check_columns_of_array(const import_options_t *options, const import_part_t *part,
                                        ls_error *error) {
  const char *name = NULL;
  if (part->is_table || !asks_for_columns(options, &name)) return LS_OK;
  const char *advice = part->sparse.rows > 0        ? "libsvm format has a label at the beginning of each row"
                       : strcmp(name, "label") == 0 ? "name the file of labels after it"
                       : strcmp(name, "series") == 0
                           ? "add an array with the series numbers to the HDF5 file, "
                             "beside x"
                           : "convert the array to a table first";
  return error_set(error, LS_USAGE, "%s: --%s names a column of a table, but this is not one: %s",
                   part->input->x, name, advice);
}

static ls_status read_x(const import_options_t *options, import_part_t *part, ls_error *error) {
  import_content_t content = {0};
  TRY(import_read(part->input->x, import_most_memory(options), &content, error));
  part->x = content.array;
  part->sparse = content.sparse;
  part->is_table = content.is_table;
  part->y_is_table = content.sparse.rows > 0;
  *(part->y_is_table ? &part->y_table : &part->table) = content.table;
  return check_columns_of_array(options, part, error);
}

static ls_status read_y(const import_options_t *options, import_part_t *part, ls_error *error) {
  const char *path = part->input->y;
  import_content_t content = {0};
  if (part->sparse.rows > 0)
    return error_set(error, LS_USAGE, "%s: libsvm format holds features and labels: name it without %s",
                     part->input->x, path);
  if (options->table.labels.n > 0)
    return error_set(error, LS_USAGE, "%s: targets come from the --label column or from %s, not from both",
                     part->input->x, path);
  TRY(import_read(path, import_most_memory(options), &content, error));
  if (content.sparse.rows > 0) {
    import_content_free(&content);
    return error_set(error, LS_USAGE, "%s: libsvm format holds features and labels: name it alone", path);
  }
  part->y = content.array;
  part->y_table = content.table;
  part->y_is_table = content.is_table;
  return LS_OK;
}

/* An array of rows, whose values it takes; no array without values. */
static import_array_t take_array(store_type_t type, int dims, int64_t rows, size_t width, void *values) {
  if (values == NULL) return (import_array_t){0};
  return (import_array_t){.type = type, .dims = dims, .shape = {rows, (int64_t)width}, .values = values};
}

static void take_rows(import_part_t *part, const tables_t *tables, table_rows_t *rows, bool is_y) {
  const table_rows_t r = *rows;
  *rows = (table_rows_t){.rows = r.rows};
  if (r.classes != NULL) part->y = take_array(STORE_I32, 1, r.rows, 1, r.classes);
  if (r.targets != NULL) part->y = take_array(STORE_F64, 2, r.rows, tables->n_targets, r.targets);
  if (is_y) return;
  part->x = take_array(STORE_F64, 2, r.rows, tables->n_x, r.x);
  part->series = take_array(STORE_I64, 1, r.rows, 1, r.series);
  part->weights = take_array(STORE_F64, 1, r.rows, 1, r.weights);
}

static table_place_t place_of(const import_part_t *part, bool is_y) {
  const import_table_t *table = is_y ? &part->y_table : &part->table;
  return (table_place_t){.path = is_y && part->input->y != NULL ? part->input->y : part->input->x,
                         .memory = (const char *)table->text.bytes,
                         .size = table->text.size,
                         .made = table->is_made ? &table->made : NULL};
}

/* Reads all tables of features, or of labels and targets, together. */
static ls_status read_tables(import_t *import, bool is_y, tables_t **out, ls_error *error) {
  table_options_t options = import->options->table;
  table_place_t *places = calloc(import->n_parts, sizeof *places);
  size_t n = 0;
  if (places == NULL) return error_set(error, LS_NO_MEMORY, "no memory for %zu inputs", import->n_parts);
  options.is_y = is_y;
  options.reading.most = import_most_memory(import->options);
  for (size_t k = 0; k < import->n_parts; k++) {
    const import_part_t *part = &import->parts[k];
    if (is_y ? part->y_is_table : part->is_table) places[n++] = place_of(part, is_y);
  }
  ls_status status = n == 0 ? LS_OK : tables_read(places, n, &options, out, error);
  free(places);
  n = 0;
  for (size_t k = 0; k < import->n_parts && status == LS_OK; k++) {
    import_part_t *part = &import->parts[k];
    if (is_y ? part->y_is_table : part->is_table) take_rows(part, *out, &(*out)->rows[n++], is_y);
  }
  return status;
}

static ls_status check_y(const import_part_t *part, ls_error *error) {
  const char *path = part->input->y;
  if (path == NULL) return LS_OK;
  if (part->y.shape[0] != part->x.shape[0])
    return error_set(error, LS_BAD_DATA, "%s has %" PRId64 " rows, but %s has %" PRId64, part->input->x,
                     part->x.shape[0], path, part->y.shape[0]);
  bool is_integer = part->y.type != STORE_F32 && part->y.type != STORE_F64;
  if (part->y.dims > 2 || (part->y.dims == 2 && is_integer && part->y.shape[1] == 1))
    return error_set(error, LS_BAD_DATA, "%s: y must be a list of labels (n) or of rows of targets (n, k)%s",
                     path, part->y.dims > 2 ? "; are x and y exchanged?" : "; save labels as a.ravel()");
  return LS_OK;
}

/* ---- compatibility of the inputs ---- */

static ls_status check_rows_alike(const import_part_t *a, const import_part_t *b, ls_error *error) {
  bool alike = a->x.dims == b->x.dims;
  for (int k = 1; alike && k < a->x.dims; k++) alike = a->x.shape[k] == b->x.shape[k];
  if (alike) return LS_OK;
  return error_set(error, LS_BAD_DATA,
                   "a row of %s has %" PRId64 " values, a row of %s has %" PRId64 ", or other dimensions",
                   a->input->x, import_array_width(&a->x), b->input->x, import_array_width(&b->x));
}

static ls_status check_targets_alike(const import_t *import, const import_part_t *a, const import_part_t *b,
                                     ls_error *error) {
  bool a_has = a->y.dims > 0, b_has = b->y.dims > 0;
  bool alike = a->y.dims == b->y.dims && import_array_width(&a->y) == import_array_width(&b->y);
  if (import->y != NULL && (import->y->has_classes || import->y->target_classes != NULL)) {
    bool names = import->y->has_classes;
    for (size_t j = 0; j < import->y->n_targets && !names; j++) names = import->y->target_classes[j].n > 0;
    alike = alike && (!names || a->y_is_table == b->y_is_table);
  }
  if (alike) return LS_OK;
  return error_set(
      error, LS_BAD_DATA, "the labels or targets of %s and %s are of different kinds: %s", a->input->x,
      b->input->x,
      a_has != b_has
          ? "one has none"
          : "both must be labels, or targets of the same width with names of classes in the same columns");
}

/* ---- the whole ---- */

static ls_status read_parts(import_t *import, const log_t *log, ls_error *error) {
  const import_options_t *options = import->options;
  for (size_t k = 0; k < import->n_parts; k++) {
    import_part_t *part = &import->parts[k];
    part->input = &options->inputs[k];
    TRY(read_x(options, part, error));
    if (part->input->y != NULL) TRY(read_y(options, part, error));
  }
  TRY(import_settle_sparse(import, import_most_memory(options), log, error));
  TRY(read_tables(import, false, &import->x, error));
  TRY(read_tables(import, true, &import->y, error));
  for (size_t k = 0; k < import->n_parts; k++) {
    TRY(check_y(&import->parts[k], error));
    TRY(check_rows_alike(&import->parts[0], &import->parts[k], error));
    TRY(check_targets_alike(import, &import->parts[0], &import->parts[k], error));
  }
  return LS_OK;
}

static ls_status run(import_t *import, const log_t *log, ls_error *error) {
  if (import->options->synthetic != NULL) {
    import->parts[0].input = &import->options->inputs[0];
    TRY(synthetic_make(import->options->synthetic, &import->parts[0].x, &import->parts[0].y, error));
    return import_write(import, log, error);
  }
  TRY(read_parts(import, log, error));
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

/* Runs an import whose inputs are single arrays and tables. */
static ls_status run_settled(const import_options_t *options, const log_t *log, ls_error *error) {
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
  tables_free(&import.x);
  tables_free(&import.y);
  for (size_t k = 0; k < import.n_parts; k++) {
    import_part_t *part = &import.parts[k];
    import_array_free(&part->x);
    import_array_free(&part->y);
    import_array_free(&part->series);
    import_array_free(&part->weights);
    sparse_free(&part->sparse);
    import_table_free(&part->table);
    import_table_free(&part->y_table);
  }
  free(import.parts);
  return status;
}

ls_status import_run(const import_options_t *options, const log_t *log, ls_error *error) {
  import_options_t settled = *options;
  import_input_t *inputs = NULL;
  if (options->synthetic == NULL) TRY(npz_expand(options, &inputs, &settled.n_inputs, error));
  if (inputs != NULL) settled.inputs = inputs;
  ls_status status = run_settled(&settled, log, error);
  free(inputs);
  return status;
}
