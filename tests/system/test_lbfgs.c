/* L-BFGS comes to the optimum of a convex problem, with the same bits on any layout and after a resume. */
#include "system/run.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static void set_up(void) {
  place_make();
  write_dataset("data.h5", (spec_t){.rows = 500});
  write_text("config.yaml",
             "data: {file: data.h5, scaling: standard}\n"
             "model: {layers: [{dense: {units: 24, activation: tanh}}, {dense: %d}]}\n"
             "loss: cross_entropy\n"
             "optimizer: lbfgs\n"
             "train: {epochs: 12, global_batch_size: all, l2: 0.01}\n"
             "parallel: {shards: 6, threads: 1}\n",
             CLASSES);
}

TestSuite(lbfgs, .init = set_up, .fini = place_remove);

/* With the penalty a linear model has one optimum, and there alone does the gradient vanish. */
Test(lbfgs, finds_the_optimum_of_a_linear_model) {
  char reason[64];
  run_well(2,
           "train config.yaml name=linear 'model.layers=[dense: %d]' train.l2=0.1 train.epochs=60 "
           "stop.gradient_norm=0.0001",
           CLASSES);
  const char *summary = file_text("runs/linear/summary.json");
  json_value(summary, "reason", reason);
  cr_assert_str_eq(reason, "gradient_norm", "%s", summary);
  cr_assert_lt(json_double(summary, "epochs"), 30, "%s", summary);
}

Test(lbfgs, gives_the_same_bits_on_any_layout_and_after_a_resume) {
  run_well(ALONE, "train config.yaml name=alone");
  run_well(4, "train config.yaml name=nodes parallel.ranks_per_node=2 parallel.threads=2");
  run_well(ALONE, "train config.yaml name=parts train.epochs=5");
  run_well(3, "train --resume config.yaml name=parts");
  outcome_t alone = outcome_of("alone");
  static const char *const others[] = {"nodes", "parts"};
  for (int i = 0; i < 2; i++) {
    outcome_t other = outcome_of(others[i]);
    outcome_expect_same(&alone, &other, others[i]);
  }
  cr_assert_lt(alone.train_loss[11], 0.8 * alone.train_loss[0]);
}

Test(lbfgs, refuses_what_it_cannot_do) {
  static const char *const cases[][2] = {{"train.global_batch_size=64", "set it to all"},
                                         {"train.clip_norm=1", "clip_norm"},
                                         {"'model.layers=[dropout: 0.2, dense: 5]'", "dropout"}};
  for (int i = 0; i < 3; i++) {
    result_t result = run(i == 0 ? 2 : ALONE, "train config.yaml %s", cases[i][0]);
    cr_expect_eq(result.code, 2, "%s: %d", cases[i][0], result.code);
    cr_expect_not_null(strstr(result.err, cases[i][1]), "%s", result.err);
  }
  cr_expect_eq(run(ALONE, "lr-find config.yaml").code, 2);
  run_well(ALONE, "gradcheck config.yaml"); /* which has no steps to find */
}
