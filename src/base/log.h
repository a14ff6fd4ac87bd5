/* What the program says while it works: lines to a stream, from rank 0 only. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdio.h>

/* Where lines go; out == NULL says nothing (every rank but 0). Constant after set-up, passed by pointer. */
typedef struct {
  FILE *out;
} log_t;

/* One line, newline added. Not for the step loop. */
void log_info(const log_t *log, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same with "warning: " in front. */
void log_warn(const log_t *log, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
