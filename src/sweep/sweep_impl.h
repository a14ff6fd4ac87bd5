/* Internal to sweeps: plan.c decides what is trained, trial.c knows one trial, sweep.c trains them, result.c
 * and table.c write the results. */
#ifndef SWEEP_SWEEP_IMPL_H
#define SWEEP_SWEEP_IMPL_H

#include "run/run_directory.h"
#include "sweep/axes.h"
#include "sweep/sweep.h"

/* Figures that a sweep keeps of each trial: of the history, and behind them of the summary of a fit, which
 * are known when the trial is done (fit_metric.h). */
#define SWEEP_FIGURES(X)                                                                                     \
  X(TRAIN_LOSS, "train_loss")                                                                                \
  X(VALID_LOSS, "valid_loss")                                                                                \
  X(VALID_ACCURACY, "valid_accuracy")                                                                        \
  X(VALID_MAE, "valid_mae")                                                                                  \
  X(VALID_RMSE, "valid_rmse")                                                                                \
  X(VALID_R2, "valid_r2")                                                                                    \
  X(SILHOUETTE, "silhouette")                                                                                \
  X(DAVIES_BOULDIN, "davies_bouldin")                                                                        \
  X(BIC, "bic")                                                                                              \
  X(AIC, "aic")

enum {
#define SWEEP_CODE(code, name) SWEEP_##code,
  SWEEP_FIGURES(SWEEP_CODE)
#undef SWEEP_CODE
      SWEEP_WIDTH,
  SWEEP_HISTORY_WIDTH = SWEEP_SILHOUETTE
};
extern const char *const sweep_figure_names[SWEEP_WIDTH];

/* stopped: before its last epoch, by halving or because the sweep has not ended. */
typedef enum { TRIAL_WAITING, TRIAL_STOPPED, TRIAL_DONE, TRIAL_FAILED, TRIAL_STATES } trial_state_t;
extern const char *const trial_state_names[TRIAL_STATES];

/* What the directory of a trial tells. Figures are those of the epoch that model.h5 holds, and if there is no
 * model yet those of the last epoch; NaN: unknown. */
typedef struct {
  trial_state_t state;
  int64_t epoch; /* epochs trained */
  double metric;
  double figures[SWEEP_WIDTH];
  double seconds;    /* of training steps */
  uint64_t checksum; /* of the parameters */
} trial_result_t;

/* What is to be done, in the order in which it is decided. The same on every rank, except `lock`. */
typedef struct {
  const sweep_options_t *options;
  axes_t axes;
  int64_t repeat;           /* options->repeat, or 1 */
  int64_t part, parts;      /* of options->part; parts 0: all trials */
  settings_t **settings;    /* (axes.combinations) */
  uint64_t validation_seed; /* of all trials, so that all have the same folds */
  int64_t trials;
  int64_t checked;     /* the combination that is being checked */
  bool has_same_folds; /* all combinations deal the same rows to the same folds */
  const char
      *fit_metric; /* what fits of clusters are compared by if the user does not say; NULL: these are none */
  char metric[96];
  bool higher_is_better;
  int shards;
  char directory[RUN_PATH_SIZE]; /* RUNS/NAME-sweep */
  double began;
} sweep_t;

/* ---- trial.c ---- */

/* The number of a trial and what it stands for: trials of a combination are neighbours, and those of a seed
 * among them. All count from 0, folds from 1 (0: none). */
typedef struct {
  int64_t combination, repeat, fold;
} trial_t;
trial_t trial_of(const sweep_t *sweep, int64_t index);

/* The settings of a trial: those of its combination, which they borrow, with a name, a seed and a fold. */
typedef struct {
  settings_t settings;
  char name[96];
} trial_settings_t;
ls_status trial_settings(const sweep_t *sweep, int64_t index, int threads, trial_settings_t *out,
                         ls_error *error);

/* Reads what has become of a trial. If `epoch` is above 0: its figures after that epoch, or of a trial that
 * is done earlier the last ones. Not collective. */
ls_status trial_read(const sweep_t *sweep, int64_t index, int64_t epoch, trial_result_t *out,
                     ls_error *error);

/* Notes that a trial has failed for good. Not collective. */
ls_status trial_fail(const sweep_t *sweep, int64_t index, const char *message, ls_error *error);

/* "combination 3 (optimizer.learning_rate=0.1), seed 2, fold 1" */
void trial_describe(const sweep_t *sweep, int64_t index, char *out, size_t size);

/* ---- plan.c ---- */

/* Reads the words, loads the settings of all combinations and checks them. The caller frees the plan, also
 * after a failure. Collective. */
ls_status plan_make_sweep(world_t *world, const sweep_options_t *options, sweep_t *out, ls_error *error);
void plan_free_sweep(sweep_t *sweep);

/* Makes the directory, or compares what an earlier sweep has left there. Not collective. */
ls_status plan_open_directory(const sweep_t *sweep, ls_error *error);

/* ---- result.c ---- */

/* One row of the table. */
typedef struct {
  int64_t combination;
  trial_state_t state;      /* the worst of its trials: TRIAL_FAILED if one failed */
  int64_t epoch, n, failed; /* trained at least; trials with a figure; trials that failed */
  double mean, half, seconds;
  double figures[SWEEP_WIDTH]; /* means over the trials with a figure */
} standing_t;

/* standings (combinations), best first: those that trained longest, without failures, by the metric. */
ls_status result_rank(const sweep_t *sweep, const trial_result_t *results, standing_t *standings,
                      ls_error *error);

/* The mean of the metric over the trials of a combination; NaN if one has none. */
double result_mean(const sweep_t *sweep, const trial_result_t *results, int64_t combination);

/* Writes sweep.h5 and sweep.csv. fold (rows): of every training row; NULL: there are no folds. */
ls_status result_write(const sweep_t *sweep, const trial_result_t *results, const standing_t *standings,
                       const uint16_t *fold, int64_t rows, ls_error *error);

/* ---- table.c ---- */

/* Prints the table, the best combination and the command that trains it. */
ls_status table_print(const sweep_t *sweep, const standing_t *standings, FILE *out, ls_error *error);

/* The text of sweep.csv, malloc'd and caller-owned. */
ls_status table_csv(const sweep_t *sweep, const trial_result_t *results, char **text, ls_error *error);

#endif
