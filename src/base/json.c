#include "base/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

void json_key(FILE *out, bool first, const char *key) {
  if (!first) fputs(", ", out);
  json_quoted(out, key);
  fputs(": ", out);
}

/* Writes the fewest digits, 15 to 17, that read back as the same number. */
void json_number(FILE *out, bool first, const char *key, double value) {
  char digits[32] = "null";
  for (int precision = 15; precision <= 17 && isfinite(value); precision++) {
    snprintf(digits, sizeof digits, "%.*g", precision, value);
    if (strtod(digits, NULL) == value) break;
  }
  json_key(out, first, key);
  fputs(digits, out);
}

void json_integer(FILE *out, bool first, const char *key, int64_t value) {
  json_key(out, first, key);
  fprintf(out, "%" PRId64, value);
}

void json_text(FILE *out, bool first, const char *key, const char *value) {
  json_key(out, first, key);
  json_quoted(out, value);
}

void json_quoted(FILE *out, const char *value) {
  fputc('"', out);
  for (; *value != '\0'; value++) {
    unsigned char c = (unsigned char)*value;
    if (c == '"' || c == '\\')
      fprintf(out, "\\%c", c);
    else if (c < 0x20 || c == 0x7F)
      fprintf(out, "\\u%04x", c);
    else
      fputc(c, out);
  }
  fputc('"', out);
}
