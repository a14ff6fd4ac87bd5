/* Basis functions: what scikit-learn makes of the same rows and centres, the same bits on any layout and from
 * rows that are streamed, from the model file alone; and what they are for: linear models of curves. */
#include "system/run.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static void begin(void) {
  place_make();
  cr_assert_eq(run_command("mkdir data").code, 0);
}

TestSuite(basis, .init = begin, .fini = place_remove);

/* The first Python that has scikit-learn, or NULL. */
static const char *python(void) {
  static const char *const names[] = {"/usr/bin/python3", "python3"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (run_command("%s -c 'import h5py, sklearn'", names[i]).code == 0) return names[i];
  return NULL;
}

enum { WORDS_SIZE = 1024 };

/* Hands a run's model, its data, its predictions and lambda (0: it was trained) on to basis.py. */
static void add_words(char words[WORDS_SIZE], const char *name, const char *data, const char *lambda) {
  size_t used = strlen(words);
  snprintf(words + used, WORDS_SIZE - used, " runs/%s/model.h5 %s %s.h5 %s", name, data, name, lambda);
}

static void compare_with_sklearn(const char *words) {
  const char *interpreter = python();
  if (interpreter == NULL) cr_skip_test("no Python with h5py and scikit-learn here");
  result_t result = run_command("%s %s/system/basis.py%s", interpreter, TESTS_FOLDER, words);
  cr_assert_eq(result.code, 0, "%s%s", result.out, result.err);
}

Test(basis, of_every_kind_is_that_of_scikit_learn_on_any_layout) {
  static const char *const kinds[] = {
      "{name: polynomial, degree: 3}",
      "{name: polynomial, degree: 4, interactions: false}",
      "{name: fourier, size: 700, gamma: 0.1}",
      "{name: rbf, size: 40}",
      "{name: polynomial_kernel, size: 30, degree: 3, gamma: 0.3, coef0: 0.5}",
      "{name: linear_kernel, size: 20}",
      "{name: pca, size: 4, whiten: true}"};
  char words[WORDS_SIZE] = "", name[16] = "", first[64], again[64];
  run_well(ALONE, "import --overwrite --make friedman friedman.h5 --rows 3000 --features 7");
  write_text("friedman.yaml", "data: {file: friedman.h5, scaling: standard}\n"
                              "model: {layers: [dense: 1]}\n"
                              "loss: mse\n"
                              "train: {epochs: 1, global_batch_size: 50}\n"
                              "checkpoint: {every: never}\n"
                              "parallel: {shards: 5, threads: 1}\n");
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
    snprintf(name, sizeof name, "net%zu", i);
    run_well(ALONE, "train friedman.yaml name=%s 'data.basis=%s' parallel.threads=2", name, kinds[i]);
    run_well(3, "train friedman.yaml name=streamed 'data.basis=%s' data.memory_limit=24KB", kinds[i]);
    snprintf(words, sizeof words, "runs/%s/summary.json", name);
    json_value(file_text(words), "parameters_checksum", first);
    json_value(file_text("runs/streamed/summary.json"), "parameters_checksum", again);
    cr_assert_str_eq(again, first, "%s", kinds[i]);
    run_well(ALONE, "predict runs/%s friedman.h5 --x train/x --out %s.h5", name, name);
  }
  run_well(3, "predict runs/streamed friedman.h5 --x train/x --out streamed.h5");
  cr_assert_eq(run_command("cmp streamed.h5 %s.h5", name).code, 0, "streamed rows give other predictions");
  words[0] = '\0';
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
    snprintf(name, sizeof name, "net%zu", i);
    add_words(words, name, "friedman.h5", "0");
  }
  compare_with_sklearn(words);
}

#define CONFIGS TESTS_FOLDER "/../configs/"

/* Linear regression on phi: the target has products and squares of features, and noise of deviation 1. */
Test(basis, solved_is_the_ridge_regression_of_scikit_learn) {
  static const struct {
    const char *name, *lambda;
    double r2;
  } cases[] = {{"polynomial", "1", 0.92}, {"fourier", "0.01", 0.88}, {"kernel", "0.001", 0.86}};
  char words[WORDS_SIZE] = "", path[64];
  run_well(ALONE, "import --overwrite --make friedman data/friedman.h5 --rows 2000 --features 10 --noise 1 "
                  "--seed 1 --split "
                  "train=0.5,test=0.5");
  run_well(ALONE, "solve " CONFIGS "friedman-polynomial.yaml data.basis=none name=plain");
  cr_assert_lt(json_double(file_text("runs/plain/summary.json"), "test_r2"), 0.8);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const char *name = cases[i].name;
    run_well(2, "solve " CONFIGS "friedman-%s.yaml name=%s", name, name);
    snprintf(path, sizeof path, "runs/%s/summary.json", name);
    cr_assert_gt(json_double(file_text(path), "test_r2"), cases[i].r2, "%s", name);
    run_well(ALONE, "predict runs/%s data/friedman.h5 --x train/x --out %s.h5", name, name);
    add_words(words, name, "data/friedman.h5", cases[i].lambda);
  }
  compare_with_sklearn(words);
}

static double accuracy(const char *name) {
  char path[128];
  snprintf(path, sizeof path, "runs/%s/summary.json", name);
  return json_double(file_text(path), "test_accuracy");
}

Test(basis, lets_a_linear_model_tell_a_circle_from_the_one_around_it) {
  run_well(ALONE, "import --overwrite --make circles data/circles.h5 --rows 400 --noise 0.1 --seed 1 --split "
                  "train=0.5,test=0.5");
  run_well(ALONE, "train " CONFIGS "kernel-circles.yaml");
  cr_assert_gt(accuracy("kernel-circles"), 0.95);
  cr_assert_float_eq(json_double(file_text("runs/kernel-circles/summary.json"), "parameters"), 200, 0);
  run_well(ALONE, "train " CONFIGS "kernel-circles.yaml loss=perceptron name=perceptron");
  /* rows that are right do not move the perceptron, so a few rows near the border depend on the order of rows
   */
  cr_assert_gt(accuracy("perceptron"), 0.9);
  run_well(ALONE, "train " CONFIGS "kernel-circles.yaml name=plain data.basis=none");
  cr_assert_lt(accuracy("plain"), 0.7);
  cr_assert_eq(run(ALONE, "train " CONFIGS "kernel-circles.yaml data.basis.size=201").code, 2);
  result_t result =
      run(ALONE, "check " CONFIGS "kernel-circles.yaml 'data.basis={name: polynomial, degree: 64}'");
  cr_assert(result.code == 0 && strstr(result.out, "2144 of the network") != NULL, "%s%s", result.out,
            result.err);
  result = run_well(ALONE, "info --graph " CONFIGS "kernel-circles.yaml");
  cr_assert_not_null(strstr(result.out, "phi of 2 features x by the basis rbf"), "%s", result.out);
  result = run_well(ALONE, "info --graph runs/plain --dot");
  cr_assert_null(strstr(result.out, "phi"), "%s", result.out);
}

/* 500000 frequencies of 10 features, and as many phases, in float. */
Test(basis, is_counted_by_check_and_has_no_more_landmarks_than_there_are_rows) {
  double data = 0;
  run_well(ALONE, "import --overwrite --make friedman data/friedman.h5 --rows 100 --features 10");
  result_t result = run_well(ALONE, "check " CONFIGS "friedman-fourier.yaml data.basis.size=500000");
  const char *memory = strstr(result.out, "program ");
  cr_assert(memory != NULL && sscanf(memory, "program %*f MB, data %lf MB", &data) == 1, "%s", result.out);
  cr_assert_float_eq(data, 22, 0.1);
  result = run(ALONE, "check " CONFIGS "friedman-kernel.yaml data.basis.size=101");
  cr_assert(result.code == 2 && strstr(result.err, "101 landmark rows of 100") != NULL, "%s", result.err);
}

Test(basis, that_was_changed_is_refused_by_a_resumed_run) {
  run_well(ALONE, "import --overwrite --make circles data/circles.h5 --rows 200");
  run_well(ALONE, "train " CONFIGS
                  "kernel-circles.yaml data.basis.size=50 train.epochs=1 'checkpoint.every=1 epoch'");
  result_t result =
      run(ALONE, "train " CONFIGS "kernel-circles.yaml data.basis.size=50 data.basis.gamma=3 --resume");
  cr_assert(result.code == 2 && strstr(result.err, "data.basis") != NULL, "%s", result.err);
}
