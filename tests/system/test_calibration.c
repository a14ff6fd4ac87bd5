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
static void train_network(const char *loss, spec_t spec) {
  write_dataset("data.h5", spec);
  write_text("config.yaml",
             "data: {file: data.h5, valid_x: test/x, valid_y: test/y, scaling: standard}\n"
             "model: {layers: [{dense: {units: 40, activation: tanh}}, {dense: %d}]}\n"
             "loss: %s\n"
             "optimizer: {name: adam, learning_rate: 0.03}\n"
             "train: {epochs: 40, global_batch_size: 50}\n"
             "checkpoint: {every: never}\n"
             "parallel: {shards: 4, threads: 1}\n",
             CLASSES, loss);
  run_well(ALONE, "train config.yaml name=run");
  run_well(ALONE, "predict runs/run data.h5 --x test/x --out p.h5");
  read_values("p.h5", "probability", STORE_F32, p);
}

static void train_classes(void) {
  train_network("cross_entropy", (spec_t){.rows = 200});
  read_values("data.h5", "test/y", STORE_I32, labels);
}

static int decision(int row) {
  int best = 0;
  for (int c = 1; c < CLASSES; c++)
    if (p[row * CLASSES + c] > p[row * CLASSES + best]) best = c;
  return best;
}

/* Of n decisions: how sure each was, and whether it was right. */
static double calibration_error_of(int n, const double *sure, const bool *right) {
  enum { BINS = 15 };
  double confidence[BINS] = {0}, correct[BINS] = {0}, ece = 0;
  for (int i = 0; i < n; i++)
    for (int b = 0; b < BINS; b++)
      if (sure[i] > (double)b / BINS && sure[i] <= (double)(b + 1) / BINS) {
        confidence[b] += sure[i];
        correct[b] += right[i];
      }
  for (int b = 0; b < BINS; b++) ece += fabs(confidence[b] - correct[b]) / n;
  return ece;
}

/* Each output of a network that says yes or no is a decision, sure of yes or of no. */
Test(calibration, the_error_of_yes_and_no_is_that_of_the_predictions) {
  static float y[VALUES];
  static double sure[VALUES];
  static bool right[VALUES];
  train_network("binary_cross_entropy", (spec_t){.rows = 200, .one_hot = CLASSES});
  read_values("data.h5", "test/y", STORE_F32, y);
  for (int i = 0; i < VALUES; i++) {
    sure[i] = fmax((double)p[i], 1 - (double)p[i]);
    right[i] = (p[i] > 0.5F) == (y[i] > 0.5F);
  }
  double ece = calibration_error_of(VALUES, sure, right);
  run_well(2, "eval runs/run --split test --json e.json");
  cr_expect_float_eq(json_double(file_text("e.json"), "ece"), ece, 1e-5);
  cr_expect_gt(ece, 0.02, "the network is too good for this test: %g", ece);
}

Test(calibration, the_error_is_that_of_the_predictions) {
  static double sure[TEST_ROWS];
  static bool right[TEST_ROWS];
  train_classes();
  for (int r = 0; r < TEST_ROWS; r++) {
    sure[r] = (double)p[r * CLASSES + decision(r)];
    right[r] = decision(r) == labels[r];
  }
  double ece = calibration_error_of(TEST_ROWS, sure, right);
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
  run_well(ALONE, "import --overwrite plane.csv data.h5 --label 2 --regression --split train=0.5,test=0.5");
  write_text("config.yaml", "data: {file: data.h5, target_scaling: standard}\n"
                            "model: {layers: [{dense: 1}]}\n"
                            "loss: mse\n"
                            "solve: {method: bayesian}\n"
                            "parallel: {shards: 4, threads: 1}\n");
  run_well(ALONE, "solve config.yaml name=bayes train.members=1");
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

/* A network of zeros predicts 0 with the deviation 1. Targets lie closely around the borders of its
 * intervals, which are where the normal distribution's error function says. */
Test(calibration, intervals_are_those_of_the_normal_distribution) {
  static const double shares[] = {0.5, 0.8, 0.9, 0.95};
  static const char *const levels[] = {"0.5", "0.8", "0.9", "0.95"};
  enum { LEVELS = 4, NEAR = 9 };
  double y[LEVELS * NEAR];
  FILE *file = fopen("near.csv", "w");
  cr_assert_not_null(file);
  for (int i = 0; i < LEVELS * NEAR; i++) {
    double low = 0, high = 5;
    while (high - low > 1e-12)
      *(erf((low + high) / 2 / sqrt(2)) < shares[i / NEAR] ? &low : &high) = (low + high) / 2;
    y[i] = (i % 2 == 0 ? 1 : -1) * (low + 1e-4 * (i % NEAR - 3.5));
    fprintf(file, "%d,%.9g\n", i, y[i]);
  }
  fclose(file);
  run_well(ALONE, "import --overwrite near.csv data.h5 --label 1 --regression --header no");
  write_text("config.yaml", "data: {file: data.h5}\n"
                            "model: {layers: [{dense: {units: 2, init: zeros}}]}\n"
                            "loss: gaussian_nll\n"
                            "train: {epochs: 0}\n");
  run_well(ALONE, "train config.yaml name=zeros");
  run_well(2, "eval runs/zeros --split train --json e.json");
  for (int l = 0; l < LEVELS; l++) {
    int inside = 0;
    for (int i = 0; i < LEVELS * NEAR; i++) inside += erf(fabs(y[i]) / sqrt(2)) <= shares[l];
    cr_expect_float_eq(observed(file_text("e.json"), levels[l]), (double)inside / (LEVELS * NEAR), 1e-9, "%s",
                       levels[l]);
  }
}

/* Of equal outputs the first is the answer, and the first two are the first two answers. */
Test(calibration, equal_outputs_are_ranked_in_their_order) {
  int first = 0, two = 0;
  write_dataset("data.h5", (spec_t){.rows = 200});
  read_values("data.h5", "test/y", STORE_I32, labels);
  for (int r = 0; r < TEST_ROWS; r++) first += labels[r] == 0;
  for (int r = 0; r < TEST_ROWS; r++) two += labels[r] < 2;
  write_text("config.yaml",
             "data: {file: data.h5}\n"
             "model: {layers: [{dense: {units: %d, init: zeros}}]}\n"
             "loss: cross_entropy\n"
             "train: {epochs: 0, top_k: 2}\n",
             CLASSES);
  run_well(ALONE, "train config.yaml name=zeros");
  run_well(2, "eval runs/zeros --split test --json e.json");
  cr_expect_float_eq(json_double(file_text("e.json"), "accuracy"), (double)first / TEST_ROWS, 1e-9);
  cr_expect_float_eq(json_double(file_text("e.json"), "top_k_accuracy"), (double)two / TEST_ROWS, 1e-9);
  run_well(ALONE, "predict runs/zeros data.h5 --x test/x --out p.h5");
  read_values("p.h5", "class", STORE_I32, labels);
  for (int r = 0; r < TEST_ROWS; r++) cr_expect_eq(labels[r], 0, "row %d", r);
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
  run_well(ALONE, "solve config.yaml name=bayes train.members=1");
  result_t result = run(2, "eval runs/bayes --temperature fit");
  cr_expect_eq(result.code, 2);
  cr_expect_not_null(strstr(result.err, "mse gives none"), "%s", result.err);
  result = run(ALONE, "predict runs/bayes data.h5 --x test/x --out p.csv --temperature hot");
  cr_expect_eq(result.code, 2);
}
