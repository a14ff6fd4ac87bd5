/* lockstep components: the figures of NumPy, the same bits on any layout, and requests that cannot be met. */
#include "system/run.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static void python(const char *words) {
  result_t result = run_command("%s %s/system/components.py %s", run_python(), TESTS_FOLDER, words);
  cr_assert_eq(result.code, 0, "%s: %s%s", words, result.out, result.err);
}

static void begin(void) {
  place_make();
  if (run_python() != NULL) python("make");
  write_text("pca.yaml", "data: {file: rows.h5}\ncomponents: {n: 4}\nparallel: {shards: 5, threads: 1}\n");
}

TestSuite(components, .init = begin, .fini = place_remove);

/* A run with these settings, whose model, scores and rows are then compared. */
static void compare(const char *name, const char *settings, const char *how) {
  char words[200];
  run_well(ALONE, "components pca.yaml name=%s %s", name, settings);
  run_well(ALONE, "predict runs/%s rows.h5 --x test/x --layer dense1 --out %s-scores.h5", name, name);
  run_well(ALONE, "predict runs/%s rows.h5 --x test/x --out %s-rows.h5", name, name);
  snprintf(words, sizeof words, "check %s %s", name, how);
  python(words);
}

Test(components, are_those_of_numpy) {
  if (run_python() == NULL) cr_skip_test("no Python with h5py and numpy here");
  compare("exact", "components.method=exact", "");
  compare("random", "components.method=randomized components.iterations=6", "");
  compare("share", "components.n=0.98 components.whiten=true data.weights=train/weight",
          "weighted whiten 0.98");
  result_t result = run(ALONE, "info runs/exact/model.h5");
  cr_expect(strstr(result.out, "components           4, exact, of 1000 rows") != NULL, "%s", result.out);
}

Test(components, come_before_a_network) {
  if (run_python() == NULL) cr_skip_test("no Python with h5py and numpy here");
  write_text("before.yaml", "data: {file: rows.h5, targets: x, basis: {name: pca, size: 4, whiten: true}}\n"
                            "model: {layers: [dense: 22]}\nloss: mse\ntrain: {epochs: 1}\n"
                            "checkpoint: {every: never}\nparallel: {shards: 5, threads: 1}\n");
  run_well(ALONE, "train before.yaml");
  run_well(ALONE, "components pca.yaml components.whiten=true");
  python("basis before pca");
}

/* Two components are far from equal to the third, so descent comes near them in seconds. */
Test(components, span_what_a_linear_autoencoder_learns) {
  if (run_python() == NULL) cr_skip_test("no Python with h5py and numpy here");
  write_text("code.yaml", "data: {file: rows.h5, targets: x, scaling: standard}\n"
                          "model: {layers: [dense: 2, dense: 22]}\n"
                          "loss: mse\noptimizer: {name: adam, learning_rate: 0.01}\nschedule: cosine\n"
                          "train: {epochs: 150, global_batch_size: 50}\n"
                          "checkpoint: {every: never}\nparallel: {threads: 1}\n");
  run_well(ALONE, "train code.yaml");
  run_well(ALONE, "components pca.yaml components.n=2 data.scaling=standard");
  python("span code pca");
  const double trained = json_double(file_text("runs/code/summary.json"), "train_loss");
  const double least = json_double(file_text("runs/pca/summary.json"), "train_loss");
  cr_expect_lt(trained, 1.002 * least);
  cr_expect_gt(trained, 0.999999 * least, "no two directions lose less");
}

static void checksum_of_run(const char *words, int ranks, char out[64]) {
  run_well(ranks, "components pca.yaml name=run %s", words);
  json_value(file_text("runs/run/summary.json"), "parameters_checksum", out);
}

Test(components, have_the_same_bits_on_any_layout) {
  if (run_python() == NULL) cr_skip_test("no Python with h5py and numpy here");
  char alone[64], three[64];
  checksum_of_run("components.method=exact parallel.threads=3", ALONE, alone);
  checksum_of_run("components.method=exact", 3, three);
  cr_expect_str_eq(alone, three, "exact");
  checksum_of_run("components.method=randomized parallel.threads=3", ALONE, alone);
  checksum_of_run("components.method=randomized", 3, three);
  cr_expect_str_eq(alone, three, "randomized");
  checksum_of_run("components.method=randomized data.memory_limit=60KB", ALONE, three);
  cr_expect_str_eq(alone, three, "randomized, streamed");
}

static void refuses(int code, const char *words, const char *because) {
  result_t result = run(ALONE, "components pca.yaml %s", words);
  cr_expect_eq(result.code, code, "%s: %s", words, result.err);
  cr_expect(strstr(result.err, because) != NULL, "%s: %s", words, result.err);
}

Test(components, refuse_what_cannot_be_in_words) {
  if (run_python() == NULL) cr_skip_test("no Python with h5py and numpy here");
  refuses(2, "components.n=23", "there are at most 22");
  refuses(2, "components.n=10 data.file=narrow.h5", "there are at most 9");
  refuses(2, "components.n=2.5", "neither a whole number");
  refuses(2, "components.n=0.9 components.method=randomized", "needs all eigenvalues");
  refuses(2, "components.n=22 components.whiten=true", "components.n=20 or fewer");
  refuses(2, "components.n=22 components.method=randomized", "vary in 20 directions");
  refuses(2, "loss=mae", "has no effect in `lockstep components`");
  refuses(2, "data.basis.name=polynomial", "components are found of the features themselves");
  refuses(3, "data.file=equal.h5", "all training rows are equal");
  refuses(3, "data.file=gap.h5", "NaN");
  cr_expect_eq(run(ALONE, "train pca.yaml components.n=3").code, 2);
  run_well(ALONE, "components pca.yaml components.n=22 components.method=exact");
}
