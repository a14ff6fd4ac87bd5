/* The terminal that a stream is connected to. */
#ifndef BASE_TERMINAL_H
#define BASE_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Its columns now, as the terminal says, else as COLUMNS in the environment says, else 80; 0 if the stream is
 * not connected to a terminal. */
size_t terminal_width(FILE *out);

/* The same for its lines: LINES, else 24. */
size_t terminal_height(FILE *out);

/* Whether the stream is a terminal on which the cursor can be moved: TERM is set, and is not "dumb". */
bool terminal_can_move(FILE *out);

/* Whether the locale in the environment (LC_ALL, else LC_CTYPE, else LANG) says that texts are UTF-8. */
bool terminal_has_utf8(void);

#endif
