/* Networks whose targets are their inputs: figures in original units are those that NumPy computes from the
 * predictions and the file, no y is needed, and no layout changes the bits. */
#include "system/run.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static void begin(void) {
  place_make();
  if (run_python() == NULL) return;
  cr_assert_eq(run_command("%s %s/system/autoencoder.py", run_python(), TESTS_FOLDER).code, 0);
}

TestSuite(autoencoder, .init = begin, .fini = place_remove);

/* 8 values: a number, three categories, two numbers, two marks of gaps. */
static void configure(const char *more) {
  write_text("code.yaml",
             "data:\n  {file: codes.h5, targets: x, missing: mean, missing_indicator: true,\n"
             "   scaling: {name: standard, columns: {1: one_hot}}, weights: train/weight}\n"
             "model: {layers: [{dense: {units: 6, activation: tanh}}, dense: 2, dense: 8]}\n"
             "loss: mse\noptimizer: {name: adam, learning_rate: 0.02}\n"
             "train: {epochs: 4, global_batch_size: 50}\n"
             "parallel: {shards: 4, threads: 1}\n%s\n",
             more);
}

static void compare_with_numpy(const char *name) {
  run_well(ALONE, "predict runs/%s codes.h5 --out %s.h5", name, name);
  run_well(ALONE, "eval runs/%s --json %s.json", name, name);
  result_t result = run_command("%s %s/system/targets.py check codes.h5:test/values %s.h5 %s.json",
                                run_python(), TESTS_FOLDER, name, name);
  cr_assert_eq(result.code, 0, "%s%s", result.out, result.err);
}

Test(autoencoder, has_targets_in_original_units_and_the_same_bits_on_any_layout) {
  if (run_python() == NULL) cr_skip_test("no Python with h5py and numpy here");
  configure("");
  run_well(ALONE, "train code.yaml name=alone");
  compare_with_numpy("alone");
  const outcome_t alone = outcome_of("alone");
  run_well(3, "train code.yaml name=three parallel.ranks_per_node=2");
  const outcome_t three = outcome_of("three");
  outcome_expect_same(&alone, &three, "on three ranks of two nodes");
  run_well(2,
           "train code.yaml name=streamed data.memory_limit=64KB train.steps=60 checkpoint.every='7 steps'");
  run_well(ALONE, "train code.yaml name=streamed data.memory_limit=64KB --resume");
  const outcome_t streamed = outcome_of("streamed");
  cr_expect_str_eq(alone.checksum, streamed.checksum, "streamed, stopped and resumed");
  compare_with_numpy("streamed");
}

Test(autoencoder, takes_what_comes_before_basis_functions) {
  if (run_python() == NULL) cr_skip_test("no Python with h5py and numpy here");
  configure("");
  run_well(ALONE, "train code.yaml name=basis data.basis.name=polynomial");
  compare_with_numpy("basis");
}

static void refuses(const char *words, const char *because) {
  result_t result = run(ALONE, "train code.yaml %s", words);
  cr_expect_eq(result.code, 2, "%s: %s", words, result.err);
  cr_expect(strstr(result.err, because) != NULL, "%s: %s", words, result.err);
}

Test(autoencoder, refuses_what_makes_no_sense_in_words) {
  if (run_python() == NULL) cr_skip_test("no Python with h5py and numpy here");
  configure("");
  refuses("loss=cross_entropy", "compares with classes");
  refuses("loss=binary_cross_entropy", "compares with classes");
  refuses("loss=poisson_nll", "compares with counts");
  refuses("'loss={name: mse, targets: [0]}'", "loss.targets");
  refuses("data.y=train/answer", "data.y: has no effect");
  refuses("data.target_scaling=standard", "data.target_scaling.name: has no effect");
  refuses("data.window.length=3", "data.window.length: has no effect");
  refuses("model.layers.2.dense=7", "each of the 8 values");
  refuses("'model.embeddings.columns={1: 2}' data.scaling=standard model.layers.2.dense=6",
          "becomes a vector");
  run_well(ALONE, "train code.yaml");
  result_t result = run(ALONE, "eval runs/code --importance");
  cr_expect(result.code == 2 && strstr(result.err, "same columns") != NULL, "%d %s", result.code, result.err);
}

Test(autoencoder, of_a_variational_kind_has_the_same_bits_and_the_same_samples_on_any_layout) {
  char first[2048];
  if (run_python() == NULL) cr_skip_test("no Python with h5py and numpy here");
  configure("checkpoint: {every: 7 steps}");
  static const char layers[] = "'model.layers=[{dense: {units: 6, activation: tanh}}, dense: 4, sample: "
                               "0.01, {dense: {units: 6, activation: tanh}}, penalty: 0.001, dense: 8]'";
  run_well(ALONE, "train code.yaml %s name=alone", layers);
  run_well(3, "train code.yaml %s name=three parallel.ranks_per_node=2 train.steps=60", layers);
  run_well(2, "train code.yaml %s name=three --resume", layers);
  const outcome_t alone = outcome_of("alone"), three = outcome_of("three");
  outcome_expect_same(&alone, &three, "on three ranks, stopped and gone on with on two");
  cr_expect(strstr(file_text("runs/alone/log.jsonl"), "\"valid_penalty\"") != NULL);
  compare_with_numpy("alone");
  cr_expect_gt(json_double(file_text("alone.json"), "penalty"), 0);
  run_well(ALONE, "sample runs/alone --rows 7 --out one.csv");
  run_well(3, "sample runs/alone --rows 9 --out two.csv");
  snprintf(first, sizeof first, "%s", file_text("one.csv"));
  cr_expect_eq(strncmp(file_text("two.csv"), first, strlen(first)), 0, "more rows begin with those of fewer");
  run_well(ALONE, "train code.yaml name=plain");
  result_t result = run(ALONE, "sample runs/plain --out three.csv");
  cr_expect(result.code == 2 && strstr(result.err, "no density") != NULL, "%d %s", result.code, result.err);
}
