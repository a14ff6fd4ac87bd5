/* The losses of the first steps against figures made independently: the tables, the settings and the script
 * that replays them in NumPy lie beside this file. */
#include "figures/first_steps.h"

#include "system/run.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { STEPS = 50 };

TestSuite(first_steps, .init = place_make, .fini = place_remove);

static void check(int ranks, const char *name, const double *figures) {
  char path[128];
  int step = 0;
  run_well(ranks, "train %s/figures/%s.yaml", TESTS_FOLDER, name);
  snprintf(path, sizeof path, "runs/%s/log.jsonl", name);
  for (const char *line = file_text(path); line != NULL; line = strchr(line, '\n')) {
    line += *line == '\n';
    if (strncmp(line, "{\"event\": \"step\"", 16) != 0) continue;
    cr_assert_lt(step, STEPS, "more than %d steps", STEPS);
    double loss = json_double(line, "loss");
    cr_assert_float_eq(json_double(line, "step"), step + 1, 0);
    cr_assert_float_eq(loss, figures[step], 1e-5 * fabs(figures[step]),
                       "%s, %d rank(s), step %d: %.9g, not %.9g", name, ranks, step + 1, loss, figures[step]);
    step++;
  }
  cr_assert_eq(step, STEPS, "%d steps", step);
}

Test(first_steps, of_adam_and_cross_entropy_are_those_of_numpy) {
  run_well(ALONE, "import --train %s/figures/features.csv %s/figures/labels.csv adam_cross_entropy.h5",
           TESTS_FOLDER, TESTS_FOLDER);
  check(ALONE, "adam_cross_entropy", adam_cross_entropy);
  check(2, "adam_cross_entropy", adam_cross_entropy);
}

Test(first_steps, of_lamb_and_lars_are_those_of_numpy) {
  run_well(ALONE, "import --train %s/figures/features.csv %s/figures/labels.csv lamb_cross_entropy.h5",
           TESTS_FOLDER, TESTS_FOLDER);
  check(2, "lamb_cross_entropy", lamb_cross_entropy);
  run_well(ALONE, "import --train %s/figures/features.csv %s/figures/targets.csv lars_mse.h5 --regression",
           TESTS_FOLDER, TESTS_FOLDER);
  check(ALONE, "lars_mse", lars_mse);
}

Test(first_steps, of_momentum_and_mse_are_those_of_numpy) {
  run_well(ALONE,
           "import --train %s/figures/features.csv %s/figures/targets.csv momentum_mse.h5 --regression",
           TESTS_FOLDER, TESTS_FOLDER);
  check(ALONE, "momentum_mse", momentum_mse);
  check(3, "momentum_mse", momentum_mse);
}
