/* Reports of a running run: a line for each epoch for users, log.jsonl for tools. (training_end.c writes
 * summary.json, base/progress.h shows how far an epoch has come.) On ranks other than 0 every function does
 * nothing. */
#ifndef TRAIN_REPORT_H
#define TRAIN_REPORT_H

#include "run/background.h"
#include "run/history.h"
#include "run/log_file.h"
#include "score/metrics.h"
#include "run/run_directory.h"
#include "train/trainer.h"

#include <stdio.h>

typedef struct {
  const log_t *log; /* NULL on ranks that print nothing */
  log_file_t lines; /* log.jsonl */
  int64_t epochs;   /* epochs of the run */
} report_t;

/* Opens log.jsonl; LS_IO if that fails. run NULL: there is no such file, only lines for users. */
ls_status report_open(report_t *report, const run_directory_t *run, const train_options_t *options,
                      int64_t epochs, ls_error *error);
void report_close(report_t *report);

/* Writes the lines that wait; LS_IO if they cannot be written now either. For the end of a run. */
ls_status report_finish(report_t *report, ls_error *error);

/* Logs that the run starts, or resumes at `step`. */
void report_start(report_t *report, int64_t step, const char *layout);

/* Logs the number of steps that the run has skipped up to this one. */
void report_skips(report_t *report, int64_t step, int64_t steps);

/* Logs that the run has gone back to an earlier step, because copies of the parameters differ. */
void report_return(report_t *report, int64_t step, int64_t to, const char *why);

/* Logs a step, as requested by train.log_every. */
void report_step(report_t *report, int64_t step, int64_t epoch, double loss, double rate, double norm);

/* Logs that the run ends; `reason` is a name of stop.h. */
void report_stop(report_t *report, int64_t step, const char *reason);

/* Logs a checkpoint: seconds that the steps paused, and the cost of writing it; or why it failed. */
void report_saved(report_t *report, int64_t step, double pause, const background_cost_t *cost);
void report_save_failed(report_t *report, int64_t step, const char *reason);

enum { REPORT_NOTE = 160 };

/* Logs the end of an epoch; `valid` may be NULL, and `note`, for users, empty. */
void report_epoch(report_t *report, const history_t *history, const history_row_t *row,
                  const metrics_t *valid, const char *note);

#endif
