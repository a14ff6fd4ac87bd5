#include "inspect/importance_table.h"

#include "base/json.h"
#include "base/show.h"
#include "store/store.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_SIZE = 64 };

/* The name of a column, or its number as text in `room`. */
static const char *column_name(char *const *columns, int64_t c, char room[NAME_SIZE]) {
  if (columns != NULL) return columns[c];
  snprintf(room, NAME_SIZE, "%" PRId64, c);
  return room;
}

/* ---- for readers ---- */

typedef struct {
  int64_t column;
  double rise;
} rank_t;

static int by_rise(const void *a, const void *b) {
  const rank_t *x = a, *y = b;
  if (x->rise != y->rise) return x->rise < y->rise ? 1 : -1;
  return (x->column > y->column) - (x->column < y->column);
}

static void print_header(const importance_t *importance, int width, FILE *out) {
  fprintf(out, "%-*s", width, "column");
  for (size_t f = 0; f < importance->n; f++) {
    char title[NAME_SIZE];
    const importance_figure_t *figure = &importance->figures[f];
    snprintf(title, sizeof title, "%.40s %s", figure->name, figure->falls ? "lost" : "gained");
    show(out, "  %27s", title);
  }
  fputc('\n', out);
}

static void print_row(const importance_t *importance, const char *name, int64_t c, int width, FILE *out) {
  show(out, "%-*.*s", width, width, name);
  for (size_t f = 0; f < importance->n; f++)
    fprintf(out, "  %12.6g +- %11.5g", importance_mean(importance, f, c),
            importance_deviation(importance, f, c));
  fputc('\n', out);
}

ls_status importance_print(const importance_t *importance, char *const *columns, FILE *out, ls_error *error) {
  enum { NARROW = 12, WIDE = 32 };
  rank_t *ranks = malloc((size_t)importance->columns * sizeof *ranks);
  int width = NARROW;
  char room[NAME_SIZE];
  if (ranks == NULL) return error_set(error, LS_NO_MEMORY, "no memory for the table of importances");
  for (int64_t c = 0; c < importance->columns; c++) {
    const int length = (int)strlen(column_name(columns, c, room));
    ranks[c] = (rank_t){c, importance_mean(importance, 0, c)};
    if (isnan(ranks[c].rise)) ranks[c].rise = -INFINITY;
    if (length > width) width = length < WIDE ? length : WIDE;
  }
  qsort(ranks, (size_t)importance->columns, sizeof *ranks, by_rise);
  fprintf(out, "permutation importance: mean and standard deviation over %" PRId64 " permutation%s\n",
          importance->repeats, importance->repeats == 1 ? "" : "s");
  print_header(importance, width, out);
  for (int64_t c = 0; c < importance->columns; c++)
    print_row(importance, column_name(columns, ranks[c].column, room), ranks[c].column, width, out);
  free(ranks);
  return LS_OK;
}

/* ---- for programs ---- */

void importance_json(const importance_t *importance, char *const *columns, FILE *out) {
  char room[NAME_SIZE];
  json_key(out, false, "importance");
  fputc('{', out);
  json_integer(out, true, "repeats", importance->repeats);
  json_key(out, false, "columns");
  for (int64_t c = 0; c < importance->columns; c++) {
    fputs(c == 0 ? "[{" : ", {", out);
    json_text(out, true, "column", column_name(columns, c, room));
    for (size_t f = 0; f < importance->n; f++) {
      char key[NAME_SIZE + 32];
      json_number(out, false, importance->figures[f].name, importance_mean(importance, f, c));
      snprintf(key, sizeof key, "%s_std", importance->figures[f].name);
      json_number(out, false, key, importance_deviation(importance, f, c));
    }
    fputc('}', out);
  }
  fputs("]}", out);
}

/* A text cell, quoted where it must be (RFC 4180). */
static void put_cell(FILE *out, const char *text) {
  const bool is_quoted = strpbrk(text, ",\"\n\r") != NULL;
  if (is_quoted) fputc('"', out);
  for (; *text != '\0'; text++) {
    if (*text == '"') fputc('"', out);
    fputc(*text, out);
  }
  if (is_quoted) fputc('"', out);
}

static ls_status write_csv(const char *path, const importance_t *importance, char *const *columns,
                           ls_error *error) {
  char *text = NULL, room[NAME_SIZE];
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);
  if (out == NULL) return error_set(error, LS_NO_MEMORY, "no memory for %s", path);
  fputs("column", out);
  for (size_t f = 0; f < importance->n; f++)
    fprintf(out, ",%s,%s_std", importance->figures[f].name, importance->figures[f].name);
  fputc('\n', out);
  for (int64_t c = 0; c < importance->columns; c++) {
    put_cell(out, column_name(columns, c, room));
    for (size_t f = 0; f < importance->n; f++)
      fprintf(out, ",%.*g,%.*g", DBL_DECIMAL_DIG, importance_mean(importance, f, c), DBL_DECIMAL_DIG,
              importance_deviation(importance, f, c));
    fputc('\n', out);
  }
  ls_status status = fclose(out) == 0 ? store_write_file(path, text, error)
                                      : error_set(error, LS_NO_MEMORY, "no memory for %s", path);
  free(text);
  return status;
}

static ls_status write_names(store_t *store, const importance_t *importance, char *const *columns,
                             ls_error *error) {
  const size_t n = (size_t)importance->columns;
  char(*rooms)[NAME_SIZE] = calloc(n, sizeof *rooms);
  const char **names = calloc(n, sizeof *names);
  ls_status status = LS_OK;
  if (rooms == NULL || names == NULL)
    TRY_OR_DONE(error_set(error, LS_NO_MEMORY, "no memory for the names of columns"));
  for (size_t c = 0; c < n; c++) names[c] = column_name(columns, (int64_t)c, rooms[c]);
  status = store_write_text_array(store, "column", names, n, error);
done:
  free(rooms);
  free((void *)names);
  return status;
}

static ls_status write_arrays(store_t *store, const importance_t *importance, char *const *columns,
                              ls_error *error) {
  const int64_t shape[] = {importance->columns, importance->repeats};
  TRY(store_write_text(store, "/", "format", "lockstep importance 1", error));
  TRY(write_names(store, importance, columns, error));
  for (size_t f = 0; f < importance->n; f++) {
    const importance_figure_t *figure = &importance->figures[f];
    TRY(store_write(store, figure->name, STORE_F64, 2, shape, figure->values, error));
    TRY(store_write_double(store, figure->name, "base", figure->base, error));
  }
  return LS_OK;
}

ls_status importance_write(const char *path, const importance_t *importance, char *const *columns,
                           ls_error *error) {
  const char *dot = strrchr(path, '.');
  store_t *store = NULL;
  if (dot != NULL && strcmp(dot, ".csv") == 0) return write_csv(path, importance, columns, error);
  TRY(store_create(path, &store, error));
  ls_status status = write_arrays(store, importance, columns, error);
  if (status == LS_OK) status = store_publish(&store, error);
  store_close(&store);
  return status;
}
