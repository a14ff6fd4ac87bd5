/* Names and numbers in text. */
#include "base/text.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

static bool tool_choice(size_t i, choice_t *out) {
  static const choice_t rows[] = {{"learning_rate", ""}, {"momentum", ""}, {"epochs", ""}};
  if (i >= 3) return false;
  *out = rows[i];
  return true;
}

Test(text, distance_counts_insertions_removals_and_replacements) {
  static const struct {
    const char *a, *b;
    size_t distance;
  } rows[] = {{"", "", 0},         {"abc", "abc", 0},        {"", "abc", 3},
              {"abc", "", 3},      {"kitten", "sitting", 3}, {"saturday", "sunday", 3},
              {"flaw", "lawn", 2}, {"ab", "ba", 2}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    cr_expect_eq(text_distance(rows[i].a, rows[i].b), rows[i].distance, "%s, %s", rows[i].a, rows[i].b);
    cr_expect_eq(text_distance(rows[i].b, rows[i].a), rows[i].distance, "%s, %s", rows[i].b, rows[i].a);
  }
}

Test(text, distance_takes_names_of_any_length) {
  char longest[200];
  memset(longest, 'x', sizeof longest);
  longest[199] = '\0';
  cr_expect_eq(text_distance("x", longest), 199);
  cr_expect_eq(text_distance(longest, "x"), 198);
}

Test(text, nearest_name_is_near_or_none) {
  cr_expect_str_eq(choice_nearest(tool_choice, "learning_rat"), "learning_rate");
  cr_expect_str_eq(choice_nearest(tool_choice, "learningrate"), "learning_rate");
  cr_expect_str_eq(choice_nearest(tool_choice, "epoch"), "epochs");
  cr_expect_null(choice_nearest(tool_choice, "batch"));
  cr_expect_null(choice_nearest(tool_choice, ""));
}

Test(text, names_are_found_and_listed) {
  char names[64], small[12];
  cr_expect_eq(choice_find(tool_choice, "epochs"), 2);
  cr_expect_eq(choice_find(tool_choice, "epoch"), -1);
  choice_names(tool_choice, names, sizeof names);
  cr_expect_str_eq(names, "learning_rate, momentum, epochs");
  choice_names(tool_choice, small, sizeof small);
  cr_expect_str_eq(small, "learning_ra");
}

Test(text, numbers_are_whole_texts) {
  static const char *const bad[] = {"", " 1", "1 ", "1x", "one", "--1", "1e", "1e999", "-1e999"};
  double value = 7;
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    cr_expect_not(text_double(bad[i], &value), "'%s'", bad[i]);
    cr_expect_eq(value, 7, "'%s' changes the value", bad[i]);
  }
  cr_expect(text_double("1e-400", &value) && value == 0, "too small to be told from 0");
  cr_expect(text_double("-2.5e3", &value) && value == -2500);
  cr_expect(text_double("nan", &value) && isnan(value));
  cr_expect(text_double("-inf", &value) && isinf(value));
}

/* Powers of 1000 and of 1024, in either case; what is written is the largest unit without a rest. */
Test(text, sizes_have_units) {
  static const struct {
    const char *text;
    double bytes;
    const char *written;
  } sizes[] = {{"7B", 7, "7B"},
               {"3 kb", 3e3, "3KB"},
               {"2.5MB", 2.5e6, "2500KB"},
               {"12mb", 12e6, "12MB"},
               {"1.5GB", 1.5e9, "1500MB"},
               {"2 TB", 2e12, "2TB"},
               {"3KiB", 3 * 1024.0, "3KiB"},
               {"1.5 MiB", 1.5 * 1048576, "1536KiB"},
               {"5MiB", 5 * 1048576.0, "5MiB"},
               {"2GiB", 2147483648.0, "2GiB"},
               {"1tib", 1099511627776.0, "1TiB"}};
  static const char *const bad[] = {"", "7", "MB", "-1MB", "1 XB", "1MBs", "1e3MB"};
  char written[32];
  double bytes = 0;
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    cr_assert(text_bytes(sizes[i].text, &bytes), "%s", sizes[i].text);
    cr_expect_eq(bytes, sizes[i].bytes, "%s: %g", sizes[i].text, bytes);
    text_write_bytes((int64_t)bytes, written, sizeof written);
    cr_expect_str_eq(written, sizes[i].written, "%s: %s", sizes[i].text, written);
  }
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    cr_expect_not(text_bytes(bad[i], &bytes), "%s", bad[i]);
}

Test(text, whole_numbers_know_their_range) {
  static const char *const bad[] = {
      "", "1.0", "1e3", " 1", "0x10", "9223372036854775808", "-9223372036854775809"};
  int64_t value = 7;
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    cr_expect_not(text_int64(bad[i], &value), "%s", bad[i]);
  cr_expect_eq(value, 7);
  cr_expect(text_int64("9223372036854775807", &value) && value == INT64_MAX);
  cr_expect(text_int64("-9223372036854775808", &value) && value == INT64_MIN);
}
