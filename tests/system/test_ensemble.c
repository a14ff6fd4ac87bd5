/* Ensembles and Monte-Carlo dropout: the same bits on any layout, members that are runs like any other,
 * predictions that are the mean of theirs, and a spread that is known in closed form. */
#include "system/run.h"

#include "store/store.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VALUES = TEST_ROWS * CLASSES };

TestSuite(ensemble, .init = place_make, .fini = place_remove);

static void write_classes(void) {
  write_dataset("data.h5", (spec_t){.rows = 313});
  write_text("config.yaml",
             "data: {file: data.h5, validation: 0.2, scaling: standard}\n"
             "model: {layers: [{dense: {units: 11, activation: tanh}}, {dropout: 0.1}, {dense: %d}]}\n"
             "loss: cross_entropy\n"
             "optimizer: {name: adam, learning_rate: 0.02}\n"
             "train: {epochs: 4, global_batch_size: 40, seed: 7, members: 2}\n"
             "parallel: {shards: 4, threads: 1}\n",
             CLASSES);
}

static void read_values(const char *path, const char *name, int64_t rows, store_type_t type, void *out) {
  ls_error error = {0};
  store_t *store = NULL;
  cr_assert_eq(store_open(path, &store, &error), LS_OK, "%s", error.message);
  cr_assert_eq(store_read_rows(store, name, 0, rows, type, out, &error), LS_OK, "%s", error.message);
  store_close(&store);
}

/* 4 ranks: two groups of two; 3: one after the other. */
Test(ensemble, same_bits_in_turn_and_side_by_side) {
  write_classes();
  run_well(ALONE, "train config.yaml name=one");
  run_well(4, "train config.yaml name=four");
  run_well(3, "train config.yaml name=three");
  run_well(ALONE, "diff runs/one runs/four");
  run_well(ALONE, "diff runs/one-member-2 runs/four-member-2");
  run_well(ALONE, "diff runs/one runs/three");
  outcome_t one = outcome_of("one-member-2"), four = outcome_of("four-member-2");
  outcome_expect_same(&one, &four, "member 2");
  cr_expect_eq(run(ALONE, "diff runs/one-member-1 runs/one-member-2").code, 1);
}

Test(ensemble, members_are_runs_of_their_own) {
  write_classes();
  run_well(2, "train config.yaml name=all");
  run_well(ALONE, "train config.yaml name=second train.members=1 train.seed=8 data.validation_seed=7");
  run_well(ALONE, "diff runs/second runs/all-member-2");
}

Test(ensemble, predicts_the_mean_of_its_members) {
  static float all[VALUES], spread[VALUES], first[VALUES], second[VALUES];
  int32_t labels[TEST_ROWS];
  double loss = 0;
  write_classes();
  run_well(2, "train config.yaml name=all");
  run_well(3, "predict runs/all data.h5 --x test/x --out all.h5");
  run_well(ALONE, "predict runs/all-member-1 data.h5 --x test/x --out 1.h5");
  run_well(ALONE, "predict runs/all-member-2 data.h5 --x test/x --out 2.h5");
  read_values("all.h5", "probability", TEST_ROWS, STORE_F32, all);
  read_values("all.h5", "epistemic_std", TEST_ROWS, STORE_F32, spread);
  read_values("1.h5", "probability", TEST_ROWS, STORE_F32, first);
  read_values("2.h5", "probability", TEST_ROWS, STORE_F32, second);
  read_values("data.h5", "test/y", TEST_ROWS, STORE_I32, labels);
  for (int i = 0; i < VALUES; i++) {
    cr_assert_float_eq((double)all[i], ((double)first[i] + (double)second[i]) / 2, 1e-6, "value %d", i);
    cr_assert_float_eq((double)spread[i], fabs((double)first[i] - (double)second[i]) / 2, 1e-6, "value %d",
                       i);
  }
  for (int r = 0; r < TEST_ROWS; r++) loss -= log((double)all[r * CLASSES + labels[r]]) / TEST_ROWS;
  run_well(ALONE, "eval runs/all --json all.json");
  cr_expect_float_eq(json_double(file_text("all.json"), "loss"), loss, 1e-5);
  cr_expect_float_eq(json_double(file_text("runs/all/summary.json"), "test_loss"), loss, 1e-5);
  cr_expect_float_eq(json_double(file_text("runs/all/summary.json"), "members"), 2, 0);
}

/* Dropout before a linear layer: y = sum of w_i m_i x_i + b, m_i = 0 with probability p, else 1 / (1 - p),
 * has mean w x + b and variance p / (1 - p) sum of (w_i x_i)^2. */
Test(ensemble, dropout_samples_have_the_spread_of_their_definition) {
  enum { SAMPLES = 3000, TARGET_VALUES_ = TEST_ROWS * TARGETS };
  static float mean[TARGET_VALUES_], spread[TARGET_VALUES_], plain[TARGET_VALUES_], other[TARGET_VALUES_];
  static double x[TEST_ROWS * FEATURES], w[TARGETS * FEATURES];
  const double p = 0.25;
  write_dataset("data.h5", (spec_t){.rows = 313, .regression = true});
  write_text("config.yaml",
             "data: {file: data.h5}\n"
             "model: {layers: [{dropout: 0.25}, {dense: %d}]}\n"
             "loss: mse\n"
             "train: {epochs: 3, global_batch_size: 40}\n"
             "parallel: {shards: 4, threads: 1}\n",
             TARGETS);
  run_well(ALONE, "train config.yaml name=run");
  run_well(ALONE, "predict runs/run data.h5 --x test/x --out plain.h5");
  run_well(ALONE, "predict runs/run data.h5 --x test/x --out many.h5 --samples %d", SAMPLES);
  run_well(3, "predict runs/run data.h5 --x test/x --out few.h5 --samples 5");
  run_well(ALONE, "predict runs/run data.h5 --x test/x --out few1.h5 --samples 5 parallel.threads=3");
  read_values("few.h5", "epistemic_std", TEST_ROWS, STORE_F32, spread);
  read_values("few1.h5", "epistemic_std", TEST_ROWS, STORE_F32, other);
  cr_expect_arr_eq(spread, other, sizeof spread, "another layout, other masks");
  read_values("plain.h5", "prediction", TEST_ROWS, STORE_F32, plain);
  read_values("many.h5", "prediction", TEST_ROWS, STORE_F32, mean);
  read_values("many.h5", "epistemic_std", TEST_ROWS, STORE_F32, spread);
  read_values("data.h5", "test/x", TEST_ROWS, STORE_F64, x);
  read_values("runs/run/model.h5", "parameters/dense1/weight", TARGETS, STORE_F64, w);
  for (int i = 0; i < TARGET_VALUES_; i++) {
    double variance = 0;
    for (int f = 0; f < FEATURES; f++) {
      double term = w[i % TARGETS * FEATURES + f] * x[i / TARGETS * FEATURES + f];
      variance += p / (1 - p) * term * term;
    }
    double std = sqrt(variance);
    cr_assert_float_eq((double)spread[i], std, 0.1 * std, "value %d: %g, not %g", i, (double)spread[i], std);
    cr_assert_float_eq((double)mean[i], (double)plain[i], 5 * std / sqrt(SAMPLES), "value %d", i);
  }
}

Test(ensemble, samples_of_a_network_without_dropout_are_refused) {
  write_classes();
  run_well(ALONE, "train config.yaml train.epochs=1 train.members=1 'model.layers=[{dense: 5}]'");
  result_t result = run(2, "predict runs/config data.h5 --x test/x --out p.csv --samples 3");
  cr_expect_eq(result.code, 2);
  cr_expect_not_null(strstr(result.err, "no dropout"), "%s", result.err);
}

/* The basis belongs to the ensemble, not to its members: what is drawn at random for it must be the same in
 * all of them. */
Test(ensemble, predicts_the_mean_of_its_members_with_every_basis) {
  static const char *const bases[] = {"polynomial", "{name: fourier, size: 20}", "{name: rbf, size: 20}",
                                      "{name: polynomial_kernel, size: 20}",
                                      "{name: linear_kernel, size: 20}"};
  static float all[VALUES], first[VALUES], second[VALUES];
  write_classes();
  for (size_t b = 0; b < sizeof bases / sizeof bases[0]; b++) {
    run_well(2, "train config.yaml name=all 'data.basis=%s'", bases[b]);
    run_well(ALONE, "predict runs/all data.h5 --x test/x --out all.h5");
    run_well(ALONE, "predict runs/all-member-1 data.h5 --x test/x --out 1.h5");
    run_well(ALONE, "predict runs/all-member-2 data.h5 --x test/x --out 2.h5");
    read_values("all.h5", "probability", TEST_ROWS, STORE_F32, all);
    read_values("1.h5", "probability", TEST_ROWS, STORE_F32, first);
    read_values("2.h5", "probability", TEST_ROWS, STORE_F32, second);
    for (int i = 0; i < VALUES; i++)
      cr_assert_float_eq((double)all[i], ((double)first[i] + (double)second[i]) / 2, 1e-6, "%s: value %d",
                         bases[b], i);
  }
}

/* Running statistics are part of each member: what the run reports must be what its file computes. */
Test(ensemble, keeps_the_running_statistics_of_all_members) {
  write_classes();
  run_well(
      ALONE,
      "train config.yaml name=all 'model.layers=[{dense: 11}, batch_norm, {activation: tanh}, {dense: %d}]'",
      CLASSES);
  run_well(ALONE, "eval runs/all --json all.json");
  cr_expect_float_eq(json_double(file_text("all.json"), "loss"),
                     json_double(file_text("runs/all/summary.json"), "test_loss"), 1e-12);
}
