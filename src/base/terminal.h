/* The terminal that a stream is connected to. */
#ifndef BASE_TERMINAL_H
#define BASE_TERMINAL_H

#include <stddef.h>
#include <stdio.h>

/* Its columns now, as the terminal says, else as COLUMNS in the environment says, else 80; 0 if the stream is
 * not connected to a terminal. */
size_t terminal_width(FILE *out);

#endif
