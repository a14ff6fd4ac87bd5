/* Numbers in text: the reader of tables and strtod give the same bits and end at the same place. The input is
 * a text; its first 10 bytes are also a whole number and an exponent, near the limits of the exact ways. */
#include "fuzz/fuzz.h"
#include "table/csv.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static const char *digits_end(const char *at) {
  return at + strspn(at, "0123456789");
}

/* The end of [+-] digits [. digits] [e [+-] digits] by this grammar; NULL if there is no digit. */
static const char *number_end(const char *at) {
  if (*at == '+' || *at == '-') at++;
  const char *end = digits_end(at);
  ptrdiff_t digits = end - at;
  if (*end == '.') {
    const char *fraction = end + 1;
    end = digits_end(fraction);
    digits += end - fraction;
  }
  if (digits == 0) return NULL;
  if (*end != 'e' && *end != 'E') return end;
  const char *exponent = end + 1 + (end[1] == '+' || end[1] == '-');
  return digits_end(exponent) > exponent ? digits_end(exponent) : end;
}

static void compare(const char *text) {
  double value = -1, expected = 0;
  bool point = false;
  const char *end = number_end(text), *found = csv_number_scan(text, &value, &point);
  if (end != NULL) {
    char *copy = strndup(text, (size_t)(end - text));
    expected = strtod(copy, NULL);
    MUST((memchr(copy, '.', strlen(copy)) != NULL) == point || found == NULL);
    free(copy);
  }
  if (end == NULL || isinf(expected)) {
    MUST(found == NULL);
    return;
  }
  if (found != end || memcmp(&value, &expected, sizeof value) != 0)
    fprintf(stderr, "%s: %.17g, strtod: %.17g\n", text, value, expected);
  MUST(found == end);
  MUST(memcmp(&value, &expected, sizeof value) == 0);
}

/* A whole cell: what is a number there is one for strtod too. */
static void compare_cell(const char *text) {
  double value = 0;
  char *end = NULL;
  if (!csv_number(text, &value)) return;
  double expected = strtod(text, &end);
  MUST(isnan(expected) ? isnan(value) : memcmp(&value, &expected, sizeof value) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  uint64_t whole = 0;
  int16_t power = 0;
  char made[64];
  char *text = fuzz_text(data, size);
  compare(text);
  compare_cell(text);
  free(text);
  if (size < sizeof whole + sizeof power) return 0;
  memcpy(&whole, data, sizeof whole);
  memcpy(&power, data + sizeof whole, sizeof power);
  snprintf(made, sizeof made, "%" PRIu64 "e%d", whole, power % 32);
  compare(made);
  snprintf(made, sizeof made, "-%" PRIu64 ".%" PRIu64 "e%d", whole % 100000, whole / 100000, power % 400);
  compare(made);
  return 0;
}
