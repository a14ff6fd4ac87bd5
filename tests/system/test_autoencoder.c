/* Networks whose targets are their inputs: figures in original units are those that NumPy computes from the
 * predictions and the file, no y is needed, and no layout changes the bits. */
#include "system/run.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
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

#define SHARES                                                                                               \
  "loss=binary_cross_entropy 'data.scaling={name: minmax, range: [0, 1], columns: {1: one_hot}}' "

/* Features from 0 to 1 are no classes: predictions and errors are in their units. */
Test(autoencoder, with_binary_cross_entropy_rebuilds_features_from_0_to_1) {
  static const char layers[] =
      "'model.layers=[{dense: {units: 6, activation: tanh}}, dense: 4, sample: 0.01, "
      "{dense: {units: 6, activation: tanh}}, dense: 8]' ";
  double first = 0;
  if (run_python() == NULL) cr_skip_test("no Python with h5py and numpy here");
  configure("");
  run_well(ALONE, "train code.yaml name=alone " SHARES "%s", layers);
  compare_with_numpy("alone");
  const outcome_t alone = outcome_of("alone");
  run_well(3, "train code.yaml name=streamed data.memory_limit=64KB " SHARES "%s", layers);
  cr_expect_str_eq(alone.checksum, outcome_of("streamed").checksum, "streamed on three ranks");
  run_well(ALONE, "train code.yaml name=basis data.basis=polynomial " SHARES "%s", layers);
  run_well(ALONE, "sample runs/basis --rows 3 --out drawn.csv"); /* targets are what comes before the basis */
  cr_expect_not_null(strstr(file_text("drawn.csv"), "1.6"), "%s", file_text("drawn.csv"));
  run_well(ALONE, "sample runs/alone --rows 20 --out drawn.csv");
  const char *line = strchr(file_text("drawn.csv"), '\n');
  for (int row = 0; row < 20; row++, line = strchr(line + 1, '\n')) {
    const double third = strtod(strchr(strchr(line, ',') + 1, ',') + 1, NULL); /* a square, from 0 to 1 */
    cr_expect(line[1] == ',' ||
                  (sscanf(line, "%lf,", &first) == 1 && first > 1.6e9 - 41 && first < 1.6e9 + 41),
              "row %d: %.60s", row, line);
    cr_expect(third >= 0 && third <= 1, "row %d: %.60s", row, line);
  }
  for (int ranks = 0; ranks < 3; ranks += 2) {
    const result_t result = run(ranks, "train code.yaml name=far loss=binary_cross_entropy");
    cr_expect(result.code == 3 && strstr(result.err, "needs features from 0 to 1") != NULL, "%d %s",
              result.code, result.err);
  }
  const result_t result = run(ALONE, "train code.yaml name=far loss=binary_cross_entropy "
                                     "'data.scaling={name: minmax, range: [0, 2], columns: {1: one_hot}}'");
  cr_expect(result.code == 3 && strstr(result.err, "needs features from 0 to 1") != NULL, "%d %s",
            result.code, result.err);
}

Test(autoencoder, warns_of_outputs_that_cannot_reach_the_features) {
  if (run_python() == NULL) cr_skip_test("no Python with h5py and numpy here");
  configure("checkpoint: {every: never}");
  const char *end =
      "'model.layers=[{dense: {units: 6, activation: tanh}}, {dense: {units: 8, activation: sigmoid}}]'";
  result_t result = run_well(2, "train code.yaml %s", end);
  cr_expect_not_null(strstr(result.err, "scale the features into this range (data.scaling)"), "%s",
                     result.err);
  result = run_well(
      ALONE,
      "train code.yaml loss=mse 'data.scaling={name: minmax, range: [0, 1], columns: {1: one_hot}}' %s", end);
  cr_expect_null(strstr(result.err, "model.layers: "), "%s", result.err);
  result = run_well(ALONE, "train code.yaml " SHARES "%s", end);
  cr_expect_not_null(strstr(result.err, "applies the sigmoid itself"), "%s", result.err);
}

static void run_python_on(const char *words) {
  const result_t result = run_command("%s %s/system/window_rows.py %s", run_python(), TESTS_FOLDER, words);
  cr_assert_eq(result.code, 0, "%s%s", result.out, result.err);
}

/* The targets of a window are the window. */
Test(autoencoder, of_windows_rebuilds_them_with_the_same_bits_on_any_layout) {
  if (run_python() == NULL) cr_skip_test("no Python with h5py and numpy here");
  run_python_on("make");
  write_text("w.yaml", "data: {file: series.h5, targets: x, scaling: standard, validation: 0.1,\n"
                       "       window: {length: 6, series: series}}\n"
                       "model: {layers: [{dense: {units: 12, activation: tanh}}, dense: 3, dense: 12]}\n"
                       "loss: mse\noptimizer: {name: adam, learning_rate: 0.01}\n"
                       "train: {epochs: 8, global_batch_size: 40}\nparallel: {shards: 4, threads: 1}\n");
  run_well(ALONE, "train w.yaml name=alone");
  const outcome_t alone = outcome_of("alone");
  run_well(3, "train w.yaml name=three parallel.ranks_per_node=2");
  const outcome_t three = outcome_of("three");
  outcome_expect_same(&alone, &three, "on three ranks of two nodes");
  run_well(2, "train w.yaml name=streamed data.memory_limit=16KB");
  cr_expect_str_eq(alone.checksum, outcome_of("streamed").checksum, "streamed");
  run_well(ALONE, "predict runs/alone series.h5 --out found.h5");
  run_well(2, "eval runs/alone --json found.json");
  run_python_on("check found.h5 found.json");
  const result_t result = run_well(ALONE, "anomalies runs/alone");
  cr_expect_not_null(strstr(result.out, "largest scores: row 1"), "%s", result.out);
  run_well(2,
           "train w.yaml name=shares loss=binary_cross_entropy 'data.scaling={name: minmax, range: [0, 1]}'");
}

Test(autoencoder, takes_what_comes_before_basis_functions) {
  if (run_python() == NULL) cr_skip_test("no Python with h5py and numpy here");
  configure("");
  run_well(ALONE, "train code.yaml name=basis data.basis.name=polynomial");
  compare_with_numpy("basis");
}

/* Eight values to six to two, and back with the same weights. */
#define TIED                                                                                                 \
  "train code.yaml 'model.layers=[{dense: {units: 6, activation: tanh}}, {dense: 2}, "                       \
  "{tied: {to: dense2, activation: tanh}}, {tied: dense1}]' "

Test(autoencoder, with_tied_weights_is_what_numpy_computes_and_has_the_same_bits_on_any_layout) {
  if (run_python() == NULL) cr_skip_test("no Python with h5py and numpy here");
  configure("");
  run_well(ALONE, TIED "name=alone");
  compare_with_numpy("alone");
  const outcome_t alone = outcome_of("alone");
  run_well(3, TIED "name=three parallel.ranks_per_node=2");
  run_well(2, TIED "name=shared");
  run_well(2, TIED "name=cut train.steps=7 checkpoint.every='5 steps'");
  run_well(ALONE, TIED "name=cut --resume");
  const char *const others[] = {"three", "shared", "cut"};
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
    const outcome_t other = outcome_of(others[i]);
    cr_expect_str_eq(alone.checksum, other.checksum, "%s", others[i]);
  }
  write_text(
      "check.py",
      "import h5py, numpy as np\n"
      "file = h5py.File('runs/alone/model.h5')\n"
      "p = file['parameters']\n"
      "assert sorted(p) == ['dense1', 'dense2', 'tied1', 'tied2'] and list(p['tied1']) == ['bias'], list(p)\n"
      "names = {k: p[k]['weight'][:] for k in ('dense1', 'dense2')}\n"
      "layer = lambda n: h5py.File(n + '.h5')[n][:].astype(float)\n"
      "x1 = layer('dense1')\n"
      "x2 = x1 @ names['dense2'].T + p['dense2/bias'][:]\n"
      "x3 = np.tanh(x2 @ names['dense2'] + p['tied1/bias'][:])\n"
      "x4 = x3 @ names['dense1'] + p['tied2/bias'][:]\n"
      "for name, x in dict(dense2=x2, tied1=x3, tied2=x4).items():\n"
      "    assert np.abs(layer(name) - x).max() < 1e-5, name\n");
  const char *const layers[] = {"dense1", "dense2", "tied1", "tied2"};
  for (size_t i = 0; i < sizeof layers / sizeof layers[0]; i++)
    run_well(ALONE, "predict runs/alone codes.h5 --layer %s --out %s.h5", layers[i], layers[i]);
  result_t result = run_command("%s check.py", run_python());
  cr_expect_eq(result.code, 0, "%s%s", result.out, result.err);
}

static void refuses_tied(const char *words, const char *because) {
  result_t result = run(ALONE, TIED "%s", words);
  cr_expect_eq(result.code, 2, "%s: %s", words, result.err);
  cr_expect(strstr(result.err, because) != NULL, "%s: %s", words, result.err);
}

Test(autoencoder, refuses_tied_layers_that_do_not_fit_in_words) {
  if (run_python() == NULL) cr_skip_test("no Python with h5py and numpy here");
  configure("");
  refuses_tied("train.precision=bf16", "trains in fp32");
  refuses_tied("model.freeze=[dense1]", "share their weights");
  refuses_tied("model.freeze=[tied1]", "share their weights");
  refuses_tied("model.layers.2.tied.to=dense3", "no dense layer before it has the name");
  refuses_tied("model.layers.2.tied.to=dense1", "takes as many values");
  refuses_tied("model.layers.2.tied.init=zeros", "init");
  run_well(ALONE, TIED "name=frozen model.freeze='[dense1, tied2]'");
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
  refuses("loss=poisson_nll", "compares with counts");
  refuses("'loss={name: mse, targets: [0]}'", "loss.targets");
  refuses("data.y=train/answer", "data.y: has no effect");
  refuses("data.target_scaling=standard", "data.target_scaling.name: has no effect");
  refuses("data.window.length=3 data.window.horizon=2", "the window itself is the target");
  refuses("data.window.length=3 data.window.season=2", "nothing is forecast");
  refuses("data.window.length=3 'data.window.targets=[0]'", "nothing is forecast");
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
