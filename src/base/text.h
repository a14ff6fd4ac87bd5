/* Words: lists of names with their meanings, the nearest known name to a wrong one, numbers in text. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One row of what may be chosen by name: an activation, a loss, an optimiser … */
typedef struct {
  const char *name;
  const char *meaning; /* one line, for --help and the reference page */
} choice_t;

/* A table that can be walked: choice number i, or false past the end. Every table whose rows users name
 * offers one, so that checks, --help and docs read the table itself. */
typedef bool (*choice_list_t)(size_t i, choice_t *out);

/* The index of the row with this name, or -1. */
int choice_find(choice_list_t list, const char *name);

/* The nearest name by edit distance, or NULL when none is near (more than a third of the letters differ). */
const char *choice_nearest(choice_list_t list, const char *name);

/* All names as "a, b, c" in out (cut to size). */
void choice_names(choice_list_t list, char *out, size_t size);

/* Levenshtein distance. */
size_t text_distance(const char *a, const char *b);

/* The whole of text as a number; false (and *out untouched) when it is not one, or out of range. nan and inf
 * are numbers for text_double. Independent of the locale's decimal sign is the caller's business: the program
 * stays in the "C" locale. */
bool text_double(const char *text, double *out);
bool text_int64(const char *text, int64_t *out);

#endif
