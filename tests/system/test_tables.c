/* Whatever can be chosen by name trains: each row of the tables of activations, initial weights, scalings,
 * losses, optimisers, schedules and figures to stop at is taken from `lockstep info --reference`, so a row
 * that is added is tried too. The network and the rest are those of configs/iris.yaml, on rows that the test
 * makes.
 */
#include "system/run.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define TRAIN                                                                                                \
  "train " TESTS_FOLDER                                                                                      \
  "/../configs/iris.yaml data.file=labels.h5 data.validation=0.2 train.epochs=3 checkpoint.every=never "     \
  "'model.layers=[dense: {units: 16, activation: tanh}, dense: 5]' "

static void begin(void) {
  place_make();
  write_dataset("labels.h5", (spec_t){.rows = 240});
  write_dataset("one_hot.h5", (spec_t){.rows = 240, .one_hot = CLASSES});
  write_dataset("values.h5", (spec_t){.rows = 240, .regression = true});
}

TestSuite(tables, .init = begin, .fini = place_remove);

enum { MOST_NAMES = 32, NAME_SIZE = 32 };

/* The names in a table of the reference's last part. */
static int names_of(const char *table, char names[MOST_NAMES][NAME_SIZE]) {
  char heading[64];
  const char *at = strstr(run_well(ALONE, "info --reference").out, "\n## names\n");
  int n = 0;
  snprintf(heading, sizeof heading, "\n### %s\n", table);
  cr_assert(at != NULL && (at = strstr(at, heading)) != NULL, "no table %s", table);
  const char *end = strstr(at + 1, "\n### ");
  while ((at = strstr(at, "\n| `")) != NULL && (end == NULL || at < end)) {
    cr_assert_lt(n, MOST_NAMES);
    cr_assert_eq(sscanf(at, "\n| `%31[^`]`", names[n++]), 1);
    at++;
  }
  cr_assert_gt(n, 1, "%s", table);
  return n;
}

/* What a name wants beside itself; NULL for the others, and NULL words for a name that training refuses. */
typedef struct {
  const char *name, *words;
} special_t;

static const char *words_of(const special_t *special, const char *name) {
  while (special->name != NULL && strcmp(special->name, name) != 0) special++;
  return special->words;
}

/* Trains runs/NAME for each name of a table, with the setting `key` (a %s in it is the name) and the words
 * that it wants. All at once: most of a small run's time is MPI making itself ready. */
static int train_all(const char *table, const char *key, const special_t *special,
                     char names[MOST_NAMES][NAME_SIZE]) {
  char setting[256];
  int n = names_of(table, names);
  FILE *script = fopen("script", "w");
  cr_assert_not_null(script);
  for (int i = 0; i < n; i++) {
    if (words_of(special, names[i]) == NULL) continue;
    snprintf(setting, sizeof setting, key, names[i]);
    fprintf(script, "%s " TRAIN "name=%s '%s' %s >%s.log 2>&1 || cat %s.log &\n", run_launcher(ALONE),
            names[i], setting, words_of(special, names[i]), names[i], names[i]);
  }
  fputs("wait\n", script);
  fclose(script);
  result_t result = run_command("sh script");
  cr_assert_str_empty(result.out, "%s: %s", table, result.out);
  return n;
}

/* The loss of each run must fall. */
static void expect_all_to_learn(const char *table, const char *key, const special_t *special) {
  char names[MOST_NAMES][NAME_SIZE];
  int n = train_all(table, key, special, names);
  for (int i = 0; i < n; i++) {
    if (words_of(special, names[i]) == NULL) continue;
    outcome_t outcome = outcome_of(names[i]);
    cr_expect_eq(outcome.epochs, 3);
    cr_expect_lt(outcome.train_loss[2], outcome.train_loss[0], "%s: the loss went from %g to %g", names[i],
                 outcome.train_loss[0], outcome.train_loss[2]);
  }
}

Test(tables, every_activation_learns) {
  static const special_t special[] = {
      {"step", "'model.layers=[activation: step, dense: {units: 16, activation: tanh}, dense: 5]'"},
      {NULL, ""}};
  expect_all_to_learn("activation", "model.layers=[dense: {units: 16, activation: %s}, dense: 5]", special);
}

Test(tables, every_initialisation_learns) {
  static const special_t special[] = {{NULL, ""}};
  expect_all_to_learn("init", "model.layers=[dense: {units: 16, activation: tanh, init: %s}, dense: 5]",
                      special);
}

/* These features are not categories; tests/figures/test_scaling.c trains with one_hot. */
Test(tables, every_scaling_learns) {
  static const special_t special[] = {{"one_hot", "data.scaling=standard"}, {NULL, ""}};
  expect_all_to_learn("scaling", "data.scaling=%s", special);
}

/* A value for each target, and what else a loss makes of them; or of labels, counts and classes. */
#define OUTPUTS(n) "'model.layers=[dense: {units: 16, activation: tanh}, dense: " n "]' "
#define VALUES     "data.file=values.h5 data.target_scaling=standard "
Test(tables, every_loss_falls) {
  static const special_t special[] = {{"quantile", VALUES OUTPUTS("9")},
                                      {"gaussian_nll", VALUES OUTPUTS("6")},
                                      {"poisson_nll", OUTPUTS("1")},
                                      {"cross_entropy", OUTPUTS("5")},
                                      {"binary_cross_entropy", "data.file=one_hot.h5 " OUTPUTS("5")},
                                      {"hinge", OUTPUTS("5")},
                                      {"perceptron", OUTPUTS("5")},
                                      {"distortion", NULL},
                                      {"density", NULL},
                                      {NULL, VALUES OUTPUTS("3")}};
  expect_all_to_learn("loss", "loss=%s", special);
}

Test(tables, every_optimiser_learns) {
  static const special_t special[] = {{"sgd", "optimizer.learning_rate=0.1"},
                                      {"proximal", "optimizer.learning_rate=0.1"},
                                      {"lars", "optimizer.learning_rate=10"},
                                      {"lbfgs", "train.global_batch_size=all optimizer.learning_rate=1"},
                                      {NULL, "optimizer.learning_rate=0.01"}};
  expect_all_to_learn("optimizer", "optimizer.name=%s", special);
}

Test(tables, every_schedule_learns) {
  static const special_t special[] = {{NULL, ""}};
  expect_all_to_learn("schedule", "schedule=%s", special);
  static const special_t without_scaling[] = {{"none", "schedule.name=constant"},
                                              {NULL, "schedule.base_batch_size=32"}};
  expect_all_to_learn("schedule.scaling", "schedule.scaling=%s", without_scaling);
}

/* All are there after the first epoch, on the right side of such a target; test_stopping and the rules' own
 * tests have targets that are met later, or never. */
Test(tables, every_figure_ends_a_run_that_reaches_it) {
  static const special_t special[] = {{"none", "stop='{metric: none}'"},
                                      {"train_loss", ""},
                                      {"valid_loss", ""},
                                      {"valid_accuracy", "stop.target=0"},
                                      {"valid_r2", "stop.target=-1000 loss=mse " VALUES OUTPUTS("3")},
                                      {NULL, "loss=mse " VALUES OUTPUTS("3")}};
  char names[MOST_NAMES][NAME_SIZE], path[64], reason[64];
  int n = train_all("stop.metric", "stop={metric: %s, target: 1000000}", special, names);
  for (int i = 0; i < n; i++) {
    snprintf(path, sizeof path, "runs/%.31s/summary.json", names[i]);
    json_value(file_text(path), "reason", reason);
    cr_expect_str_eq(reason, strcmp(names[i], "none") == 0 ? "epochs" : "target", "%s", names[i]);
  }
}
