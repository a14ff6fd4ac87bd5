/* What a user states but a command would not use: the command says so instead of ignoring it. */
#include "system/run.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

TestSuite(unused, .init = place_make, .fini = place_remove);

static void train(void) {
  write_dataset("data.h5", (spec_t){.rows = 200, .weighted = true});
  write_text("net.yaml", "data: {file: data.h5}\n"
                         "model: {layers: [dense: {units: 6, activation: tanh}, dense: 5]}\n"
                         "loss: cross_entropy\n"
                         "train: {epochs: 1, global_batch_size: 16}\n"
                         "parallel: {shards: 2}\n");
  run_well(ALONE, "train net.yaml");
}

static void expect_refused(int ranks, const char *words, const char *message) {
  result_t result = run(ranks, "%s", words);
  cr_expect_eq(result.code, 2, "%s ends with %d:\n%s", words, result.code, result.err);
  cr_expect_not_null(strstr(result.err, message), "%s: %s", words, result.err);
}

Test(unused, overrides_of_a_trained_model_are_refused) {
  static const char *const keys[] = {"loss=hinge",          "'model.layers=[dense: 5]'",
                                     "data.scaling=minmax", "train.precision=bf16",
                                     "optimizer=sgd",       "name=other",
                                     "data.window.length=3"};
  char words[256];
  train();
  for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
    snprintf(words, sizeof words, "eval runs/net %s", keys[i]);
    expect_refused(1 + i % 2, words, "has no effect here");
    snprintf(words, sizeof words, "predict runs/net data.h5 --out p.csv %s", keys[i]);
    expect_refused(2 - i % 2, words, "has no effect here");
  }
  expect_refused(ALONE, "predict runs/net data.h5 --out p.csv data.file=other.h5", "data.file has no effect");
  cr_expect_not(file_exists("p.csv"));
}

Test(unused, overrides_with_the_models_own_value_are_taken) {
  train();
  run_well(ALONE, "eval runs/net loss=cross_entropy train.epochs=1 data.test_weights=test/weights "
                  "train.top_k=2 parallel.threads=1 data.memory_limit=1MB");
  run_well(ALONE, "predict runs/net data.h5 --out p.csv loss=cross_entropy parallel.threads=1");
}

Test(unused, means_of_columns_need_a_model_that_has_them) {
  train();
  write_dataset("holes.h5", (spec_t){.rows = 200, .nan_row = 3});
  expect_refused(2, "eval runs/net holes.h5 --split train data.missing=mean",
                 "data.missing: the model has no values to fill in");
  run_well(ALONE, "eval runs/net holes.h5 --split train data.missing=drop");
  run_well(ALONE, "train net.yaml name=filled data.file=holes.h5 data.missing=mean");
  run_well(ALONE, "eval runs/filled holes.h5 --split train");
}

Test(unused, options_of_another_mode_are_refused) {
  train();
  expect_refused(2, "bench --network --seconds 1", "--seconds");
  expect_refused(ALONE, "bench net.yaml --ranks-per-node 2", "--ranks-per-node");
  expect_refused(ALONE, "info --reference data.h5", "data.h5");
  expect_refused(ALONE, "info --settings --graph runs/net", "exclude");
  expect_refused(ALONE, "info --graph runs/net train.epochs=3", "train.epochs=3");
  expect_refused(ALONE, "predict runs/net data.h5 --out p.csv --temperature head1=2,head1=3", "twice");
  run_well(ALONE, "info --graph net.yaml train.epochs=3");
}

Test(unused, rows_of_gradcheck_may_exceed_the_batch) {
  char many[4096];
  train();
  snprintf(many, sizeof many, "%s",
           run_well(ALONE, "gradcheck net.yaml train.global_batch_size=64 --rows 64").out);
  cr_expect_str_eq(run_well(ALONE, "gradcheck net.yaml --rows 64").out, many);
  cr_expect_str_neq(run_well(ALONE, "gradcheck net.yaml").out, many);
}

Test(unused, penalties_of_training_are_named_by_solve) {
  write_dataset("data.h5", (spec_t){.rows = 200, .regression = true});
  write_text("line.yaml", "data: {file: data.h5}\n"
                          "model: {layers: [dense: 3]}\n"
                          "loss: mse\n");
  result_t result = run_well(ALONE, "solve line.yaml train.l2=0.1");
  cr_expect_not_null(strstr(result.err, "solve.method=ridge"), "%s", result.err);
  result = run_well(ALONE, "solve line.yaml");
  cr_expect_null(strstr(result.err, "no effect"), "%s", result.err);
}
