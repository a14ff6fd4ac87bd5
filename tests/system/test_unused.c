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
    expect_refused(i == 0 ? 2 : ALONE, words, "has no effect here");
    snprintf(words, sizeof words, "predict runs/net data.h5 --out p.csv %s", keys[i]);
    expect_refused(i == 1 ? 2 : ALONE, words, "has no effect here");
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
  expect_refused(ALONE, "info --graph net.yaml train.epochs=3",
                 "train.epochs has no effect in `lockstep info`");
  run_well(ALONE, "info --graph net.yaml model.layers.0.dense.units=3");
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
  expect_refused(ALONE, "solve line.yaml train.l2=0.1", "train.l2 has no effect in `lockstep solve`");
  result_t result = run_well(ALONE, "solve line.yaml");
  cr_expect_null(strstr(result.err, "no effect"), "%s", result.err);
  write_text("ridge.yaml", "data: {file: data.h5}\n"
                           "model: {layers: [dense: 3]}\n"
                           "loss: mse\n"
                           "train: {l2: 0.1}\n");
  result = run_well(ALONE, "solve ridge.yaml");
  cr_expect_not_null(strstr(result.err, "solve.method=ridge"), "%s", result.err);
}

/* A file is made for `train`: other commands pass over what they do not use of it, but not of the command
 * line. */
Test(unused, overrides_without_effect_in_a_command_are_refused) {
  static const char *const cases[][2] = {
      {"train net.yaml", "solve.method=ridge"},      {"check net.yaml", "'solve={method: ridge, lambda: 2}'"},
      {"lr-find net.yaml", "schedule=cosine"},       {"lr-find net.yaml", "optimizer.learning_rate=0.1"},
      {"lr-find net.yaml", "train.epochs=3"},        {"lr-find net.yaml", "name=other"},
      {"gradcheck net.yaml", "optimizer=sgd"},       {"gradcheck net.yaml", "train.l2=0.1"},
      {"gradcheck net.yaml", "stop.patience=3"},     {"bench net.yaml", "checkpoint.copies=2"},
      {"bench net.yaml", "'stop={patience: 3}'"},    {"solve line.yaml", "checkpoint.copies=2"},
      {"solve line.yaml", "checkpoint.parts=ranks"}, {"solve line.yaml", "optimizer=sgd"},
      {"solve line.yaml", "train.time_limit=3"},
  };
  char words[128], key[64], says[128];
  train();
  write_text("line.yaml", "data: {file: data.h5}\nmodel: {layers: [dense: 3]}\nloss: mse\n");
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const char *override = cases[i][1] + (cases[i][1][0] == '\'');
    snprintf(words, sizeof words, "%s %s", cases[i][0], cases[i][1]);
    snprintf(key, sizeof key, "%.*s", (int)strcspn(override, "="), override);
    snprintf(says, sizeof says, "%s has no effect in `lockstep %.*s`", key, (int)strcspn(words, " "), words);
    expect_refused(i == 0 ? 2 : ALONE, words, says);
  }
}

Test(unused, keys_without_effect_in_a_file_are_passed_over) {
  write_dataset("data.h5", (spec_t){.rows = 200, .regression = true});
  write_text("line.yaml", "data: {file: data.h5}\nmodel: {layers: [dense: 3]}\nloss: mse\n"
                          "optimizer: {name: sgd, learning_rate: 0.01}\nschedule: cosine\n"
                          "train: {epochs: 3, global_batch_size: 64, log_every: 2, time_limit: 100}\n"
                          "stop: {patience: 4}\ncheckpoint: {copies: 1, keep: 3}\n"
                          "solve: {method: ridge}\nparallel: {threads: 1}\n");
  run_well(ALONE, "solve line.yaml data.validation=0.1");
  run_well(ALONE, "train line.yaml data.validation=0.1");
  run_well(ALONE, "lr-find line.yaml --steps 5 data.validation=0.1");
  run_well(ALONE, "gradcheck line.yaml data.validation=0.1 --rows 8");
}

/* Each of two values would be wanted by somebody. */
Test(unused, options_that_are_given_twice_are_refused) {
  static const char *const words[][2] = {
      {"eval runs/net --split test --split train", "--split is given twice"},
      {"eval runs/net --json a.json --json b.json", "--json is given twice"},
      {"predict runs/net data.h5 --out p.csv --out q.csv", "--out is given twice"},
      {"predict runs/net data.h5 --out=p.csv --x x --x=x", "--x is given twice"},
      {"train net.yaml --resume --resume", "--resume is given twice"},
      {"train net.yaml --tim --timing", "--timing is given twice"},
      {"info runs/net/model.h5 --graph --graph", "--graph is given twice"},
      {"gradcheck net.yaml --rows 3 --rows 4", "--rows is given twice"},
      {"lr-find net.yaml --steps 3 --steps 4", "--steps is given twice"},
      {"import --make xor --rows 5 --rows 6 o.h5", "--rows is given twice"}};
  train();
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
    expect_refused(i == 0 ? 2 : ALONE, words[i][0], words[i][1]);
}

Test(unused, rows_named_twice_are_refused) {
  train();
  expect_refused(2, "eval runs/net data.h5 data.file=data.h5", "both name the file of the rows");
  expect_refused(ALONE, "eval runs/net --x test/x --y test/y data.test_weights=test/weights",
                 "data.test_weights has no effect");
  expect_refused(ALONE, "eval runs/net --x test/x --y test/y data.validation=0.1",
                 "data.validation has no effect");
  expect_refused(ALONE, "train net.yaml data.validation=0.2 data.valid_x=test/x",
                 "data.valid_x has no effect");
  expect_refused(2, "train net.yaml data.validation=0.2 data.valid_weights=test/weights",
                 "data.valid_weights has no effect");
  expect_refused(ALONE, "check net.yaml data.validation=test data.valid_y=train/y",
                 "data.valid_y has no effect");
  run_well(ALONE, "train net.yaml name=group data.validation=test data.valid_weights=test/weights");
}

/* Weights of rows that --x names: with them the loss is that of the split that has the same rows. */
Test(unused, weights_of_rows_that_are_named_are_used) {
  char with[64], without[64], split[64];
  train();
  run_well(ALONE, "eval runs/net --split test data.test_weights=test/weights --json a.json");
  json_value(file_text("a.json"), "loss", split);
  run_well(2, "eval runs/net --x test/x --y test/y data.weights=test/weights --json a.json");
  json_value(file_text("a.json"), "loss", with);
  run_well(2, "eval runs/net --x test/x --y test/y --json a.json");
  json_value(file_text("a.json"), "loss", without);
  cr_expect_str_eq(with, split);
  cr_expect_str_neq(with, without);
}

Test(unused, a_top_k_of_all_classes_is_refused) {
  train();
  expect_refused(ALONE, "train net.yaml train.top_k=6",
                 "train.top_k is 6, but the network tells 5 classes apart");
  expect_refused(ALONE, "eval runs/net train.top_k=7", "train.top_k is 7");
  run_well(ALONE, "eval runs/net train.top_k=4");
}

/* One command each, since a process alone says the same as several ranks. */
Test(unused, keys_of_other_methods_are_refused) {
  train();
  write_text("rows.yaml", "data: {file: data.h5, weights: none, valid_weights: none, test_weights: none}\n");
  static const struct {
    const char *words, *message;
  } cases[] = {
      {"train net.yaml cluster.starts=2", "cluster.starts"},
      {"train net.yaml cluster.method=mixture", "cluster.method"},
      {"train net.yaml cluster.tolerance=1e-3", "cluster.tolerance"},
      {"train net.yaml density.rows=10", "density.rows has no effect"},
      {"train net.yaml components.n=2", "components.n has no effect"},
      {"cluster rows.yaml cluster.k=2 density.rows=10", "density.rows has no effect"},
      {"cluster rows.yaml cluster.k=2 train.top_k=3", "train.top_k has no effect"},
      {"cluster rows.yaml cluster.k=2 stop.tol=0.1", "stop.tol: it would end the run"},
      {"cluster rows.yaml cluster.k=2 data.validation=0.2 stop.patience=1", "stop.patience: it would end"},
      {"density rows.yaml components.n=2", "components.n has no effect"},
      {"components rows.yaml density.rows=4", "density.rows has no effect"},
      {"components rows.yaml cluster.k=4", "cluster.k has no effect"},
      {"solve net.yaml train.top_k=3", "train.top_k has no effect"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    expect_refused(ALONE, cases[i].words, cases[i].message);
  write_text("stops.yaml", "data: {file: data.h5}\nstop: {tol: 0.1}\n");
  expect_refused(2, "density stops.yaml", "stop.tol: it would end the run");
}
