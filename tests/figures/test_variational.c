/* The first steps of a variational autoencoder with a penalty on hidden values against figures that PyTorch
 * made with the same noise: variational.py beside this file. */
#include "figures/variational.h"

#include "system/run.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

TestSuite(variational, .init = place_make, .fini = place_remove);

static void check(int ranks, const double *figures, const char *words) {
  size_t step = 0, steps = sizeof variational / sizeof variational[0];
  run_well(ranks, "train %s/figures/variational.yaml --replace %s", TESTS_FOLDER, words);
  for (const char *line = file_text("runs/variational/log.jsonl"); line != NULL; line = strchr(line, '\n')) {
    line += *line == '\n';
    if (strncmp(line, "{\"event\": \"step\"", 16) != 0) continue;
    cr_assert_lt(step, steps);
    double loss = json_double(line, "loss");
    cr_assert_float_eq(loss, figures[step], 1e-5 * figures[step], "%d rank(s) %s, step %zu: %.9g, not %.9g",
                       ranks, words, step + 1, loss, figures[step]);
    step++;
  }
  cr_assert_eq(step, steps);
}

Test(variational, first_steps_are_those_of_pytorch) {
  static const char shares[] = "loss=binary_cross_entropy 'data.scaling={name: minmax, range: [0, 1]}'";
  cr_assert_eq(sizeof variational, sizeof variational_shares);
  run_well(ALONE, "import --train %s/figures/features.csv %s/figures/labels.csv variational.h5", TESTS_FOLDER,
           TESTS_FOLDER);
  check(ALONE, variational, "");
  check(3, variational, "");
  check(2, variational_shares, shares);
}
