/* Tables in memory for the tests of the table room. Include it in one file of a program. */
#ifndef TESTS_TABLE_TABLES_H
#define TESTS_TABLE_TABLES_H

#include "table/table.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static ls_error error;
static tables_t *tables;

__attribute__((unused)) static void free_tables(void) {
  tables_free(&tables);
}

/* The list of the given texts. */
#define LIST(...)                                                                                            \
  { (const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *) }

/* Reads one text; the header is detected unless the options say otherwise (cells.header 2 stands for 0). */
__attribute__((unused)) static ls_status read_text(const char *text, table_options_t options) {
  const table_place_t place = {.path = "t.csv", .memory = text, .size = strlen(text)};
  tables_free(&tables);
  options.cells.header = options.cells.header == 0 ? -1 : options.cells.header == 2 ? 0 : 1;
  return tables_read(&place, 1, &options, &tables, &error);
}

#define READ(text, ...)                                                                                      \
  cr_assert(read_text(text, (table_options_t){__VA_ARGS__}) == LS_OK, "%s\n%s", text, error.message)

#define REFUSE(code, part, text, ...)                                                                        \
  do {                                                                                                       \
    ls_status status_ = read_text(text, (table_options_t){__VA_ARGS__});                                     \
    cr_assert(status_ == code && error.status == code, "status %d: %s\n%s", (int)status_, error.message,     \
              text);                                                                                         \
    cr_assert(strstr(error.message, part) != NULL, "\"%s\" does not say \"%s\"", error.message, part);       \
    cr_assert(tables == NULL);                                                                               \
  } while (0)

/* Column f of x; NaN equals NaN. */
__attribute__((unused)) static void expect_feature(size_t f, size_t n, const double *values) {
  cr_assert(f < tables->n_x && tables->rows[0].rows == (int64_t)n, "%zu features, %" PRId64 " rows",
            tables->n_x, tables->rows[0].rows);
  for (size_t i = 0; i < n; i++) {
    double found = tables->rows[0].x[i * tables->n_x + f];
    cr_assert(found == values[i] || (isnan(found) && isnan(values[i])),
              "feature %zu, row %zu: %.17g, not %.17g", f, i, found, values[i]);
  }
}
#define FEATURE(f, ...)                                                                                      \
  expect_feature(f, sizeof((const double[]){__VA_ARGS__}) / sizeof(double), (const double[]){__VA_ARGS__})

__attribute__((unused)) static void expect_names(const char *what, const char *const *found, size_t n_found,
                                                 const char *const *names, size_t n) {
  cr_assert(n_found == n, "%s: %zu, not %zu", what, n_found, n);
  for (size_t i = 0; i < n; i++) cr_assert_str_eq(found[i], names[i]);
}

/* The categories of the column from which feature f comes. */
#define CATEGORIES(f, ...)                                                                                   \
  expect_names("categories", tables->features[tables->x[f].column].texts,                                    \
               tables->features[tables->x[f].column].n_texts, (const char *const[]){__VA_ARGS__},            \
               sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

/* What the report says. */
__attribute__((unused)) static void expect_report(const char *part) {
  char text[8192] = "";
  FILE *out = tmpfile();
  const log_t log = {.out = out};
  tables_report(tables, &log);
  rewind(out);
  cr_assert(fread(text, 1, sizeof text - 1, out) > 0);
  fclose(out);
  cr_assert(strstr(text, part) != NULL, "no '%s' in\n%s", part, text);
}

#endif
