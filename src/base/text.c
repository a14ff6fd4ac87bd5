/* Lookup of names, and numbers in text. */
#include "base/text.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { LONGEST_NAME = 63 };

int choice_find(choice_list_t list, const char *name) {
  choice_t row;
  for (size_t i = 0; list(i, &row); i++)
    if (strcmp(row.name, name) == 0) return (int)i;
  return -1;
}

static size_t smaller(size_t a, size_t b) {
  return a < b ? a : b;
}

/* d(i, j) is the distance between the first i letters of a and the first j letters of b. Only one row of the
 * table is kept. */
size_t text_distance(const char *a, const char *b) {
  size_t row[LONGEST_NAME + 1];
  size_t m = strlen(a), n = strlen(b);
  if (n > LONGEST_NAME) return m > n ? m : n;
  for (size_t j = 0; j <= n; j++) row[j] = j;
  for (size_t i = 1; i <= m; i++) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= n; j++) {
      size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = smaller(replaced, smaller(row[j - 1], row[j]) + 1);
    }
  }
  return row[n];
}

const char *choice_nearest(choice_list_t list, const char *name) {
  const char *best = NULL;
  size_t best_distance = strlen(name) / 3 + 2;
  choice_t row;
  for (size_t i = 0; list(i, &row); i++) {
    const bool is_part = strlen(name) > 3 && strstr(row.name, name) != NULL; /* accuracy in valid_accuracy */
    size_t distance = strcasecmp(name, row.name) == 0 ? 0 : is_part ? 1 : text_distance(name, row.name);
    if (distance < best_distance) {
      best_distance = distance;
      best = row.name;
    }
  }
  return best;
}

void choice_names(choice_list_t list, char *out, size_t size) {
  size_t used = 0;
  choice_t row;
  if (size > 0) out[0] = '\0';
  for (size_t i = 0; list(i, &row) && used < size; i++)
    used += (size_t)snprintf(out + used, size - used, "%s%s", i == 0 ? "" : ", ", row.name);
}

bool text_double(const char *text, double *out) {
  char *end = NULL;
  if (*text == '\0' || isspace((unsigned char)*text)) return false;
  errno = 0;
  double value = strtod(text, &end);
  if (*end != '\0' || (errno == ERANGE && (value > 1 || value < -1))) return false;
  *out = value;
  return true;
}

bool text_int64(const char *text, int64_t *out) {
  char *end = NULL;
  if (*text == '\0' || isspace((unsigned char)*text)) return false;
  errno = 0;
  intmax_t value = strtoimax(text, &end, 10);
  if (*end != '\0' || errno == ERANGE) return false;
  *out = (int64_t)value;
  return true;
}

static const struct {
  const char *name;
  int64_t bytes;
} byte_units[] = {
    {"TiB", INT64_C(1) << 40},   {"TB", INT64_C(1000000000000)}, {"GiB", INT64_C(1) << 30},
    {"GB", INT64_C(1000000000)}, {"MiB", INT64_C(1) << 20},      {"MB", INT64_C(1000000)},
    {"KiB", INT64_C(1) << 10},   {"KB", INT64_C(1000)},          {"B", 1},
};
enum { BYTE_UNITS = sizeof byte_units / sizeof byte_units[0], LONGEST_NUMBER = 31 };

bool text_bytes(const char *text, double *bytes) {
  char digits[LONGEST_NUMBER + 1];
  double number = 0;
  size_t unit = 0, length = strspn(text, "0123456789.");
  if (length > LONGEST_NUMBER) return false;
  memcpy(digits, text, length);
  digits[length] = '\0';
  text += length + strspn(text + length, " ");
  while (unit < BYTE_UNITS && strcasecmp(text, byte_units[unit].name) != 0) unit++;
  if (unit == BYTE_UNITS || !text_double(digits, &number)) return false;
  *bytes = floor(number * (double)byte_units[unit].bytes);
  return true;
}

void text_write_bytes(int64_t bytes, char *out, size_t size) {
  size_t unit = 0;
  while (bytes % byte_units[unit].bytes != 0) unit++;
  snprintf(out, size, "%" PRId64 "%s", bytes / byte_units[unit].bytes, byte_units[unit].name);
}

void text_write_grouped(double number, char *out, size_t size) {
  char digits[32];
  size_t used = 0;
  int n = snprintf(digits, sizeof digits, number < 9.95 ? "%.1f" : number < 1e15 ? "%.0f" : "%.3g", number);
  bool is_whole = number >= 9.95 && number < 1e15;
  for (int i = 0; i < n && used + 1 < size; i++) {
    if (is_whole && i > 0 && (n - i) % 3 == 0) out[used++] = ',';
    if (used + 1 < size) out[used++] = digits[i];
  }
  if (size > 0) out[used] = '\0';
}

void text_write_duration(double seconds, char *out, size_t size) {
  int64_t s = seconds < 1e9 ? (int64_t)(seconds + 0.5) : INT64_C(1000000000);
  if (s < 60)
    snprintf(out, size, "%" PRId64 " s", s);
  else if (s < 3600)
    snprintf(out, size, "%" PRId64 " min %" PRId64 " s", s / 60, s % 60);
  else if (s < 86400)
    snprintf(out, size, "%" PRId64 " h %" PRId64 " min", s / 3600, s / 60 % 60);
  else
    snprintf(out, size, "%" PRId64 " d %" PRId64 " h", s / 86400, s / 3600 % 24);
}

/* Those outside of ASCII may be wide. Of a character of several bytes the first one counts. */
static int columns_of(char c) {
  bool is_continuation = ((unsigned char)c & 0xC0) == 0x80;
  return (unsigned char)c < 0x80 ? 1 : is_continuation ? 0 : 2;
}

int text_columns(const char *text) {
  int n = 0;
  for (; *text != '\0'; text++) n += columns_of(*text);
  return n;
}

void text_clip(char *text, int room) {
  int n = 0;
  while (*text != '\0' && n + columns_of(*text) <= room) n += columns_of(*text++);
  *text = '\0';
}

size_t text_character(const char *text, bool *is_control) {
  const unsigned char *c = (const unsigned char *)text;
  const size_t all = c[0] < 0xC2 || c[0] > 0xF4 ? 1 : c[0] < 0xE0 ? 2 : c[0] < 0xF0 ? 3 : 4;
  size_t n = 1;
  while (n < all && (c[n] & 0xC0) == 0x80) n++;
  *is_control =
      c[0] < ' ' || c[0] == 0x7F || (c[0] >= 0x80 && c[0] < 0xC2) || (c[0] == 0xC2 && n == 2 && c[1] < 0xA0);
  return n;
}

void text_without_controls(char *text) {
  char *to = text;
  while (*text != '\0') {
    bool is_control = false;
    size_t n = text_character(text, &is_control);
    if (is_control)
      *to++ = '?';
    else
      to = (char *)memmove(to, text, n) + n;
    text += n;
  }
  *to = '\0';
}
