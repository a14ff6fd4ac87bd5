/* lockstep connect: the values at the ends, barriers that are known, the same bits on any layout and after an
 * interruption, and what it refuses. */
#include "system/run.h"

#include "base/clock.h"
#include "store/store.h"

#include <criterion/criterion.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { POINTS = 9 };

/* Two networks, runs/a and runs/b, that differ by their seeds. */
static void train_both(const char *layers, bool regression) {
  write_dataset("data.h5", (spec_t){.rows = 400, .regression = regression});
  write_text("net.yaml",
             "data: {file: data.h5, scaling: standard}\n"
             "model: {layers: %s}\n"
             "loss: %s\n"
             "optimizer: {name: adam, learning_rate: 0.01}\n"
             "train: {epochs: 30, global_batch_size: 50}\n"
             "checkpoint: {every: never}\n"
             "parallel: {threads: 1, shards: 6}\n",
             layers, regression ? "mse" : "cross_entropy");
  run_well(ALONE, "train net.yaml name=a train.seed=1");
  run_well(ALONE, "train net.yaml name=b train.seed=2");
}

static const char *const classifier =
    "[dense: {units: 24, activation: relu}, dense: {units: 16, activation: tanh}, dense: 5]";

TestSuite(connect, .init = place_make, .fini = place_remove);

static double attribute(const char *path, const char *object, const char *key) {
  ls_error error = {0};
  store_t *store = NULL;
  double value = NAN;
  cr_assert_eq(store_open(path, &store, &error), LS_OK, "%s", error.message);
  cr_assert_eq(store_read_double(store, object, key, &value, &error), LS_OK, "%s", error.message);
  store_close(&store);
  return value;
}

static void read_values(const char *path, const char *name, int64_t n, double *out) {
  ls_error error = {0};
  store_t *store = NULL;
  cr_assert_eq(store_open(path, &store, &error), LS_OK, "%s", error.message);
  cr_assert_eq(store_read_rows(store, name, 0, n, STORE_F64, out, &error), LS_OK, "%s", error.message);
  store_close(&store);
}

/* Settings name the number of threads, and nothing else may differ. */
static bool is_figure(const char *name) {
  return strcmp(name, "/@settings") != 0;
}

static void expect_same(const char *a, const char *b) {
  ls_error error = {0};
  store_t *first = NULL, *second = NULL;
  char *name = NULL;
  cr_assert_eq(store_open(a, &first, &error), LS_OK, "%s", error.message);
  cr_assert_eq(store_open(b, &second, &error), LS_OK, "%s", error.message);
  cr_assert_eq(store_difference(first, second, is_figure, &name, &error), LS_OK, "%s", error.message);
  cr_expect_null(name, "%s and %s differ in %s", a, b, name);
  free(name);
  store_close(&first);
  store_close(&second);
}

Test(connect, finds_a_path_where_the_straight_line_has_a_barrier) {
  double line[POINTS], path[POINTS], accuracy[POINTS];
  train_both(classifier, false);
  result_t result = run_well(ALONE, "connect a b --points 9 --epochs 100 --learning-rate 0.01");
  cr_expect_not_null(strstr(result.out, "train_barrier"), "%s", result.out);
  const double straight = attribute("connect.h5", "straight", "train_barrier");
  const double bend = attribute("connect.h5", "bend", "train_barrier");
  const double bezier = attribute("connect.h5", "bezier", "train_barrier");
  cr_expect(straight > 0.2, "%g", straight);
  cr_expect(bend < 0.1 * straight, "%g of %g", bend, straight);
  cr_expect(bezier < 0.25 * straight, "%g of %g", bezier, straight);
  read_values("connect.h5", "straight/train_loss", POINTS, line);
  read_values("connect.h5", "bend/train_loss", POINTS, path);
  read_values("connect.h5", "straight/test_acc", POINTS, accuracy);
  cr_expect_eq(line[0], path[0]);
  cr_expect_eq(line[POINTS - 1], path[POINTS - 1]);
  for (int i = 0; i < 2; i++) { /* the ends are the networks */
    run_well(ALONE, "eval %s --split test --json eval.json", i == 0 ? "a" : "b");
    cr_expect_float_eq(json_double(file_text("eval.json"), "accuracy"), accuracy[i * (POINTS - 1)] / 100,
                       1e-12);
    run_well(ALONE, "eval %s --split train --json eval.json", i == 0 ? "a" : "b");
    cr_expect_float_eq(json_double(file_text("eval.json"), "loss"), line[i * (POINTS - 1)], 1e-8);
  }
}

Test(connect, a_permuted_copy_has_no_barrier_once_it_is_aligned) {
  const char *python = run_python();
  double loss[POINTS];
  if (python == NULL) cr_skip_test("no Python with h5py");
  train_both(classifier, false);
  cr_assert_eq(run_command("%s " TESTS_FOLDER "/system/permute.py runs/a/model.h5 weights.h5", python).code,
               0);
  run_well(ALONE, "adopt weights.h5 --out copy.h5");
  run_well(ALONE, "connect a copy.h5 --align --curves straight --points 9");
  cr_expect(attribute("connect.h5", "straight", "train_barrier") > 0.2);
  cr_expect(attribute("connect.h5", "aligned", "train_barrier") < 1e-6);
  cr_expect(attribute("connect.h5", "aligned", "distance_before") > 1);
  cr_expect_eq(attribute("connect.h5", "aligned", "distance"), 0);
  read_values("connect.h5", "aligned/order/dense1", 3, loss);
  for (int i = 0; i < 3; i++) cr_expect_eq(loss[i], 23 - i);
  read_values("connect.h5", "aligned/train_loss", POINTS, loss);
  for (int i = 1; i < POINTS; i++) cr_expect_float_eq(loss[i], loss[0], 1e-6);
}

Test(connect, has_the_same_bits_on_any_layout) {
  static const char *const options = "connect a b --align --points 3 --epochs 2";
  train_both("[dense: {units: 24, activation: relu}, batch_norm, dropout: 0.1, dense: 5]", false);
  run_well(ALONE, "%s --out one.h5 --model one-model.h5", options);
  run_well(2, "%s --out two.h5 --model two-model.h5 parallel.threads=2", options);
  run_well(3, "%s --out three.h5", options);
  expect_same("one.h5", "two.h5");
  expect_same("one.h5", "three.h5");
  cr_expect_eq(run_command("cmp one-model.h5 two-model.h5").code, 0);
}

/* The network in the middle of a bend is a model like any other. */
Test(connect, writes_the_middle_of_the_curve_as_a_model) {
  double loss[3], error[3];
  train_both("[dense: {units: 8, activation: tanh}, dense: 3]", true);
  run_well(ALONE, "connect a b --points 3 --epochs 3 --curves bezier,bend --optimizer sgd --model middle.h5");
  read_values("connect.h5", "bend/test_loss", 3, loss);
  read_values("connect.h5", "bend/test_rmse", 3, error);
  run_well(ALONE, "eval middle.h5 --split test --json eval.json");
  cr_expect_float_eq(json_double(file_text("eval.json"), "loss"), loss[1], 1e-8);
  cr_expect_float_eq(json_double(file_text("eval.json"), "rmse"), error[1], 1e-8);
  cr_expect_neq(loss[1], loss[0]);
}

/* Statistics that are found anew tell the loss that a training there would have. */
Test(connect, finds_statistics_of_batch_norm_anew) {
  train_both("[dense: {units: 24, activation: relu}, batch_norm, dense: {units: 16, activation: relu}, "
             "batch_norm, dense: 5]",
             false);
  run_well(ALONE, "connect a b --points 5 --epochs 40 --learning-rate 0.01 --curves bend");
  const double bend = attribute("connect.h5", "bend", "train_barrier");
  cr_expect(bend < 0.1, "%g", bend);
}

static const char *const slow = "connect a b --points 5 --epochs 300 --out slow.h5 train.progress_every=0";

/* Waits for a file; false if it does not come. */
static bool await(const char *path) {
  const double began = clock_seconds();
  while (!file_exists(path) && clock_seconds() - began < LIMIT_SECONDS)
    nanosleep(&(struct timespec){0, 1000000}, NULL);
  return file_exists(path);
}

Test(connect, goes_on_after_an_interruption_with_the_same_bits) {
  train_both(classifier, false);
  run_well(ALONE, "%s", slow);
  rename("slow.h5", "whole.h5");
  cr_expect_not(file_exists("slow.h5.checkpoint"));

  pid_t pid = run_start(ALONE, "%s", slow);
  cr_assert(await(".slow.h5.lock")); /* signals are noted, and no step is done */
  run_signal_ranks(pid, SIGINT, 1);
  result_t result = run_finish(pid, LIMIT_SECONDS);
  cr_assert_eq(result.code, 75, "%d: %s", result.code, result.err);
  cr_expect_not_null(strstr(result.err, "--resume"), "%s", result.err);
  cr_assert(file_exists("slow.h5.checkpoint"));

  result = run(ALONE, "%s", slow);
  cr_expect_eq(result.code, 2, "a search that was stopped is not thrown away: %s", result.err);
  result = run(ALONE, "%s --resume --learning-rate 0.5", slow);
  cr_expect_eq(result.code, 2, "%s", result.err);
  cr_expect_not_null(strstr(result.err, "another search"), "%s", result.err);
  result = run(ALONE, "%s --resume train.seed=77", slow);
  cr_expect_eq(result.code, 2, "%s", result.err);
  cr_expect_not_null(strstr(result.err, "train.seed"), "%s", result.err);

  /* killed once more, after a checkpoint that SIGCONT asks for */
  run_command("cp slow.h5.checkpoint before");
  pid = run_start(2, "%s --resume", slow);
  const double began = clock_seconds();
  while (run_command("cmp -s slow.h5.checkpoint before").code == 0 &&
         clock_seconds() - began < LIMIT_SECONDS && !file_exists("slow.h5")) {
    run_signal_ranks(pid, SIGCONT, 1);
    nanosleep(&(struct timespec){0, 20000000}, NULL);
  }
  run_kill_ranks(pid);
  run_finish(pid, LIMIT_SECONDS);
  run_well(ALONE, "%s --resume", slow);
  cr_expect_not(file_exists("slow.h5.checkpoint"));
  expect_same("whole.h5", "slow.h5");
}

static void refuses(int code, const char *words, const char *why) {
  result_t result = run(ALONE, "connect %s", words);
  cr_expect_eq(result.code, code, "connect %s: %d %s", words, result.code, result.err);
  cr_expect_not_null(strstr(result.err, why), "connect %s: %s", words, result.err);
  cr_expect_not(file_exists("connect.h5"), "connect %s", words);
  cr_expect_not(file_exists("connect.h5.checkpoint"), "connect %s", words);
}

Test(connect, refuses_what_cannot_be_connected) {
  const char *python = run_python();
  train_both("[dense: {units: 6, activation: relu}, dense: 5]", false);
  run_well(ALONE, "train net.yaml name=wide 'model.layers=[dense: {units: 7, activation: relu}, dense: 5]'");
  run_well(ALONE, "train net.yaml name=tanh 'model.layers=[dense: {units: 6, activation: tanh}, dense: 5]'");
  run_well(ALONE, "train net.yaml name=scaled data.scaling=minmax");
  run_well(ALONE, "train net.yaml name=linear 'model.layers=[dense: 5]'");
  run_well(ALONE, "train net.yaml name=many train.members=2 train.epochs=1");
  refuses(3, "a wide", "layers");
  refuses(3, "a tanh", "layers");
  refuses(3, "a scaled", "scales");
  refuses(2, "linear linear --align", "hidden units");
  refuses(3, "a many", "ensemble");
  refuses(3, "a nothing", "nothing");
  refuses(3, "a data.h5", "data.h5");
  refuses(2, "a", "connect");
  refuses(2, "a b --points 2", "--points");
  refuses(2, "a b --curves arc", "arc");
  refuses(2, "a b --optimizer lbfgs", "lbfgs");
  refuses(2, "a b --learning-rate 0", "--learning-rate");
  refuses(2, "a b --out runs/a/model.h5", "overwritten");
  refuses(2, "a b optimizer.learning_rate=3", "no effect");
  refuses(1, "a b --learning-rate 1e30 --optimizer sgd --epochs 1", "diverged");
  if (python != NULL) {
    write_text("spoil.py", "import h5py\nwith h5py.File('weights.h5', 'r+') as file:\n"
                           "    file['parameters/dense2/weight'][0, 0] = float('nan')\n");
    run_command("%s " TESTS_FOLDER "/system/permute.py runs/a/model.h5 weights.h5", python);
    run_command("%s spoil.py", python);
    cr_expect_eq(run(ALONE, "adopt weights.h5 --out copy.h5").code, 3, "a model has finite parameters");
  }
  run_command("mv data.h5 elsewhere.h5");
  refuses(3, "a b", "data.h5");
}
