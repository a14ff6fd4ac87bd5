#include "run/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Writes text, as far as that is possible, and returns the number of bytes that are written. */
static size_t write_some(int file, const char *text, size_t size) {
  size_t done = 0;
  for (bool works = true; done < size && works;) {
    ssize_t n = write(file, text + done, size - done);
    works = n > 0 || (n < 0 && errno == EINTR);
    if (n > 0) done += (size_t)n;
  }
  return done;
}

/* Writes the lines that wait. Returns whether none is left. */
static bool write_waiting(log_file_t *lines) {
  size_t done = write_some(lines->file, lines->waiting, lines->n_waiting);
  if (done > 0) memmove(lines->waiting, lines->waiting + done, lines->n_waiting - done);
  lines->n_waiting -= done;
  return lines->n_waiting == 0;
}

/* Adds text to the lines that wait. */
static bool keep_waiting(log_file_t *lines, const char *text, size_t size) {
  char *all = realloc(lines->waiting, lines->n_waiting + size);
  if (all == NULL) return false;
  memcpy(all + lines->n_waiting, text, size);
  lines->waiting = all;
  lines->n_waiting += size;
  return true;
}

static void tell_lost(const log_file_t *lines) {
  log_warn(lines->log, "a line of log.jsonl is lost, because there is no memory for it; training goes on");
}

ls_status log_file_open(const char *path, const log_t *log, log_file_t *out, ls_error *error) {
  int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (file < 0) return error_set(error, LS_IO, "%s: %s", path, strerror(errno));
  *out = (log_file_t){.log = log, .file = file, .is_open = true};
  return LS_OK;
}

void log_file_close(log_file_t *lines) {
  if (!lines->is_open) return;
  write_waiting(lines);
  close(lines->file);
  free(lines->waiting);
  *lines = (log_file_t){0};
}

FILE *log_file_begin(log_file_t *lines) {
  if (!lines->is_open) return NULL;
  lines->line = open_memstream(&lines->text, &lines->size);
  if (lines->line == NULL) tell_lost(lines);
  return lines->line;
}

void log_file_end(log_file_t *lines) {
  bool complete = fclose(lines->line) == 0, works = write_waiting(lines);
  size_t done = complete && works ? write_some(lines->file, lines->text, lines->size) : 0;
  works = works && (!complete || done == lines->size);
  if (!works && !lines->failed)
    log_warn(lines->log, "log.jsonl cannot be written: %s; training goes on, and its lines wait in memory",
             strerror(errno));
  lines->failed = !works;
  if (!complete || (!works && !keep_waiting(lines, lines->text + done, lines->size - done))) tell_lost(lines);
  free(lines->text);
  lines->text = NULL;
}

ls_status log_file_finish(log_file_t *lines, ls_error *error) {
  if (!lines->is_open || write_waiting(lines)) return LS_OK;
  return error_set(error, LS_IO, "log.jsonl cannot be written: %s", strerror(errno));
}
