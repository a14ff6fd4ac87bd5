/* Dates as texts, and back. */
#include "base/clock.h"

#include <criterion/criterion.h>
#include <math.h>
#include <time.h>

Test(clock, dates_are_written_in_utc_and_read_back) {
  char text[CLOCK_TEXT_SIZE];
  clock_text(1e9, text); /* 2001-09-09, 01:46:40 UTC */
  cr_expect_str_eq(text, "2001-09-09T01:46:40Z");
  cr_expect_eq(clock_parse(text), 1e9);
  clock_text(951782400.75, text); /* a day in February that only leap years have */
  cr_expect_str_eq(text, "2000-02-29T00:00:00Z");
  clock_text(-1, text);
  cr_expect_str_eq(text, "1969-12-31T23:59:59Z");
}

Test(clock, local_time_is_that_of_the_zone) {
  char text[CLOCK_TEXT_SIZE];
  setenv("TZ", "XYZ-2", 1); /* two hours ahead */
  tzset();
  clock_local(1e9, text);
  cr_expect_str_eq(text, "2001-09-09 03:46:40");
  clock_local(NAN, text);
  cr_expect_str_eq(text, "");
  clock_local(-1e300, text);
  cr_expect_str_eq(text, "");
}

Test(clock, what_is_no_date_is_told) {
  char text[CLOCK_TEXT_SIZE] = "x";
  clock_text(1e300, text);
  cr_expect_str_eq(text, "");
  clock_text(NAN, text);
  cr_expect_str_eq(text, "");
  cr_expect(isnan(clock_parse("")));
  cr_expect(isnan(clock_parse("2001-09-09T01:46:40Z ")));
  cr_expect(isnan(clock_parse("2001-09-09")));
  cr_expect(isnan(clock_parse("yesterday")));
}

Test(clock, the_time_is_that_of_the_machine) {
  double before = (double)time(NULL), now = clock_time();
  cr_expect(now >= before && now < before + 60);
}
