/* Texts for people to read that hold names from files: of columns, classes, runs, settings. A name may hold
 * control characters. A terminal takes some of them for commands (ESC [2J clears the screen), and a line
 * break in a name would imitate a line of ours. So control characters appear as \n, \t, \r, or as their
 * bytes: \x1b. Control characters are those of ASCII, DEL, and U+0080 to U+009F, also as single bytes outside
 * of UTF-8. Files for programs (CSV, JSON, HDF5) are written without these functions. */
#ifndef BASE_SHOW_H
#define BASE_SHOW_H

#include <stdarg.h>
#include <stdio.h>

/* As fprintf. The line breaks at the beginning and at the end of the format stay; there may be none between.
 */
__attribute__((format(printf, 2, 3))) void show(FILE *out, const char *format, ...);
__attribute__((format(printf, 2, 0))) void show_args(FILE *out, const char *format, va_list args);

/* Writes the prefix, the text and a line break at once: messages of several processes stay whole lines. */
__attribute__((format(printf, 3, 0))) void show_message(FILE *out, const char *prefix, const char *format,
                                                        va_list args);

/* Writes a text of several lines: line breaks and tabs stay. */
void show_lines(FILE *out, const char *text);

/* Writes a word as a shell takes it: in quotes if a shell would take it for something else, and as $'...' if
 * it has control characters. */
void show_word(FILE *out, const char *word);

#endif
