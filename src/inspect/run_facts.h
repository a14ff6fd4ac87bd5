/* What is known of a run, from the files in its directory and the lock beside it.
 *
 * Nothing here ends a command because a run is damaged or in the middle of something: what can be read is
 * known, the rest is not, and a note says what is wrong. The state follows from the lock first (a live owner:
 * the run is running), then from the last event of log.jsonl, then from summary.json. A summary counts only
 * if the log does not go on after it: a run that was stopped, resumed and killed has an old summary. */
#ifndef INSPECT_RUN_FACTS_H
#define INSPECT_RUN_FACTS_H

#include "base/listing.h"
#include "run/document.h"
#include "inspect/epochs.h"
#include "inspect/run_log.h"
#include "inspect/run_settings.h"

#include <stdbool.h>

/* X(code, name, kind, digits, importance, hidden, key of summary.json, column of history.h5, meaning). The
 * figures of a run, in the order of the table's columns. A figure comes from the summary if that counts and
 * has it, otherwise from the epochs: of the epoch whose parameters model.h5 holds, or the last one. "": from
 * neither, or not in this simple way. */
#define RUN_FIGURES(X)                                                                                       \
  X(EPOCHS, "epochs", LISTING_INTEGER, 0, 80, false, "epochs", "epoch", "epochs done")                       \
  X(ASKED, "asked", LISTING_INTEGER, 0, 40, false, "", "", "epochs asked for")                               \
  X(STEPS, "steps", LISTING_INTEGER, 0, 35, false, "steps", "step", "updates done")                          \
  X(TRAIN_LOSS, "train_loss", LISTING_NUMBER, 5, 60, false, "train_loss", "train_loss", "of the last epoch") \
  X(VALID_LOSS, "valid_loss", LISTING_NUMBER, 5, 75, false, "valid_loss", "valid_loss", "of model.h5")       \
  X(TEST_LOSS, "test_loss", LISTING_NUMBER, 5, 70, false, "test_loss", "", "of model.h5")                    \
  X(VALID_ACCURACY, "valid_accuracy", LISTING_NUMBER, 4, 65, false, "", "valid_accuracy",                    \
    "classes: of model.h5")                                                                                  \
  X(TEST_ACCURACY, "test_accuracy", LISTING_NUMBER, 4, 78, false, "test_accuracy", "",                       \
    "classes: of model.h5")                                                                                  \
  X(VALID_R2, "valid_r2", LISTING_NUMBER, 4, 65, false, "", "valid_r2", "values: R² of model.h5")            \
  X(TEST_R2, "test_r2", LISTING_NUMBER, 4, 78, false, "test_r2", "", "values: R² of model.h5")               \
  X(VALID_RMSE, "valid_rmse", LISTING_NUMBER, 5, 30, true, "", "valid_rmse", "values, in original units")    \
  X(TEST_RMSE, "test_rmse", LISTING_NUMBER, 5, 66, false, "test_rmse", "", "values, in original units")      \
  X(VALID_MAE, "valid_mae", LISTING_NUMBER, 5, 30, true, "", "valid_mae", "values, in original units")       \
  X(TEST_MAE, "test_mae", LISTING_NUMBER, 5, 30, true, "test_mae", "", "values, in original units")          \
  X(ROWS_PER_SECOND, "rows_per_second", LISTING_NUMBER, 0, 25, false, "rows_per_second", "",                 \
    "of training steps")                                                                                     \
  X(SECONDS, "seconds", LISTING_NUMBER, 4, 45, false, "seconds", "",                                         \
    "from start to end of the last process")                                                                 \
  X(ROWS, "rows", LISTING_INTEGER, 0, 10, true, "rows", "rows", "training rows")                             \
  X(PARAMETERS, "parameters", LISTING_INTEGER, 0, 10, true, "parameters", "", "weights and biases")          \
  X(SHARDS, "shards", LISTING_INTEGER, 0, 10, true, "shards", "", "shards")                                  \
  X(MODEL_STEP, "model_step", LISTING_INTEGER, 0, 10, true, "model_step", "",                                \
    "the step of model.h5's parameters")                                                                     \
  X(MEMORY, "memory_bytes", LISTING_INTEGER, 0, 10, true, "memory_bytes", "",                                \
    "the most memory of all ranks")                                                                          \
  X(ENDED, "ended", LISTING_TIME, 0, 50, false, "", "", "when it ended, or gave its last sign of life")

enum {
#define RUN_FIGURE_CODE(code, ...) FIGURE_##code,
  RUN_FIGURES(RUN_FIGURE_CODE)
#undef RUN_FIGURE_CODE
      RUN_FIGURE_COUNT
};

typedef enum { RUN_FINISHED, RUN_STOPPED, RUN_RUNNING, RUN_FAILED, RUN_INTERRUPTED, RUN_STATES } run_state_t;

/* "finished" ..., and what that means for users. Static. */
const char *run_state_name(run_state_t state);
const char *run_state_meaning(run_state_t state);

typedef struct {
  const char *path, *name; /* the run directory, and the last part of its path */
  run_state_t state;
  const char *reason;   /* "epochs", "patience", "diverged"; NULL: not known */
  const char *owner;    /* of a running one: "process 1234 on node07"; otherwise NULL */
  const char *layout;   /* "1x2x4": nodes x ranks of each x threads; NULL: not known */
  const char *checksum; /* of the parameters, 16 hex digits; NULL: not known */
  const char *note;     /* what is wrong with its files; NULL: nothing */
  double figures[RUN_FIGURE_COUNT];
  const yaml_value_t *summary; /* NULL: none that counts */
  bool is_trained;             /* by steps: has epochs; otherwise the weights were solved for, or collected */
  run_log_t log;
  run_settings_t settings;
} run_facts_t;

/* Reads what is known of the run in a directory (which need not exist). Texts are in the arena. `epochs`:
 * filled with the run's epochs, with their times if `with_times` (epochs_read), caller-owned (epochs_free),
 * empty on failure. LS_NO_MEMORY. */
ls_status run_facts_read(const char *directory, bool with_times, arena_t *arena, run_facts_t *out,
                         epochs_t *epochs, ls_error *error);

/* Why the run has ended, for users; the meaning of its state if it gives no reason. Static. */
const char *run_facts_reason(const run_facts_t *facts);

/* The index of the epoch whose parameters model.h5 holds: the one with the step `model_step`, or the last
 * one. The run has epochs. */
size_t run_facts_best(const run_facts_t *facts, const epochs_t *epochs);

#endif
