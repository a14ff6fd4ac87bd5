/* What a run leaves to be looked at: history.h5 (a row per epoch), log.jsonl (a line per event). */
#ifndef TRAIN_HISTORY_H
#define TRAIN_HISTORY_H

#include "base/error.h"
#include "store/store.h"
#include "model/objective.h"
#include "train/engine.h"

#include <stdio.h>

/* Columns of a row; NaN where one does not apply. The phases of the engine follow them. */
#define HISTORY_COLUMNS(X)                                                                                   \
  X(HISTORY_EPOCH, "epoch")           /* completed, from 1 */                                                \
  X(HISTORY_STEP, "step")             /* updates done */                                                     \
  X(HISTORY_TRAIN_LOSS, "train_loss") /* mean over the epoch's rows, each at its step */                     \
  X(HISTORY_VALID_LOSS, "valid_loss")                                                                        \
  X(HISTORY_VALID_ACCURACY, "valid_accuracy")                                                                \
  X(HISTORY_VALID_MAE, "valid_mae")                                                                          \
  X(HISTORY_VALID_RMSE, "valid_rmse")                                                                        \
  X(HISTORY_VALID_R2, "valid_r2")                                                                            \
  X(HISTORY_PERSISTENCE_MAE, "valid_persistence_mae") /* of forecasts without a model */                     \
  X(HISTORY_PERSISTENCE_RMSE, "valid_persistence_rmse")                                                      \
  X(HISTORY_SEASONAL_MAE, "valid_seasonal_naive_mae")                                                        \
  X(HISTORY_SEASONAL_RMSE, "valid_seasonal_naive_rmse")                                                      \
  X(HISTORY_LEARNING_RATE, "learning_rate") /* of the last step */                                           \
  X(HISTORY_GRADIENT_NORM, "gradient_norm") /* of the last step, before clipping */                          \
  X(HISTORY_ROWS, "rows")                                                                                    \
  X(HISTORY_SECONDS, "seconds") /* of the training steps */

enum {
#define HISTORY_CODE(code, name) code,
  HISTORY_COLUMNS(HISTORY_CODE)
#undef HISTORY_CODE
      HISTORY_PHASES, /* first phase: seconds_gather, seconds_forward … */
  HISTORY_WIDTH = HISTORY_PHASES + PHASES
};

/* What a network with several heads has of each of them. */
enum {
  HEAD_TRAIN_LOSS,
  HEAD_VALID_LOSS,
  HEAD_VALID_ACCURACY,
  HEAD_VALID_MAE,
  HEAD_VALID_RMSE,
  HEAD_VALID_R2,
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

/* Pieces of JSON: `"key": value`, null for what is not finite; a comma in front unless first. */
void json_number(FILE *out, bool first, const char *key, double value);
void json_integer(FILE *out, bool first, const char *key, int64_t value);
void json_text(FILE *out, bool first, const char *key, const char *value);

/* The row of an epoch as one line of log.jsonl. */
void history_log_row(FILE *log, const history_t *history, const history_row_t *row);

#endif
