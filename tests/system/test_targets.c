/* Targets keep the type that the file has: they are scaled in double, and figures in original units are those
 * that NumPy computes in double from the predictions and the file. */
#include "system/run.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static void begin(void) {
  place_make();
  if (run_python() == NULL) return;
  cr_assert_eq(run_command("%s %s/system/targets.py make", run_python(), TESTS_FOLDER).code, 0);
}

TestSuite(targets, .init = begin, .fini = place_remove);

enum { WORDS_SIZE = 4096 };

/* Predicts and evaluates with a run, and puts the three files down for targets.py. */
static void apply(char words[WORDS_SIZE], const char *name, const char *data, const char *x,
                  const char *eval) {
  char file[64];
  size_t used = strlen(words);
  snprintf(file, sizeof file, "%.*s", (int)strcspn(data, ":"), data);
  run_well(ALONE, "predict runs/%s %s --x %s --out %s.h5", name, file, x, name);
  run_well(ALONE, "eval runs/%s %s --json %s.json", name, eval, name);
  snprintf(words + used, WORDS_SIZE - used, " %s %s.h5 %s.json", data, name, name);
}

static void compare_with_numpy(const char *words) {
  result_t result = run_command("%s %s/system/targets.py check%s", run_python(), TESTS_FOLDER, words);
  cr_assert_eq(result.code, 0, "%s%s", result.out, result.err);
}

static void configure(const char *data, const char *rest) {
  write_text("config.yaml",
             "data: {file: %s.h5, scaling: standard, target_scaling: standard}\n%s\n"
             "optimizer: {name: adam, learning_rate: 0.02}\n"
             "checkpoint: {every: never}\nparallel: {shards: 4, threads: 1}\n",
             data, rest);
}

#define FLAT "model: {layers: [dense: 1]}\nloss: mse\ntrain: {epochs: 3, global_batch_size: 50}"

/* With an offset of 1.6e9 single precision has steps of 128, and the targets lie within 60 of it. */
Test(targets, of_doubles_are_scaled_and_compared_in_double) {
  static const struct {
    const char *name, *data, *words;
  } runs[] = {
      {"scaled", "flat.h5", "train config.yaml name=scaled"},
      {"plain", "flat.h5", "train config.yaml name=plain data.target_scaling=none"},
      {"minmax", "flat.h5",
       "train config.yaml name=minmax 'data.target_scaling={name: minmax, range: [-1, 1]}'"},
      {"streamed", "flat.h5", "train config.yaml name=streamed data.memory_limit=12KB"},
      {"mixed", "flat.h5", "train config.yaml name=mixed train.members=2"},
      {"narrow", "flat.h5:test/y32", "train config.yaml name=narrow data.y=train/y32 data.test_y=test/y32"},
      {"whole", "flat.h5:test/y_int",
       "train config.yaml name=whole data.y=train/y_int data.test_y=test/y_int"},
      {"least", "flat.h5", "solve config.yaml name=least"},
      {"ridge", "flat.h5", "solve config.yaml name=ridge solve.method=ridge"},
      {"bayes", "flat.h5", "solve config.yaml name=bayes solve.method=bayesian"},
      {"raw", "flat.h5", "solve config.yaml name=raw data.target_scaling=none"},
      {"flow", "flat.h5", "solve config.yaml name=flow data.memory_limit=12KB"},
  };
  char words[WORDS_SIZE] = "", first[64], second[64];
  if (run_python() == NULL) cr_skip_test("no Python with h5py and numpy here");
  configure("flat", FLAT);
  for (size_t i = 0; i < sizeof runs / sizeof runs[0]; i++) {
    run_well(i % 4 == 3 ? 2 : ALONE, "%s", runs[i].words);
    apply(words, runs[i].name, runs[i].data, "test/x", "");
  }
  compare_with_numpy(words);
  cr_expect_lt(json_double(file_text("runs/least/summary.json"), "test_mae"), 1e-5,
               "solved but for rounding");
  cr_expect_gt(json_double(file_text("runs/raw/summary.json"), "test_mae"), 1, "floats cannot hold these");
  json_value(file_text("runs/scaled/summary.json"), "parameters_checksum", first);
  json_value(file_text("runs/streamed/summary.json"), "parameters_checksum", second);
  cr_expect_str_eq(first, second, "streamed targets are scaled like those in memory");
  json_value(file_text("runs/least/summary.json"), "parameters_checksum", first);
  json_value(file_text("runs/flow/summary.json"), "parameters_checksum", second);
  cr_expect_str_eq(first, second);
  cr_expect_eq(json_double(file_text("scaled.json"), "mae"),
               json_double(file_text("runs/scaled/summary.json"), "test_mae"), "eval and train agree");
  cr_expect_eq(json_double(file_text("scaled.json"), "mae"), json_double(file_text("streamed.json"), "mae"));
}

#define HEADS                                                                                                \
  "model: {layers: [{dense: {units: 8, activation: tanh}}, dense: 5]}\n"                                     \
  "train: {epochs: 3, global_batch_size: 20}\n"                                                              \
  "loss:\n"                                                                                                  \
  "  - {head: level, name: mae, outputs: 1}\n"                                                               \
  "  - {head: noisy, name: gaussian_nll, outputs: 2}\n"                                                      \
  "  - {head: median, name: quantile, quantiles: [0.5, 0.9], outputs: 2}"

Test(targets, of_several_heads_are_compared_in_double) {
  char words[WORDS_SIZE] = "";
  if (run_python() == NULL) cr_skip_test("no Python with h5py and numpy here");
  configure("heads", HEADS);
  run_well(2, "train config.yaml name=several");
  apply(words, "several", "heads.h5", "test/x", "");
  run_well(ALONE, "train config.yaml name=pair train.members=2 data.memory_limit=24KB");
  apply(words, "pair", "heads.h5", "test/x", "");
  compare_with_numpy(words);
}

#define WINDOWS                                                                                              \
  "model: {layers: [{dense: {units: 8, activation: tanh}}, dense: 6]}\nloss: mse\n"                          \
  "train: {epochs: 3, global_batch_size: 20}"

Test(targets, of_windows_are_compared_in_double) {
  char words[WORDS_SIZE] = "";
  if (run_python() == NULL) cr_skip_test("no Python with h5py and numpy here");
  configure("windows", WINDOWS);
  static const char window[] = "'data.window={length: 24, horizon: 3, season: 24, targets: [0, 2]}'";
  run_well(2, "train config.yaml name=window %s", window);
  apply(words, "window", "windows.h5", "train/x", "windows.h5");
  run_well(ALONE, "train config.yaml name=passing %s data.memory_limit=32KB", window);
  apply(words, "passing", "windows.h5", "train/x", "windows.h5");
  compare_with_numpy(words);
}

/* An eval of rows on several ranks, streamed or not, has the same bits. */
Test(targets, give_the_same_figures_on_any_layout) {
  if (run_python() == NULL) cr_skip_test("no Python with h5py and numpy here");
  configure("flat", FLAT);
  run_well(ALONE, "train config.yaml name=a parallel.shards=4");
  run_well(ALONE, "eval runs/a --json one.json parallel.shards=4");
  run_well(3, "eval runs/a --json other.json parallel.shards=4 data.memory_limit=12KB");
  cr_expect_eq(run_command("cmp one.json other.json").code, 0);
  run_well(ALONE, "predict runs/a flat.h5 --x test/x --out one.csv");
  run_well(3, "predict runs/a flat.h5 --x test/x --out other.csv");
  cr_expect_eq(run_command("cmp one.csv other.csv").code, 0);
}

/* What integers of 64 bits lose in double is lost silently nowhere. */
Test(targets, of_integers_that_doubles_do_not_hold_are_refused) {
  if (run_python() == NULL) cr_skip_test("no Python with h5py and numpy here");
  configure("flat", FLAT);
  result_t made = run_command("%s -c '"
                              "import h5py, numpy as np\n"
                              "with h5py.File(\"flat.h5\", \"r+\") as f:\n"
                              "  f[\"train/big\"] = np.arange(3000, dtype=np.int64) + 2**53 - 5'",
                              run_python());
  cr_assert_eq(made.code, 0, "%s", made.err);
  result_t result = run(ALONE, "train config.yaml data.y=train/big");
  cr_expect_eq(result.code, 3);
  cr_expect_not_null(strstr(result.err, "row 5, column 0"), "%s", result.err);
}

/* The mean of R2 over targets of which one is constant: what scikit-learn's r2_score gives. */
Test(targets, that_are_constant_have_the_r2_of_scikit_learn) {
  if (run_python() == NULL) cr_skip_test("no Python with h5py and numpy here");
  result_t made = run_command("%s -c '"
                              "import h5py, numpy as np\n"
                              "x = np.random.default_rng(2).normal(size=(300, 2)).astype(np.float32)\n"
                              "with h5py.File(\"constant.h5\", \"w\") as f:\n"
                              "  for g in (\"train\", \"test\"):\n"
                              "    f[g + \"/x\"] = x\n"
                              "    f[g + \"/y\"] = np.c_[x[:, 0] * x[:, 1] + x[:, 0], np.full(300, 2.5)]'",
                              run_python());
  cr_assert_eq(made.code, 0, "%s", made.err);
  char words[WORDS_SIZE] = "";
  configure("constant", "model: {layers: [dense: 2]}\nloss: mse\ntrain: {epochs: 2, global_batch_size: 20}");
  run_well(ALONE, "train config.yaml name=wrong");
  apply(words, "wrong", "constant.h5", "test/x", "");
  run_well(ALONE, "solve config.yaml name=exact");
  apply(words, "exact", "constant.h5", "test/x", "");
  compare_with_numpy(words);
  double r2 = json_double(file_text("exact.json"), "r2");
  cr_expect(r2 > 0.5 && r2 < 1, "%g: half of it is that of the constant", r2);
}

/* Targets that single precision cannot tell apart are learnt wrongly unless they are scaled. */
Test(targets, that_are_too_close_for_single_precision_are_warned_of) {
  if (run_python() == NULL) cr_skip_test("no Python with h5py and numpy here");
  configure("flat", FLAT);
  result_t result = run_well(2, "train config.yaml data.target_scaling=none");
  cr_expect_not_null(strstr(result.err, "single precision has steps of"), "%s%s", result.out, result.err);
  result = run_well(ALONE, "train config.yaml");
  cr_expect_null(strstr(result.err, "single precision has steps of"), "%s%s", result.out, result.err);
}
