/* Writing JSON members: each function writes `"key": value`, with a comma in front unless it is the first
 * member. Numbers that are not finite become null. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Writes only the key. The caller writes the value. */
void json_key(FILE *out, bool first, const char *key);
void json_number(FILE *out, bool first, const char *key, double value);
void json_integer(FILE *out, bool first, const char *key, int64_t value);
void json_text(FILE *out, bool first, const char *key, const char *value);

/* Writes the text in quotes, with escapes. */
void json_quoted(FILE *out, const char *value);

#endif
