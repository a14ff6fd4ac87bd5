/* Names of files among texts for people: control characters are shown, not sent. */
#include "base/show.h"

#include "base/text.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static char *text;
static size_t size;

static FILE *begin(void) {
  return open_memstream(&text, &size);
}

static void expect(FILE *out, const char *expected) {
  fclose(out);
  cr_expect_str_eq(text, expected);
  free(text);
}

Test(show, control_characters_are_escaped) {
  FILE *out = begin();
  show(out, "%s|%s|%s", "\x1b[2J\x07", "a\nb\tc\r", "\x7f");
  expect(out, "\\x1b[2J\\x07|a\\nb\\tc\\r|\\x7f");
}

static ssize_t count_writes(void *cookie, const char *bytes, size_t n) {
  (void)bytes;
  ++*(int *)cookie;
  return (ssize_t)n;
}

/* Of a stream without a buffer, such as stderr: other processes may write between two parts of a message. */
Test(show, a_message_is_written_at_once) {
  int writes = 0;
  FILE *out = fopencookie(&writes, "w", (cookie_io_functions_t){.write = count_writes});
  setvbuf(out, NULL, _IONBF, 0);
  show(out, "lockstep: %s: \x1b is no name\n", "a\tb");
  fclose(out);
  cr_expect_eq(writes, 1, "%d writes", writes);
}

Test(show, line_breaks_around_a_format_stay) {
  FILE *out = begin();
  show(out, "\n%s\n", "\nname\n");
  show(out, "\n");
  show(out, "%s", "\n");
  expect(out, "\n\\nname\\n\n\n\\n");
}

Test(show, control_characters_beyond_ascii_are_escaped) {
  FILE *out = begin();
  show(out, "%s", "\xc2\x9b 2J \x9b \xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 \xc2\xa0");
  expect(out, "\\xc2\\x9b 2J \\x9b \xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 \xc2\xa0");
}

Test(show, a_character_that_is_cut_off_hides_nothing) {
  FILE *out = begin();
  show(out, "%s", "\xe2\x1b[0m\xe2\x82");
  expect(out, "\xe2\\x1b[0m\xe2\x82");
}

Test(show, texts_of_any_length_are_whole) {
  char *expected = malloc(5001 + 5);
  char *name = malloc(5001);
  memset(name, 'x', 5000);
  name[5000] = '\0';
  snprintf(expected, 5001 + 5, "%s\\x1b\n", name);
  FILE *out = begin();
  show(out, "%s\x1b\n", name);
  expect(out, expected);
  free(name);
  free(expected);
}

Test(show, texts_of_lines_keep_lines_and_tabs) {
  FILE *out = begin();
  show_lines(out, "a: 1\n\tb\x1b\r\n");
  expect(out, "a: 1\n\tb\\x1b\\r\n");
}

Test(show, words_are_what_a_shell_reads) {
  FILE *out = begin();
  show_word(out, "runs/moons.2");
  show_word(out, "");
  show_word(out, "it's");
  show_word(out, "a\\b");
  show_word(out, "it's a\\b\n\x1b"
                 "e");
  expect(out, "runs/moons.2''"
              "'it'\\''s'"
              "'a\\b'"
              "$'it\\'s a\\\\b\\n\\x1be'");
}

Test(show, marks_replace_control_characters_in_place) {
  char mixed[] = "a\x1b[\xc2\x9b\x9b\xc3\xa9\n";
  text_without_controls(mixed);
  cr_expect_str_eq(mixed, "a?[??\xc3\xa9?");
}
