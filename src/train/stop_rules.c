#include "train/stop_rules.h"

#include <math.h>
#include <string.h>

/* ---- the figures of stop.metric ---- */

typedef struct {
  const char *name;
  const char *meaning;
  int column; /* of the history; -1: none */
  bool higher_is_better;
  bool of_validation;
  bool of_classes, of_values; /* the kind of loss that has it; neither: any */
} stop_metric_t;

static const stop_metric_t metric_table[] = {
    {.name = "none", .meaning = "no target", .column = -1},
    {.name = "train_loss", .meaning = "at most stop.target", .column = HISTORY_TRAIN_LOSS},
    {.name = "valid_loss",
     .meaning = "at most stop.target",
     .column = HISTORY_VALID_LOSS,
     .of_validation = true},
    {.name = "valid_accuracy",
     .meaning = "at least stop.target",
     .column = HISTORY_VALID_ACCURACY,
     .higher_is_better = true,
     .of_validation = true,
     .of_classes = true},
    {.name = "valid_mae",
     .meaning = "at most stop.target",
     .column = HISTORY_VALID_MAE,
     .of_validation = true,
     .of_values = true},
    {.name = "valid_rmse",
     .meaning = "at most stop.target",
     .column = HISTORY_VALID_RMSE,
     .of_validation = true,
     .of_values = true},
    {.name = "valid_r2",
     .meaning = "at least stop.target",
     .column = HISTORY_VALID_R2,
     .higher_is_better = true,
     .of_validation = true,
     .of_values = true},
};

bool stop_metric_choice(size_t i, choice_t *out) {
  if (i >= sizeof metric_table / sizeof metric_table[0]) return false;
  *out = (choice_t){metric_table[i].name, metric_table[i].meaning};
  return true;
}

/* ---- the rules ---- */

static double figure(const history_t *history, size_t epoch, int column) {
  return history->rows[epoch].values[column];
}

/* The training loss has fallen by less than tol over the last so many epochs. */
static bool has_settled(const settings_t *settings, const history_t *history) {
  size_t over = (size_t)settings->stop.epochs, last = history->n - 1;
  if (settings->stop.tol <= 0 || last < over) return false;
  double fall = figure(history, last - over, HISTORY_TRAIN_LOSS) - figure(history, last, HISTORY_TRAIN_LOSS);
  return fall < settings->stop.tol;
}

/* The gradient's norm lies below its bound. */
static bool is_flat(const settings_t *settings, const history_t *history) {
  return figure(history, history->n - 1, HISTORY_GRADIENT_NORM) < settings->stop.gradient_norm;
}

/* The best validation loss lies so many epochs back. */
static bool has_waited(const settings_t *settings, const history_t *history) {
  size_t best = 0;
  if (settings->stop.patience == 0) return false;
  for (size_t i = 1; i < history->n; i++)
    if (figure(history, i, HISTORY_VALID_LOSS) < figure(history, best, HISTORY_VALID_LOSS)) best = i;
  return history->n - 1 - best >= (size_t)settings->stop.patience;
}

static const stop_metric_t *find_metric(const char *name) {
  return &metric_table[choice_find(stop_metric_choice, name)];
}

/* The figure has reached its target. */
static bool has_arrived(const settings_t *settings, const history_t *history) {
  const stop_metric_t *metric = find_metric(settings->stop.metric);
  if (metric->column < 0) return false;
  double value = figure(history, history->n - 1, metric->column), target = settings->stop.target;
  return metric->higher_is_better ? value >= target : value <= target;
}

stop_reason_t stop_judge(const settings_t *settings, const history_t *history) {
  static const struct {
    stop_reason_t reason;
    bool (*holds)(const settings_t *settings, const history_t *history);
  } rules[] = {{STOP_TARGET, has_arrived},
               {STOP_GRADIENT_NORM, is_flat},
               {STOP_PATIENCE, has_waited},
               {STOP_TOL, has_settled}};
  if (history->n == 0) return STOP_NOT;
  for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
    if (rules[i].holds(settings, history)) return rules[i].reason;
  return STOP_NOT;
}

ls_status stop_rules_check(const settings_t *settings, bool has_validation, bool has_accuracy,
                           bool has_errors, ls_error *error) {
  const stop_metric_t *metric = find_metric(settings->stop.metric);
  if (!has_validation && (settings->stop.patience > 0 || metric->of_validation))
    return error_set(error, LS_BAD_SETTINGS,
                     "%s looks at validation rows, and there are none: set data.validation to their share",
                     settings->stop.patience > 0 ? "stop.patience" : "stop.metric");
  if ((metric->of_classes && !has_accuracy) || (metric->of_values && !has_errors))
    return error_set(error, LS_BAD_SETTINGS, "stop.metric: the loss %s comes with no %s",
                     settings->n_losses > 1 ? "of several heads" : settings->losses->name,
                     metric->name + strlen("valid_"));
  return LS_OK;
}
