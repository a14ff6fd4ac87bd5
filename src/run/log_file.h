/* A file of lines, log.jsonl, that grows while a run trains. A line that cannot be written waits in memory
 * and is written with the next one: a full disk does not end the run. Called by one thread of rank 0. */
#ifndef RUN_LOG_FILE_H
#define RUN_LOG_FILE_H

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
} log_file_t;

/* Opens the file for appending, or makes it. LS_IO. `log` is borrowed. Free with log_file_close. */
ls_status log_file_open(const char *path, const log_t *log, log_file_t *out, ls_error *error);
void log_file_close(log_file_t *lines); /* writes what waits, if it can */

/* Begins a line, which log_file_end writes. NULL if there is no file, or no memory, which is a warning. */
FILE *log_file_begin(log_file_t *lines);
/* Ends the line; warns if it cannot be written now, or is lost because there is no memory for it either. */
void log_file_end(log_file_t *lines);

/* Writes the lines that wait; LS_IO if they cannot be written now either. For the end of a run. */
ls_status log_file_finish(log_file_t *lines, ls_error *error);

#endif
