/* Why a run stops. */
#ifndef TRAIN_STOP_H
#define TRAIN_STOP_H

#include "base/error.h"

/* X(code, name in summary.json, what people read) */
#define STOP_REASONS(X)                                                                                      \
  X(STOP_EPOCHS, "epochs", "all epochs are done")                                                            \
  X(STOP_STEPS, "steps", "train.steps updates are done")                                                     \
  X(STOP_TARGET, "target", "the figure stop.metric has reached stop.target")                                 \
  X(STOP_GRADIENT_NORM, "gradient_norm", "the gradient's norm is below stop.gradient_norm")                  \
  X(STOP_PATIENCE, "patience", "the validation loss has not been better for stop.patience epochs")           \
  X(STOP_TOL, "tol", "the training loss has fallen by less than stop.tol over stop.epochs")

typedef enum {
  STOP_NOT, /* the run goes on */
#define STOP_CODE(code, name, text) code,
  STOP_REASONS(STOP_CODE)
#undef STOP_CODE
      STOPS
} stop_reason_t;

const char *stop_name(stop_reason_t reason);
const char *stop_text(stop_reason_t reason);

#endif
