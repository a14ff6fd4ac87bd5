/* Warnings about trainings that run but hardly learn: given where they are certain, and nowhere else. */
#include "system/run.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

TestSuite(advice, .init = place_make, .fini = place_remove);

static void configure(void) {
  write_dataset("classes.h5", (spec_t){.rows = 500});
  write_dataset("values.h5", (spec_t){.rows = 500, .regression = true});
  write_text("classes.yaml", "data: {file: classes.h5, scaling: standard}\n"
                             "model: {layers: [dense: 5]}\nloss: cross_entropy\n"
                             "train: {epochs: 4, global_batch_size: 25}\n"
                             "optimizer: {name: sgd, learning_rate: 0.01}\n"
                             "checkpoint: {every: never}\nparallel: {shards: 4, threads: 1}\n");
  write_text("values.yaml", "data: {file: values.h5, scaling: standard, target_scaling: standard}\n"
                            "model: {layers: [dense: 3]}\nloss: mse\n"
                            "train: {epochs: 4, global_batch_size: 25}\n"
                            "optimizer: {name: sgd, learning_rate: 0.01}\n"
                            "checkpoint: {every: never}\nparallel: {shards: 4, threads: 1}\n");
}

static int count(const char *text, const char *what) {
  int n = 0;
  for (const char *at = text; (at = strstr(at, what)) != NULL; at++) n++;
  return n;
}

/* `says` once, and no other warning; NULL: none at all. */
static void expect_warning(int ranks, const char *words, const char *says) {
  result_t result = run_well(ranks, "%s", words);
  char all[1 << 15];
  snprintf(all, sizeof all, "%s%s", result.out, result.err);
  cr_expect_eq(count(all, says != NULL ? says : "model.layers: "), says != NULL, "%s:\n%s", words, all);
  if (says == NULL)
    cr_expect_eq(count(all, "diverges") + count(all, "single precision"), 0, "%s:\n%s", words, all);
}

Test(advice, tells_of_losses_that_apply_the_last_layer_themselves) {
  configure();
  expect_warning(ALONE, "train classes.yaml", NULL);
  expect_warning(ALONE, "train classes.yaml 'model.layers=[dense: 5, softmax]'", "applies softmax itself");
  expect_warning(2, "check classes.yaml 'model.layers=[dense: 5, softmax, dropout: 0.1]'",
                 "applies softmax itself");
  expect_warning(ALONE, "train classes.yaml 'model.layers=[{dense: {units: 5, activation: sigmoid}}]'",
                 "applies softmax itself");
  expect_warning(ALONE, "train classes.yaml 'model.layers=[{dense: {units: 5, activation: relu}}]'", NULL);
}

/* 500 rows in steps of 25 */
Test(advice, tells_of_steps_that_are_not_reached) {
  static const char says[] =
      "train.steps: 81 updates are not reached, because train.epochs=4 have 80: the run ends "
      "after those; set train.epochs to 5 or more";
  configure();
  for (int ranks = 0; ranks < 3; ranks += 2) {
    expect_warning(ranks, "train classes.yaml train.steps=81", says);
    expect_warning(ranks, "check classes.yaml train.steps=81", says);
  }
  result_t result = run_well(ALONE, "train classes.yaml train.steps=80");
  cr_expect_null(strstr(result.err, "not reached"), "%s", result.err);
}

Test(advice, tells_of_targets_that_outputs_cannot_reach) {
  configure();
  expect_warning(ALONE, "train values.yaml", NULL);
  expect_warning(3, "train values.yaml 'model.layers=[{dense: {units: 3, activation: relu}}]' train.epochs=1",
                 "gives numbers from 0 to inf");
  expect_warning(ALONE,
                 "train values.yaml 'model.layers=[{dense: {units: 3, activation: sigmoid}}]' "
                 "data.target_scaling=minmax",
                 NULL);
}

/* A rate of 1e20 gives losses that are absurd, but finite: for each epoch, and the warning once. */
Test(advice, tells_of_divergence_once) {
  configure();
  static const char step[] = "train classes.yaml train.epochs=6 optimizer.learning_rate=1e20";
  expect_warning(ALONE, step, "the training diverges");
  expect_warning(2, "train values.yaml train.epochs=6 'optimizer={name: adam, learning_rate: 1e5}'",
                 "the training diverges");
  expect_warning(ALONE, "train values.yaml train.epochs=3 'optimizer={name: adam, learning_rate: 0.1}'",
                 NULL);
  expect_warning(ALONE, "train values.yaml train.epochs=3 data.target_scaling=none optimizer=adam", NULL);
}

/* A table whose columns reach `size` and `size / ratio`, in turn. */
static void write_sizes(const char *name, int columns, double size, double ratio) {
  char path[32];
  snprintf(path, sizeof path, "%s.csv", name);
  FILE *file = fopen(path, "w");
  cr_assert_not_null(file);
  for (int c = 0; c < columns; c++) fprintf(file, "c%d,", c);
  fputs("kind\n", file);
  for (uint64_t i = 0; i < 100; i++) {
    for (int c = 0; c < columns; c++)
      fprintf(file, "%.4g,",
              (c % 2 == 0 ? size : size / ratio) * (i == 50 ? 1 : noise(i * 1000 + (uint64_t)c)));
    fprintf(file, "%s\n", i % 2 == 0 ? "even" : "odd");
  }
  fclose(file);
  run_well(ALONE, "import %s %s.h5 --label kind --overwrite", path, name);
  write_text("sizes.yaml",
             "data: {file: %s.h5}\n"
             "model: {layers: [dense: 2]}\nloss: cross_entropy\n"
             "train: {epochs: 1, global_batch_size: 20}\n"
             "checkpoint: {every: never}\nparallel: {shards: 4, threads: 1}\n",
             name);
}

static void expect_hint(int ranks, const char *words, const char *says) {
  result_t result = run_well(ranks, "train sizes.yaml --replace %s", words);
  cr_expect_eq(count(result.err, "hint: "), says != NULL, "%s", result.err);
  if (says != NULL) cr_expect_not_null(strstr(result.err, says), "%s", result.err);
}

Test(advice, hints_at_scaling_where_sizes_call_for_it) {
  write_sizes("plain", 4, 3, 20);
  expect_hint(ALONE, "", NULL);
  write_sizes("apart", 4, 3, 40);
  expect_hint(2, "", "features differ in size: column 1 c1 reaches 0.075, column 0 c0 3");
  expect_hint(ALONE, "data.scaling=standard", NULL);
  expect_hint(ALONE, "'model.layers=[batch_norm, dense: 2]'", NULL);
  write_sizes("large", 4, 25, 2);
  expect_hint(2, "",
              "features reach 25, and networks learn faster from numbers around 1; data.scaling: standard");
  write_sizes("small", 4, 0.2, 2);
  expect_hint(ALONE, "", "features reach 0.2,");
  write_sizes("wide", 300, 255, 1);
  expect_hint(2, "",
              "features reach 255, and networks learn faster from numbers around 1; data.scaling: minmax");
  expect_hint(ALONE, "data.scaling=minmax", NULL);
}
