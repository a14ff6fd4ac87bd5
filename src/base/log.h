/* Messages for the user, one line each. Only rank 0 writes them. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdio.h>

/* The stream to write to; out == NULL writes nothing (all ranks except 0). Constant after set-up, passed by
 * pointer. */
typedef struct {
  FILE *out;
  FILE *warnings; /* where warnings go; NULL: to `out` */
} log_t;

/* Writes one line and adds the newline, below no bar (base/progress.h). Not for the step loop. */
void log_info(const log_t *log, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same, with "warning: " in front. */
void log_warn(const log_t *log, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
