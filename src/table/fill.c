/* Arrays from blocks of cells. For each column there is a list with the value of each word: the number it
 * stands for, the code of a category, the number of a class. Threads then fill the rows of chunks. */
#include "base/text.h"
#include "table/table_impl.h"

#include <inttypes.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

static ls_status no_memory(const sheet_t *sheet, ls_error *error) {
  return error_set(error, LS_NO_MEMORY, "%s: no memory for %" PRId64 " rows of %zu columns",
                   sheet->scan.place.path, sheet->scan.rows, sheet->scan.columns);
}

/* The values of the words in the columns of one table. */
typedef struct {
  double **features; /* (n_features)(words) */
  double **targets;  /* (n_targets)(words) */
  double *series;    /* (words); NULL: none. Whole numbers up to 2^53 */
} values_t;

static bool make_values(const csv_words_t *words, double **out) {
  *out = calloc(words->n + 1, sizeof **out);
  return *out != NULL;
}

static void free_values(const tables_t *tables, values_t *values) {
  for (size_t j = 0; j < tables->n_features && values->features != NULL; j++) free(values->features[j]);
  for (size_t j = 0; j < tables->n_targets && values->targets != NULL; j++) free(values->targets[j]);
  free(values->features);
  free(values->targets);
  free(values->series);
}

/* ---- features ---- */

/* Codes of the words of a category; a text that a model does not know gets -1. */
static ls_status find_codes(sheet_t *sheet, int64_t c, table_column_t *column, double *values,
                            ls_error *error) {
  const csv_words_t *words = &sheet->scan.words[c];
  csv_words_t known = {0};
  ls_status status = LS_OK;
  uint32_t code = 0;
  for (size_t i = 0; i < column->n_texts; i++)
    if (!csv_words_add(&known, column->texts[i], strlen(column->texts[i]), 0, 1, &code))
      TRY_OR_DONE(no_memory(sheet, error));
  for (size_t i = 0; i < words->n; i++) {
    const char *text = NULL;
    TRY_OR_DONE(csv_scan_text(&sheet->scan, (size_t)c, i, &text, error));
    if (!csv_words_add(&known, text, strlen(text), 0, 1, &code)) TRY_OR_DONE(no_memory(sheet, error));
    bool is_known = code < column->n_texts;
    values[i] = is_known ? (double)code : -1;
    column->unknown += is_known ? 0 : words->words[i].count;
  }
done:
  csv_words_free(&known);
  return status;
}

static ls_status find_values(sheet_t *sheet, int64_t c, table_column_t *column, double **out,
                             ls_error *error) {
  const csv_words_t *words = &sheet->scan.words[c];
  if (!make_values(words, out)) return no_memory(sheet, error);
  if (column->kind == KIND_CATEGORY) return find_codes(sheet, c, column, *out, error);
  for (size_t i = 0; i < words->n; i++)
    if (!csv_form_read(column->form, csv_words_text(words, i), &(*out)[i])) (*out)[i] = NAN;
  return LS_OK;
}

/* ---- classes and series ---- */

typedef enum { WORDS_OF_TARGET, WORDS_OF_SERIES } words_of_t;

static int64_t column_at(const sheet_t *sheet, words_of_t what, size_t j) {
  return what == WORDS_OF_TARGET ? sheet->targets[j] : sheet->series;
}

/* The class numbers of all words of one column, numbered over all tables. */
static ls_status number_words(tables_t *tables, words_of_t what, size_t j, class_column_t *columns,
                              table_names_t *names, ls_error *error) {
  for (size_t k = 0; k < tables->n_tables; k++) {
    sheet_t *sheet = &tables->sheets[k];
    const size_t c = (size_t)column_at(sheet, what, j);
    const size_t words = sheet->scan.words[c].n;
    const char **labels = calloc(words + 1, sizeof *labels);
    columns[k] = (class_column_t){.path = sheet->scan.place.path,
                                  .labels = labels,
                                  .n = words,
                                  .class_names = what == WORDS_OF_TARGET ? sheet->class_names : NULL,
                                  .n_class_names = what == WORDS_OF_TARGET ? sheet->n_class_names : 0,
                                  .classes = calloc(words + 1, sizeof *columns->classes)};
    if (labels == NULL || columns[k].classes == NULL) return no_memory(sheet, error);
    for (size_t i = 0; i < words; i++) TRY(csv_scan_text(&sheet->scan, c, i, &labels[i], error));
  }
  return classes_number(columns, tables->n_tables, names, error);
}

/* The class numbers that a model gives to the words of the label. */
static ls_status known_classes(tables_t *tables, values_t *values, ls_error *error) {
  const table_list_t classes = tables->options.like->classes;
  for (size_t k = 0; k < tables->n_tables; k++) {
    sheet_t *sheet = &tables->sheets[k];
    const size_t c = (size_t)sheet->targets[0];
    const csv_words_t *words = &sheet->scan.words[c];
    if (!make_values(words, &values[k].targets[0])) return no_memory(sheet, error);
    for (size_t i = 0; i < words->n; i++) {
      const char *text = NULL;
      size_t class = 0;
      TRY(csv_scan_text(&sheet->scan, c, i, &text, error));
      while (class < classes.n && strcmp(classes.texts[class], text) != 0) class ++;
      if (class == classes.n)
        return column_error(sheet, sheet->targets[0], words->words[i].line, text, "is no class of the model",
                            error);
      values[k].targets[0][i] = (double)class;
    }
  }
  tables->classes.names = calloc(classes.n + 1, sizeof *tables->classes.names);
  if (tables->classes.names == NULL) return no_memory(&tables->sheets[0], error);
  for (size_t i = 0; i < classes.n; i++) tables->classes.names[i] = classes.texts[i];
  tables->classes.n = classes.n;
  return LS_OK;
}

static ls_status find_classes(tables_t *tables, words_of_t what, size_t j, values_t *values,
                              table_names_t *names, ls_error *error) {
  class_column_t *columns = calloc(tables->n_tables, sizeof *columns);
  if (columns == NULL) return no_memory(&tables->sheets[0], error);
  ls_status status = number_words(tables, what, j, columns, names, error);
  for (size_t k = 0; k < tables->n_tables && status == LS_OK; k++) {
    const int64_t c = column_at(&tables->sheets[k], what, j);
    double **out = what == WORDS_OF_TARGET ? &values[k].targets[j] : &values[k].series;
    if (!make_values(&tables->sheets[k].scan.words[c], out)) status = no_memory(&tables->sheets[k], error);
    for (size_t i = 0; i < columns[k].n && status == LS_OK; i++) (*out)[i] = (double)columns[k].classes[i];
  }
  for (size_t k = 0; k < tables->n_tables; k++) {
    free((void *)columns[k].labels);
    free(columns[k].classes);
  }
  free(columns);
  return status;
}

/* Whole numbers that a double holds exactly. */
static const int64_t MOST_SERIES = INT64_C(1) << 53;

/* The names of series as their numbers, if all are whole numbers; otherwise they are numbered like classes.
 */
static ls_status find_series(tables_t *tables, values_t *values, ls_error *error) {
  bool are_numbers = true;
  for (size_t k = 0; k < tables->n_tables; k++) {
    const sheet_t *sheet = &tables->sheets[k];
    const csv_count_t *count = &sheet->scan.counts[sheet->series];
    const csv_words_t *words = &sheet->scan.words[sheet->series];
    if (count->missing > 0)
      return column_error(sheet, sheet->series, count->missing_line, count->mark,
                          "names no series; fill it in or leave the row out", error);
    if (!make_values(words, &values[k].series)) return no_memory(sheet, error);
    for (size_t i = 0; i < words->n; i++) {
      int64_t number = 0;
      are_numbers &=
          text_int64(csv_words_text(words, i), &number) && number >= -MOST_SERIES && number <= MOST_SERIES;
      values[k].series[i] = (double)number;
    }
  }
  if (are_numbers) return LS_OK;
  for (size_t k = 0; k < tables->n_tables; k++) {
    free(values[k].series);
    values[k].series = NULL;
  }
  ls_status status = find_classes(tables, WORDS_OF_SERIES, 0, values, &tables->series, error);
  return status == LS_OK ? LS_OK : error_prefix(error, status, "--series");
}

/* Adds to the message of bad labels that some are missing as well. */
static ls_status also_unlabelled(const tables_t *tables, ls_error *error) {
  int64_t missing = 0;
  for (size_t k = 0; k < tables->n_tables; k++)
    missing += tables->sheets[k].scan.counts[tables->sheets[k].targets[0]].missing;
  if (missing == 0 || tables->options.drop_unlabelled || error == NULL) return LS_BAD_DATA;
  const ls_error first = *error;
  return error_set(error, LS_BAD_DATA,
                   "%.700s; %" PRId64 " rows have no label: --drop-unlabelled leaves them out", first.message,
                   missing);
}

static ls_status find_all_values(tables_t *tables, values_t *values, ls_error *error) {
  for (size_t k = 0; k < tables->n_tables; k++) {
    values[k].features = calloc(tables->n_features + 1, sizeof *values[k].features);
    values[k].targets = calloc(tables->n_targets + 1, sizeof *values[k].targets);
    if (values[k].features == NULL || values[k].targets == NULL) return no_memory(&tables->sheets[k], error);
    for (size_t j = 0; j < tables->n_features; j++)
      TRY(find_values(&tables->sheets[k], tables->sheets[k].features[j], &tables->features[j],
                      &values[k].features[j], error));
  }
  if (tables->sheets[0].series >= 0) TRY(find_series(tables, values, error));
  if (tables->has_classes && tables->options.like != NULL && tables->options.like->classes.n > 0)
    return known_classes(tables, values, error);
  if (tables->has_classes) {
    ls_status status = find_classes(tables, WORDS_OF_TARGET, 0, values, &tables->classes, error);
    return status == LS_BAD_DATA ? also_unlabelled(tables, error) : status;
  }
  tables->target_classes = calloc(tables->n_targets + 1, sizeof *tables->target_classes);
  if (tables->target_classes == NULL) return no_memory(&tables->sheets[0], error);
  for (size_t j = 0; j < tables->n_targets; j++) {
    table_names_t *classes = &tables->target_classes[j];
    if (tables->targets[j].kind == KIND_CATEGORY) {
      TRY(find_classes(tables, WORDS_OF_TARGET, j, values, classes, error));
      continue;
    }
    for (size_t k = 0; k < tables->n_tables; k++)
      TRY(find_values(&tables->sheets[k], tables->sheets[k].targets[j], &tables->targets[j],
                      &values[k].targets[j], error));
  }
  return LS_OK;
}

/* ---- rows ---- */

typedef struct {
  const tables_t *tables;
  const sheet_t *sheet;
  table_rows_t *rows;
  const values_t *values;
  int64_t *first;     /* (chunks) the row where each chunk begins */
  atomic_size_t next; /* chunk */
} fill_work_t;

static inline double value_of(const csv_chunk_t *chunk, int64_t column, const double *values, double cell) {
  if (!isnan(cell)) return cell;
  int64_t code = csv_cell_code(cell);
  return code < 0 ? NAN : values[chunk->codes[column][code]];
}

/* Whether a target is missing in a row of cells. */
static bool is_unlabelled(const tables_t *tables, const sheet_t *sheet, const double *cells) {
  for (size_t j = 0; j < tables->n_targets; j++)
    if (isnan(cells[sheet->targets[j]]) && csv_cell_code(cells[sheet->targets[j]]) < 0) return true;
  return false;
}

static void fill_row(const fill_work_t *filling, const csv_chunk_t *chunk, const double *cells, int64_t row) {
  const tables_t *tables = filling->tables;
  const sheet_t *sheet = filling->sheet;
  const values_t *values = filling->values;
  table_rows_t *rows = filling->rows;
  for (size_t f = 0; f < tables->n_x; f++) {
    const table_feature_t *feature = &tables->x[f];
    const int64_t c = sheet->features[feature->column];
    double value = value_of(chunk, c, values->features[feature->column], cells[c]);
    if (feature->cycle >= 0 && !isnan(value)) value = csv_cycle(feature->cycle, value);
    rows->x[(size_t)row * tables->n_x + f] = value;
  }
  for (size_t j = 0; j < tables->n_targets; j++) {
    const int64_t c = sheet->targets[j];
    double value = value_of(chunk, c, values->targets[j], cells[c]);
    if (tables->has_classes)
      rows->classes[row] = (int32_t)value;
    else
      rows->targets[(size_t)row * tables->n_targets + j] = value;
  }
  if (sheet->series >= 0)
    rows->series[row] = (int64_t)value_of(chunk, sheet->series, values->series, cells[sheet->series]);
  if (sheet->weights >= 0) rows->weights[row] = cells[sheet->weights];
}

static void fill_chunks(void *context) {
  fill_work_t *filling = context;
  const csv_scan_t *scan = &filling->sheet->scan;
  bool drops = filling->sheet->unlabelled > 0;
  size_t k = 0;
  while ((k = atomic_fetch_add(&filling->next, 1)) < scan->n_chunks) {
    csv_chunk_t *chunk = &scan->chunks[k];
    int64_t row = filling->first[k];
    for (int64_t i = 0; i < chunk->rows; i++) {
      const double *cells = chunk->cells + (size_t)i * scan->columns;
      if (drops && is_unlabelled(filling->tables, filling->sheet, cells)) continue;
      fill_row(filling, chunk, cells, row++);
    }
    free(chunk->cells);
    chunk->cells = NULL;
  }
}

/* Finds the row where each chunk begins. Rows without a label are an error, or left out. */
static ls_status count_rows(const tables_t *tables, sheet_t *sheet, int64_t *first, int64_t *rows,
                            ls_error *error) {
  const csv_scan_t *scan = &sheet->scan;
  const csv_count_t *missing = NULL;
  int64_t column = -1;
  for (size_t j = 0; j < tables->n_targets; j++) {
    const csv_count_t *count = &scan->counts[sheet->targets[j]];
    if (count->missing == 0 || (missing != NULL && missing->missing_line <= count->missing_line)) continue;
    missing = count;
    column = sheet->targets[j];
  }
  for (size_t k = 0; k < scan->n_chunks; k++) {
    const csv_chunk_t *chunk = &scan->chunks[k];
    first[k] = *rows;
    *rows += chunk->rows;
    for (int64_t i = 0; i < chunk->rows && missing != NULL; i++)
      if (is_unlabelled(tables, sheet, chunk->cells + (size_t)i * scan->columns)) {
        --*rows;
        sheet->unlabelled++;
      }
  }
  if (missing != NULL && (!tables->options.drop_unlabelled || tables->options.is_y)) {
    char what[256];
    snprintf(what, sizeof what,
             "is a missing label; %" PRId64 " of %" PRId64 " rows have none: fill them in%s",
             sheet->unlabelled, scan->rows,
             tables->options.is_y ? "" : ", or leave them out with --drop-unlabelled");
    return column_error(sheet, column, missing->missing_line, missing->mark, what, error);
  }
  return *rows > 0 ? LS_OK : error_set(error, LS_BAD_DATA, "%s: no row of data", scan->place.path);
}

static ls_status check_weights(const sheet_t *sheet, ls_error *error) {
  if (sheet->weights < 0) return LS_OK;
  const csv_count_t *count = &sheet->scan.counts[sheet->weights];
  const csv_words_t *words = &sheet->scan.words[sheet->weights];
  if (count->words > 0)
    return column_error(sheet, sheet->weights, words->words[0].line, csv_words_text(words, 0),
                        "is not a finite number, so it cannot be a weight", error);
  if (count->missing > 0)
    return column_error(sheet, sheet->weights, count->missing_line, count->mark,
                        "is a missing weight; fill it in, or leave the row out", error);
  if (count->low < 0)
    return error_set(error, LS_BAD_DATA, "%s: column %" PRId64 ": weights must be 0 or more, but one is %g",
                     sheet->scan.place.path, sheet->weights + 1, count->low);
  return LS_OK;
}

static ls_status fill_sheet(tables_t *tables, sheet_t *sheet, table_rows_t *rows, const values_t *values,
                            ls_error *error) {
  const csv_scan_t *scan = &sheet->scan;
  fill_work_t filling = {.tables = tables, .sheet = sheet, .rows = rows, .values = values};
  ls_status status = LS_OK;
  TRY(check_weights(sheet, error));
  filling.first = calloc(scan->n_chunks + 1, sizeof *filling.first);
  if (filling.first == NULL) return no_memory(sheet, error);
  TRY_OR_DONE(count_rows(tables, sheet, filling.first, &rows->rows, error));
  const size_t n = (size_t)rows->rows;
  bool has_targets = tables->n_targets > 0 && !tables->has_classes;
  if (tables->n_x > 0) rows->x = malloc(n * tables->n_x * sizeof(double));
  if (tables->has_classes) rows->classes = malloc(n * sizeof(int32_t));
  if (has_targets) rows->targets = malloc(n * tables->n_targets * sizeof(double));
  if (sheet->series >= 0) rows->series = malloc(n * sizeof(int64_t));
  if (sheet->weights >= 0) rows->weights = malloc(n * sizeof(double));
  if ((tables->n_x > 0 && rows->x == NULL) || (tables->has_classes && rows->classes == NULL) ||
      (has_targets && rows->targets == NULL) || (sheet->series >= 0 && rows->series == NULL) ||
      (sheet->weights >= 0 && rows->weights == NULL))
    TRY_OR_DONE(no_memory(sheet, error));
  csv_parallel(csv_threads(scan->place.reading.threads), fill_chunks, &filling);
done:
  free(filling.first);
  return status;
}

ls_status tables_fill(tables_t *tables, ls_error *error) {
  values_t *values = calloc(tables->n_tables, sizeof *values);
  if (values == NULL) return no_memory(&tables->sheets[0], error);
  ls_status status = find_all_values(tables, values, error);
  for (size_t k = 0; k < tables->n_tables && status == LS_OK; k++)
    status = fill_sheet(tables, &tables->sheets[k], &tables->rows[k], &values[k], error);
  for (size_t k = 0; k < tables->n_tables; k++) free_values(tables, &values[k]);
  free(values);
  return status;
}
