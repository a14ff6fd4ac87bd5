/* What log.jsonl tells of a run beside its epochs: how it began, and what happened last. */
#ifndef INSPECT_RUN_LOG_H
#define INSPECT_RUN_LOG_H

#include "base/error.h"
#include "run/document.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct {
  bool has_events;  /* there is a log with at least one of the events below */
  bool has_stopped; /* the last event is the end of the run */
  bool has_resumed; /* the last event is its begin, or its resumption */
  char reason[32];  /* of that end; "" if there is none */
  char layout[128]; /* "1 node x 2 ranks x 4 threads, 8 shards", of the newest start; "" if there is none */
  double step;      /* of the last event; NaN: not known */
  double time;      /* of the last event, seconds since 1970; NaN: an older lockstep wrote the log */
} run_log_t;

/* Reads the events start, resume, step, epoch, stop of a log. Lines that are damaged count as absent. LS_IO,
 * LS_NO_MEMORY. */
ls_status run_log_read(const char *path, run_log_t *out, ls_error *error);

/* Whether a line is an event of this name. */
bool run_log_is(const char *line, const char *event);

#endif
