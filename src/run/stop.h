/* Reasons why a run stops. */
#ifndef RUN_STOP_H
#define RUN_STOP_H

#include "base/error.h"

/* X(code, name in summary.json and log.jsonl, status that the run ends with, text for users). If several
 * requests arrive at the same time, the last one in this list is reported. */
#define STOP_REASONS(X)                                                                                      \
  X(STOP_EPOCHS, "epochs", LS_OK, "all epochs are done")                                                     \
  X(STOP_SETTLED, "settled", LS_OK, "every start of the fit has settled (cluster.tolerance)")                \
  X(STOP_STEPS, "steps", LS_OK, "train.steps updates are done")                                              \
  X(STOP_TARGET, "target", LS_OK, "the figure stop.metric has reached stop.target")                          \
  X(STOP_GRADIENT_NORM, "gradient_norm", LS_OK, "the gradient's norm is below stop.gradient_norm")           \
  X(STOP_PATIENCE, "patience", LS_OK, "the validation loss has not improved for stop.patience epochs")       \
  X(STOP_TOL, "tol", LS_OK, "the training loss has decreased by less than stop.tol over stop.over")          \
  X(STOP_PAUSE, "pause", LS_STOPPED, "a sweep goes on with it later, if at all")                             \
  X(STOP_TIME_LIMIT, "time_limit", LS_STOPPED, "train.time_limit is near")                                   \
  X(STOP_JOB_END, "job_end", LS_STOPPED, "the end of the job is near")                                       \
  X(STOP_CALLER, "caller", LS_STOPPED, "the program that trains asked for it")                               \
  X(STOP_SIGNAL, "signal", LS_STOPPED, "a signal asked for it")

typedef enum {
  STOP_NOT, /* the run continues */
#define STOP_CODE(code, name, status, text) code,
  STOP_REASONS(STOP_CODE)
#undef STOP_CODE
      STOPS
} stop_reason_t;

const char *stop_name(stop_reason_t reason);
const char *stop_text(stop_reason_t reason);
/* LS_OK if training is complete, LS_STOPPED if it was asked to stop earlier. */
ls_status stop_status(stop_reason_t reason);

#endif
