/* What eval says of probabilities and intervals, against the same counted from the rows that predict writes.
 */
#include "system/run.h"

#include "store/store.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VALUES = TEST_ROWS * CLASSES, TARGET_COUNT = TEST_ROWS * TARGETS };

static float p[VALUES];
static int32_t labels[TEST_ROWS];

TestSuite(calibration, .init = place_make, .fini = place_remove);

static void read_values(const char *path, const char *name, store_type_t type, void *out) {
  ls_error error = {0};
  store_t *store = NULL;
  cr_assert_eq(store_open(path, &store, &error), LS_OK, "%s", error.message);
  cr_assert_eq(store_read_rows(store, name, 0, TEST_ROWS, type, out, &error), LS_OK, "%s", error.message);
  store_close(&store);
}

/* Long training on few rows makes a network too sure of itself; validation rows are the test rows. */
static void train_classes(void) {
  write_dataset("data.h5", (spec_t){.rows = 200});
  write_text("config.yaml",
             "data: {file: data.h5, valid_x: test/x, valid_y: test/y, scaling: standard}\n"
             "model: {layers: [{dense: {units: 40, activation: tanh}}, {dense: %d}]}\n"
             "loss: cross_entropy\n"
             "optimizer: {name: adam, learning_rate: 0.03}\n"
             "train: {epochs: 40, global_batch_size: 50}\n"
             "checkpoint: {every: never}\n"
             "parallel: {shards: 4, threads: 1}\n",
             CLASSES);
  run_well(ALONE, "train config.yaml name=run");
  run_well(ALONE, "predict runs/run data.h5 --x test/x --out p.h5");
  read_values("p.h5", "probability", STORE_F32, p);
  read_values("data.h5", "test/y", STORE_I32, labels);
}

static int decision(int row) {
  int best = 0;
  for (int c = 1; c < CLASSES; c++)
    if (p[row * CLASSES + c] > p[row * CLASSES + best]) best = c;
  return best;
}

Test(calibration, the_error_is_that_of_the_predictions) {
  enum { BINS = 15 };
  double confidence[BINS] = {0}, correct[BINS] = {0}, ece = 0;
  train_classes();
  for (int r = 0; r < TEST_ROWS; r++) {
    double sure = (double)p[r * CLASSES + decision(r)];
    for (int b = 0; b < BINS; b++)
      if (sure > (double)b / BINS && sure <= (double)(b + 1) / BINS) {
        confidence[b] += sure;
        correct[b] += decision(r) == labels[r];
      }
  }
  for (int b = 0; b < BINS; b++) ece += fabs(confidence[b] - correct[b]) / TEST_ROWS;
  run_well(3, "eval runs/run --split test --json e.json");
  cr_expect_float_eq(json_double(file_text("e.json"), "ece"), ece, 1e-5);
  cr_expect_gt(ece, 0.1, "the network is too good for this test: %g", ece);
  cr_expect_not_null(strstr(file_text("e.json"), "\"reliability\": [{\"confidence\": "), "%s",
                     file_text("e.json"));
}

/* Mean of -log of the label's probability when logits are divided by T: p^(1/T), scaled to the sum of 1. */
static double loss_at(double temperature) {
  double loss = 0;
  for (int r = 0; r < TEST_ROWS; r++) {
    double sum = 0;
    for (int c = 0; c < CLASSES; c++) sum += pow((double)p[r * CLASSES + c], 1 / temperature);
    loss -= log((double)p[r * CLASSES + labels[r]]) / temperature - log(sum);
  }
  return loss / TEST_ROWS;
}

Test(calibration, the_fitted_temperature_makes_the_loss_least) {
  static float tempered[VALUES];
  char one[64], three[64];
  train_classes();
  double best = 1;
  for (double t = 0.5; t < 20; t *= 1.0005)
    if (loss_at(t) < loss_at(best)) best = t;
  run_well(ALONE, "eval runs/run --split test --temperature fit --json one.json");
  run_well(3, "eval runs/run --split test --temperature fit --json three.json");
  json_value(file_text("one.json"), "temperature", one);
  json_value(file_text("three.json"), "temperature", three);
  cr_expect_str_eq(one, three, "another layout, another temperature");
  double t = json_double(file_text("one.json"), "temperature");
  cr_expect_float_eq(t, best, 2e-3 * best, "%g, not %g", t, best);
  cr_expect_gt(t, 1.1, "an overconfident network is to be cooled");
  cr_expect_float_eq(json_double(file_text("one.json"), "loss"), loss_at(t), 1e-4);
  run_well(ALONE, "predict runs/run data.h5 --x test/x --out t.h5 --temperature %.6f", t);
  read_values("t.h5", "probability", STORE_F32, tempered);
  for (int i = 0; i < VALUES; i++) {
    double sum = 0;
    for (int c = 0; c < CLASSES; c++) sum += pow((double)p[i / CLASSES * CLASSES + c], 1 / t);
    cr_assert_float_eq((double)tempered[i], pow((double)p[i], 1 / t) / sum, 1e-4, "value %d", i);
  }
}

/* The number behind "nominal": LEVEL, "observed": in JSON. */
static double observed(const char *json, const char *level) {
  char key[64];
  snprintf(key, sizeof key, "{\"nominal\": %s, \"observed\": ", level);
  const char *at = strstr(json, key);
  return at == NULL ? NAN : strtod(at + strlen(key), NULL);
}

/* eval's share inside of each interval is that of |y - prediction| <= half width * deviation. */
static void expect_coverage(const char *deviation, const char *json, int count) {
  static const struct {
    const char *level;
    double half_width;
  } intervals[] = {{"0.5", 0.67449}, {"0.8", 1.281552}, {"0.9", 1.644854}, {"0.95", 1.959964}};
  static float prediction[TARGET_COUNT], std[TARGET_COUNT], y[TARGET_COUNT];
  read_values("p.h5", "prediction", STORE_F32, prediction);
  read_values("p.h5", deviation, STORE_F32, std);
  read_values("data.h5", "test/y", STORE_F32, y);
  for (int l = 0; l < 4; l++) {
    int inside = 0;
    for (int i = 0; i < count; i++)
      inside += fabs((double)y[i] - (double)prediction[i]) <= intervals[l].half_width * (double)std[i];
    cr_expect_float_eq(observed(json, intervals[l].level), (double)inside / count, 2.1 / count, "%s of %s",
                       intervals[l].level, json);
  }
}

static void write_values_config(void) {
  write_dataset("data.h5", (spec_t){.rows = 413, .regression = true});
  write_text("config.yaml",
             "data: {file: data.h5, scaling: standard, target_scaling: standard}\n"
             "model: {layers: [{dense: %d}]}\n"
             "loss: mse\n"
             "solve: {method: bayesian}\n"
             "train: {epochs: 10, global_batch_size: 50, members: 2}\n"
             "checkpoint: {every: never}\n"
             "parallel: {shards: 4, threads: 1}\n",
             TARGETS);
}

/* y = 3 a - 2 b and noise as large as either, TEST_ROWS rows of it to train on and as many to test. */
Test(calibration, intervals_of_a_posterior_are_counted) {
  FILE *file = fopen("plane.csv", "w");
  cr_assert_not_null(file);
  for (uint64_t i = 0; i < 2 * TEST_ROWS; i++) {
    double a = noise(4 * i), b = noise(4 * i + 1), error = noise(4 * i + 2) + noise(4 * i + 3);
    fprintf(file, "%.9g,%.9g,%.9g\n", a, b, 3 * a - 2 * b + 2 * error);
  }
  fclose(file);
  run_well(ALONE, "import plane.csv data.h5 --label 2 --regression --split train=0.5,test=0.5");
  write_text("config.yaml", "data: {file: data.h5, target_scaling: standard}\n"
                            "model: {layers: [{dense: 1}]}\n"
                            "loss: mse\n"
                            "solve: {method: bayesian}\n"
                            "parallel: {shards: 4, threads: 1}\n");
  run_well(ALONE, "solve config.yaml name=bayes");
  run_well(ALONE, "predict runs/bayes data.h5 --x test/x --out p.h5");
  run_well(3, "eval runs/bayes --json e.json");
  expect_coverage("std", file_text("e.json"), TEST_ROWS);
  cr_expect_float_eq(observed(file_text("e.json"), "0.9"), 0.9, 0.07);
}

Test(calibration, intervals_of_an_ensemble_with_variances_are_counted) {
  write_values_config();
  run_well(
      ALONE,
      "train config.yaml name=nll loss=gaussian_nll 'model.layers=[{dense: {units: 9, activation: tanh}}, "
      "{dense: %d}]'",
      2 * TARGETS);
  run_well(ALONE, "predict runs/nll data.h5 --x test/x --out p.h5");
  run_well(2, "eval runs/nll --json e.json");
  expect_coverage("std", file_text("e.json"), TARGET_COUNT);
  run_well(ALONE, "predict runs/nll-member-2 data.h5 --x test/x --out p.h5");
  run_well(ALONE, "eval runs/nll-member-2 --json e.json");
  expect_coverage("aleatoric_std", file_text("e.json"), TARGET_COUNT);
}

Test(calibration, shares_below_quantiles_are_counted) {
  static float quantile[TARGET_COUNT], y[TARGET_COUNT];
  write_values_config();
  run_well(ALONE,
           "train config.yaml name=q train.members=1 'loss={name: quantile, quantiles: [0.25, 0.75]}' "
           "'model.layers=[{dense: %d}]'",
           2 * TARGETS);
  run_well(ALONE, "predict runs/q data.h5 --x test/x --out p.h5");
  run_well(ALONE, "eval runs/q --json e.json");
  read_values("data.h5", "test/y", STORE_F32, y);
  read_values("p.h5", "quantile_0.75", STORE_F32, quantile);
  int below = 0;
  for (int i = 0; i < TARGET_COUNT; i++) below += y[i] <= quantile[i];
  cr_expect_float_eq(observed(file_text("e.json"), "0.75"), (double)below / TARGET_COUNT, 1.1 / TARGET_COUNT);
}

Test(calibration, temperatures_that_mean_nothing_are_refused) {
  write_values_config();
  run_well(ALONE, "solve config.yaml name=bayes");
  result_t result = run(2, "eval runs/bayes --temperature fit");
  cr_expect_eq(result.code, 2);
  cr_expect_not_null(strstr(result.err, "mse gives none"), "%s", result.err);
  result = run(ALONE, "predict runs/bayes data.h5 --x test/x --out p.csv --temperature hot");
  cr_expect_eq(result.code, 2);
}
