/* What becomes of an earlier run when a new one of the same name starts. The earlier directory is renamed to
 * runs/NAME.1, NAME.2, ...: the number is one above the highest that is taken, so a higher number is a later
 * run and nothing is ever renamed twice. Runs are removed only on request, or if they ended before they had
 * anything to lose. The lock of the run (run_lock.h) belongs to the caller meanwhile. Not collective. */
#ifndef RUN_PREDECESSOR_H
#define RUN_PREDECESSOR_H

#include "run/run_directory.h"

/* Creates an empty directory for a fresh run, after an earlier run of that name has been renamed, or removed:
 * if `replaces` is set, or if it has nothing but its settings and its log. LS_BAD_SETTINGS if there is a
 * directory that is not that of a run; it stays as it is. */
ls_status run_directory_fresh(const run_directory_t *run, bool replaces, const log_t *log, ls_error *error);

/* Whether the run has ended with results. */
bool run_is_finished(const run_directory_t *run);

#endif
