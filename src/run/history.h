/* Records of a run: history.h5 (one row per epoch) and log.jsonl (one line per event). */
#ifndef RUN_HISTORY_H
#define RUN_HISTORY_H

#include "base/error.h"
#include "store/store.h"
#include "loss/objective.h"
#include "step/engine.h"

#include <stdio.h>

/* The figures of a network, and with several heads also of each head; NaN if not applicable. */
#define HISTORY_FIGURES(X)                                                                                   \
  X(TRAIN_LOSS, "train_loss") /* mean over the epoch's rows, before each update */                           \
  X(VALID_LOSS, "valid_loss")                                                                                \
  X(VALID_ACCURACY, "valid_accuracy")                                                                        \
  X(VALID_MAE, "valid_mae")                                                                                  \
  X(VALID_RMSE, "valid_rmse")                                                                                \
  X(VALID_R2, "valid_r2")                                                                                    \
  X(VALID_PENALTY, "valid_penalty")                     /* part of valid_loss: what layers add */            \
  X(PERSISTENCE_ACCURACY, "valid_persistence_accuracy") /* forecasts without a model */                      \
  X(PERSISTENCE_MAE, "valid_persistence_mae")                                                                \
  X(PERSISTENCE_RMSE, "valid_persistence_rmse")                                                              \
  X(SEASONAL_ACCURACY, "valid_seasonal_naive_accuracy")                                                      \
  X(SEASONAL_MAE, "valid_seasonal_naive_mae")                                                                \
  X(SEASONAL_RMSE, "valid_seasonal_naive_rmse")

/* Columns of a row. The engine's phases follow them. */
#define HISTORY_COLUMNS(X)                                                                                   \
  X(EPOCH, "epoch") /* completed, from 1 */                                                                  \
  X(STEP, "step")   /* updates done */                                                                       \
  HISTORY_FIGURES(X)                                                                                         \
  X(LEARNING_RATE, "learning_rate") /* in the last step */                                                   \
  X(GRADIENT_NORM, "gradient_norm") /* in the last step, before clipping */                                  \
  X(ROWS, "rows")                                                                                            \
  X(SECONDS, "seconds") /* spent in training steps */

enum {
#define HISTORY_CODE(code, name) HISTORY_##code,
  HISTORY_COLUMNS(HISTORY_CODE)
#undef HISTORY_CODE
      HISTORY_PHASES, /* the first phase: seconds_gather, seconds_forward, ... */
  HISTORY_WIDTH = HISTORY_PHASES + PHASES
};

enum {
#define HEAD_CODE(code, name) HEAD_##code,
  HISTORY_FIGURES(HEAD_CODE)
#undef HEAD_CODE
      HEAD_WIDTH
};

/* The name of a column, 0 to HISTORY_WIDTH - 1, in files. */
enum { HISTORY_NAME_SIZE = 64 };
void history_column_name(int column, char name[HISTORY_NAME_SIZE]);

typedef struct {
  double values[HISTORY_WIDTH];
  double heads[MOST_HEADS][HEAD_WIDTH]; /* of each head if there are several */
  uint64_t checksum;                    /* checksum of the parameters */
} history_row_t;

/* The rows of all epochs so far. Rank 0 only. Initialise with {0} and the objective. */
typedef struct {
  history_row_t *rows;
  size_t n, capacity;
  const objective_t *objective; /* borrowed; NULL: one head */
} history_t;

/* Number of heads that have columns of their own: 0 for a network with one head. */
size_t history_heads(const history_t *history);

ls_status history_add(history_t *history, const history_row_t *row, ls_error *error);
void history_free(history_t *history);

/* Replaces history.h5: one array per column, with several heads also heads/NAME/COLUMN, and
 * parameters_checksum. */
ls_status history_write(const history_t *history, const char *path, ls_error *error);

/* Writes and reads the history within a checkpoint: the arrays history/values and history/checksum, and with
 * several heads history/heads. Reading requires an empty history with its objective set. */
ls_status history_save(const history_t *history, store_t *store, ls_error *error);
ls_status history_load(history_t *history, const store_t *store, ls_error *error);

/* Writes the row of an epoch as one line of log.jsonl; `note` may be empty. */
void history_log_row(FILE *log, const history_t *history, const history_row_t *row, const char *note);

#endif
