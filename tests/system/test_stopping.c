/* A run ends when its settings say that it has come far enough, on all ranks after the same epoch, and says
 * why; a resumed one does not go on from there. */
#include "system/run.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static void set_up(void) {
  place_make();
  write_dataset("data.h5", (spec_t){.rows = 300});
  write_text("config.yaml",
             "data: {file: data.h5, validation: 0.2, scaling: standard}\n"
             "model: {layers: [{dense: {units: 64, activation: tanh}}, {dense: %d}]}\n"
             "loss: cross_entropy\n"
             "optimizer: {name: adam, learning_rate: 0.02}\n"
             "train: {epochs: 60, global_batch_size: 64}\n"
             "parallel: {shards: 6, threads: 1}\n"
             "checkpoint: {every: 20 epochs}\n",
             CLASSES);
}

TestSuite(stopping, .init = set_up, .fini = place_remove);

static void expect_reason(const char *name, const char *reason, int64_t fewest, int64_t most) {
  char path[96], value[64];
  snprintf(path, sizeof path, "runs/%s/summary.json", name);
  json_value(file_text(path), "reason", value);
  cr_expect_str_eq(value, reason, "%s", name);
  json_value(file_text(path), "status", value);
  cr_expect_str_eq(value, "done");
  double epochs = json_double(file_text(path), "epochs");
  cr_expect(epochs >= (double)fewest && epochs <= (double)most, "%s: %g epochs", name, epochs);
}

Test(stopping, for_each_reason_on_all_ranks_at_once) {
  static const struct {
    const char *reason, *setting;
  } cases[] = {{"patience", "stop.patience=3"},
               {"tol", "stop={tol: 0.02, over: 2 epochs}"},
               {"tol", "stop={tol: 0.02, over: 9 steps}"},
               {"gradient_norm", "stop.gradient_norm=0.1"},
               {"target", "stop={metric: train_loss, target: 0.5}"}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    run_well(i % 2 == 0 ? 3 : 2, "train config.yaml name=%s '%s'", cases[i].reason, cases[i].setting);
    expect_reason(cases[i].reason, cases[i].reason, 2, 59);
  }
  run_well(ALONE, "train config.yaml name=alone stop.patience=3");
  outcome_t alone = outcome_of("alone"), three = outcome_of("patience");
  outcome_expect_same(&alone, &three, "patience on 3 ranks");
}

/* Windows of 7 steps over epochs of 64 + 64 + 64 + 48 rows: none ends with an epoch before the fourth. */
enum { OVER = 7, BATCH = 64, EPOCH_STEPS = 4, LAST_BATCH = 48 };
#define SETTLES "stop={tol: 0.05, over: 7 steps}"

/* The step at which the mean loss of a window is less than 0.05 below that of the one before, by the losses
 * of single steps in log.jsonl; 0: never. */
static int64_t settled_step(const char *name) {
  char path[96];
  snprintf(path, sizeof path, "runs/%s/log.jsonl", name);
  double sum = 0, before = NAN;
  int64_t step = 0, rows = 0;
  for (const char *line = file_text(path); (line = strstr(line, "\"event\": \"step\"")) != NULL; line++) {
    int64_t batch = ++step % EPOCH_STEPS == 0 ? LAST_BATCH : BATCH;
    sum += (double)batch * json_double(line, "loss");
    rows += batch;
    if (step % OVER != 0) continue;
    if (before - sum / (double)rows < 0.05) return step;
    before = sum / (double)rows;
    sum = 0;
    rows = 0;
  }
  return 0;
}

static int64_t steps_of(const char *name) {
  char path[96];
  snprintf(path, sizeof path, "runs/%s/summary.json", name);
  return (int64_t)json_double(file_text(path), "steps");
}

Test(stopping, when_the_loss_settles_over_steps_within_an_epoch) {
  run_well(ALONE, "train config.yaml name=all train.epochs=20 train.log_every=1");
  int64_t expected = settled_step("all");
  cr_assert_neq(expected % EPOCH_STEPS, 0, "ends with an epoch: no test of what happens within one");
  static const char *const layouts[] = {"parallel.threads=2", "parallel.ranks_per_node=2"};
  run_well(ALONE, "train config.yaml name=alone '" SETTLES "'");
  outcome_t alone = outcome_of("alone");
  expect_reason("alone", "tol", 2, 19);
  cr_expect_eq(steps_of("alone"), expected, "%" PRId64 " steps, not %" PRId64, steps_of("alone"), expected);
  for (size_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++) {
    run_well(i == 0 ? 2 : 3, "train config.yaml name=other '" SETTLES "' %s", layouts[i]);
    outcome_t other = outcome_of("other");
    outcome_expect_same(&alone, &other, layouts[i]);
    cr_expect_eq(steps_of("other"), expected, "%s: %" PRId64 " steps", layouts[i], steps_of("other"));
  }
}

Test(stopping, when_the_loss_settles_over_steps_of_a_run_that_was_interrupted) {
  run_well(ALONE, "train config.yaml name=whole '" SETTLES "'");
  outcome_t whole = outcome_of("whole");
  cr_assert_gt(steps_of("whole"), 19);
  run_well(ALONE, "train config.yaml name=parts '" SETTLES "' train.steps=10"); /* within window and epoch */
  run_well(2, "train --resume config.yaml name=parts '" SETTLES "' train.steps=19");
  run_well(2, "train --resume config.yaml name=parts '" SETTLES "'");
  outcome_t parts = outcome_of("parts");
  outcome_expect_same(&whole, &parts, "in parts");
  cr_expect_eq(steps_of("parts"), steps_of("whole"));
  run_well(2, "train --resume config.yaml name=parts '" SETTLES "'");
  cr_expect_eq(steps_of("parts"), steps_of("whole"), "goes on from where it has settled");
  expect_reason("parts", "tol", 2, 59);
  run_well(ALONE, "train --resume config.yaml name=parts 'stop={tol: 0.01, over: 7 steps}'");
  cr_expect_gt(steps_of("parts"), steps_of("whole"), "%" PRId64 " steps", steps_of("parts"));
}

/* The share of the base rate for each epoch by the losses of those before it: halved when two epochs have not
 * brought a smaller one. */
static void plateau_rates(int epochs, const double *losses, double *shares) {
  double best = INFINITY, share = 1;
  int waited = 0;
  for (int e = 0; e < epochs; e++) {
    shares[e] = share;
    waited = losses[e] < best ? 0 : waited + 1;
    best = fmin(best, losses[e]);
    if (waited == 2) share /= 2;
    if (waited == 2) waited = 0;
  }
}

/* Validation is what a rate waits for where there is some, else the training loss. */
Test(stopping, a_rate_that_waits_on_a_plateau_looks_at_validation) {
  enum { EPOCHS = 24 };
  static const char rule[] = "schedule={name: reduce_on_plateau, patience: 2, factor: 0.5, threshold: 0}";
  float rates[EPOCHS];
  for (int has_validation = 0; has_validation < 2; has_validation++) {
    double by_train[EPOCHS], by_valid[EPOCHS];
    const double *expected = has_validation ? by_valid : by_train;
    run_well(2, "train config.yaml name=plateau '%s' train.epochs=%d optimizer.learning_rate=0.5 %s", rule,
             EPOCHS, has_validation ? "" : "data.validation=0");
    outcome_t outcome = outcome_of("plateau");
    plateau_rates(EPOCHS, outcome.train_loss, by_train);
    plateau_rates(EPOCHS, outcome.epoch_valid_loss, by_valid);
    read_floats("runs/plateau/history.h5", "learning_rate", EPOCHS, rates);
    for (int e = 0; e < EPOCHS; e++)
      cr_expect_float_eq(rates[e], 0.5 * expected[e], 1e-8, "epoch %d: %g, not %g", e + 1, (double)rates[e],
                         0.5 * expected[e]);
    cr_expect_lt(expected[EPOCHS - 1], 1, "never on a plateau");
    if (has_validation) cr_expect_neq(by_train[EPOCHS - 1], by_valid[EPOCHS - 1], "both say the same");
  }
}

Test(stopping, at_the_last_epoch_is_no_rule) {
  run_well(2, "train config.yaml name=all train.epochs=2");
  expect_reason("all", "epochs", 2, 2);
}

Test(stopping, is_remembered_by_a_resumed_run) {
  run_well(ALONE, "train config.yaml name=a stop.patience=3 'checkpoint.every=1 epoch'");
  outcome_t before = outcome_of("a");
  run_well(2, "train --resume config.yaml name=a stop.patience=3");
  outcome_t after = outcome_of("a");
  cr_assert_eq(after.epochs, before.epochs);
  outcome_expect_same(&before, &after, "resumed");
  expect_reason("a", "patience", 2, 59);
  run_well(2, "train --resume config.yaml name=a stop.patience=4");
  cr_assert_gt(outcome_of("a").epochs, before.epochs);
}

Test(stopping, needs_the_figures_that_it_looks_at) {
  result_t result = run(2, "train config.yaml data.validation=0 stop.patience=3");
  cr_expect_eq(result.code, 2, "%s", result.err);
  cr_expect_not_null(strstr(result.err, "data.validation"), "%s", result.err);
  result = run(2, "train config.yaml stop.metric=valid_r2");
  cr_expect_eq(result.code, 2, "%s", result.err);
}
