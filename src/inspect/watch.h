/* Follows a run: shows again and again what its files say, until the run ends.
 *
 * The run may train on another host that shares the file system. So nothing is asked of the run: its files
 * are looked at every second, and read again when one of them has changed. Files may be replaced at any time,
 * and the last line of the log may be half written. */
#ifndef INSPECT_WATCH_H
#define INSPECT_WATCH_H

#include "base/error.h"

#include <stdbool.h>

typedef struct {
  const char *run;     /* a run directory, or the name of a run */
  const char *columns; /* of the history, for the curves; NULL: losses and a metric */
  double every;        /* seconds between two looks */
  bool is_once;        /* show the present state, and end */
} watch_options_t;

/* Draws a page in place if stdout is a terminal, otherwise prints a line for each new epoch. With `is_once`:
 * the page once, LS_OK. Otherwise returns when the run has ended: LS_OK if it is finished, LS_STOPPED if it
 * was stopped with a checkpoint, or if a signal ended the watching; LS_FAILED if its process is gone or its
 * numbers went wrong. LS_BAD_DATA without such a run, LS_USAGE. Needs signals_note. Not collective. */
ls_status watch_run(const watch_options_t *options, ls_error *error);

#endif
