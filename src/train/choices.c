#include "train/choices.h"

#include "model/regression.h"
#include "score/choices.h"
#include "train/stop_rules.h"

const settings_choices_t *settings_choices(void) {
  static settings_choices_t choices;
  choices = model_choices();
  choices.solve = regression_choice;
  choices.stop_metric = stop_metric_choice;
  return &choices;
}
