/* Changes of a file in words, besides libFuzzer's own changes of bytes: lines are left out, repeated and
 * exchanged, and words are replaced by values that a reader may not expect. Reproducible: all follows from
 * the seed. */
#include "fuzz/fuzz.h"

#include <string.h>

static const char *const values[] = {"0",
                                     "1",
                                     "-1",
                                     "2",
                                     "3",
                                     "7",
                                     "255",
                                     "65536",
                                     "2147483647",
                                     "2147483648",
                                     "4294967295",
                                     "1099511627776",
                                     "4611686018427387904",
                                     "9223372036854775807",
                                     "-9223372036854775808",
                                     "18446744073709551615",
                                     "nan",
                                     "inf",
                                     "-inf",
                                     "1e308",
                                     "1e-320",
                                     "0.5",
                                     "-",
                                     "0x0",
                                     "1x0",
                                     "3x4",
                                     "4x1",
                                     "2x3x4",
                                     "0x9223372036854775807",
                                     "200x1048577x17592169267200",
                                     "1x1x1x1x1x1x1x1",
                                     "1x1x1x1x1x1x1x1x1",
                                     "u8",
                                     "i8",
                                     "i32",
                                     "u64",
                                     "i64",
                                     "i64be",
                                     "f16",
                                     "f32",
                                     "f64",
                                     "f64be",
                                     "bool",
                                     "t1",
                                     "t8",
                                     "v",
                                     "f32+chunked",
                                     "f64+gzip",
                                     "i64+empty",
                                     "array",
                                     "number",
                                     "text",
                                     "texts",
                                     "words",
                                     "table",
                                     "group",
                                     "link",
                                     "virtual",
                                     "outside",
                                     "/",
                                     "train/x",
                                     "train/y"};

/* A small generator of random numbers. */
static unsigned draw(unsigned *state, size_t n) {
  *state = *state * 1664525u + 1013904223u;
  return n == 0 ? 0 : (unsigned)((*state >> 8) % n);
}

/* Where line i begins; the end of the text after the last. */
static size_t line_at(const char *text, size_t size, size_t i) {
  size_t at = 0;
  for (; i > 0 && at < size; at++) i -= text[at] == '\n';
  return at;
}

static size_t count_lines(const char *text, size_t size) {
  size_t n = 0;
  for (size_t i = 0; i < size; i++) n += text[i] == '\n';
  return n;
}

/* Replaces bytes [from, to) by others; the size stays where there is no room. */
static size_t replace(char *text, size_t size, size_t most, size_t from, size_t to, const char *bytes,
                      size_t n) {
  if (size - (to - from) + n > most) return size;
  memmove(text + from + n, text + to, size - to);
  memcpy(text + from, bytes, n);
  return size - (to - from) + n;
}

static size_t change_line(char *text, size_t size, size_t most, unsigned *state) {
  size_t lines = count_lines(text, size), i = draw(state, lines), j = draw(state, lines);
  size_t from = line_at(text, size, i), to = line_at(text, size, i + 1), at = line_at(text, size, j);
  char *line = strndup(text + from, to - from);
  MUST(line != NULL);
  unsigned what = draw(state, 3);
  if (what == 0) size = replace(text, size, most, from, to, "", 0);
  if (what == 1) size = replace(text, size, most, at, at, line, strlen(line));
  if (what == 2) size = replace(text, size, most, from, to, text + at, line_at(text, size, j + 1) - at);
  free(line);
  return size;
}

static size_t change_word(char *text, size_t size, size_t most, unsigned *state) {
  size_t from = draw(state, size);
  while (from > 0 && strchr(" \n", text[from - 1]) == NULL) from--;
  size_t to = from;
  while (to < size && strchr(" \n", text[to]) == NULL) to++;
  const char *value = values[draw(state, sizeof values / sizeof values[0])];
  return replace(text, size, most, from, to, value, strlen(value));
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed) {
  unsigned state = seed, what = draw(&state, 4);
  if (what < 2 || size == 0) return LLVMFuzzerMutate(data, size, most);
  if (what == 2) return change_word((char *)data, size, most, &state);
  return change_line((char *)data, size, most, &state);
}
