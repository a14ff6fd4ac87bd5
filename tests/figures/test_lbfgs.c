/* L-BFGS against PyTorch's, on logistic regression: iteration by iteration, and at the minimum. */
#include "figures/lbfgs.h"

#include "system/run.h"

#include <criterion/criterion.h>
#include <math.h>

enum { STEPS = sizeof lbfgs_losses / sizeof lbfgs_losses[0] };
enum { WEIGHTS = sizeof lbfgs_weights / sizeof lbfgs_weights[0], OUTPUTS = 3, EPOCHS = 60 };

TestSuite(lbfgs_figures, .init = place_make, .fini = place_remove);

Test(lbfgs_figures, iterations_and_minimum_are_those_of_pytorch) {
  float losses[EPOCHS], weights[WEIGHTS];
  double penalty = 0;
  run_well(ALONE, "import --train %s/figures/features.csv %s/figures/labels.csv lbfgs.h5", TESTS_FOLDER,
           TESTS_FOLDER);
  run_well(2, "train %s/figures/lbfgs.yaml", TESTS_FOLDER);
  read_floats("runs/lbfgs/history.h5", "train_loss", EPOCHS, losses);
  read_floats("runs/lbfgs/model.h5", "parameters/dense1/weight", OUTPUTS, weights);
  for (int i = 0; i < STEPS; i++)
    cr_expect_float_eq((double)losses[i], lbfgs_losses[i], 1e-5 * lbfgs_losses[i],
                       "iteration %d: %.9g, not %.9g", i + 1, (double)losses[i], lbfgs_losses[i]);
  for (int i = 0; i < WEIGHTS; i++) {
    cr_expect_float_eq((double)weights[i], lbfgs_weights[i], 1e-4, "weight %d: %.7g, not %.7g", i,
                       (double)weights[i], lbfgs_weights[i]);
    penalty += 0.01 / 2 * (double)weights[i] * (double)weights[i];
  }
  /* it stands still by then: the loss before the last step is that of the last weights */
  double reached = (double)losses[EPOCHS - 1] + penalty;
  cr_expect_float_eq(reached, lbfgs_least, 1e-6 * lbfgs_least, "in the end %.9g, not %.9g", reached,
                     lbfgs_least);
}
