/* Rules that end training. They are evaluated after each epoch on the history of the run, and one of them
 * also on windows of steps. They use nothing else. A resumed run restores its history from the checkpoint and
 * therefore stops exactly like a run without interruption. */
#ifndef TRAIN_STOP_RULES_H
#define TRAIN_STOP_RULES_H

#include "config/settings.h"
#include "run/history.h"
#include "run/loss_window.h"
#include "run/stop.h"

/* The reason why a run with this history can stop, or STOP_NOT if it continues. Pure. */
stop_reason_t stop_judge(const settings_t *settings, const history_t *history, const loss_window_t *window);

/* Whether the training loss has decreased by less than stop.tol from one window of steps to the next.
 * Pure. */
bool stop_settled(const settings_t *settings, const loss_window_t *window);

/* The metrics that stop.metric may name. */
bool stop_metric_choice(size_t i, choice_t *out);

/* Whether a metric that stop.metric may name, of the network or of a head, is better when it is higher. */
bool stop_metric_is_higher(const char *name);

/* LS_BAD_SETTINGS if a rule or checkpoint.best uses a metric that this run will not have. */
ls_status stop_rules_check(const settings_t *settings, bool has_validation, const objective_t *objective,
                           ls_error *error);

/* The last epoch's value of checkpoint.best, where smaller is better: accuracies and R2 are negated. NaN if
 * it is unknown. Pure. */
double best_figure(const settings_t *settings, const history_t *history);

#endif
