/* Losses from the settings to predictions: the rule of the perceptron, and ranges and deviations in the
 * targets' own units. */
#include "system/run.h"

#include "store/store.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

TestSuite(losses, .init = place_make, .fini = place_remove);

static void read_floats(const char *path, const char *name, int64_t rows, float *out) {
  ls_error error = {0};
  store_t *store = NULL;
  cr_assert_eq(store_open(path, &store, &error), LS_OK, "%s", error.message);
  cr_assert_eq(store_read_rows(store, name, 0, rows, STORE_F32, out, &error), LS_OK, "%s", error.message);
  store_close(&store);
}

/* Whole numbers, so that float and the rule by hand have the same bits. */
Test(losses, perceptron_with_sgd_on_single_rows_is_the_rule_of_rosenblatt) {
  enum { ROWS = 60, COLUMNS = 3 };
  double x[ROWS][COLUMNS], w[COLUMNS] = {0}, b = 0;
  int label[ROWS], changes = 0;
  FILE *file = fopen("points.csv", "w");
  cr_assert_not_null(file);
  for (int i = 0; i < ROWS; i++) {
    for (int c = 0; c < COLUMNS; c++) x[i][c] = floor(21 * noise((uint64_t)(COLUMNS * i + c))) - 10;
    label[i] = 2 * x[i][0] - 3 * x[i][1] + x[i][2] > 4;
    fprintf(file, "%g,%g,%g,%d\n", x[i][0], x[i][1], x[i][2], label[i]);
  }
  fclose(file);
  for (int epoch = 0; epoch < 4; epoch++)
    for (int i = 0; i < ROWS; i++) {
      double t = label[i] > 0 ? 1 : -1, z = b;
      for (int c = 0; c < COLUMNS; c++) z += w[c] * x[i][c];
      if (t * z > 0) continue;
      for (int c = 0; c < COLUMNS; c++) w[c] += t * x[i][c];
      b += t;
      changes++;
    }
  run_well(ALONE, "import points.csv points.h5 --label -1 --header no");
  write_text("rule.yaml", "data: {file: points.h5, shuffle: none}\n"
                          "model: {layers: [{dense: {units: 1, init: zeros}}]}\n"
                          "loss: perceptron\n"
                          "optimizer: {name: sgd, learning_rate: 1}\n"
                          "train: {epochs: 4, global_batch_size: 1}\n"
                          "parallel: {threads: 1}\n");
  run_well(ALONE, "train rule.yaml");
  float weights[COLUMNS], bias = 0;
  read_floats("runs/rule/model.h5", "parameters/dense1/weight", 1, weights);
  read_floats("runs/rule/model.h5", "parameters/dense1/bias", 1, &bias);
  cr_assert_gt(changes, 10);
  for (int c = 0; c < COLUMNS; c++)
    cr_assert_eq((double)weights[c], w[c], "weight %d: %g", c, (double)weights[c]);
  cr_assert_eq((double)bias, b);
}

enum { LAW_ROWS = 1500 };

/* y = 5000 + 100 a + noise, uniform and ten times as wide for b = 1 as for b = 0. */
static void write_law(void) {
  FILE *file = fopen("law.csv", "w");
  cr_assert_not_null(file);
  fputs("a,b,y\n", file);
  for (uint64_t i = 0; i < LAW_ROWS; i++) {
    double a = noise(3 * i), b = noise(3 * i + 1) > 0.5, width = b > 0 ? 200 : 20;
    fprintf(file, "%.9g,%.9g,%.9g\n", a, b, 5000 + 100 * a + width * (noise(3 * i + 2) - 0.5));
  }
  fclose(file);
  run_well(ALONE, "import law.csv law.h5 --label y --regression");
}

static void train_law(const char *loss, int outputs) {
  write_law();
  write_text("law.yaml",
             "data: {file: law.h5, scaling: standard, target_scaling: standard}\n"
             "model: {layers: [{dense: {units: 12, activation: tanh}}, {dense: %d}]}\n"
             "loss: %s\n"
             "optimizer: {name: adam, learning_rate: 0.01}\n"
             "schedule: cosine\n"
             "train: {epochs: 40, global_batch_size: 50}\n"
             "checkpoint: {every: never}\n"
             "parallel: {threads: 1, shards: 2}\n",
             outputs, loss);
  run_well(2, "train law.yaml");
  run_well(2, "predict runs/law law.h5 --x train/x --out p.h5");
}

Test(losses, quantiles_hold_their_shares_in_units_of_the_target) {
  static float low[LAW_ROWS], middle[LAW_ROWS], high[LAW_ROWS], y[LAW_ROWS];
  train_law("{name: quantile, quantiles: [0.1, 0.5, 0.9]}", 3);
  read_floats("p.h5", "quantile_0.1", LAW_ROWS, low);
  read_floats("p.h5", "quantile_0.5", LAW_ROWS, middle);
  read_floats("p.h5", "quantile_0.9", LAW_ROWS, high);
  read_floats("law.h5", "train/y", LAW_ROWS, y);
  double below[3] = {0}, error = 0;
  for (int i = 0; i < LAW_ROWS; i++) {
    below[0] += (y[i] < low[i]) / (double)LAW_ROWS;
    below[1] += (y[i] < middle[i]) / (double)LAW_ROWS;
    below[2] += (y[i] < high[i]) / (double)LAW_ROWS;
    error += fabs((double)middle[i] - (double)y[i]) / LAW_ROWS;
  }
  cr_expect(fabs(below[0] - 0.1) < 0.03 && fabs(below[1] - 0.5) < 0.05 && fabs(below[2] - 0.9) < 0.03,
            "shares below the levels: %g %g %g", below[0], below[1], below[2]);
  run_well(ALONE, "eval runs/law --split train --json eval.json");
  cr_expect_float_eq(json_double(file_text("eval.json"), "mae"), error, 1e-3 * error);
}

Test(losses, deviations_are_those_of_the_noise_in_units_of_the_target) {
  static float mean[LAW_ROWS], deviation[LAW_ROWS], x[2 * LAW_ROWS];
  train_law("gaussian_nll", 2);
  read_floats("p.h5", "prediction", LAW_ROWS, mean);
  read_floats("p.h5", "aleatoric_std", LAW_ROWS, deviation);
  read_floats("law.h5", "train/x", LAW_ROWS, x);
  double error[2] = {0}, found[2] = {0}, n[2] = {0};
  for (int i = 0; i < LAW_ROWS; i++) {
    int wide = x[2 * i + 1] > 0.5F;
    error[wide] += fabs((double)mean[i] - 5000 - 100 * (double)x[2 * i]);
    found[wide] += (double)deviation[i];
    n[wide]++;
  }
  cr_expect(error[0] / n[0] < 4 && error[1] / n[1] < 16, "means are off by %g and %g", error[0] / n[0],
            error[1] / n[1]);
  /* a uniform width has the deviation width / sqrt(12) */
  cr_expect_float_eq(found[0] / n[0], 20 / sqrt(12), 1.5, "deviation %g", found[0] / n[0]);
  cr_expect_float_eq(found[1] / n[1], 200 / sqrt(12), 6, "deviation %g", found[1] / n[1]);
}
