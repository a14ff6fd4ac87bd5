/* CSV tables: finds the header line and the label column; every other cell must be a finite number. A missing
 * value or a word in place of a number is an error that names line and column, because an importer must not
 * guess values. */
#include "base/text.h"
#include "import/csv_reader.h"
#include "import/import_impl.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

typedef enum { HEADER_NONE, HEADER_NAMES, HEADER_COUNTS } header_t;

/* A table while it is being read. */
typedef struct {
  const csv_options_t *options;
  csv_reader_t reader;
  csv_record_t first, record; /* the first record; the current record, from the second on */
  header_t header;
  size_t columns;
  int64_t label;  /* column, -1: none */
  int64_t series; /* column, -1: none */
  bool numbers_are_names;
  bool may_be_index;    /* the first column is called like an index; its cells decide ... */
  bool skips_index;     /* ... at once if they are texts: then the column is not a feature */
  int64_t next_index;   /* ... or after all rows: the number that an index would have in the next row, -1 if a
                           row had another one */
  bool label_is_target; /* the label is a number to predict */
  size_t features;
  int64_t rows, room;  /* rows filled, rows allocated in the arrays below */
  double *values;      /* (room, features) */
  double *targets;     /* (room) */
  char **labels;       /* (room) */
  char **series_names; /* (room) */
  bool *is_class;      /* (features): columns of a table of targets that hold class names, not numbers */
  bool has_classes;    /* whether any column does */
  char **classes;      /* (room, features): the class names, NULL for numbers; NULL without such columns */
} table_t;

/* ---- cells ---- */

static bool is_missing(const char *cell) {
  static const char *const marks[] = {"", "?", "NA", "N/A", "NaN", "nan", "null", "NULL"};
  for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++)
    if (strcmp(cell, marks[i]) == 0) return true;
  return false;
}

bool csv_number(const char *cell, double *out) {
  return strpbrk(cell, "xX") == NULL && text_double(cell, out);
}

static bool is_number(const char *cell) {
  double value = 0;
  return csv_number(cell, &value);
}

static bool is_name(const char *cell) {
  return !is_missing(cell) && !is_number(cell);
}

/* Sets the error "FILE:LINE: column N (NAME): what". The name appears only if there is a header. */
static ls_status bad_cell(const table_t *table, size_t column, const char *cell, const char *what,
                          ls_error *error) {
  bool named = table->header == HEADER_NAMES && table->first.cells[column][0] != '\0';
  return error_set(error, LS_BAD_DATA, "%s:%" PRId64 ": column %zu%s%.60s%s: '%.60s' %s", table->reader.path,
                   table->record.line, column + 1, named ? " (" : "", named ? table->first.cells[column] : "",
                   named ? ")" : "", cell, what);
}

static ls_status parse_number(const table_t *table, size_t column, double *out, ls_error *error) {
  const char *cell = table->record.cells[column];
  bool is_feature = (int64_t)column != table->label && !table->options->is_y;
  if (is_missing(cell) && table->options->missing && is_feature) {
    *out = NAN;
    return LS_OK;
  }
  if (is_missing(cell))
    return bad_cell(table, column, cell,
                    "is a missing value; fill it in or leave the row out, or import features with --missing",
                    error);
  if (!csv_number(cell, out))
    return bad_cell(
        table, column, cell,
        "is not a number; name a column of classes with --label, and a first line of names with --header",
        error);
  if (!isfinite(*out)) return bad_cell(table, column, cell, "is not a finite number", error);
  return LS_OK;
}

/* If the first cell of a target column is a name, all of its cells must be class names. */
static ls_status parse_class(const table_t *table, size_t column, char **out, ls_error *error) {
  char *cell = table->record.cells[column];
  if (!is_name(cell))
    return bad_cell(table, column, cell,
                    is_missing(cell) ? "is a missing class; fill it in or leave the row out"
                                     : "is a number, but the column began with a name: a column holds either "
                                       "numbers or names of classes",
                    error);
  *out = cell;
  return LS_OK;
}

/* ---- the first line ---- */

/* Recognises scikit-learn's first line "rows,features,class names", used for tables whose last column is the
 * label. */
static bool is_counts_header(const table_t *table) {
  const csv_record_t *first = &table->first;
  int64_t rows = 0, features = 0;
  if (first->n < 3 || !text_int64(first->cells[0], &rows) || !text_int64(first->cells[1], &features))
    return false;
  for (size_t c = 2; c < first->n; c++)
    if (!is_name(first->cells[c])) return false;
  return features == (int64_t)table->columns - 1 && rows == csv_remaining(&table->reader) + 1;
}

/* Whether the first line numbers the features: 0, 1, 2, … or 1, 2, 3, …, for two features or more. Such
 * numbers are column names. */
static bool counts_columns(const csv_record_t *first, int64_t label) {
  int64_t start = 0, features = 0;
  for (size_t c = 0; c < first->n; c++) {
    int64_t number = 0;
    if ((int64_t)c == label) continue;
    if (!text_int64(first->cells[c], &number)) return false;
    if (features == 0) start = number;
    if (number != start + features++) return false;
  }
  return features >= 2;
}

/* Whether a line of three or more cells holds consecutive whole numbers, or years that increase. */
static bool counts_or_years(const csv_record_t *line) {
  enum { FIRST_YEAR = 1500, LAST_YEAR = 2200 };
  bool counts = line->n >= 3, years = line->n >= 3;
  int64_t before = 0;
  for (size_t c = 0; c < line->n; c++) {
    int64_t number = 0;
    if (!text_int64(line->cells[c], &number)) return false;
    counts = counts && (c == 0 || number == before + 1);
    years = years && number >= FIRST_YEAR && number <= LAST_YEAR && (c == 0 || number > before);
    before = number;
  }
  return counts || years;
}

/* Whether a first line of numbers is a header: 0, 1, 2, … or years, above a line that is neither. */
static bool is_numbers_header(const table_t *table) {
  return table->record.n == table->first.n && counts_or_years(&table->first) &&
         !counts_or_years(&table->record);
}

/* Whether the first line is a header: it names all features (the first name may be empty, as in tables with
 * an index), or it numbers the features and has a name above a numeric label. A first line that holds some
 * other numbers is a row. */
static bool is_names_header(const table_t *table, int64_t label) {
  const csv_record_t *first = &table->first, *second = &table->record;
  size_t names = 0, features = 0;
  for (size_t c = 0; c < first->n; c++) {
    if ((int64_t)c == label) continue;
    features++;
    names += is_name(first->cells[c]) || (c == 0 && first->n > 2 && first->cells[c][0] == '\0');
  }
  if (features > 0 && names == features) return true;
  bool has_label = label >= 0 && (size_t)label < first->n && (size_t)label < second->n;
  return has_label && (features == 0 || counts_columns(first, label)) && is_name(first->cells[label]) &&
         is_number(second->cells[label]);
}

static int64_t find_name(const csv_record_t *names, const char *label) {
  for (size_t c = 0; c < names->n; c++)
    if (strcmp(names->cells[c], label) == 0) return (int64_t)c;
  return -1;
}

static ls_status no_such_column(const table_t *table, const char *column, bool is_index, ls_error *error) {
  const char *path = table->reader.path;
  if (is_index)
    return error_set(error, LS_BAD_DATA,
                     "%s: column %s: indices of its %zu columns are 0 to %zu, or -1 to -%zu", path, column,
                     table->columns, table->columns - 1, table->columns);
  if (table->header == HEADER_COUNTS || table->options->header == 0)
    return error_set(
        error, LS_BAD_DATA,
        "%s: no header names a column '%s'; give the column's index (from 0, or -1 for the last)", path,
        column);
  char names[LS_MESSAGE_SIZE / 2] = "";
  size_t used = 0;
  for (size_t c = 0; c < table->first.n && used < sizeof names; c++)
    used +=
        (size_t)snprintf(names + used, sizeof names - used, "%s%s", c > 0 ? ", " : "", table->first.cells[c]);
  return error_set(error, LS_BAD_DATA,
                   "%s: the first line names no column '%s', only: %s; give one of these, or the column's "
                   "index (from 0, or -1 for the last)",
                   path, column, names);
}

/* Finds the column of series by its name in the header or by its index. */
static ls_status decide_series(table_t *table, ls_error *error) {
  const char *column = table->options->series;
  int64_t columns = (int64_t)table->columns, index = -1;
  table->series = -1;
  if (column == NULL) return LS_OK;
  bool is_index = text_int64(column, &index);
  int64_t position = is_index && index < 0 ? index + columns : index;
  int64_t named = table->header == HEADER_NAMES ? find_name(&table->first, column) : -1;
  if (named >= 0) position = named;
  if (position < 0 || position >= columns) return no_such_column(table, column, is_index, error);
  if (position == table->label)
    return error_set(error, LS_USAGE, "%s: --label and --series name the same column", table->reader.path);
  table->series = position;
  table->features--;
  return LS_OK;
}

/* No two columns may have one name: settings and predictions find columns by their names. */
static ls_status check_names(const table_t *table, ls_error *error) {
  const csv_record_t *names = &table->first;
  for (size_t a = 0; a < names->n && table->header == HEADER_NAMES; a++)
    for (size_t b = a + 1; b < names->n && names->cells[a][0] != '\0'; b++)
      if (strcmp(names->cells[a], names->cells[b]) == 0)
        return error_set(error, LS_BAD_DATA, "%s: columns %zu and %zu are both called '%.60s': rename one",
                         table->reader.path, a + 1, b + 1, names->cells[a]);
  return LS_OK;
}

/* pandas and R write a first column that numbers or names the rows. As a feature it would tell the network
 * the order of the file. */
static void find_index(table_t *table) {
  static const char *const names[] = {"", "index", "Unnamed: 0", "rownames", "row.names", "X.1", "...1"};
  if (table->header != HEADER_NAMES || table->options->keep_index || table->options->is_y ||
      table->label == 0 || table->series == 0 || table->features < 2 || table->record.n == 0)
    return;
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    table->may_be_index |= strcasecmp(table->first.cells[0], names[i]) == 0;
  if (!table->may_be_index) return;
  int64_t first = 0;
  table->skips_index = is_name(table->record.cells[0]);
  bool counts = text_int64(table->record.cells[0], &first) && (first == 0 || first == 1);
  table->next_index = counts ? first : -1;
  if (table->skips_index) table->features--;
}

/* Decides on header and label column together: an index may also be a column name, and a name requires a
 * header. */
static ls_status decide_header(table_t *table, ls_error *error) {
  const csv_options_t *options = table->options;
  table->columns = table->record.n > 0 ? table->record.n : table->first.n;
  int64_t columns = (int64_t)table->columns, index = -1;
  bool is_index = options->label != NULL && text_int64(options->label, &index);
  bool alone = options->is_y && !options->regression && columns == 1; /* a file with labels only */
  int64_t position = alone ? 0 : index < 0 && is_index ? index + columns : index;
  if (options->header != 0 && is_counts_header(table))
    table->header = HEADER_COUNTS;
  else if (options->header == 1 || (options->header == -1 && is_names_header(table, position)))
    table->header = HEADER_NAMES;
  else if (options->header == -1 && !options->is_y && is_numbers_header(table))
    table->header = HEADER_NAMES, table->numbers_are_names = true;
  int64_t named = -1;
  if (options->label != NULL && table->header != HEADER_COUNTS && options->header != 0)
    named = find_name(&table->first, options->label);
  if (named >= 0 && !is_index) table->header = HEADER_NAMES;
  if (named >= 0 && table->header == HEADER_NAMES) position = named;
  bool wanted = options->label != NULL || alone;
  if (wanted && (position < 0 || position >= columns))
    return no_such_column(table, options->label, is_index, error);
  table->label = wanted ? position : -1;
  table->label_is_target = wanted && options->regression;
  table->features = table->columns - (size_t)wanted;
  TRY(decide_series(table, error));
  TRY(check_names(table, error));
  find_index(table);
  if (table->features == 0 && !alone)
    return error_set(error, LS_BAD_DATA,
                     "%s: there are no columns besides those of --label and --series, so no features; is the "
                     "delimiter '%c'?",
                     table->reader.path, table->reader.delimiter);
  return LS_OK;
}

/* ---- rows ---- */

static ls_status make_room(table_t *table, ls_error *error) {
  if (table->rows < table->room) return LS_OK;
  size_t room = table->room == 0 ? 1024 : 2 * (size_t)table->room;
  bool short_of = false;
  if (table->features > 0) {
    double *values = reallocarray(table->values, room, table->features * sizeof *values);
    short_of |= values == NULL;
    if (values != NULL) table->values = values;
  }
  if (table->has_classes) {
    char **classes = reallocarray(table->classes, room, table->features * sizeof *classes);
    short_of |= classes == NULL;
    if (classes != NULL) table->classes = classes;
  }
  if (table->label_is_target) {
    double *targets = reallocarray(table->targets, room, sizeof *targets);
    short_of |= targets == NULL;
    if (targets != NULL) table->targets = targets;
  } else if (table->label >= 0) {
    char **labels = reallocarray(table->labels, room, sizeof *labels);
    short_of |= labels == NULL;
    if (labels != NULL) table->labels = labels;
  }
  if (table->series >= 0) {
    char **series = reallocarray(table->series_names, room, sizeof *series);
    short_of |= series == NULL;
    if (series != NULL) table->series_names = series;
  }
  if (short_of)
    return error_set(error, LS_NO_MEMORY, "%s: no memory for %zu rows of %zu columns", table->reader.path,
                     room, table->columns);
  table->room = (int64_t)room;
  return LS_OK;
}

/* Stores the cell of one feature or target in the current row. */
static ls_status add_value(table_t *table, size_t column, size_t feature, ls_error *error) {
  size_t at = (size_t)table->rows * table->features + feature;
  if (table->classes != NULL) table->classes[at] = NULL;
  if (!table->is_class[feature]) return parse_number(table, column, &table->values[at], error);
  table->values[at] = NAN; /* placeholder until the classes are numbered */
  return parse_class(table, column, &table->classes[at], error);
}

/* Finds the columns of class names; the first row decides. */
static ls_status find_classes(table_t *table, ls_error *error) {
  size_t feature = 0;
  table->is_class = calloc(table->features + 1, sizeof *table->is_class);
  if (table->is_class == NULL)
    return error_set(error, LS_NO_MEMORY, "%s: no memory for %zu columns", table->reader.path,
                     table->columns);
  for (size_t c = 0; c < table->columns && table->options->is_y; c++) {
    if ((int64_t)c == table->label) continue;
    table->is_class[feature] = is_name(table->record.cells[c]);
    table->has_classes = table->has_classes || table->is_class[feature++];
  }
  return LS_OK;
}

static ls_status add_row(table_t *table, ls_error *error) {
  const csv_record_t *record = &table->record;
  if (record->n != table->columns)
    return error_set(error, LS_BAD_DATA,
                     "%s:%" PRId64 ": %zu cell%s where other rows have %zu (delimiter '%s')",
                     table->reader.path, record->line, record->n, record->n == 1 ? "" : "s", table->columns,
                     table->reader.delimiter == '\t' ? "tab" : (char[]){table->reader.delimiter, '\0'});
  if (table->rows == 0) TRY(find_classes(table, error));
  TRY(make_room(table, error));
  size_t feature = 0;
  if (table->may_be_index && table->next_index >= 0) {
    int64_t number = -1;
    bool follows = text_int64(record->cells[0], &number) && number == table->next_index;
    table->next_index = follows ? number + 1 : -1;
  }
  for (size_t c = table->skips_index ? 1 : 0; c < record->n; c++) {
    if ((int64_t)c == table->series) {
      if (is_missing(record->cells[c]))
        return bad_cell(table, c, record->cells[c], "names no series; fill it in or leave the row out",
                        error);
      table->series_names[table->rows] = record->cells[c];
    } else if ((int64_t)c != table->label) {
      TRY(add_value(table, c, feature++, error));
    } else if (table->label_is_target) {
      TRY(parse_number(table, c, &table->targets[table->rows], error));
    } else {
      if (is_missing(record->cells[c]))
        return bad_cell(table, c, record->cells[c], "is a missing label; fill it in or leave the row out",
                        error);
      table->labels[table->rows] = record->cells[c];
    }
  }
  table->rows++;
  return LS_OK;
}

static void swap_records(table_t *table) {
  csv_record_t kept = table->first;
  table->first = table->record;
  table->record = kept;
}

static ls_status read_rows(table_t *table, ls_error *error) {
  TRY(csv_next(&table->reader, &table->first, error));
  TRY(csv_next(&table->reader, &table->record, error));
  TRY(decide_header(table, error));
  if (table->header == HEADER_NAMES && table->first.n != table->columns)
    return error_set(error, LS_BAD_DATA, "%s:%" PRId64 ": %zu cells below a header of %zu",
                     table->reader.path, table->record.line, table->columns, table->first.n);
  if (table->header == HEADER_NONE && table->first.n > 0) {
    swap_records(table);
    TRY(add_row(table, error));
    swap_records(table);
  }
  while (table->record.n > 0) {
    TRY(add_row(table, error));
    TRY(csv_next(&table->reader, &table->record, error));
  }
  if (table->rows == 0) return error_set(error, LS_BAD_DATA, "%s: no row of data", table->reader.path);
  return LS_OK;
}

/* ---- the result ---- */

/* Removes the first feature, an index, from all rows. */
static void drop_first_feature(table_t *table) {
  size_t n = table->features - 1;
  for (int64_t i = 0; i < table->rows; i++)
    memmove(table->values + (size_t)i * n, table->values + (size_t)i * (n + 1) + 1, n * sizeof(double));
  table->features = n;
}

/* Moves the table to *out. The header's cells, in the order of the features, become the feature names. */
static void hand_over(table_t *table, csv_table_t *out) {
  bool counts_rows = table->may_be_index && !table->skips_index && table->next_index >= 0;
  bool has_index = table->skips_index || counts_rows;
  if (counts_rows) drop_first_feature(table);
  *out = (csv_table_t){.rows = table->rows,
                       .label_column = table->label,
                       .labels = table->labels,
                       .index = has_index ? table->first.cells[0] : NULL,
                       .numbers_are_names = table->numbers_are_names,
                       .series = table->series_names,
                       .classes = table->classes};
  if (table->features > 0)
    out->values = (import_array_t){.type = STORE_F64,
                                   .dims = 2,
                                   .shape = {table->rows, (int64_t)table->features},
                                   .values = table->values};
  if (table->label_is_target)
    out->targets =
        (import_array_t){.type = STORE_F64, .dims = 2, .shape = {table->rows, 1}, .values = table->targets};
  char **cells = table->first.cells;
  if (table->header == HEADER_NAMES) {
    size_t n = 0;
    for (size_t c = has_index ? 1 : 0; c < table->first.n; c++)
      if ((int64_t)c != table->label && (int64_t)c != table->series) cells[n++] = cells[c];
    out->names = cells;
  } else if (table->header == HEADER_COUNTS && table->labels != NULL &&
             table->label == (int64_t)table->columns - 1) {
    out->n_class_names = table->first.n - 2;
    memmove(cells, cells + 2, out->n_class_names * sizeof *cells);
    out->class_names = cells;
  }
  if (out->names == NULL && out->class_names == NULL) free(cells);
}

ls_status csv_read(const char *path, import_bytes_t *content, const csv_options_t *options, csv_table_t *out,
                   ls_error *error) {
  table_t table = {.options = options, .label = -1, .series = -1};
  TRY(csv_open(path, (char *)content->bytes, content->size, options->delimiter, &table.reader, error));
  ls_status status = read_rows(&table, error);
  free(table.record.cells);
  free(table.is_class);
  if (status != LS_OK) {
    free(table.first.cells);
    free(table.values);
    free(table.targets);
    free(table.labels);
    free(table.series_names);
    free(table.classes);
    return status;
  }
  hand_over(&table, out);
  out->text = (char *)content->bytes;
  *content = (import_bytes_t){0};
  return LS_OK;
}

void csv_table_free(csv_table_t *table) {
  import_array_free(&table->values);
  import_array_free(&table->targets);
  free(table->labels);
  free(table->series);
  free(table->classes);
  free(table->names);
  free(table->class_names);
  free(table->text);
  *table = (csv_table_t){0};
}
