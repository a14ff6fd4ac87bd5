/* The table of losses, and functions for all of them. Each loss has a fast form in float, with terms summed
 * in double, and a definition in double for one row (loss_values.c, loss_classes.c, loss_fitted.c). */
#include "loss/loss.h"

#include "loss/loss_impl.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* The first members of a row: for targets that are values, or labels. A prediction is called `prediction`
 * (values) or `score` (labels) unless the row uses the second form. */
#define VALUES_AS(name, called)                                                                              \
  TARGET_VALUES, loss_##name, loss_##name##_reference, false, .prediction = (called)
#define LABELS_AS(name, called)                                                                              \
  TARGET_LABELS, loss_##name, loss_##name##_reference, true, .prediction = (called)
#define SCORES_AS(name, called)                                                                              \
  TARGET_NONE, loss_##name, loss_##name##_reference, false,                                                  \
      .describe = loss_##name##_describe, .slope = loss_##name##_slope, .prediction = (called)
#define VALUES(name) VALUES_AS(name, "prediction")
#define LABELS(name) LABELS_AS(name, "score")

static const loss_t loss_table[] = {
    {"mse", "mean squared error, (z - t)^2", VALUES(mse)},
    {"mae", "mean absolute error, |z - t|", VALUES(mae)},
    {"huber", "square up to |z - t| = delta, a line beyond (Huber 1964)", VALUES(huber)},
    {"quantile", "(q - [t < z]) (t - z) for each of the levels q in quantiles (Koenker and Bassett 1978)",
     VALUES_AS(quantile, "quantile")},
    {"gaussian_nll", "(s + (t - m)^2 exp(-s)) / 2; outputs are means m, then logarithms of variances s",
     VALUES(gaussian), .predict = loss_gaussian_predict},
    {"poisson_nll", "exp(z) - t z, for counts t; outputs are logarithms of rates", VALUES(poisson),
     .fixed_units = true, .high = INFINITY, .predict = loss_poisson_predict, .slope = loss_poisson_slope},
    {"cross_entropy", "-log softmax(z)[label], for classes; outputs are logits",
     LABELS_AS(cross_entropy, "probability"), .predict = loss_cross_entropy_predict,
     .slope = loss_cross_entropy_slope},
    {"binary_cross_entropy", "-t log s(z) - (1 - t) log(1 - s(z)), targets in [0, 1]; outputs are logits",
     TARGET_VALUES, loss_bce, loss_bce_reference, true, .high = 1, .predict = loss_bce_predict,
     .slope = loss_bce_slope, .prediction = "probability"},
    {"hinge",
     "max(0, 1 - lead), how far the label's score is ahead; one output tells two classes by its sign",
     LABELS(hinge), .one_output = true},
    {"perceptron", "max(0, -lead); with sgd on single rows the rule of Rosenblatt 1958", LABELS(perceptron),
     .one_output = true},
    {"distortion", "min_k |x - c_k|^2 = -2 max_k z_k of the layer centres; needs no targets",
     SCORES_AS(distortion, "distance"), .layer = LAYER_CENTRES},
    {"density", "-log sum_k exp(z_k) of the layer gaussians, the negative log-density; needs no targets",
     SCORES_AS(density, "log_density"), .layer = LAYER_GAUSSIANS},
};

/* What binary_cross_entropy is if the targets are the features: numbers from 0 to 1 instead of classes, so
 * predictions are in units of the features, and have errors instead of an accuracy. */
static const loss_t shares = {.name = "binary_cross_entropy",
                              .meaning = "of features from 0 to 1",
                              .target = TARGET_VALUES,
                              .evaluate = loss_bce,
                              .reference = loss_bce_reference,
                              .high = 1,
                              .predict = loss_bce_predict,
                              .slope = loss_bce_slope,
                              .prediction = "prediction"};

bool loss_choice(size_t i, choice_t *out) {
  if (i >= sizeof loss_table / sizeof loss_table[0]) return false;
  *out = (choice_t){.name = loss_table[i].name, .meaning = loss_table[i].meaning};
  return true;
}

const loss_t *loss_find(const char *name) {
  int i = choice_find(loss_choice, name);
  return i < 0 ? NULL : &loss_table[i];
}

const loss_t *loss_of_features(const loss_t *loss) {
  return loss->evaluate == loss_bce ? &shares : loss;
}

bool loss_takes_shares(const loss_t *loss) {
  return loss == &shares;
}

loss_params_t loss_params(const loss_settings_t *settings) {
  return (loss_params_t){.delta = settings->delta,
                         .label_smoothing = settings->label_smoothing,
                         .levels = settings->quantiles.values,
                         .n_levels = settings->quantiles.n};
}

/* ---- outputs and targets ---- */

/* The number of outputs for one target. */
static int64_t outputs_per_target(const loss_t *loss, const loss_params_t *params) {
  if (loss->evaluate == loss_gaussian) return 2;
  return loss->evaluate == loss_quantile ? (int64_t)params->n_levels : 1;
}

bool loss_is_regression(const loss_t *loss) {
  return loss->target == TARGET_VALUES && !loss->is_classification;
}

bool loss_gives_probabilities(const loss_t *loss) {
  return strcmp(loss->prediction, "probability") == 0;
}

int64_t loss_classes(const loss_t *loss, int64_t outputs) {
  return outputs == 1 && loss->one_output ? 2 : outputs;
}

int64_t loss_targets(const loss_t *loss, const loss_params_t *params, int64_t outputs) {
  return loss->target == TARGET_NONE ? 0 : outputs / outputs_per_target(loss, params);
}

int64_t loss_row_classes(const loss_t *loss, int64_t outputs) {
  if (loss->target == TARGET_LABELS) return loss_classes(loss, outputs);
  return loss->is_classification && outputs == 1 ? 2 : 0;
}

target_request_t loss_request(const loss_t *loss, const loss_params_t *params, int64_t outputs) {
  if (loss->target == TARGET_LABELS)
    return (target_request_t){.kind = TARGET_LABELS, .width = loss_classes(loss, outputs)};
  return (target_request_t){.kind = loss->target,
                            .width = loss_targets(loss, params, outputs),
                            .low = loss->low,
                            .high = loss->high};
}

static ls_status check_levels(const loss_params_t *params, ls_error *error) {
  for (size_t i = 1; i < params->n_levels; i++)
    if (params->levels[i] <= params->levels[i - 1])
      return error_set(error, LS_BAD_SETTINGS, "loss.quantiles: levels must grow, and %g comes after %g",
                       params->levels[i], params->levels[i - 1]);
  return LS_OK;
}

ls_status loss_check(const loss_t *loss, const loss_params_t *params, int64_t outputs, ls_error *error) {
  bool smooths = loss->evaluate == loss_cross_entropy || loss->evaluate == loss_bce;
  int64_t each = outputs_per_target(loss, params);
  if (params->label_smoothing > 0 && !smooths)
    return error_set(
        error, LS_BAD_SETTINGS,
        "loss.label_smoothing is for cross_entropy and binary_cross_entropy, not for %s: leave it "
        "out",
        loss->name);
  if (loss->target == TARGET_LABELS && loss_classes(loss, outputs) < 2)
    return error_set(error, LS_BAD_SETTINGS,
                     "model.layers: the loss %s needs an output for every class, and the network has one; "
                     "for two classes with one output take binary_cross_entropy, hinge or perceptron",
                     loss->name);
  if (loss->evaluate == loss_quantile) TRY(check_levels(params, error));
  if (outputs % each == 0) return LS_OK;
  return error_set(error, LS_BAD_SETTINGS,
                   "model.layers: the loss %s takes %" PRId64
                   " outputs for every target, and the network has %" PRId64
                   ": give the last layer a multiple of %" PRId64 " units",
                   loss->name, each, outputs, each);
}

/* ---- predictions ---- */

int64_t loss_columns(const loss_t *loss, int64_t outputs) {
  if (loss->describe == NULL) return outputs;
  const bool all = loss->evaluate == loss_density && outputs <= LOSS_MOST_RESPONSIBILITIES;
  return 2 + (all ? outputs : 0);
}

/* The cluster, what the row's loss follows from, and of a density the responsibilities. */
static loss_part_t described_part(const loss_t *loss, int64_t outputs, size_t i) {
  const char *const names[] = {"cluster", loss->prediction, "responsibility"};
  loss_part_t part = {.first = (int64_t)i, .width = i < 2 ? 1 : loss_columns(loss, outputs) - 2};
  part.is_cluster = i == 0;
  snprintf(part.name, sizeof part.name, "%s", names[i]);
  return part;
}

size_t loss_parts(const loss_t *loss, const loss_params_t *params) {
  if (loss->describe != NULL) return loss->evaluate == loss_density ? 3 : 2;
  return (size_t)outputs_per_target(loss, params);
}

bool loss_has_deviations(const loss_t *loss) {
  return loss->evaluate == loss_gaussian;
}

loss_part_t loss_part(const loss_t *loss, const loss_params_t *params, int64_t outputs, size_t i) {
  if (loss->describe != NULL) return described_part(loss, outputs, i);
  int64_t width = loss_targets(loss, params, outputs);
  loss_part_t part = {.first = (int64_t)i * width, .width = width};
  part.is_deviation = loss_has_deviations(loss) && i == 1;
  if (loss->evaluate == loss_quantile)
    snprintf(part.name, sizeof part.name, "quantile_%g", params->levels[i]);
  else
    snprintf(part.name, sizeof part.name, "%s", part.is_deviation ? "aleatoric_std" : loss->prediction);
  return part;
}

size_t loss_point(const loss_t *loss, const loss_params_t *params) {
  size_t best = 0;
  if (loss->evaluate != loss_quantile) return 0;
  for (size_t i = 1; i < params->n_levels; i++)
    if (fabs(params->levels[i] - 0.5) < fabs(params->levels[best] - 0.5)) best = i;
  return best;
}
