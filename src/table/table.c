/* Reads the tables of an import: the first records, the rows, what the columns are, the arrays. */
#include "table/table_impl.h"

#include <stdlib.h>

/* One column of labels becomes classes, unless its numbers are to be predicted. */
static bool are_classes(const tables_t *tables, const sheet_t *sheet) {
  size_t targets = 0;
  for (size_t c = 0; c < sheet->scan.columns; c++) targets += sheet->roles[c] == COLUMN_TARGET;
  return targets == 1 && !tables->options.regression;
}

/* Finds roles twice: how a label is read depends on the number of labels. */
static ls_status find_roles(tables_t *tables, sheet_t *sheet, bool tentative, bool *is_named, int64_t *label,
                            ls_error *error) {
  TRY(roles_find(sheet, tables, tentative, is_named, label, error));
  tables->has_classes = are_classes(tables, sheet);
  return roles_find(sheet, tables, tentative, is_named, label, error);
}

static ls_status open_sheet(sheet_t *sheet, const table_place_t *place, const table_options_t *options,
                            ls_error *error) {
  csv_place_t opened = {.path = place->path,
                        .memory = place->memory,
                        .size = place->size,
                        .wanted = {.delimiter = options->cells.delimiter, .marks = options->cells.marks},
                        .reading = options->reading};
  sheet->made = place->made;
  sheet->header = options->cells.header;
  if (place->made != NULL) {
    sheet->header = place->made->has_names;
    opened.wanted.delimiter = ',';
    opened.reading.latin1 = opened.reading.latin1 && !place->made->is_utf8;
  }
  TRY(csv_scan_open(&opened, &sheet->scan, error));
  size_t n = sheet->scan.columns;
  sheet->modes = calloc(n, sizeof *sheet->modes);
  sheet->roles = calloc(n, sizeof *sheet->roles);
  sheet->wishes = calloc(n, sizeof *sheet->wishes);
  sheet->is_cyclic = calloc(n, sizeof *sheet->is_cyclic);
  sheet->orders = calloc(n, sizeof *sheet->orders);
  if (sheet->modes == NULL || sheet->roles == NULL || sheet->wishes == NULL || sheet->is_cyclic == NULL ||
      sheet->orders == NULL)
    return error_set(error, LS_NO_MEMORY, "%s: no memory for %zu columns", place->path, n);
  return header_expect(sheet, error);
}

/* Whether columns are to be read in another way than they were; modes are the ways in which they were read.
 */
static bool differs(const csv_mode_t *modes, const sheet_t *sheet) {
  for (size_t c = 0; c < sheet->scan.columns; c++)
    if (sheet->modes[c] != CSV_SKIPPED && modes[c] != sheet->modes[c]) return true;
  return false;
}

/* Reads the rows of a table, and decides what the first record is. If a column's role turns out to be another
 * one than expected, the rows are read again. */
static ls_status read_sheet(tables_t *tables, sheet_t *sheet, ls_error *error) {
  size_t n = sheet->scan.columns;
  int64_t label = -1;
  bool is_named = false, ignored = false;
  csv_mode_t *modes = calloc(n, sizeof *modes);
  ls_status status = LS_OK;
  if (modes == NULL) return error_set(error, LS_NO_MEMORY, "no memory for %zu columns", n);
  TRY_OR_DONE(find_roles(tables, sheet, true, &is_named, &label, error));
  memcpy(modes, sheet->modes, n * sizeof *modes);
  TRY_OR_DONE(csv_scan_rows(&sheet->scan, modes, error));
  TRY_OR_DONE(header_decide(sheet, tables, label, is_named, error));
  TRY_OR_DONE(find_roles(tables, sheet, false, &ignored, &label, error));
  if (differs(modes, sheet)) {
    TRY_OR_DONE(csv_scan_rows(&sheet->scan, sheet->modes, error));
    if (sheet->first_is_row) TRY_OR_DONE(csv_scan_add_first(&sheet->scan, sheet->modes, error));
  }
done:
  free(modes);
  return status;
}

/* Reads rows again in which columns of numbers turned out to hold texts. */
static ls_status read_again(tables_t *tables, ls_error *error) {
  for (size_t k = 0; k < tables->n_tables; k++) {
    sheet_t *sheet = &tables->sheets[k];
    TRY(csv_scan_rows(&sheet->scan, sheet->modes, error));
    if (sheet->first_is_row) TRY(csv_scan_add_first(&sheet->scan, sheet->modes, error));
  }
  return LS_OK;
}

static ls_status read_all(tables_t *tables, const table_place_t *places, ls_error *error) {
  bool again = false;
  for (size_t k = 0; k < tables->n_tables; k++) {
    TRY(open_sheet(&tables->sheets[k], &places[k], &tables->options, error));
    TRY(read_sheet(tables, &tables->sheets[k], error));
    tables->has_names |= tables->sheets[k].names != NULL;
  }
  roles_find_index(tables);
  TRY(roles_align(tables, error));
  TRY(columns_decide(tables, &again, error));
  if (again) {
    TRY(read_again(tables, error));
    TRY(columns_decide(tables, &again, error));
  }
  return tables_fill(tables, error);
}

ls_status tables_read(const table_place_t *places, size_t n, const table_options_t *options, tables_t **out,
                      ls_error *error) {
  tables_t *tables = calloc(1, sizeof *tables);
  if (tables == NULL) return error_set(error, LS_NO_MEMORY, "no memory for %zu tables", n);
  *tables = (tables_t){.options = *options, .n_tables = n};
  tables->sheets = calloc(n, sizeof *tables->sheets);
  tables->rows = calloc(n, sizeof *tables->rows);
  ls_status status = tables->sheets == NULL || tables->rows == NULL
                         ? error_set(error, LS_NO_MEMORY, "no memory for %zu tables", n)
                         : read_all(tables, places, error);
  if (status != LS_OK) {
    tables_free(&tables);
    return status;
  }
  *out = tables;
  return LS_OK;
}

static void free_sheet(sheet_t *sheet) {
  csv_scan_free(&sheet->scan);
  free(sheet->names);
  free(sheet->modes);
  free(sheet->roles);
  free(sheet->wishes);
  free(sheet->is_cyclic);
  free(sheet->orders);
  free(sheet->features);
  free(sheet->targets);
}

static void free_rows(table_rows_t *rows) {
  free(rows->x);
  free(rows->classes);
  free(rows->targets);
  free(rows->series);
  free(rows->weights);
}

void tables_free(tables_t **out) {
  tables_t *tables = *out;
  if (tables == NULL) return;
  for (size_t k = 0; k < tables->n_tables && tables->sheets != NULL; k++) free_sheet(&tables->sheets[k]);
  for (size_t k = 0; k < tables->n_tables && tables->rows != NULL; k++) free_rows(&tables->rows[k]);
  for (size_t j = 0; j < tables->n_features && tables->features != NULL; j++) free(tables->features[j].texts);
  for (size_t j = 0; j < tables->n_targets && tables->targets != NULL; j++) free(tables->targets[j].texts);
  for (size_t j = 0; j < tables->n_targets && tables->target_classes != NULL; j++)
    free(tables->target_classes[j].names);
  for (size_t f = 0; f < tables->n_x && tables->x != NULL; f++) free(tables->x[f].name);
  free(tables->sheets);
  free(tables->rows);
  free(tables->features);
  free(tables->targets);
  free(tables->target_classes);
  free(tables->x);
  free(tables->classes.names);
  free(tables->series.names);
  free(tables);
  *out = NULL;
}
