/* What a run leaves to be looked at: history.h5 (a row per epoch), log.jsonl (a line per event). */
#ifndef TRAIN_HISTORY_H
#define TRAIN_HISTORY_H

#include "base/error.h"
#include "store/store.h"
#include "model/objective.h"
#include "step/engine.h"

#include <stdio.h>

/* What a network has learnt, and with several heads each of them; NaN where it does not apply. */
#define HISTORY_FIGURES(X)                                                                                   \
  X(TRAIN_LOSS, "train_loss") /* mean over the epoch's rows, each at its step */                             \
  X(VALID_LOSS, "valid_loss")                                                                                \
  X(VALID_ACCURACY, "valid_accuracy")                                                                        \
  X(VALID_MAE, "valid_mae")                                                                                  \
  X(VALID_RMSE, "valid_rmse")                                                                                \
  X(VALID_R2, "valid_r2")                                                                                    \
  X(PERSISTENCE_ACCURACY, "valid_persistence_accuracy") /* of forecasts without a model */                   \
  X(PERSISTENCE_MAE, "valid_persistence_mae")                                                                \
  X(PERSISTENCE_RMSE, "valid_persistence_rmse")                                                              \
  X(SEASONAL_ACCURACY, "valid_seasonal_naive_accuracy")                                                      \
  X(SEASONAL_MAE, "valid_seasonal_naive_mae")                                                                \
  X(SEASONAL_RMSE, "valid_seasonal_naive_rmse")

/* Columns of a row. The phases of the engine follow them. */
#define HISTORY_COLUMNS(X)                                                                                   \
  X(EPOCH, "epoch") /* completed, from 1 */                                                                  \
  X(STEP, "step")   /* updates done */                                                                       \
  HISTORY_FIGURES(X)                                                                                         \
  X(LEARNING_RATE, "learning_rate") /* of the last step */                                                   \
  X(GRADIENT_NORM, "gradient_norm") /* of the last step, before clipping */                                  \
  X(ROWS, "rows")                                                                                            \
  X(SECONDS, "seconds") /* of the training steps */

enum {
#define HISTORY_CODE(code, name) HISTORY_##code,
  HISTORY_COLUMNS(HISTORY_CODE)
#undef HISTORY_CODE
      HISTORY_PHASES, /* first phase: seconds_gather, seconds_forward … */
  HISTORY_WIDTH = HISTORY_PHASES + PHASES
};

enum {
#define HEAD_CODE(code, name) HEAD_##code,
  HISTORY_FIGURES(HEAD_CODE)
#undef HEAD_CODE
      HEAD_WIDTH
};

typedef struct {
  double values[HISTORY_WIDTH];
  double heads[MOST_HEADS][HEAD_WIDTH]; /* of the heads, where there are several */
  uint64_t checksum;                    /* of the parameters */
} history_row_t;

/* Rows of all epochs so far, rank 0 only. Starts as {0} but for the objective. */
typedef struct {
  history_row_t *rows;
  size_t n, capacity;
  const objective_t *objective; /* borrowed; NULL: one head */
} history_t;

/* Heads that have columns of their own: 0 where there is one. */
size_t history_heads(const history_t *history);

ls_status history_add(history_t *history, const history_row_t *row, ls_error *error);
void history_free(history_t *history);

/* Replaces history.h5: one array per column, heads/NAME/COLUMN for several heads, and parameters_checksum. */
ls_status history_write(const history_t *history, const char *path, ls_error *error);

/* Within a checkpoint: arrays history/values, history/checksum and, for several heads, history/heads. Reading
 * appends to an empty history, whose objective is known. */
ls_status history_save(const history_t *history, store_t *store, ls_error *error);
ls_status history_load(history_t *history, const store_t *store, ls_error *error);

/* The row of an epoch as one line of log.jsonl. */
void history_log_row(FILE *log, const history_t *history, const history_row_t *row);

#endif
