/* Losses from the settings to predictions: the rule of the perceptron, and ranges and deviations in the
 * targets' own units. */
#include "system/run.h"

#include "store/store.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

TestSuite(losses, .init = place_make, .fini = place_remove);

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

/* Without errors only penalties move the weights: by lr l2 w, or by lr l1. Biases stay. */
Test(losses, penalties_move_weights_and_no_biases) {
  double weight, bias;
  write_text("still.csv", "x,y\n0,5\n0,5\n0,5\n0,5\n");
  run_well(ALONE, "import still.csv still.h5 --label y --regression");
  write_text("still.yaml",
             "data: {file: still.h5}\n"
             "model: {layers: [dense: 1], init_values: {dense1.weight: [[3]], dense1.bias: 5}}\n"
             "loss: mse\n"
             "optimizer: {name: sgd, learning_rate: 0.125}\n"
             "train: {epochs: 1, global_batch_size: all}\n"
             "parallel: {shards: 2}\n");
  for (int is_l1 = 0; is_l1 < 2; is_l1++) {
    ls_error error = {0};
    store_t *store = NULL;
    run_well(ALONE, "train still.yaml --replace train.%s=0.5", is_l1 ? "l1" : "l2");
    cr_assert_eq(store_open("runs/still/model.h5", &store, &error), LS_OK, "%s", error.message);
    store_read_rows(store, "parameters/dense1/weight", 0, 1, STORE_F64, &weight, &error);
    store_read_rows(store, "parameters/dense1/bias", 0, 1, STORE_F64, &bias, &error);
    store_close(&store);
    cr_expect(weight == (is_l1 ? 3 - 0.125 * 0.5 : 3 - 0.125 * 0.5 * 3), "l%d: weight %.9g", 2 - is_l1,
              weight);
    cr_expect(bias == 5, "l%d: bias %.9g", 2 - is_l1, bias);
  }
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

/* ---- rows that count for more ---- */

enum { POINTS = 90, TEST_POINTS = 30 };

static int64_t times(int64_t i) {
  return i % 3; /* 0, 1, 2, 0, … */
}

/* Points of the plane in three classes of different sizes. */
static void point(int64_t i, float x[2], int32_t *label) {
  double a = noise((uint64_t)(2 * i)), b = noise((uint64_t)(2 * i + 1));
  x[0] = (float)a;
  x[1] = (float)b;
  *label = a + b > 1.3 ? 2 : a > 0.5;
}

static void write_floats(store_t *store, const char *name, int64_t rows, int64_t width, const float *values) {
  ls_error error = {0};
  const int64_t shape[] = {rows, width};
  cr_assert_eq(store_write(store, name, STORE_F32, width == 0 ? 1 : 2, shape, values, &error), LS_OK, "%s",
               error.message);
}

/* Train and test rows; `repeat`: each row as often as it counts, else once, with its weight beside it. */
static void write_points(const char *path, bool repeat, const double *by_class) {
  static float x[2 * POINTS * 2], weights[POINTS];
  static int32_t labels[2 * POINTS];
  ls_error error = {0};
  store_t *store = NULL;
  int64_t n = 0;
  cr_assert_eq(store_create(path, &store, &error), LS_OK, "%s", error.message);
  for (int64_t i = 0; i < POINTS; i++)
    for (int64_t t = repeat ? times(i) : 1; t > 0; t--, n++) {
      point(i, x + 2 * n, &labels[n]);
      if (!repeat) weights[n] = by_class != NULL ? (float)by_class[labels[n]] : 0.3F * (float)times(i);
    }
  write_floats(store, "train/x", n, 2, x);
  cr_assert_eq(store_write(store, "train/y", STORE_I32, 1, &n, labels, &error), LS_OK, "%s", error.message);
  if (!repeat) write_floats(store, "train/weights", n, 0, weights);
  const int64_t tests = TEST_POINTS;
  for (int64_t i = 0; i < tests; i++) point(POINTS + i, x + 2 * i, &labels[i]);
  write_floats(store, "test/x", tests, 2, x);
  cr_assert_eq(store_write(store, "test/y", STORE_I32, 1, &tests, labels, &error), LS_OK, "%s",
               error.message);
  cr_assert_eq(store_publish(&store, &error), LS_OK, "%s", error.message);
}

static void write_points_settings(int batch) {
  write_text("points.yaml",
             "data: {file: points.h5}\n"
             "model: {layers: [{dense: {units: 7, activation: tanh}}, {dense: 3}]}\n"
             "loss: cross_entropy\n"
             "optimizer: {name: sgd, learning_rate: 0.3, momentum: 0.5}\n"
             "train: {epochs: 6, global_batch_size: %d}\n"
             "parallel: {threads: 1, shards: 3}\n",
             batch);
}

/* A batch of all rows: then both steps are along the same mean, sum(w g) / sum(w). */
Test(losses, a_row_that_counts_twice_is_like_two_rows) {
  write_points("points.h5", false, NULL);
  write_points("twice.h5", true, NULL);
  write_points_settings(POINTS);
  run_well(ALONE, "train points.yaml name=weights data.weights=train/weights");
  run_well(ALONE, "train points.yaml name=twice data.file=twice.h5");
  run_well(3, "train points.yaml name=ranks data.weights=train/weights");
  run_well(ALONE, "train points.yaml name=without");
  outcome_t weights = outcome_of("weights"), twice = outcome_of("twice"), ranks = outcome_of("ranks"),
            without = outcome_of("without");
  for (int64_t e = 0; e < weights.epochs; e++)
    cr_expect_float_eq(weights.train_loss[e], twice.train_loss[e], 2e-6, "epoch %d: %.9g and %.9g",
                       (int)e + 1, weights.train_loss[e], twice.train_loss[e]);
  cr_expect(fabs(weights.train_loss[5] - without.train_loss[5]) > 1e-3, "weights make no difference");
  outcome_expect_same(&weights, &ranks, "three ranks");
}

/* Classes have n = 46, 28, 16 rows or the like: then rows of class c count N / (3 n_c). */
Test(losses, balanced_classes_are_rows_with_the_weights_of_scikit_learn) {
  double n[3] = {0}, by_class[3];
  char list[128], summary[64], eval[64];
  for (int64_t i = 0; i < POINTS; i++) {
    float x[2];
    int32_t label = 0;
    point(i, x, &label);
    n[label]++;
  }
  for (int c = 0; c < 3; c++) by_class[c] = POINTS / (3 * n[c]);
  cr_assert(n[0] != n[1] && n[1] != n[2]);
  snprintf(list, sizeof list, "[%.17g, %.17g, %.17g]", by_class[0], by_class[1], by_class[2]);
  write_points("points.h5", false, by_class);
  write_points_settings(32);
  run_well(ALONE, "train points.yaml name=rows data.weights=train/weights");
  run_well(2, "train points.yaml name=balanced loss.class_weights=balanced");
  run_well(ALONE, "train points.yaml name=list 'loss.class_weights=%s'", list);
  outcome_t rows = outcome_of("rows"), balanced = outcome_of("balanced"), listed = outcome_of("list");
  outcome_expect_same(&balanced, &listed, "the list");
  for (int64_t e = 0; e < rows.epochs; e++)
    cr_expect_eq(rows.epoch_checksum[e], balanced.epoch_checksum[e], "epoch %d", (int)e + 1);
  /* evaluation knows the weights that the training rows had */
  json_value(file_text("runs/balanced/summary.json"), "test_loss", summary);
  run_well(2, "eval runs/balanced --json eval.json");
  json_value(file_text("eval.json"), "loss", eval);
  cr_expect_str_eq(eval, summary);
}

Test(losses, weights_that_cannot_be_are_refused) {
  write_points("points.h5", false, NULL);
  write_points_settings(32);
  const struct {
    const char *words;
    int code;
    const char *part;
  } bad[] = {
      {"data.weights=train/nothing", 3, "data.weights"},
      {"data.weights=train/x", 3, "one number for each of the 90 rows"},
      {"'loss.class_weights=[1, 2]'", 2, "2 numbers, but the network knows 3 classes"},
      {"'loss.class_weights=[1, -2, 1]'", 2, "loss.class_weights"},
      {"'loss.class_weights=[0, 0, 0]'", 2, "all are 0"},
      {"loss.class_weights=balance", 2, "did you mean balanced"},
  };
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    result_t result = run(i == 0 ? 2 : ALONE, "train points.yaml %s", bad[i].words);
    cr_expect_eq(result.code, bad[i].code, "%s: %d\n%s", bad[i].words, result.code, result.err);
    cr_expect_not_null(strstr(result.err, bad[i].part), "%s: %s", bad[i].words, result.err);
  }
  cr_expect_not(file_exists("runs"));
}
