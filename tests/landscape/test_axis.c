/* Ranges of coordinates. */
#include "landscape/plane.h"

#include <criterion/criterion.h>
#include <string.h>

Test(axis, ranges_are_read_and_end_where_they_say) {
  coordinates_t axis = {0};
  ls_error error = {0};
  cr_assert_eq(axis_parse("--x", "-1:1:51", &axis, &error), LS_OK, "%s", error.message);
  cr_expect(axis.low == -1 && axis.high == 1 && axis.n == 51);
  cr_expect_eq(axis_at(&axis, 0), -1);
  cr_expect_eq(axis_at(&axis, 50), 1);
  cr_expect_float_eq(axis_at(&axis, 25), 0, 1e-15);
  cr_assert_eq(axis_parse("--x", "0.1:0.7:7", &axis, &error), LS_OK, "%s", error.message);
  cr_expect_eq(axis_at(&axis, 6), 0.7, "the end exactly");
  static const char *const wrong[] = {"",        "1",        "0:1",     "1:0:5",     "0:0:5",
                                      "0:1:1",   "0:1:0",    "0:1:5:6", "a:1:5",     "0:nan:5",
                                      "0:inf:5", "0:1:5.5",  "0:1:x",   "0:1:99999", ":1:5",
                                      "0:1:5 x", "-inf:0:5", "0::5",    "0:1:",      "0:1:-5"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    ls_error reason = {0};
    cr_expect_eq(axis_parse("--x", wrong[i], &axis, &reason), LS_USAGE, "'%s'", wrong[i]);
    cr_expect_eq(strncmp(reason.message, "--x: ", 5), 0, "'%s': %s", wrong[i], reason.message);
  }
  cr_expect_eq(axis.high, 0.7, "a failure has changed the axis");
}
