/* Tables of names with their meanings, spelling suggestions, and parsing of numbers. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One entry of a table that users choose from by name: an activation, a loss, an optimiser … */
typedef struct {
  const char *name;
  const char *meaning; /* one line, for --help and the reference page */
} choice_t;

/* Lists a table: writes entry i to *out, or returns false past the end. Every table whose entries users name
 * has such a function, so the settings check, --help and the docs read the same table. */
typedef bool (*choice_list_t)(size_t i, choice_t *out);

/* The index of the entry with this name, or -1. */
int choice_find(choice_list_t list, const char *name);

/* The nearest name by edit distance, or NULL when every name needs more than strlen(name) / 3 + 1 edits. The
 * case of letters does not count, and a name that contains all of a longer word is one edit away. */
const char *choice_nearest(choice_list_t list, const char *name);

/* Writes all names as "a, b, c" to out, truncated to size. */
void choice_names(choice_list_t list, char *out, size_t size);

/* Levenshtein distance. When b is longer than 63 characters: the length of the longer text. */
size_t text_distance(const char *a, const char *b);

/* Parses the whole text as a number. Returns false and leaves *out unchanged when the text is not a number or
 * is out of range. text_double accepts nan and inf. The decimal sign depends on the locale; the program stays
 * in the "C" locale. */
bool text_double(const char *text, double *out);
bool text_int64(const char *text, int64_t *out);

/* Parses a size such as 1.5GiB or 800 MB: a number and a unit, rounded down to whole bytes. */
bool text_bytes(const char *text, double *bytes);
/* Writes a size of at least one byte in the largest unit that divides it. */
void text_write_bytes(int64_t bytes, char *out, size_t size);

/* Writes a number of at least 0 for readers: 1,234,567; below 10 with one digit behind the point. Cut off at
 * `size`. */
void text_write_grouped(double number, char *out, size_t size);

/* Writes a number of seconds for readers: "12 s", "2 min 10 s", "3 h 5 min", "2 d 7 h". Cut off at `size`. */
void text_write_duration(double seconds, char *out, size_t size);

/* Columns that a text in UTF-8 takes on a terminal, at most: a character outside of ASCII counts as two. */
int text_columns(const char *text);
/* Cuts the text so that it takes at most `room` such columns. */
void text_clip(char *text, int room);
/* The bytes of the character that the text begins with, at least 1; *is_control: whether it is a control
 * character (show.h). The text may be any bytes, not empty. */
size_t text_character(const char *text, bool *is_control);
/* Replaces control characters, which would break a line, by '?'. */
void text_without_controls(char *text);

#endif
