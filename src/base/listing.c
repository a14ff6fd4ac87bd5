#include "base/listing.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CELL_SIZE = 64, GAP = 2, NARROWEST = 8 };

struct listing {
  arena_t arena; /* texts, and what is sized by the columns */
  listing_column_t *columns;
  size_t n;      /* columns */
  size_t *shown; /* (n_shown) columns that are printed, in order */
  size_t n_shown;
  bool are_chosen;       /* by name */
  listing_cell_t **rows; /* (n_rows): (n) cells each */
  size_t n_rows, capacity;
};

static ls_status no_memory(ls_error *error) {
  return error_set(error, LS_NO_MEMORY, "no memory for a table");
}

ls_status listing_create(const listing_column_t *columns, size_t n, listing_t **out, ls_error *error) {
  listing_t *listing = calloc(1, sizeof *listing);
  if (listing == NULL) return no_memory(error);
  listing->n = n;
  listing->columns = arena_new(&listing->arena, n, sizeof *columns);
  listing->shown = arena_new(&listing->arena, n, sizeof *listing->shown);
  if (listing->columns == NULL || listing->shown == NULL) {
    listing_destroy(&listing);
    return no_memory(error);
  }
  memcpy(listing->columns, columns, n * sizeof *columns);
  for (size_t c = 0; c < n; c++)
    if (!columns[c].is_hidden) listing->shown[listing->n_shown++] = c;
  *out = listing;
  return LS_OK;
}

void listing_destroy(listing_t **listing) {
  if (*listing == NULL) return;
  free((*listing)->rows);
  arena_free(&(*listing)->arena);
  free(*listing);
  *listing = NULL;
}

/* ---- rows ---- */

size_t listing_rows(const listing_t *listing) {
  return listing->n_rows;
}

ls_status listing_add_row(listing_t *listing, ls_error *error) {
  if (listing->n_rows == listing->capacity) {
    size_t capacity = 2 * listing->capacity + 16;
    listing_cell_t **rows = realloc(listing->rows, capacity * sizeof(listing_cell_t *));
    if (rows == NULL) return no_memory(error);
    listing->rows = rows;
    listing->capacity = capacity;
  }
  listing_cell_t *cells = arena_new(&listing->arena, listing->n, sizeof *cells);
  if (cells == NULL) return no_memory(error);
  listing->rows[listing->n_rows++] = cells;
  return LS_OK;
}

void listing_number(listing_t *listing, size_t column, double value) {
  static const double most = 9007199254740992.0; /* 2^53 */
  bool is_whole = listing->columns[column].kind != LISTING_NUMBER;
  listing->rows[listing->n_rows - 1][column] =
      (listing_cell_t){.has_value = isfinite(value) && (!is_whole || fabs(value) <= most), .number = value};
}

ls_status listing_text(listing_t *listing, size_t column, const char *text, ls_error *error) {
  if (text == NULL) return LS_OK;
  char *copy = arena_text(&listing->arena, text);
  if (copy == NULL) return no_memory(error);
  listing->rows[listing->n_rows - 1][column] = (listing_cell_t){.has_value = true, .text = copy};
  return LS_OK;
}

/* ---- columns by name ---- */

static ls_status unknown_column(const listing_t *listing, const char *name, ls_error *error) {
  char all[1024] = "";
  const char *nearest = NULL;
  size_t least = strlen(name) / 3 + 2;
  for (size_t c = 0; c < listing->n; c++) {
    size_t used = strlen(all), distance = text_distance(name, listing->columns[c].name);
    snprintf(all + used, sizeof all - used, "%s%s", c == 0 ? "" : ", ", listing->columns[c].name);
    if (distance >= least) continue;
    least = distance;
    nearest = listing->columns[c].name;
  }
  if (nearest != NULL)
    return error_set(error, LS_USAGE, "there is no column '%.60s'; did you mean %s?", name, nearest);
  return error_set(error, LS_USAGE, "there is no column '%.60s'; there are %s", name, all);
}

/* Reads NAME,NAME,... to *out (n), malloc'd. */
static ls_status find_columns(const listing_t *listing, const char *names, size_t **out, size_t *n,
                              ls_error *error) {
  char *copy = strdup(names), *rest = copy;
  size_t *found = malloc((strlen(names) + 1) * sizeof *found), count = 0;
  ls_status status = copy == NULL || found == NULL ? no_memory(error) : LS_OK;
  for (char *name; status == LS_OK && (name = strsep(&rest, ",")) != NULL;) {
    size_t c = 0;
    while (c < listing->n && strcmp(listing->columns[c].name, name) != 0) c++;
    if (c == listing->n)
      status = unknown_column(listing, name, error);
    else
      found[count++] = c;
  }
  free(copy);
  if (status != LS_OK) {
    free(found);
    return status;
  }
  *out = found;
  *n = count;
  return LS_OK;
}

ls_status listing_choose(listing_t *listing, const char *names, ls_error *error) {
  size_t *chosen = NULL, n = 0;
  TRY(find_columns(listing, names, &chosen, &n, error));
  size_t *shown = arena_new(&listing->arena, n, sizeof *shown);
  if (shown != NULL) memcpy(shown, chosen, n * sizeof *shown);
  free(chosen);
  if (shown == NULL) return no_memory(error);
  listing->shown = shown;
  listing->n_shown = n;
  listing->are_chosen = true;
  return LS_OK;
}

static int compare_cells(const listing_cell_t *a, const listing_cell_t *b, bool descending) {
  if (!a->has_value || !b->has_value) return b->has_value - a->has_value;
  int order =
      a->text != NULL ? strverscmp(a->text, b->text) : (a->number > b->number) - (a->number < b->number);
  return descending ? -order : order;
}

ls_status listing_sort(listing_t *listing, const char *names, bool descending, ls_error *error) {
  size_t *by = NULL, n = 0;
  TRY(find_columns(listing, names, &by, &n, error));
  for (size_t i = 1; i < listing->n_rows; i++) { /* insertion: tables are short, and rows that agree stay */
    listing_cell_t *row = listing->rows[i];
    size_t k = i;
    for (; k > 0; k--) {
      int order = 0;
      for (size_t c = 0; c < n && order == 0; c++)
        order = compare_cells(&listing->rows[k - 1][by[c]], &row[by[c]], descending);
      if (order <= 0) break;
      listing->rows[k] = listing->rows[k - 1];
    }
    listing->rows[k] = row;
  }
  free(by);
  return LS_OK;
}

/* ---- text ---- */

/* Characters on a screen. */
static size_t characters(const char *text) {
  bool is_control = false;
  size_t n = 0;
  for (; *text != '\0'; text += text_character(text, &is_control)) n++;
  return n;
}

/* The cell as text; words are returned as they are, everything else is written to `out`. */
static const char *cell_text(const listing_column_t *column, const listing_cell_t *cell,
                             char out[CELL_SIZE]) {
  char when[CLOCK_TEXT_SIZE] = "";
  if (cell->has_value && cell->text != NULL) return cell->text;
  snprintf(out, CELL_SIZE, "-");
  if (!cell->has_value) return out;
  if (column->kind == LISTING_TIME) clock_local(cell->number, when);
  if (when[0] != '\0')
    snprintf(out, CELL_SIZE, "%.16s", when); /* to the minute */
  else if (column->kind == LISTING_NUMBER && column->digits > 0)
    snprintf(out, CELL_SIZE, "%.*g", column->digits, cell->number);
  else
    snprintf(out, CELL_SIZE, "%.0f", cell->number);
  return out;
}

static size_t column_width(const listing_t *listing, size_t c) {
  char text[CELL_SIZE];
  size_t width = characters(listing->columns[c].name);
  for (size_t i = 0; i < listing->n_rows; i++) {
    size_t own = characters(cell_text(&listing->columns[c], &listing->rows[i][c], text));
    width = own > width ? own : width;
  }
  return width;
}

static bool is_empty(const listing_t *listing, size_t c) {
  for (size_t i = 0; i < listing->n_rows; i++)
    if (listing->rows[i][c].has_value) return false;
  return true;
}

/* The columns that fit, as widths (n_shown), malloc'd; 0: left out. NULL if there is no memory. */
static size_t *fit(const listing_t *listing, size_t width) {
  size_t *widths = malloc((listing->n_shown + 1) * sizeof *widths), total = 0;
  if (widths == NULL) return NULL;
  for (size_t k = 0; k < listing->n_shown; k++) {
    bool is_told = k == 0 || listing->are_chosen || !is_empty(listing, listing->shown[k]);
    widths[k] = is_told ? column_width(listing, listing->shown[k]) : 0;
    total += is_told ? widths[k] + (k > 0 ? GAP : 0) : 0;
  }
  while (width > 0 && total > width) {
    size_t least = 0; /* the last of the least important ones */
    for (size_t k = 1; k < listing->n_shown; k++)
      if (widths[k] > 0 && (least == 0 || listing->columns[listing->shown[k]].importance <=
                                              listing->columns[listing->shown[least]].importance))
        least = k;
    if (least == 0) break;
    total -= widths[least] + GAP;
    widths[least] = 0;
  }
  if (width > 0 && total > width && listing->n_shown > 0) widths[0] = width > NARROWEST ? width : NARROWEST;
  return widths;
}

/* Writes a text, cut and filled up with spaces to `width` characters. A control character becomes '?'. */
static void print_cell(const char *text, size_t width, bool to_the_left, bool is_last, FILE *out) {
  size_t own = characters(text);
  size_t left = own < width ? width - own : 0;
  if (!to_the_left) fprintf(out, "%*s", (int)left, "");
  for (size_t n = 1; *text != '\0' && (own <= width || n < width); n++) {
    bool is_control = false;
    size_t bytes = text_character(text, &is_control);
    if (is_control)
      fputc('?', out);
    else
      fwrite(text, 1, bytes, out);
    text += bytes;
  }
  if (own > width) fputs("…", out);
  if (to_the_left && !is_last) fprintf(out, "%*s", (int)left, "");
}

/* `row` NULL: the headings. */
static void print_line(const listing_t *listing, const listing_cell_t *row, const size_t *widths, FILE *out) {
  size_t last = 0;
  for (size_t k = 0; k < listing->n_shown; k++)
    if (widths[k] > 0) last = k;
  for (size_t k = 0; k <= last && k < listing->n_shown; k++) {
    char text[CELL_SIZE];
    size_t c = listing->shown[k];
    const listing_column_t *column = &listing->columns[c];
    if (widths[k] == 0) continue;
    if (k > 0) fprintf(out, "%*s", GAP, "");
    print_cell(row == NULL ? column->name : cell_text(column, &row[c], text), widths[k],
               column->kind == LISTING_WORDS, k == last, out);
  }
  fputc('\n', out);
}

static void print_text(const listing_t *listing, size_t width, FILE *out) {
  size_t *widths = fit(listing, width);
  if (widths == NULL) return;
  print_line(listing, NULL, widths, out);
  for (size_t i = 0; i < listing->n_rows; i++) print_line(listing, listing->rows[i], widths, out);
  free(widths);
}

void listing_left_out(const listing_t *listing, size_t width, char *out, size_t size) {
  size_t *widths = fit(listing, width);
  out[0] = '\0';
  for (size_t k = 0; widths != NULL && k < listing->n_shown; k++) {
    size_t used = strlen(out);
    bool is_told = listing->are_chosen || !is_empty(listing, listing->shown[k]);
    if (widths[k] == 0 && is_told)
      snprintf(out + used, size - used, "%s%s", used > 0 ? ", " : "",
               listing->columns[listing->shown[k]].name);
  }
  free(widths);
}

/* ---- CSV and JSON ---- */

/* In quotes if a reader of CSV needs them (RFC 4180, section 2). */
static void csv_text(const char *text, FILE *out) {
  if (text[strcspn(text, ",\"\r\n")] == '\0') {
    fputs(text, out);
    return;
  }
  fputc('"', out);
  for (; *text != '\0'; text++) {
    if (*text == '"') fputc('"', out);
    fputc(*text, out);
  }
  fputc('"', out);
}

static void csv_cell(const listing_column_t *column, const listing_cell_t *cell, FILE *out) {
  char text[CELL_SIZE];
  if (!cell->has_value) return;
  if (cell->text != NULL) {
    csv_text(cell->text, out);
  } else if (column->kind == LISTING_TIME) {
    clock_text(cell->number, text);
    fputs(text, out);
  } else {
    fprintf(out, "%.17g", cell->number);
  }
}

static void print_csv(const listing_t *listing, FILE *out) {
  for (size_t k = 0; k < listing->n_shown; k++) {
    if (k > 0) fputc(',', out);
    csv_text(listing->columns[listing->shown[k]].name, out);
  }
  fputc('\n', out);
  for (size_t i = 0; i < listing->n_rows; i++) {
    for (size_t k = 0; k < listing->n_shown; k++) {
      if (k > 0) fputc(',', out);
      csv_cell(&listing->columns[listing->shown[k]], &listing->rows[i][listing->shown[k]], out);
    }
    fputc('\n', out);
  }
}

static void json_cell(const listing_column_t *column, const listing_cell_t *cell, bool is_first, FILE *out) {
  char text[CELL_SIZE];
  if (!cell->has_value) {
    json_number(out, is_first, column->name, NAN); /* null */
  } else if (cell->text != NULL) {
    json_text(out, is_first, column->name, cell->text);
  } else if (column->kind == LISTING_TIME) {
    clock_text(cell->number, text);
    json_text(out, is_first, column->name, text);
  } else {
    json_number(out, is_first, column->name, cell->number);
  }
}

static void print_json(const listing_t *listing, FILE *out) {
  fputc('[', out);
  for (size_t i = 0; i < listing->n_rows; i++) {
    fputs(i == 0 ? "{" : ",\n {", out);
    for (size_t k = 0; k < listing->n_shown; k++)
      json_cell(&listing->columns[listing->shown[k]], &listing->rows[i][listing->shown[k]], k == 0, out);
    fputc('}', out);
  }
  fputs("]\n", out);
}

void listing_print(const listing_t *listing, listing_format_t format, size_t width, FILE *out) {
  if (format == LISTING_TEXT)
    print_text(listing, width, out);
  else if (format == LISTING_CSV)
    print_csv(listing, out);
  else
    print_json(listing, out);
}

bool listing_format_choice(size_t i, choice_t *out) {
  static const choice_t rows[] = {[LISTING_TEXT] = {"text", "aligned columns, for people"},
                                  [LISTING_CSV] = {"csv", "comma-separated values with all digits"},
                                  [LISTING_JSON] = {"json", "a list of objects"}};
  if (i >= sizeof rows / sizeof rows[0]) return false;
  *out = rows[i];
  return true;
}

ls_status listing_format(const char *word, listing_format_t *out, ls_error *error) {
  int i = choice_find(listing_format_choice, word);
  if (i < 0) return error_set(error, LS_USAGE, "a table has the format text, csv or json, not '%.60s'", word);
  *out = (listing_format_t)i;
  return LS_OK;
}
