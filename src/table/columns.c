/* The kind of each column, decided from all of its cells in all tables: a number, a number in some form, a
 * category, nothing at all, or names. A column that is almost only numbers with a few texts is an error,
 * because an importer must not guess what the texts mean. */
#include "base/text.h"
#include "table/table_impl.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* A column with more texts than this, and different ones in more than half of its rows, holds names. */
enum { MOST_TEXTS_OF_FEW = 50 };
/* The share of numbers from which a text among them is an error. */
static const double NUMERIC_SHARE = 0.95;

/* What a column has in all tables. */
typedef struct {
  const csv_words_t **lists; /* (n) */
  size_t n;
  int64_t numbers, missing, texts; /* cells; numbers that were read as words count as numbers */
  bool has_plain, points;          /* numbers beside the words, some with a decimal point */
  size_t odd_sheet;
  int64_t odd_code; /* the first text that is no number, -1: none */
  double low, high;
} gathered_t;

/* ---- messages ---- */

static const char *label_of(const sheet_t *sheet, int64_t column, char *buffer, size_t size) {
  if (sheet->names != NULL && *sheet->names[column] != '\0') return sheet->names[column];
  snprintf(buffer, size, "%" PRId64, column);
  return buffer;
}

ls_status column_error(const sheet_t *sheet, int64_t column, int64_t line, const char *cell, const char *what,
                       ls_error *error) {
  bool named = sheet->names != NULL && *sheet->names[column] != '\0';
  return error_set(error, LS_BAD_DATA, "%s:%" PRId64 ": column %" PRId64 "%s%.60s%s: '%.60s' %s",
                   sheet->scan.place.path, line, column + 1, named ? " (" : "",
                   named ? sheet->names[column] : "", named ? ")" : "", cell, what);
}

static ls_status odd_cell(const tables_t *tables, const gathered_t *g, int64_t column, const char *what,
                          ls_error *error) {
  const sheet_t *sheet = &tables->sheets[g->odd_sheet];
  const csv_words_t *words = g->lists[g->odd_sheet];
  const char *text = csv_words_text(words, (size_t)g->odd_code);
  return column_error(sheet, column, words->words[g->odd_code].line, text,
                      csv_is_infinite(text) ? "is not a finite number" : what, error);
}

/* Names the ways out for a column of numbers with some texts. */
static ls_status few_texts(const tables_t *tables, const gathered_t *g, int64_t column, ls_error *error) {
  const sheet_t *sheet = &tables->sheets[g->odd_sheet];
  const csv_words_t *words = g->lists[g->odd_sheet];
  const int64_t line = words->words[g->odd_code].line;
  char what[LS_MESSAGE_SIZE], marks[256] = "", buffer[32];
  const char *name = label_of(sheet, column, buffer, sizeof buffer);
  size_t used = 0;
  double value = 0;
  for (size_t i = 0; i < words->n && used < sizeof marks; i++)
    if (!csv_form_read(NULL, csv_words_text(words, i), &value))
      used += (size_t)snprintf(marks + used, sizeof marks - used, "%s%s", used > 0 ? "," : "",
                               csv_words_text(words, i));
  bool at_first = sheet->names == NULL && line == sheet->scan.first_line;
  snprintf(
      what, sizeof what,
      "is not a number, but %" PRId64 " of %" PRId64 " cells are: give %s--missing='%.200s' if that means a "
      "missing cell, --categorical '%.60s' if the column "
      "holds categories, --drop '%.60s' to leave it out",
      g->numbers, g->numbers + g->texts, at_first ? "--header yes if the first line names the columns, " : "",
      used < sizeof marks ? marks : "…", name, name);
  return odd_cell(tables, g, column, what, error);
}

/* ---- gathering ---- */

/* Counts the words of one table that are numbers, and finds the first that is not. */
static void gather_words(gathered_t *g, size_t k, const csv_words_t *words) {
  for (size_t i = 0; i < words->n; i++) {
    const csv_word_t *word = &words->words[i];
    double value = 0;
    if (csv_form_read(NULL, csv_words_text(words, i), &value)) {
      g->numbers += word->count;
      g->low = fmin(g->low, value);
      g->high = fmax(g->high, value);
      continue;
    }
    g->texts += word->count;
    bool sooner = g->odd_code < 0 || (g->odd_sheet == k && word->line < words->words[g->odd_code].line);
    if (!sooner) continue;
    g->odd_sheet = k;
    g->odd_code = (int64_t)i;
  }
}

static int64_t column_of(const sheet_t *sheet, size_t j, bool is_target) {
  return is_target ? sheet->targets[j] : sheet->features[j];
}

static ls_status gather(const tables_t *tables, size_t j, bool is_target, gathered_t *g, ls_error *error) {
  *g = (gathered_t){.n = tables->n_tables, .odd_code = -1, .low = INFINITY, .high = -INFINITY};
  g->lists = calloc(g->n, sizeof(csv_words_t *));
  if (g->lists == NULL) return error_set(error, LS_NO_MEMORY, "no memory for %zu tables", g->n);
  for (size_t k = 0; k < g->n; k++) {
    const csv_scan_t *scan = &tables->sheets[k].scan;
    const int64_t column = column_of(&tables->sheets[k], j, is_target);
    const csv_count_t *count = &scan->counts[column];
    g->lists[k] = &scan->words[column];
    g->numbers += count->numbers;
    g->missing += count->missing;
    g->has_plain |= count->numbers > 0;
    g->points |= count->point;
    g->low = fmin(g->low, count->low);
    g->high = fmax(g->high, count->high);
    gather_words(g, k, &scan->words[column]);
  }
  return LS_OK;
}

/* ---- categories ---- */

typedef struct {
  const char *text;
  int64_t number;
} category_t;

static int by_text(const void *a, const void *b) {
  return strcmp(((const category_t *)a)->text, ((const category_t *)b)->text);
}

static int by_number(const void *a, const void *b) {
  const category_t *x = a, *y = b;
  return x->number < y->number ? -1 : x->number > y->number ? 1 : by_text(a, b);
}

/* Lists the distinct texts of a column: in alphabetical order, or in numerical order if all are whole
 * numbers. */
static ls_status list_texts(tables_t *tables, const gathered_t *g, size_t j, bool is_target,
                            table_column_t *column, ls_error *error) {
  size_t room = 1, n = 0;
  for (size_t k = 0; k < g->n; k++) room += g->lists[k]->n;
  category_t *all = calloc(room, sizeof *all);
  const char **texts = calloc(room, sizeof *texts);
  ls_status status = LS_OK;
  bool are_numbers = true;
  if (all == NULL || texts == NULL)
    TRY_OR_DONE(error_set(error, LS_NO_MEMORY, "no memory for %zu categories", room));
  for (size_t k = 0; k < g->n; k++)
    for (size_t i = 0; i < g->lists[k]->n; i++, n++) {
      const int64_t c = column_of(&tables->sheets[k], j, is_target);
      TRY_OR_DONE(csv_scan_text(&tables->sheets[k].scan, (size_t)c, i, &all[n].text, error));
      are_numbers = are_numbers && text_int64(all[n].text, &all[n].number);
    }
  qsort(all, n, sizeof *all, are_numbers ? by_number : by_text);
  for (size_t i = 0; i < n; i++)
    if (column->n_texts == 0 || strcmp(texts[column->n_texts - 1], all[i].text) != 0)
      texts[column->n_texts++] = all[i].text;
  column->kind = KIND_CATEGORY;
  column->texts = texts;
  texts = NULL;
done:
  free(all);
  free(texts);
  return status;
}

/* Takes the categories that the user, or a model, lists. */
static ls_status take_texts(const table_list_t *list, table_column_t *column, ls_error *error) {
  column->texts = calloc(list->n + 1, sizeof *column->texts);
  if (column->texts == NULL) return error_set(error, LS_NO_MEMORY, "no memory for %zu categories", list->n);
  for (size_t i = 0; i < list->n; i++) column->texts[i] = list->texts[i];
  column->n_texts = list->n;
  column->kind = KIND_CATEGORY;
  return LS_OK;
}

/* The order low,medium,high must have every text of the column. The texts are kept behind the list. */
static ls_status take_order(tables_t *tables, size_t j, const char *order, table_column_t *column,
                            ls_error *error) {
  size_t n = 1, length = strlen(order);
  for (const char *at = order; *at != '\0'; at++) n += *at == ',';
  column->texts = malloc(n * sizeof *column->texts + length + 1);
  if (column->texts == NULL) return error_set(error, LS_NO_MEMORY, "no memory for %zu categories", n);
  char *at = memcpy(column->texts + n, order, length + 1);
  for (size_t i = 0; i < n; i++) {
    column->texts[i] = at;
    at += strcspn(at, ",");
    *at++ = '\0';
  }
  column->n_texts = n;
  column->kind = KIND_CATEGORY;
  column->is_ordered = true;
  for (size_t k = 0; k < tables->n_tables; k++) {
    sheet_t *sheet = &tables->sheets[k];
    const csv_words_t *words = &sheet->scan.words[sheet->features[j]];
    for (size_t i = 0; i < words->n; i++) {
      const char *text = NULL;
      bool found = false;
      TRY(csv_scan_text(&sheet->scan, (size_t)sheet->features[j], i, &text, error));
      for (size_t o = 0; o < n; o++) found |= strcmp(column->texts[o], text) == 0;
      if (!found)
        return column_error(sheet, sheet->features[j], words->words[i].line, text,
                            "is missing in the order that --ordered gives", error);
    }
  }
  return LS_OK;
}

/* ---- numbers ---- */

/* Finds the range of a column of words, and which cycles vary if it is to have them. */
static void measure_words(const gathered_t *g, table_column_t *column, bool is_cyclic) {
  double first[TABLE_CYCLES], value = 0;
  bool any = false;
  for (size_t k = 0; k < g->n; k++)
    for (size_t i = 0; i < g->lists[k]->n; i++) {
      if (!csv_form_read(column->form, csv_words_text(g->lists[k], i), &value)) continue;
      column->low = fmin(column->low, value);
      column->high = fmax(column->high, value);
      for (int c = 0; c < TABLE_CYCLES && is_cyclic; c++) {
        double cycle = csv_cycle(c, value);
        if (!any) first[c] = cycle;
        if (fabs(cycle - first[c]) > 1e-9) column->cycles[c] = column->cycles[c ^ 1] = true;
      }
      any = true;
    }
}

static void read_again(tables_t *tables, size_t j, bool is_target, bool *again) {
  for (size_t k = 0; k < tables->n_tables; k++)
    tables->sheets[k].modes[column_of(&tables->sheets[k], j, is_target)] = CSV_WORDS;
  *again = true;
}

/* ---- the kind ---- */

/* Whether one of the tables says that the cells are texts. */
static bool is_made_text(const tables_t *tables, size_t j, bool is_target) {
  for (size_t k = 0; k < tables->n_tables; k++)
    if (roles_is_text(&tables->sheets[k], tables, (size_t)column_of(&tables->sheets[k], j, is_target)))
      return true;
  return false;
}

/* Makes categories of the texts, which are too many if most rows have one of their own. */
static ls_status take_as_text(tables_t *tables, const gathered_t *g, size_t j, bool is_target,
                              table_column_t *column, bool *again, ls_error *error) {
  if (g->has_plain) {
    read_again(tables, j, is_target, again);
    return LS_OK;
  }
  TRY(list_texts(tables, g, j, is_target, column, error));
  bool are_names =
      column->n_texts > MOST_TEXTS_OF_FEW && 2 * (int64_t)column->n_texts > g->numbers + g->texts;
  if (are_names && !is_target) {
    column->kind = KIND_NAMES;
    column->is_left_out = true;
  }
  return LS_OK;
}

static ls_status decide_text(tables_t *tables, const gathered_t *g, size_t j, bool is_target,
                             table_column_t *column, bool *again, ls_error *error) {
  const sheet_t *sheet = &tables->sheets[0];
  const int64_t at = column_of(sheet, j, is_target);
  bool is_model = tables->options.like != NULL && !is_target;
  bool is_number =
      (is_target && tables->n_targets == 1 && !tables->options.is_y) || sheet->wishes[at] == WISH_NUMERIC;
  if (is_model)
    return odd_cell(tables, g, at, "is not a number, but the model knows the column as numbers", error);
  if (is_number || csv_is_infinite(csv_words_text(g->lists[g->odd_sheet], (size_t)g->odd_code)))
    return odd_cell(tables, g, at, "is not a number; if it means a missing cell, name it with --missing=MARK",
                    error);
  if ((double)g->numbers >= NUMERIC_SHARE * (double)(g->numbers + g->texts))
    return few_texts(tables, g, at, error);
  return take_as_text(tables, g, j, is_target, column, again, error);
}

static ls_status decide_gathered(tables_t *tables, const gathered_t *g, size_t j, bool is_target,
                                 table_column_t *column, bool *again, ls_error *error) {
  const table_options_t *options = &tables->options;
  const sheet_t *sheet = &tables->sheets[0];
  const int64_t at = column_of(sheet, j, is_target);
  const table_like_t *like = is_target ? NULL : options->like;
  const table_list_t *known = like != NULL ? &like->categories[j] : NULL;
  bool needs_texts = false,
       is_cyclic = !is_target && (sheet->is_cyclic[at] || (options->like != NULL && tables->x[j].cycle >= 0));
  column->present = g->numbers + g->texts;
  column->missing = g->missing;
  column->low = g->low;
  column->high = g->high;
  column->kind = KIND_NUMBER;
  if (known != NULL && known->n > 0) return take_texts(known, column, error);
  if (!is_target && sheet->wishes[at] == WISH_ORDERED)
    return take_order(tables, j, sheet->orders[at], column, error);
  if (!is_target && sheet->wishes[at] == WISH_CATEGORICAL)
    return list_texts(tables, g, j, is_target, column, error);
  if (column->present == 0 && like == NULL) {
    column->kind = KIND_EMPTY;
    column->is_left_out = true;
  } else if (is_made_text(tables, j, is_target)) {
    return take_as_text(tables, g, j, is_target, column, again, error);
  } else if (g->texts > 0) {
    char where[LS_MESSAGE_SIZE / 2], buffer[32];
    const csv_column_words_t words = {.lists = g->lists,
                                      .n = g->n,
                                      .numbers = g->has_plain,
                                      .points = g->points,
                                      .has_one_class = like != NULL};
    snprintf(where, sizeof where, "%s: column %" PRId64 " (%.60s)", sheet->scan.place.path, at + 1,
             label_of(sheet, at, buffer, sizeof buffer));
    TRY(csv_form_find(&words, &options->cells, sheet->scan.dialect.delimiter, where, &column->form,
                      &needs_texts, error));
    if (needs_texts) {
      read_again(tables, j, is_target, again);
    } else if (column->form == NULL) {
      return decide_text(tables, g, j, is_target, column, again, error);
    } else {
      if (!g->has_plain) column->low = INFINITY, column->high = -INFINITY;
      measure_words(g, column, is_cyclic && column->form->is_date);
    }
  }
  if (is_cyclic && !needs_texts && !column->is_left_out && (column->form == NULL || !column->form->is_date))
    return error_set(error, LS_USAGE, "--cyclic: column %" PRId64 " of %s does not hold dates or times",
                     at + 1, sheet->scan.place.path);
  return LS_OK;
}

static ls_status decide(tables_t *tables, size_t j, bool is_target, bool *again, ls_error *error) {
  table_column_t *column = is_target ? &tables->targets[j] : &tables->features[j];
  const char *name = column->name;
  gathered_t g = {0};
  free(column->texts);
  *column = (table_column_t){.name = name};
  ls_status status = gather(tables, j, is_target, &g, error);
  if (status == LS_OK) status = decide_gathered(tables, &g, j, is_target, column, again, error);
  free(g.lists);
  return status;
}

/* ---- the list of features ---- */

static ls_status add_feature(tables_t *tables, size_t j, int cycle, ls_error *error) {
  const char *name = tables->features[j].name;
  char *whole = NULL;
  int length = cycle < 0 || *name == '\0' ? asprintf(&whole, "%s", name)
                                          : asprintf(&whole, "%s (%s)", name, csv_cycle_names[cycle]);
  if (length < 0) return error_set(error, LS_NO_MEMORY, "no memory for the names of features");
  tables->x[tables->n_x++] = (table_feature_t){j, cycle, whole};
  return LS_OK;
}

static ls_status list_features(tables_t *tables, ls_error *error) {
  for (size_t j = 0; j < tables->n_features; j++) {
    const table_column_t *column = &tables->features[j];
    if (!column->is_left_out) TRY(add_feature(tables, j, -1, error));
    for (int c = 0; c < TABLE_CYCLES; c++)
      if (column->cycles[c]) TRY(add_feature(tables, j, c, error));
  }
  if (tables->n_x > 0) return LS_OK;
  char buffer[32];
  const sheet_t *sheet = &tables->sheets[0];
  return error_set(
      error, LS_BAD_DATA,
      "%s: no column is left as a feature: they are empty, or hold a different text in most rows; "
      "--categorical '%.60s' keeps one",
      sheet->scan.place.path, label_of(sheet, sheet->features[0], buffer, sizeof buffer));
}

ls_status columns_decide(tables_t *tables, bool *again, ls_error *error) {
  *again = false;
  for (size_t j = 0; j < tables->n_features; j++) TRY(decide(tables, j, false, again, error));
  for (size_t j = 0; j < tables->n_targets && !tables->has_classes; j++) {
    TRY(decide(tables, j, true, again, error));
    if (tables->targets[j].kind == KIND_EMPTY)
      return error_set(error, LS_BAD_DATA, "%s: column %" PRId64 ", of targets, is empty",
                       tables->sheets[0].scan.place.path, tables->sheets[0].targets[j] + 1);
  }
  if (!*again && !tables->options.is_y && tables->options.like == NULL) TRY(list_features(tables, error));
  return LS_OK;
}
