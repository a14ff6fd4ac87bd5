/* Writing pieces of JSON: `"key": value`, null for what is not finite; a comma in front unless first. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* The key alone, for a value that the caller writes. */
void json_key(FILE *out, bool first, const char *key);
void json_number(FILE *out, bool first, const char *key, double value);
void json_integer(FILE *out, bool first, const char *key, int64_t value);
void json_text(FILE *out, bool first, const char *key, const char *value);

/* A text in quotes. */
void json_quoted(FILE *out, const char *value);

#endif
