#include "anomaly/scores.h"

#include <stdio.h>
#include <string.h>

bool scores_reconstruct(const settings_t *settings) {
  return settings_targets_are_x(settings) || strcmp(settings->data.y, settings->data.x) == 0;
}

/* What the loss of a row is where there are no targets. */
static const struct {
  const char *loss, *meaning;
} meanings[] = {{"density", "negative log-density of the scaled features"},
                {"distortion", "squared distance to the nearest centre"}};

static const char *meaning_of(const objective_t *objective, bool is_own) {
  for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++)
    if (strcmp(objective->heads->loss->name, meanings[i].loss) == 0) return meanings[i].meaning;
  return is_own ? "reconstruction error" : "error of predictions";
}

ls_status scores_describe(const model_t *model, char out[SCORE_MEANING_SIZE], ls_error *error) {
  const objective_t *objective = &model->objective;
  const bool is_own = scores_reconstruct(model->settings);
  char name[32];
  for (size_t h = 0; h < objective->n; h++) {
    const loss_t *loss = objective->heads[h].loss;
    if (loss->target == TARGET_LABELS || (loss->is_classification && !is_own))
      return error_set(error, LS_BAD_SETTINGS,
                       "the loss %s of a row says how wrong its label is, not how unusual the row is. Scores "
                       "of anomalies come from a model of the rows themselves: an autoencoder, components, "
                       "clusters, or a density. `lockstep eval --rows` lists the labels that this network "
                       "finds wrong",
                       loss->name);
  }
  snprintf(out, SCORE_MEANING_SIZE, "%s (%s)", meaning_of(objective, is_own),
           objective_name(objective, name));
  return LS_OK;
}
