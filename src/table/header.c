/* Whether the first record of a table names its columns. */
#include "base/text.h"
#include "table/table_impl.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static bool is_number(const char *cell) {
  double value = 0;
  return csv_number(cell, &value);
}

static bool is_name(const sheet_t *sheet, const char *cell) {
  return csv_mark(&sheet->scan.dialect, cell, strlen(cell)) == NULL && !is_number(cell);
}

/* R writes one name less than columns: the first column, of row names, has none. */
ls_status header_expect(sheet_t *sheet, ls_error *error) {
  const csv_scan_t *scan = &sheet->scan;
  if (sheet->header == 0 || scan->n_first > scan->columns || scan->n_first + 1 < scan->columns) return LS_OK;
  sheet->names = calloc(scan->columns, sizeof *sheet->names);
  if (sheet->names == NULL) return error_set(error, LS_NO_MEMORY, "no memory for %zu names", scan->columns);
  size_t missing = scan->columns - scan->n_first;
  for (size_t c = 0; c < scan->columns; c++) sheet->names[c] = c < missing ? "" : scan->first[c - missing];
  return LS_OK;
}

/* ---- headers of numbers ---- */

/* Recognises scikit-learn's first line "rows,features,class names", used for tables whose last column is the
 * label. */
static bool is_counts_header(const sheet_t *sheet) {
  const csv_scan_t *scan = &sheet->scan;
  int64_t rows = 0, features = 0;
  if (scan->n_first < 3 || !text_int64(scan->first[0], &rows) || !text_int64(scan->first[1], &features))
    return false;
  for (size_t c = 2; c < scan->n_first; c++)
    if (!is_name(sheet, scan->first[c])) return false;
  return features == (int64_t)scan->columns - 1 && rows == scan->rows;
}

/* Whether the first record numbers the features: 0, 1, 2, … or 1, 2, 3, …, for two features or more. Such
 * numbers are column names. */
static bool counts_columns(const csv_scan_t *scan, int64_t label) {
  int64_t next = 0, features = 0;
  for (size_t c = 0; c < scan->n_first; c++) {
    int64_t number = 0;
    if ((int64_t)c == label) continue;
    if (!text_int64(scan->first[c], &number)) return false;
    if (features++ > 0 && number != next) return false;
    if (__builtin_add_overflow(number, 1, &next)) return false;
  }
  return features >= 2;
}

typedef struct {
  size_t n;
  bool counts, years;
  double before;
} sequence_t;

/* Three or more cells that are consecutive whole numbers, or years that increase. */
static void add_to_sequence(sequence_t *sequence, double number) {
  const double first_year = 1500, last_year = 2200;
  bool first = sequence->n++ == 0, whole = number == floor(number);
  sequence->counts = (first || (sequence->counts && number == sequence->before + 1)) && whole;
  sequence->years = (first || (sequence->years && number > sequence->before)) && whole &&
                    number >= first_year && number <= last_year;
  sequence->before = number;
}

static bool is_sequence(const sequence_t *sequence) {
  return sequence->n >= 3 && (sequence->counts || sequence->years);
}

/* Whether a first record of numbers is a header: 0, 1, 2, … or years, above a row that is neither. */
static bool is_numbers_header(const csv_scan_t *scan) {
  sequence_t first = {0}, second = {0};
  const csv_chunk_t *chunk = NULL;
  for (size_t k = 1; k < scan->n_chunks && chunk == NULL; k++)
    if (scan->chunks[k].rows > 0) chunk = &scan->chunks[k];
  if (chunk == NULL || scan->n_first != scan->columns) return false;
  for (size_t c = 0; c < scan->columns; c++) {
    int64_t number = 0;
    if (!text_int64(scan->first[c], &number)) return false;
    add_to_sequence(&first, (double)number);
    add_to_sequence(&second, chunk->cells[c]);
  }
  return is_sequence(&first) && !is_sequence(&second);
}

/* ---- headers of names ---- */

/* Whether all cells below a name are numbers. */
static bool is_numeric_below(const csv_scan_t *scan, size_t column) {
  const csv_words_t *words = &scan->words[column];
  bool any = scan->counts[column].numbers > 0;
  for (size_t i = 0; i < words->n; i++) {
    if (!is_number(csv_words_text(words, i))) return false;
    any = true;
  }
  return any;
}

/* The first record is a header if it names all features (the first name may be empty), and either a column
 * below is numeric, or no name is a cell of its column: then it is doubtful. It is also one if it numbers the
 * features and has a name above a numeric label. Other records that hold numbers are rows. */
static bool is_names_header(sheet_t *sheet, int64_t label) {
  const csv_scan_t *scan = &sheet->scan;
  size_t names = 0, features = 0;
  bool numeric = false, repeated = false, distinct = true;
  if (sheet->names == NULL) return false;
  bool has_label = label >= 0 && is_name(sheet, sheet->names[label]);
  bool is_row_label = label >= 0 && !(has_label && is_numeric_below(scan, (size_t)label));
  for (size_t c = 0; c < scan->columns; c++) {
    const char *name = sheet->names[c];
    if (sheet->modes[c] != CSV_SKIPPED) {
      numeric |= is_numeric_below(scan, c);
      repeated |= csv_words_has(&scan->words[c], name);
    }
    if ((int64_t)c == label) continue;
    features++;
    names += is_name(sheet, name) || (c == 0 && *name == '\0' && scan->columns > (is_row_label ? 2 : 1));
    for (size_t b = 0; b < c && scan->columns < 1000; b++) distinct &= strcmp(name, sheet->names[b]) != 0;
  }
  if (features > 0 && names == features && (label < 0 || has_label || numeric)) {
    if (scan->rows == 0 || numeric) return true;
    sheet->is_doubtful = distinct && !repeated;
    return sheet->is_doubtful;
  }
  return has_label && (features == 0 || counts_columns(scan, label)) && is_numeric_below(scan, (size_t)label);
}

/* ---- the decision ---- */

typedef struct {
  const char *name;
  size_t column;
} named_t;

static int by_name(const void *a, const void *b) {
  const named_t *x = a, *y = b;
  int order = strcmp(x->name, y->name);
  return order != 0 ? order : x->column < y->column ? -1 : x->column > y->column;
}

/* No two columns may have one name: settings and predictions find columns by their names. */
static ls_status check_names(const sheet_t *sheet, ls_error *error) {
  size_t columns = sheet->scan.columns, n = 0;
  named_t *sorted = calloc(columns, sizeof *sorted);
  ls_status status = LS_OK;
  if (sorted == NULL) return error_set(error, LS_NO_MEMORY, "no memory for %zu names", columns);
  for (size_t c = 0; c < columns; c++)
    if (sheet->roles[c] != COLUMN_DROPPED && *sheet->names[c] != '\0')
      sorted[n++] = (named_t){sheet->names[c], c};
  qsort(sorted, n, sizeof *sorted, by_name);
  for (size_t i = 1; i < n && status == LS_OK; i++)
    if (strcmp(sorted[i - 1].name, sorted[i].name) == 0)
      status =
          error_set(error, LS_BAD_DATA,
                    "%s: columns %zu and %zu are both called '%.60s': rename one, or leave column %zu out "
                    "with --drop %zu",
                    sheet->scan.place.path, sorted[i - 1].column + 1, sorted[i].column + 1, sorted[i].name,
                    sorted[i].column + 1, sorted[i].column);
  free(sorted);
  return status;
}

ls_status header_decide(sheet_t *sheet, const tables_t *tables, int64_t label, bool is_named,
                        ls_error *error) {
  csv_scan_t *scan = &sheet->scan;
  const table_options_t *options = &tables->options;
  int wanted = sheet->header;
  bool is_counts = wanted != 0 && sheet->made == NULL && is_counts_header(sheet), is_names = false;
  sheet->is_doubtful = false;
  if (!is_counts && wanted != 0 && sheet->names != NULL)
    is_names = wanted == 1 || is_named || options->like != NULL || is_names_header(sheet, label);
  if (!is_counts && !is_names && wanted == -1 && !tables->options.is_y && sheet->names != NULL)
    is_names = sheet->numbers_are_names = is_numbers_header(scan);
  if (wanted == 1 || is_named) sheet->is_doubtful = false;
  if (is_names) {
    if (scan->rows == 0) return error_set(error, LS_BAD_DATA, "%s: no row of data", scan->place.path);
    return check_names(sheet, error);
  }
  free(sheet->names);
  sheet->names = NULL;
  if (is_counts) {
    if (label == (int64_t)scan->columns - 1) {
      sheet->class_names = scan->first + 2;
      sheet->n_class_names = scan->n_first - 2;
    }
    return LS_OK;
  }
  if (scan->n_first != scan->columns)
    return error_set(error, LS_BAD_DATA, "%s: %zu cells below a header of %zu (delimiter '%s')",
                     scan->place.path, scan->columns, scan->n_first,
                     scan->dialect.delimiter == '\t' ? "tab" : (char[]){scan->dialect.delimiter, '\0'});
  sheet->first_is_row = true;
  return csv_scan_add_first(scan, sheet->modes, error);
}
