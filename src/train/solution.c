/* What runs in closed form share: settings that they refuse, and their part of the summary. */
#include "train/trainer_impl.h"

#include "base/json.h"

#include <math.h>

ls_status solution_check(const settings_t *settings, ls_error *error) {
  if (origin_is_set(settings) || settings->model.freeze.n > 0)
    return error_set(error, LS_BAD_SETTINGS,
                     "model.%s: the closed form computes all weights from the rows alone: leave it out",
                     settings->model.freeze.n > 0        ? "freeze"
                     : settings->model.init_values.n > 0 ? "init_values"
                                                         : "init_from");
  if (settings->train.members > 1)
    return error_set(error, LS_BAD_SETTINGS,
                     "train.members: the closed form has one solution, whatever the seed: leave it out");
  if (settings->model.embeddings.n_columns > 0)
    return error_set(
        error, LS_BAD_SETTINGS,
        "model.embeddings.columns: vectors that are trained have no closed form: leave it out, and "
        "columns of categories are one_hot");
  return LS_OK;
}

/* The shares of the first components, as many as are printed. */
static void summary_components(FILE *out, const components_t *components) {
  double sum = 0;
  for (int64_t i = 0; i < components->n; i++) sum += components->variance[i];
  json_text(out, false, "method", components->method);
  json_integer(out, false, "components", components->n);
  json_number(out, false, "total_variance", components->total);
  json_number(out, false, "explained_variance_ratio", sum / components->total);
}

void solution_summary(FILE *out, const trainer_t *trainer) {
  const solution_t *solution = trainer->solution;
  const regression_t *fit = &solution->fit;
  if (trainer->members != NULL) json_integer(out, false, "members", trainer->settings->train.members);
  if (fit->weights != NULL) {
    json_text(out, false, "method", trainer->settings->solve.method);
    json_integer(out, false, "rank", fit->rank);
  }
  if (fit->weights != NULL && isfinite(fit->condition)) json_number(out, false, "condition", fit->condition);
  if (fit->evidence != NULL) {
    double evidence = 0;
    for (int64_t k = 0; k < graph_outputs(trainer->graph); k++) evidence += fit->evidence[k];
    json_number(out, false, "log_evidence", evidence);
  }
  if (solution->components.n > 0) summary_components(out, &solution->components);
  json_number(out, false, "train_loss", solution->train_loss);
  if (!isnan(solution->valid_loss)) json_number(out, false, "valid_loss", solution->valid_loss);
}
