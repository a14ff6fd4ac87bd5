/* Tells the user what a table was found to be: what was left out, then one line for each column. */
#include "table/table_impl.h"

#include <inttypes.h>
#include <stdio.h>

enum { MOST_LINES = 40, SHOWN_TEXTS = 4 };

/* ---- what was left out, and what is doubtful ---- */

static void report_sheet(const tables_t *tables, const sheet_t *sheet, const log_t *log) {
  const char *path = sheet->scan.place.path;
  if (sheet->numbers_are_names)
    log_warn(log,
             "%s: the first line holds numbers in order and is taken for the names of columns; with "
             "--header no it is a row",
             path);
  if (sheet->is_doubtful)
    log_warn(
        log,
        "%s: the first line is taken for the names of columns, because none of its texts occurs again below "
        "it; with --header no it is a row",
        path);
  if (sheet->scan.comments > 0)
    log_info(log, "%s: %" PRId64 " line%s that begin%s with # left out", path, sheet->scan.comments,
             sheet->scan.comments == 1 ? "" : "s", sheet->scan.comments == 1 ? "s" : "");
  if (sheet->unlabelled > 0)
    log_info(log, "%s: %" PRId64 " of %" PRId64 " rows have no label and are left out", path,
             sheet->unlabelled, tables->rows[sheet - tables->sheets].rows + sheet->unlabelled);
  if (sheet->roles[0] == COLUMN_INDEX)
    log_info(log, "column 1 ('%s') only numbers or names the rows and is left out; --keep-index keeps it",
             sheet->names[0]);
  size_t unasked = 0;
  for (size_t c = 0; c < sheet->scan.columns; c++) unasked += sheet->roles[c] == COLUMN_UNASKED;
  if (unasked > 0)
    log_info(log, "%s: %zu column%s that the model does not ask for %s left out", path, unasked,
             unasked == 1 ? "" : "s", unasked == 1 ? "is" : "are");
}

static const char *label_of(const tables_t *tables, size_t j, char buffer[32]) {
  if (*tables->features[j].name != '\0') return tables->features[j].name;
  snprintf(buffer, 32, "%" PRId64, tables->sheets[0].features[j]);
  return buffer;
}

static void report_column(const tables_t *tables, size_t j, const log_t *log) {
  const table_column_t *column = &tables->features[j];
  char buffer[32];
  const char *name = label_of(tables, j, buffer);
  if (column->kind == KIND_EMPTY)
    log_info(log, "column %s is empty and left out", name);
  else if (column->kind == KIND_NAMES)
    log_info(log,
             "column %s has %zu different texts in %" PRId64
             " cells, like names, and is left out; --categorical "
             "'%s' keeps it",
             name, column->n_texts, column->present, name);
  if (column->unknown > 0)
    log_warn(log, "column %s: %" PRId64 " cells hold texts that the model does not know; their code is -1",
             name, column->unknown);
}

/* ---- the table ---- */

/* The first characters of a text, cut between characters of UTF-8. */
static int visible_bytes(const char *text, int characters) {
  int n = 0;
  for (; text[n] != '\0' && (characters > 0 || (text[n] & 0xc0) == 0x80); n++)
    if ((text[n + 1] & 0xc0) != 0x80) characters--;
  return n;
}

static int visible_characters(const char *text, int bytes) {
  int n = 0;
  for (int i = 0; i < bytes; i++) n += (text[i] & 0xc0) != 0x80;
  return n;
}

static void describe_values(const table_column_t *column, char *out, size_t size) {
  if (column->kind == KIND_NUMBER) {
    if (column->low < column->high)
      snprintf(out, size, "%.6g to %.6g", column->low, column->high);
    else if (column->low <= column->high)
      snprintf(out, size, "%.6g in all rows: constant", column->low);
    else
      snprintf(out, size, "none");
    return;
  }
  size_t used = (size_t)snprintf(out, size, "%zu%s:", column->n_texts, column->is_ordered ? ", ordered" : "");
  for (size_t i = 0; i < column->n_texts && i < SHOWN_TEXTS && used < size; i++)
    used += (size_t)snprintf(out + used, size - used, "%s %.*s", i > 0 ? "," : "",
                             visible_bytes(column->texts[i], 16), column->texts[i]);
  if (column->n_texts > SHOWN_TEXTS && used < size) snprintf(out + used, size - used, ", …");
  if (column->n_texts == 1 && used < size) snprintf(out + used, size - used, " in all rows: constant");
}

static void report_line(const tables_t *tables, size_t j, const log_t *log) {
  const table_column_t *column = &tables->features[j];
  char buffer[32], values[160], missing[32] = "";
  const char *name = label_of(tables, j, buffer);
  const char *kind = column->kind == KIND_CATEGORY ? "category"
                     : column->form != NULL        ? column->form->name
                                                   : "number";
  describe_values(column, values, sizeof values);
  bool cycles = false;
  for (int c = 0; c < TABLE_CYCLES; c++) cycles |= column->cycles[c];
  if (column->missing > 0) snprintf(missing, sizeof missing, ", %" PRId64 " missing", column->missing);
  int bytes = visible_bytes(name, 24);
  log_info(log, "  %.*s%*s %-18s %s%s%s", bytes, name, 24 - visible_characters(name, bytes), "", kind, values,
           missing, cycles ? ", and its cycles" : "");
}

void tables_report(const tables_t *tables, const log_t *log) {
  size_t shown = 0, left = 0;
  for (size_t k = 0; k < tables->n_tables; k++) report_sheet(tables, &tables->sheets[k], log);
  for (size_t j = 0; j < tables->n_features; j++) report_column(tables, j, log);
  log_info(log, "%zu features:", tables->n_x);
  for (size_t j = 0; j < tables->n_features; j++) {
    if (tables->features[j].is_left_out) continue;
    if (shown++ < MOST_LINES)
      report_line(tables, j, log);
    else
      left++;
  }
  if (left > 0) log_info(log, "  … and %zu more columns", left);
  for (size_t j = 0; j < tables->n_targets; j++)
    log_info(log, "y is column %" PRId64 " of %zu", tables->sheets[0].targets[j] + 1,
             tables->sheets[0].scan.columns);
}
