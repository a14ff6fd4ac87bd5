#include "score/choices.h"

#include "features/basis.h"
#include "features/scaling.h"
#include "math/activation.h"
#include "math/precision.h"
#include "model/init.h"
#include "loss/loss.h"
#include "optim/optimizer.h"
#include "optim/schedule.h"

settings_choices_t model_choices(void) {
  return (settings_choices_t){.activation = activation_choice,
                              .loss = loss_choice,
                              .optimizer = optimizer_choice,
                              .schedule = schedule_choice,
                              .init = init_choice,
                              .scaling = scaling_choice,
                              .basis = basis_choice,
                              .rate_scaling = rate_scaling_choice,
                              .precision = precision_choice};
}
