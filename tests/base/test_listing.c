/* Tables of results: alignment, what is left out of a narrow one, order of rows, CSV and JSON. */
#include "base/listing.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NAME, STEPS, LOSS, NOTE, ENDED, COLUMNS };

static const listing_column_t columns[COLUMNS] = {
    [NAME] = {"name", NULL, LISTING_WORDS, .importance = 9},
    [STEPS] = {"steps", NULL, LISTING_INTEGER, .importance = 3},
    [LOSS] = {"loss", NULL, LISTING_NUMBER, .digits = 4, .importance = 5},
    [NOTE] = {"note", NULL, LISTING_WORDS, .importance = 1},
    [ENDED] = {"ended", NULL, LISTING_TIME, .is_hidden = true},
};

static void add(listing_t *listing, const char *name, double steps, double loss, const char *note) {
  cr_assert_eq(listing_add_row(listing, NULL), LS_OK);
  cr_assert_eq(listing_text(listing, NAME, name, NULL), LS_OK);
  listing_number(listing, STEPS, steps);
  listing_number(listing, LOSS, loss);
  cr_assert_eq(listing_text(listing, NOTE, note, NULL), LS_OK);
  listing_number(listing, ENDED, 1e9);
}

static listing_t *example(void) {
  listing_t *listing = NULL;
  cr_assert_eq(listing_create(columns, COLUMNS, &listing, NULL), LS_OK);
  add(listing, "run-10", 12, 0.1234567890123, "a, \"b\"");
  add(listing, "run-9", 1e6, NAN, NULL);
  add(listing, "rün", 12, 1.5e-9, "c");
  return listing;
}

/* What is printed, to be freed. */
static char *printed(const listing_t *listing, listing_format_t format, size_t width) {
  char *text = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);
  cr_assert_not_null(out);
  listing_print(listing, format, width, out);
  fclose(out);
  return text;
}

static void expect(const listing_t *listing, listing_format_t format, size_t width, const char *expected) {
  char *text = printed(listing, format, width);
  cr_expect_str_eq(text, expected, "width %zu:\n%s", width, text);
  free(text);
}

Test(listing, text_is_aligned_and_has_no_spaces_at_the_end) {
  listing_t *listing = example();
  expect(listing, LISTING_TEXT, 0,
         "name      steps     loss  note\n"
         "run-10       12   0.1235  a, \"b\"\n"
         "run-9   1000000        -  -\n"
         "rün          12  1.5e-09  c\n");
  listing_destroy(&listing);
  cr_expect_null(listing);
}

Test(listing, least_important_columns_are_left_out_of_a_narrow_text) {
  listing_t *listing = example();
  char names[64];
  expect(listing, LISTING_TEXT, 31,
         "name      steps     loss\n"
         "run-10       12   0.1235\n"
         "run-9   1000000        -\n"
         "rün          12  1.5e-09\n");
  listing_left_out(listing, 31, names, sizeof names);
  cr_expect_str_eq(names, "note");
  expect(listing, LISTING_TEXT, 23,
         "name       loss\n"
         "run-10   0.1235\n"
         "run-9         -\n"
         "rün     1.5e-09\n");
  listing_left_out(listing, 23, names, sizeof names);
  cr_expect_str_eq(names, "steps, note");
  listing_left_out(listing, 0, names, sizeof names);
  cr_expect_str_eq(names, "");
  for (size_t width = 8; width < 40; width++) { /* no line is longer than the terminal is wide */
    char *text = printed(listing, LISTING_TEXT, width), *rest = text, *line;
    while ((line = strsep(&rest, "\n")) != NULL) {
      size_t n = 0;
      for (char *c = line; *c != '\0'; c++) n += ((unsigned char)*c & 0xC0) != 0x80;
      cr_expect_leq(n, width, "%s", line);
    }
    free(text);
  }
  listing_destroy(&listing);
}

Test(listing, text_leaves_out_columns_that_are_empty_unless_they_are_chosen) {
  listing_t *listing = NULL;
  char names[64];
  cr_assert_eq(listing_create(columns, COLUMNS, &listing, NULL), LS_OK);
  add(listing, "a", 1, NAN, NULL);
  add(listing, "b", 2, NAN, NULL);
  expect(listing, LISTING_TEXT, 0, "name  steps\na         1\nb         2\n");
  expect(listing, LISTING_CSV, 0, "name,steps,loss,note\na,1,,\nb,2,,\n");
  listing_left_out(listing, 80, names, sizeof names);
  cr_expect_str_eq(names, "");
  cr_assert_eq(listing_choose(listing, "name,note", NULL), LS_OK);
  expect(listing, LISTING_TEXT, 0, "name  note\na     -\nb     -\n");
  listing_destroy(&listing);
}

Test(listing, a_first_column_that_is_too_wide_is_cut) {
  listing_t *listing = NULL;
  cr_assert_eq(listing_create(columns, COLUMNS, &listing, NULL), LS_OK);
  add(listing, "a-very-long-name", 1, 2, "c");
  expect(listing, LISTING_TEXT, 10, "name\na-very-lo…\n");
  listing_destroy(&listing);
}

Test(listing, csv_has_all_digits_and_quotes_what_needs_it) {
  listing_t *listing = example();
  cr_assert_eq(listing_choose(listing, "name,steps,loss,note,ended", NULL), LS_OK);
  expect(listing, LISTING_CSV, 10,
         "name,steps,loss,note,ended\n"
         "run-10,12,0.12345678901230001,\"a, \"\"b\"\"\",2001-09-09T01:46:40Z\n"
         "run-9,1000000,,,2001-09-09T01:46:40Z\n"
         "rün,12,1.5e-09,c,2001-09-09T01:46:40Z\n");
  add(listing, "large", 1e300, 1e300, NULL); /* from a damaged file: no such integer */
  cr_assert_eq(listing_choose(listing, "name,steps,ended", NULL), LS_OK);
  listing_number(listing, ENDED, 1e300);
  char *text = printed(listing, LISTING_CSV, 0);
  cr_expect_not_null(strstr(text, "\nlarge,,\n"), "%s", text);
  free(text);
  listing_destroy(&listing);
}

Test(listing, json_is_a_list_of_objects) {
  listing_t *listing = example();
  cr_assert_eq(listing_choose(listing, "loss,note,ended,steps", NULL), LS_OK);
  expect(listing, LISTING_JSON, 10,
         "[{\"loss\": 0.1234567890123, \"note\": \"a, \\\"b\\\"\", \"ended\": \"2001-09-09T01:46:40Z\", "
         "\"steps\": 12},\n"
         " {\"loss\": null, \"note\": null, \"ended\": \"2001-09-09T01:46:40Z\", \"steps\": 1000000},\n"
         " {\"loss\": 1.5e-09, \"note\": \"c\", \"ended\": \"2001-09-09T01:46:40Z\", \"steps\": 12}]\n");
  listing_destroy(&listing);
  cr_assert_eq(listing_create(columns, COLUMNS, &listing, NULL), LS_OK);
  expect(listing, LISTING_JSON, 10, "[]\n");
  listing_destroy(&listing);
}

Test(listing, rows_are_sorted_by_numbers_and_versions_and_empty_cells_are_last) {
  listing_t *listing = example();
  cr_assert_eq(listing_choose(listing, "name", NULL), LS_OK);
  cr_assert_eq(listing_sort(listing, "name", false, NULL), LS_OK);
  expect(listing, LISTING_CSV, 0, "name\nrun-9\nrun-10\nrün\n");
  cr_assert_eq(listing_sort(listing, "loss", false, NULL), LS_OK);
  expect(listing, LISTING_CSV, 0, "name\nrün\nrun-10\nrun-9\n");
  cr_assert_eq(listing_sort(listing, "loss", true, NULL), LS_OK);
  expect(listing, LISTING_CSV, 0, "name\nrun-10\nrün\nrun-9\n");
  cr_assert_eq(listing_sort(listing, "steps,name", false, NULL), LS_OK);
  expect(listing, LISTING_CSV, 0, "name\nrun-10\nrün\nrun-9\n");
  listing_destroy(&listing);
}

Test(listing, unknown_names_are_errors_that_name_the_nearest) {
  listing_t *listing = example();
  listing_format_t format = LISTING_CSV;
  ls_error error = {0};
  cr_expect_eq(listing_sort(listing, "stesp", false, &error), LS_USAGE);
  cr_expect_str_eq(error.message, "there is no column 'stesp'; did you mean steps?");
  cr_expect_eq(listing_choose(listing, "name,zzzzzzzzz", &error), LS_USAGE);
  cr_expect_str_eq(error.message, "there is no column 'zzzzzzzzz'; there are name, steps, loss, note, ended");
  cr_expect_eq(listing_choose(listing, "", &error), LS_USAGE);
  cr_expect_eq(listing_format("xml", &format, &error), LS_USAGE);
  cr_expect_eq(format, LISTING_CSV);
  cr_expect_eq(listing_format("json", &format, &error), LS_OK);
  cr_expect_eq(format, LISTING_JSON);
  listing_destroy(&listing);
}
