#include "inspect/run_log.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool run_log_is(const char *line, const char *event) {
  static const char head[] = "{\"event\": \"";
  size_t fixed = sizeof head - 1, length = strlen(event);
  return strncmp(line, head, fixed) == 0 && strncmp(line + fixed, event, length) == 0 &&
         line[fixed + length] == '"';
}

/* Of each kind the last line; only these are parsed, because a log may have a million lines. */
enum { LAST_START, LAST_STOP, LAST_ANY, LASTS };
typedef struct {
  char *lines[LASTS]; /* malloc'd, or NULL */
} last_lines_t;

static ls_status keep(char **place, const char *line, ls_error *error) {
  size_t bytes = strlen(line) + 1;
  char *copy = realloc(*place, bytes);
  if (copy == NULL) return error_set(error, LS_NO_MEMORY, "no memory to read a log");
  *place = memcpy(copy, line, bytes);
  return LS_OK;
}

static ls_status note_line(const char *line, void *context, ls_error *error) {
  last_lines_t *last = context;
  bool is_start = run_log_is(line, "start") || run_log_is(line, "resume"), is_stop = run_log_is(line, "stop");
  if (!is_start && !is_stop && !run_log_is(line, "epoch") && !run_log_is(line, "step")) return LS_OK;
  if (is_start) TRY(keep(&last->lines[LAST_START], line, error));
  if (is_stop) TRY(keep(&last->lines[LAST_STOP], line, error));
  return keep(&last->lines[LAST_ANY], line, error);
}

static void copy_text(const yaml_value_t *event, const char *key, char *out, size_t size) {
  const char *text = document_text(event, key);
  snprintf(out, size, "%s", text == NULL ? "" : text);
}

static ls_status understand(const last_lines_t *last, run_log_t *out, ls_error *error) {
  arena_t arena = {0};
  yaml_value_t *events[LASTS] = {NULL};
  ls_status status = LS_OK;
  for (int k = 0; k < LASTS && status != LS_NO_MEMORY; k++)
    if (last->lines[k] != NULL)
      status = document_parse(last->lines[k], "log.jsonl", &arena, &events[k], error);
  if (status != LS_NO_MEMORY) {
    const char *line = last->lines[LAST_ANY];
    *out =
        (run_log_t){.has_events = line != NULL,
                    .has_stopped = line != NULL && run_log_is(line, "stop"),
                    .has_resumed = line != NULL && (run_log_is(line, "start") || run_log_is(line, "resume")),
                    .step = document_number(events[LAST_ANY], "step"),
                    .time = document_number(events[LAST_ANY], "time")};
    if (out->has_stopped) copy_text(events[LAST_STOP], "reason", out->reason, sizeof out->reason);
    copy_text(events[LAST_START], "layout", out->layout, sizeof out->layout);
  }
  arena_free(&arena);
  return status == LS_NO_MEMORY ? status : LS_OK;
}

ls_status run_log_read(const char *path, run_log_t *out, ls_error *error) {
  last_lines_t last = {{NULL}};
  ls_status status = document_lines(path, note_line, &last, error);
  if (status == LS_OK) status = understand(&last, out, error);
  for (int k = 0; k < LASTS; k++) free(last.lines[k]);
  return status;
}
