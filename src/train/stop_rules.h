/* When training has come as far as it will: rules on the history of a run, judged after each epoch, and one
 * on windows of its steps. They look at nothing else, so a resumed run, whose history comes with its
 * checkpoint, is judged like one that was never interrupted. */
#ifndef TRAIN_STOP_RULES_H
#define TRAIN_STOP_RULES_H

#include "config/settings.h"
#include "train/history.h"
#include "train/loss_window.h"
#include "train/stop.h"

/* Why a run with these epochs and steps behind it need not go on; STOP_NOT when it goes on. Pure. */
stop_reason_t stop_judge(const settings_t *settings, const history_t *history, const loss_window_t *window);

/* Whether the training loss has fallen by less than stop.tol from a window of steps to the next. Pure. */
bool stop_settled(const settings_t *settings, const loss_window_t *window);

/* The figures that stop.metric may name. */
bool stop_metric_choice(size_t i, choice_t *out);

/* LS_BAD_SETTINGS when a rule or checkpoint.best looks at a figure that this run will not have. */
ls_status stop_rules_check(const settings_t *settings, bool has_validation, const objective_t *objective,
                           ls_error *error);

/* How good the last epoch is by checkpoint.best: the less the better, so that accuracies and R2 come with a
 * minus. NaN when it is not known. Pure. */
double best_figure(const settings_t *settings, const history_t *history);

#endif
