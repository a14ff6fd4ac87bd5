#include "train/stop_rules.h"

#include <math.h>
#include <string.h>

/* ---- the metrics of stop.metric ---- */

typedef struct {
  const char *name;
  const char *meaning;
  int column; /* column of the history; -1: none */
  bool higher_is_better;
  bool of_validation;
  bool of_classes, of_values; /* kind of loss that has this metric; neither: any loss */
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

/* Whether the training loss has decreased by less than tol over the last stop.over epochs. */
static bool has_settled(const settings_t *settings, const history_t *history) {
  size_t over = (size_t)settings->stop.over.epochs, last = history->n - 1;
  if (settings->stop.tol <= 0 || over == 0 || last < over) return false;
  double fall = figure(history, last - over, HISTORY_TRAIN_LOSS) - figure(history, last, HISTORY_TRAIN_LOSS);
  return fall < settings->stop.tol;
}

bool stop_settled(const settings_t *settings, const loss_window_t *window) {
  return window->steps > 0 && window->means[0] - window->means[1] < settings->stop.tol;
}

/* Whether the gradient's norm is below its bound. */
static bool is_flat(const settings_t *settings, const history_t *history) {
  return figure(history, history->n - 1, HISTORY_GRADIENT_NORM) < settings->stop.gradient_norm;
}

/* Whether the best validation loss is at least stop.patience epochs old. */
static bool has_waited(const settings_t *settings, const history_t *history) {
  size_t best = 0;
  if (settings->stop.patience == 0) return false;
  for (size_t i = 1; i < history->n; i++) {
    double loss = figure(history, i, HISTORY_VALID_LOSS), least = figure(history, best, HISTORY_VALID_LOSS);
    if (loss < least || (isnan(least) && !isnan(loss))) best = i;
  }
  return history->n - 1 - best >= (size_t)settings->stop.patience;
}

/* A metric of the whole network, or of one head if a head's name and a dot precede it. */
typedef struct {
  const stop_metric_t *metric;
  const char *head; /* not NUL-terminated; NULL: the network */
  size_t head_length;
} target_figure_t;

static target_figure_t find_figure(const char *name) {
  const char *dot = strrchr(name, '.');
  return (target_figure_t){.metric =
                               &metric_table[choice_find(stop_metric_choice, dot != NULL ? dot + 1 : name)],
                           .head = dot != NULL ? name : NULL,
                           .head_length = dot != NULL ? (size_t)(dot - name) : 0};
}

bool stop_metric_is_higher(const char *name) {
  return find_figure(name).metric->higher_is_better;
}

/* Index of the metric's head; the number of heads if no head has that name. */
static size_t head_of(const target_figure_t *wanted, const objective_t *objective) {
  size_t h = 0;
  while (h < objective->n && (strlen(objective->heads[h].name) != wanted->head_length ||
                              strncmp(objective->heads[h].name, wanted->head, wanted->head_length) != 0))
    h++;
  return h;
}

/* The metric's value in the last epoch. */
static double last_figure(const target_figure_t *wanted, const history_t *history) {
  const history_row_t *row = &history->rows[history->n - 1];
  if (wanted->head == NULL) return row->values[wanted->metric->column];
  return row->heads[head_of(wanted, history->objective)][wanted->metric->column - HISTORY_TRAIN_LOSS];
}

double best_figure(const settings_t *settings, const history_t *history) {
  const target_figure_t wanted = find_figure(settings->checkpoint.best);
  if (wanted.metric->column < 0 || history->n == 0) return NAN;
  double value = last_figure(&wanted, history);
  return wanted.metric->higher_is_better ? -value : value;
}

/* Whether the metric has reached its target. */
static bool has_arrived(const settings_t *settings, const history_t *history) {
  const target_figure_t wanted = find_figure(settings->stop.metric);
  if (wanted.metric->column < 0) return false;
  double value = last_figure(&wanted, history), target = settings->stop.target;
  return wanted.metric->higher_is_better ? value >= target : value <= target;
}

stop_reason_t stop_judge(const settings_t *settings, const history_t *history, const loss_window_t *window) {
  static const struct {
    stop_reason_t reason;
    bool (*holds)(const settings_t *settings, const history_t *history);
  } rules[] = {{STOP_TARGET, has_arrived},
               {STOP_GRADIENT_NORM, is_flat},
               {STOP_PATIENCE, has_waited},
               {STOP_TOL, has_settled}};
  for (size_t i = 0; i < sizeof rules / sizeof rules[0] && history->n > 0; i++)
    if (rules[i].holds(settings, history)) return rules[i].reason;
  return stop_settled(settings, window) ? STOP_TOL : STOP_NOT;
}

/* Checks that the run and its heads provide the metric. */
static ls_status check_figure(const char *key, const char *name, bool has_validation,
                              const objective_t *objective, ls_error *error) {
  const target_figure_t wanted = find_figure(name);
  const stop_metric_t *metric = wanted.metric;
  const head_t *head = objective->n == 1 ? objective->heads : NULL;
  char text[32];
  if (wanted.head != NULL) {
    size_t h = objective->n > 1 ? head_of(&wanted, objective) : objective->n;
    if (h == objective->n)
      return error_set(error, LS_BAD_SETTINGS, "%s: '%.80s' names no head of the network", key, name);
    head = &objective->heads[h];
  }
  if (!has_validation && metric->of_validation)
    return error_set(error, LS_BAD_SETTINGS,
                     "%s needs validation rows, but there are none: set data.validation to a share", key);
  if ((metric->of_classes || metric->of_values) &&
      (head == NULL || head->loss->is_classification != metric->of_classes))
    return error_set(error, LS_BAD_SETTINGS, "%s: the loss %s has no %s%s", key,
                     head != NULL ? head->loss->name : objective_name(objective, text),
                     metric->name + strlen("valid_"),
                     head == NULL ? "; a head has figures of its own, HEAD.valid_accuracy" : "");
  return LS_OK;
}

ls_status stop_rules_check(const settings_t *settings, bool has_validation, const objective_t *objective,
                           ls_error *error) {
  const char *best = settings->checkpoint.best;
  bool is_usual =
      strcmp(best, "valid_loss") == 0; /* the default; without validation rows the last epoch is kept */
  if (!has_validation && settings->stop.patience > 0)
    return error_set(
        error, LS_BAD_SETTINGS,
        "stop.patience needs validation rows, but there are none: set data.validation to a share");
  TRY(check_figure("stop.metric", settings->stop.metric, has_validation, objective, error));
  return is_usual ? LS_OK : check_figure("checkpoint.best", best, has_validation, objective, error);
}
