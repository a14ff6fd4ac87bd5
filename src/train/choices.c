#include "train/choices.h"

#include "features/basis.h"
#include "features/scaling.h"
#include "math/activation.h"
#include "math/precision.h"
#include "model/init.h"
#include "model/loss.h"
#include "model/regression.h"
#include "optim/optimizer.h"
#include "optim/schedule.h"
#include "train/stop_rules.h"

const settings_choices_t *settings_choices(void) {
  static const settings_choices_t choices = {.activation = activation_choice,
                                             .loss = loss_choice,
                                             .optimizer = optimizer_choice,
                                             .schedule = schedule_choice,
                                             .init = init_choice,
                                             .scaling = scaling_choice,
                                             .basis = basis_choice,
                                             .rate_scaling = rate_scaling_choice,
                                             .stop_metric = stop_metric_choice,
                                             .solve = regression_choice,
                                             .precision = precision_choice};
  return &choices;
}
