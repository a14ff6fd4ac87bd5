/* A file of lines, log.jsonl, that grows while a run trains. A line that cannot be written waits in memory
 * and is written with the next one: a full disk does not end the run. Called by one thread of rank 0. */
#ifndef RUN_LINE_LOG_H
#define RUN_LINE_LOG_H

#include "base/error.h"
#include "base/log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* {0}: there is no file, and the functions below do nothing. */
typedef struct {
  const log_t *log; /* for warnings */
  FILE *line;       /* the line that is being made, in memory */
  char *text;       /* its text */
  size_t size;
  char *waiting; /* lines that are not in the file yet, malloc'd */
  size_t n_waiting;
  bool is_open;
  int file;    /* open for appending */
  bool failed; /* it could not be written the last time */
} line_log_t;

/* Opens the file for appending, or makes it. LS_IO. `log` is borrowed. Free with line_log_close. */
ls_status line_log_open(const char *path, const log_t *log, line_log_t *out, ls_error *error);
void line_log_close(line_log_t *lines); /* writes what waits, if it can */

/* Begins a line, which line_log_end writes. NULL if there is no file, or no memory, which is a warning. */
FILE *line_log_begin(line_log_t *lines);
/* Ends the line; warns if it cannot be written now, or is lost because there is no memory for it either. */
void line_log_end(line_log_t *lines);

/* Writes the lines that wait; LS_IO if they cannot be written now either. For the end of a run. */
ls_status line_log_finish(line_log_t *lines, ls_error *error);

#endif
