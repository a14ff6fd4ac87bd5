/* Cells: what numbers, booleans, dates and missing cells look like, and what they become. Expected values are
 * written beside the texts; numbers are compared with strtod, dates with timegm. */
#include "table/tables.h"

#include "table/csv.h"

#include <time.h>

TestSuite(cells, .fini = free_tables);

/* ---- numbers ---- */

static void compare_with_strtod(const char *text) {
  double found = 0;
  bool point = false;
  const char *end = csv_number_scan(text, &found, &point);
  double expected = strtod(text, NULL);
  if (isinf(expected)) {
    cr_assert(end == NULL, "%s", text);
    return;
  }
  cr_assert(end == text + strlen(text), "%s", text);
  cr_assert(memcmp(&found, &expected, sizeof found) == 0, "%s: %.17g, not %.17g", text, found, expected);
  cr_assert(point == (strchr(text, '.') != NULL), "%s", text);
}

Test(cells, numbers_are_rounded_to_the_nearest_double) {
  static const char *const texts[] = {
      "0", "-0", "0.0", "-0.0e5", "1", "+1", "1.", ".5", "-.5", "1e5", "1E+5", "1e-5", "9007199254740992",
      "9007199254740993", "9007199254740995", "9007199254740993e-3", "18446744073709551615",
      "18446744073709551616", "9999999999999999999", "0.30000000000000004", "2.2250738585072014e-308",
      "4.9e-324", "2e-324", "1e-400", "1.7976931348623157e308", "1.7976931348623159e308", "1e999",
      "123456789012345678901234567890", "0.000000000000000000000000000001234", "1e22", "1e23", "8.5e-27",
      "1e27", "1e28", "1e100000000000", "1e-100000000000",
      /* halfway between two doubles, and one digit above */
      "1.00000000000000011102230246251565404", "1.000000000000000111022302462515654041", "4503599627370497.5",
      "4503599627370496.5", "4503599627370497.5e-1"};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) compare_with_strtod(texts[i]);
}

Test(cells, random_numbers_are_rounded_as_strtod_does) {
  uint64_t state = 1;
  for (int i = 0; i < 200000; i++) {
    char text[64];
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    uint64_t digits = state >> (state >> 59), bits = state ^ state >> 29;
    int exponent = (int)(bits % 61) - 30;
    double value;
    memcpy(&value, &bits, sizeof value);
    snprintf(text, sizeof text, "%s%" PRIu64 "e%d", i % 2 ? "-" : "", digits, exponent);
    compare_with_strtod(text);
    snprintf(text, sizeof text, "%" PRIu64 ".%" PRIu64, digits % 100000, bits % 10000000000);
    compare_with_strtod(text);
    if (!isfinite(value)) continue;
    snprintf(text, sizeof text, "%.*g", 15 + i % 4, value);
    compare_with_strtod(text);
    snprintf(text, sizeof text, "%.18e", ldexp(value, 0) / 1e300);
    compare_with_strtod(text);
  }
}

Test(cells, what_is_no_number_is_a_text) {
  static const char *const texts[] = {"",   "+",   ".",     "-.",  "e5",  "x",  "0x1F",
                                      "1e", "1e+", "1.2.3", "1,5", "nan", "inf"};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    double value = 0;
    bool point = false;
    const char *end = csv_number_scan(texts[i], &value, &point);
    cr_assert(end == NULL || *end != '\0', "%s", texts[i]);
  }
  READ("a,b\n1,0x1F\n2,0x2F\n", 0);
  CATEGORIES(1, "0x1F", "0x2F");
  REFUSE(LS_BAD_DATA, "t.csv:2: column 2 (b): '0x1F' is not a number", "a,b\n1,0x1F\n", .numeric = LIST("b"));
}

Test(cells, infinity_is_an_error) {
  REFUSE(LS_BAD_DATA, "t.csv:3: column 1 (a): '-inf' is not a finite number", "a,b\n1,2\n-inf,3\n", 0);
  REFUSE(LS_BAD_DATA, "t.csv:3: column 1 (a): '1e999' is not a finite number", "a,b\n1,2\n1e999,3\n", 0);
}

Test(cells, separators_and_signs_of_a_whole_column) {
  READ("a;b\n1,5;2\n-2,25;3\n3;4\n", 0);
  FEATURE(0, 1.5, -2.25, 3);
  READ("a;b\n1.234,5;x\n1.234;y\n7;z\n", 0); /* 1.234 is 1234 here */
  FEATURE(0, 1234.5, 1234, 7);
  READ("a,b\n\"1,234\",1\n\"12,345,678.5\",2\n999,3\n", 0);
  FEATURE(0, 1234, 12345678.5, 999);
  READ("a;b\n1 234;1\n12 345 678,5;2\n", 0);
  FEATURE(0, 1234, 12345678.5);
  READ("a,b\n12%,1\n3.5 %,2\n-1%,3\n", 0);
  FEATURE(0, 12, 3.5, -1);
  READ("a,b,c\n$1.50,1€,£3\n-$2,2.5 €,£4\n\"$1,234.5\",-3€,£5\n", 0);
  FEATURE(0, 1.5, -2, 1234.5);
  FEATURE(1, 1, 2.5, -3);
  FEATURE(2, 3, 4, 5);
  READ("a,b\n12%,1\n13,2\n,3\n", 0); /* not the whole column */
  CATEGORIES(0, "12%", "13");
  READ("a,b\n\"1,23\",1\n\"1,2345\",2\n", 0);
  CATEGORIES(0, "1,23", "1,2345");
}

Test(cells, a_comma_of_two_meanings_needs_the_option) {
  const char *text = "a\tb\n1,234\t1\n5,678\t2\n";
  REFUSE(LS_BAD_DATA, "--decimal comma or --decimal point", text, 0);
  READ(text, .cells = {.decimal = ','});
  FEATURE(0, 1.234, 5.678);
  READ(text, .cells = {.decimal = '.'});
  FEATURE(0, 1234, 5678);
  READ("a;b\n1,234;1\n5,678;2\n", 0); /* semicolons come with decimal commas */
  FEATURE(0, 1.234, 5.678);
}

Test(cells, booleans_are_0_and_1) {
  READ("a,b,c,d,e\ntrue,Yes,t,Y,1\nFALSE,no,f,N,2\nTrue,yes,F,y,3\n", 0);
  FEATURE(0, 1, 0, 1);
  FEATURE(1, 1, 0, 1);
  FEATURE(2, 1, 0, 0);
  FEATURE(3, 1, 0, 1);
  expect_report("boolean");
  READ("a,b\nt,1\nt,2\n", 0); /* a letter alone is a category */
  CATEGORIES(0, "t");
  READ("a,b\ntrue,1\nmaybe,2\n", 0);
  CATEGORIES(0, "maybe", "true");
}

Test(cells, marks_of_missing_cells) {
  READ("a,b\n1,1\n,2\n?,3\nNA,4\nN/A,5\nn/a,6\nNaN,7\nnan,8\nnull,9\nNULL,10\nNone,11\n<NA>,12\n#N/"
       "A,13\nNaT,14\n"
       ".,15\n-,16\n\"NA\",17\n",
       0);
  FEATURE(0, 1, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN);
  FEATURE(1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17);
  cr_assert(tables->features[0].missing == 16);
  expect_report("16 missing");
  READ("a,b\n-9,x\n1,unknown\n-9.0,y\n2,z\n", .cells = {.marks = LIST("unknown", "-9")});
  FEATURE(0, NAN, 1, NAN, 2);
  FEATURE(1, 0, NAN, 1, 2);
}

/* ---- dates ---- */

static double day_of(int year, int month, int day, double hours) {
  struct tm tm = {.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day};
  return (double)timegm(&tm) / 86400 + hours / 24;
}

Test(cells, dates_are_days_since_1970) {
  static const char *const forms[] = {"2020-02-29,2021-3-1",
                                      "2020/02/29,2021/03/01",
                                      "29.02.2020,1.3.2021",
                                      "29/02/2020,01/03/2021",
                                      "02/29/2020,03/01/2021",
                                      "29-02-2020,1-3-2021",
                                      "\"Feb 29, 2020\",\"March 1, 2021\"",
                                      "29-Feb-2020,1-Mar-2021",
                                      "29 February 2020,1 mar 2021",
                                      "2020-02-29T00:00:00Z,2021-03-01T00:00:00Z"};
  for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
    char text[128], copy[96];
    snprintf(copy, sizeof copy, "%s", forms[i]);
    char *comma = strstr(copy, ",");
    if (copy[0] == '"') comma = strstr(copy, "\",\"") + 1;
    *comma = '\0';
    snprintf(text, sizeof text, "when,b\n%s,1\n%s,2\n", copy, comma + 1);
    READ(text, 0);
    FEATURE(0, day_of(2020, 2, 29, 0), day_of(2021, 3, 1, 0));
  }
  READ("when,b\n1969-12-31 06:00,1\n1900-01-01 12:00:00.5,2\n2020-01-01T01:00:00+02:00,3\n", 0);
  FEATURE(0, day_of(1969, 12, 31, 6), day_of(1900, 1, 1, 0) + (12 * 3600 + 0.5) / 86400,
          day_of(2020, 1, 1, 0) + 3600.0 / 86400 - 120 / 1440.0);
  READ("when,b\n2020-02,1\n1999-12,2\n", 0);
  FEATURE(0, day_of(2020, 2, 1, 0), day_of(1999, 12, 1, 0));
  READ("when,b\n06:00,1\n18:00:00,2\n12:00 AM,3\n12:30 pm,4\n", 0);
  FEATURE(0, 0.25, 0.75, 0, 0.5 + 0.5 / 24);
  READ("when,b\n2021-02-29,1\n2020-13-01,2\n", 0); /* no such days */
  CATEGORIES(0, "2020-13-01", "2021-02-29");
}

Test(cells, dates_of_two_meanings_need_the_option) {
  const char *text = "when,b\n1/2/2020,1\n3/4/2020,2\n";
  REFUSE(LS_BAD_DATA,
         "column 1 (when): its dates may be day first or month first: give --dates dmy or --dates mdy", text,
         0);
  READ(text, .cells = {.dates = "dmy"});
  FEATURE(0, day_of(2020, 2, 1, 0), day_of(2020, 4, 3, 0));
  READ(text, .cells = {.dates = "mdy"});
  FEATURE(0, day_of(2020, 1, 2, 0), day_of(2020, 3, 4, 0));
  REFUSE(LS_BAD_DATA, "not written in the order of --dates mdy", "when,b\n13/2/2020,1\n",
         .cells = {.dates = "mdy"});
}

Test(cells, years_of_two_digits_are_refused) {
  static const char *const texts[] = {"1/2/20\n13/2/99\n",    "2/1/20\n2/13/99\n",
                                      "1.2.20\n29.2.00\n",    "20-01-02\n99-12-31\n",
                                      "3-Feb-20\n4-Mar-21\n", "1/2/20 10:30\n3/4/21 11:00\n"};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    char text[64];
    snprintf(text, sizeof text, "when\n%s", texts[i]);
    REFUSE(LS_BAD_DATA, "column 1 (when): its dates have years of two digits", text);
    READ(text, .categorical = LIST("when"));
    CATEGORIES(0, tables->features[0].texts[0], tables->features[0].texts[1]);
  }
  READ("when,a\n1/2/20,1\n13/2/99,2\n,3\n", .drop = LIST("when"));
  READ("part\n10-20-99\nx\n");
}

Test(cells, cycles_of_dates_that_vary) {
  const double pi = acos(-1), passed = 182 / 365.0; /* 26 weeks: the days of the week are the same */
  READ("when,b\n2019-01-01,1\n2019-07-02,2\n", .cyclic = LIST("when"));
  cr_assert(tables->n_x == 4);
  cr_assert_str_eq(tables->x[1].name, "when (sin of year)");
  const double *x = tables->rows[0].x;
  cr_assert(x[1] == 0 && x[2] == 1);
  cr_assert_float_eq(x[5], sin(2 * pi * passed), 1e-12);
  cr_assert_float_eq(x[6], cos(2 * pi * passed), 1e-12);
  READ("when,b\n2019-01-07,1\n2019-01-09,2\n", .cyclic = LIST("when")); /* Monday, Wednesday */
  cr_assert(tables->n_x == 6);
  cr_assert_str_eq(tables->x[3].name, "when (sin of week)");
  x = tables->rows[0].x;
  cr_assert_float_eq(x[3], 0, 1e-12);
  cr_assert_float_eq(x[9], sin(2 * pi * 2 / 7), 1e-12);
  cr_assert_float_eq(x[10], cos(2 * pi * 2 / 7), 1e-12);
  READ("when,b\n2019-01-01 00:00,1\n2019-01-01 06:00,2\n", .cyclic = LIST("when"));
  size_t last = tables->n_x - 2; /* then b */
  cr_assert_str_eq(tables->x[last].name, "when (cos of day)");
  cr_assert_float_eq(tables->rows[0].x[tables->n_x + last], 0, 1e-12);
  cr_assert_float_eq(tables->rows[0].x[tables->n_x + last - 1], 1, 1e-12);
  REFUSE(LS_USAGE, "--cyclic: column 2 of t.csv does not hold dates", "when,b\n2019-01-01,1\n",
         .cyclic = LIST("b"));
}
