#include "train/choices.h"

#include "cluster/fit.h"
#include "cluster/seeding.h"
#include "model/regression.h"
#include "score/choices.h"
#include "train/stop_rules.h"

const settings_choices_t *settings_choices(void) {
  static settings_choices_t choices;
  choices = model_choices();
  choices.solve = regression_choice;
  choices.cluster = fit_choice;
  choices.cluster_init = seeding_choice;
  choices.stop_metric = stop_metric_choice;
  return &choices;
}
