/* What a model does row by row and column by column: the values of a layer (predict --layer), the loss of
 * each row (eval --rows), and permutation importance (eval --importance). */
#include "system/run.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 7, ROWS = 413 };

static void set_up(void) {
  place_make();
  write_dataset("data.h5", (spec_t){.rows = ROWS});
  write_text("config.yaml",
             "data: {file: data.h5, validation: 0.25}\n"
             "model: {layers: [{dense: {units: %d, activation: tanh}}, {dense: %d}]}\n"
             "loss: cross_entropy\ntrain: {epochs: 2, global_batch_size: 70}\n"
             "parallel: {shards: 6, threads: 1}\n",
             WIDTH, CLASSES);
  run_well(ALONE, "train config.yaml name=net");
}

TestSuite(explain, .init = set_up, .fini = place_remove, .timeout = 300);

static void expect_refused(int ranks, int code, const char *part, const char *words) {
  result_t result = run(ranks, "%s", words);
  cr_expect_eq(result.code, code, "%s: exit code %d\n%s", words, result.code, result.err);
  cr_expect_not_null(strstr(result.err, part), "no '%s' in: %s", part, result.err);
}

/* ---- values of a layer ---- */

static float x[ROWS * FEATURES], values[ROWS * WIDTH], again[ROWS * WIDTH];

Test(explain, a_layers_values_are_those_of_its_formula) {
  float w[WIDTH * FEATURES], b[WIDTH];
  run_well(ALONE, "predict net data.h5 --x train/x --layer dense1 --out codes.h5");
  read_floats("data.h5", "train/x", ROWS, x);
  read_floats("runs/net/model.h5", "parameters/dense1/weight", WIDTH, w);
  read_floats("runs/net/model.h5", "parameters/dense1/bias", WIDTH, b);
  read_floats("codes.h5", "dense1", ROWS, values);
  for (int r = 0; r < ROWS; r++)
    for (int o = 0; o < WIDTH; o++) {
      double z = (double)b[o];
      for (int i = 0; i < FEATURES; i++) z += (double)w[o * FEATURES + i] * (double)x[r * FEATURES + i];
      cr_assert_float_eq(values[r * WIDTH + o], tanh(z), 2e-6, "row %d, unit %d", r, o);
    }
  run_well(3, "predict net data.h5 --x train/x --layer dense1 --out codes-3.h5 parallel.threads=2");
  read_floats("codes-3.h5", "dense1", ROWS, again);
  cr_expect_arr_eq(values, again, sizeof values);

  run_well(2, "predict net data.h5 --x train/x --layer dense1 --out codes.csv");
  const char *text = file_text("codes.csv"), *line = strchr(text, '\n') + 1;
  cr_expect_eq(strncmp(text, "row,dense1_0,dense1_1,", 22), 0, "%.40s", text);
  for (int r = 0; r < ROWS; r++, line = strchr(line, '\n') + 1) {
    char *at = NULL;
    cr_assert_eq(strtol(line, &at, 10), r);
    for (int o = 0; o < WIDTH; o++) cr_assert_eq(strtof(at + 1, &at), values[r * WIDTH + o], "row %d", r);
  }
}

Test(explain, layers_that_are_not_there_are_refused) {
  const char *part = "--layer: the network has no layer 'code'; it has dense1, dense2";
  expect_refused(ALONE, 2, part, "predict net data.h5 --layer code --out codes.h5");
  expect_refused(2, 2, part, "predict net data.h5 --layer code --out codes.h5");
  expect_refused(ALONE, 2, "do not depend on",
                 "predict net data.h5 --layer dense1 --temperature 2 --out codes.h5");
  run_well(ALONE, "train config.yaml name=group train.members=2 train.epochs=1");
  expect_refused(ALONE, 2, "each of the 2 networks", "predict group data.h5 --layer dense1 --out codes.h5");
  cr_expect_not(file_exists("codes.h5"));
}

/* ---- losses of rows ---- */

/* The columns `row` and `loss` of a CSV file with n rows. */
static void read_losses(const char *path, int n, int *rows, double *losses) {
  const char *text = file_text(path), *line = strchr(text, '\n') + 1;
  cr_assert_eq(strncmp(text, "row,loss\n", 9), 0, "%.40s", text);
  for (int i = 0; i < n; i++, line = strchr(line, '\n') + 1) {
    char *at = NULL;
    rows[i] = (int)strtol(line, &at, 10);
    losses[i] = strtod(at + 1, NULL);
  }
  cr_expect_eq(*line, '\0', "more rows than %d", n);
}

static void expect_losses(const char *words, const char *path, int n, const float *p, const float *labels) {
  static int rows[ROWS];
  static double losses[ROWS];
  double sum = 0;
  run_well(2, "eval net %s --rows %s --json eval.json", words, path);
  read_losses(path, n, rows, losses);
  for (int i = 0; i < n; i++) {
    cr_assert(rows[i] >= 0 && rows[i] < ROWS && (i == 0 || rows[i] > rows[i - 1]), "in order of the array");
    double expected = -log((double)p[rows[i] * CLASSES + (int)labels[rows[i]]]);
    cr_assert_float_eq(losses[i], expected, 1e-5 * fmax(1, expected), "row %d", rows[i]);
    sum += losses[i];
  }
  double loss = json_double(file_text("eval.json"), "loss");
  cr_expect_float_eq(sum / n, loss, 1e-12 * loss, "%.17g, %.17g", sum / n, loss);
}

/* The loss of a row is -log of the probability that predict finds for its class. */
Test(explain, losses_of_rows_are_those_of_their_predictions) {
  static float p[ROWS * CLASSES], labels[ROWS];
  const int valid = 103; /* floor(0.25 * 413 + 0.5) */
  run_well(ALONE, "predict net data.h5 --x train/x --out p.h5");
  read_floats("p.h5", "probability", ROWS, p);
  read_floats("data.h5", "train/y", ROWS, labels);
  expect_losses("--split valid", "valid.csv", valid, p, labels);
  expect_losses("--split train", "train.csv", ROWS - valid, p, labels);
  expect_losses("--x train/x --y train/y", "all.csv", ROWS, p, labels);
  expect_losses("--split valid data.validation=0 data.folds=4 data.fold=2", "fold.csv", valid, p, labels);

  run_well(3, "eval net --x train/x --y train/y --rows all.h5 parallel.threads=2");
  static int rows[ROWS];
  static double losses[ROWS];
  static float from_file[ROWS];
  read_losses("all.csv", ROWS, rows, losses);
  read_floats("all.h5", "loss", ROWS, from_file);
  for (int i = 0; i < ROWS; i++) cr_assert_eq((float)losses[i], from_file[i], "row %d", i);
}

Test(explain, the_worst_rows_are_printed) {
  static int rows[ROWS];
  static double losses[ROWS];
  char begin[64];
  int worst = 0;
  result_t result = run_well(ALONE, "eval net --x train/x --y train/y --rows all.csv");
  char *out = strdup(result.out);
  read_losses("all.csv", ROWS, rows, losses);
  for (int i = 1; i < ROWS; i++)
    if (losses[i] > losses[worst]) worst = i;
  snprintf(begin, sizeof begin, "largest losses: row %d (%.6g),", worst, losses[worst]);
  cr_expect_not_null(strstr(out, begin), "no '%s' in: %s", begin, out);
  free(out);
  expect_refused(2, 2, "--rows: 'a.txt' ends neither", "eval net --rows a.txt");
  expect_refused(ALONE, 2, "is the file of another option too",
                 "eval net --rows a.csv --importance --out a.csv");
}

/* ---- permutation importance ---- */

enum { COLUMNS = 4, REPEATS = 6, MANY = 600 };

/* y = 3 a + b + 0 c, and d is constant. With these weights a permutation of column j raises the mean squared
 * error by w_j^2 E (x_j - x_j')^2, on average over permutations 2 w_j^2 Var x_j (N / (N - 1) of it without
 * fixed points). */
static void write_line(void) {
  char text[64 * MANY] = "a,b,c,d,y\n";
  size_t used = strlen(text);
  for (int i = 0; i < MANY; i++) {
    double a = noise((uint64_t)(3 * i)), b = noise((uint64_t)(3 * i + 1)), c = noise((uint64_t)(3 * i + 2));
    used += (size_t)snprintf(text + used, sizeof text - used, "%.6f,%.6f,%.6f,1,%.6f\n", a, b, c, 3 * a + b);
  }
  write_text("line.csv", "%s", text);
  run_well(ALONE, "import line.csv line.h5 --label y --regression");
  write_text("line.yaml", "data: {file: line.h5}\nmodel: {layers: [dense: 1]}\nloss: mse\n"
                          "train: {epochs: 0}\nparallel: {shards: 5, threads: 1}\n");
  run_well(ALONE,
           "train line.yaml name=line 'model.init_values={dense1.weight: [[3, 1, 0, 7]], dense1.bias: -7}'");
}

Test(explain, importance_is_the_rise_of_the_loss) {
  float loss[COLUMNS * REPEATS], metric[COLUMNS * REPEATS];
  const double expected[] = {2 * 9 / 12.0, 2 * 1 / 12.0, 0, 0}; /* Var of a uniform number is 1/12 */
  write_line();
  result_t result = run_well(2, "eval line --importance=%d --out i.h5 --json i.json", REPEATS);
  const char *a = strstr(result.out, "\na "), *b = strstr(result.out, "\nb "),
             *c = strstr(result.out, "\nc "), *d = strstr(result.out, "\nd ");
  cr_assert(a != NULL && b != NULL && c != NULL && d != NULL && a < b && b < c && c < d, "%s", result.out);
  read_floats("i.h5", "loss", COLUMNS, loss);
  read_floats("i.h5", "rmse", COLUMNS, metric);
  double base = json_double(file_text("i.json"), "loss");
  for (int j = 0; j < COLUMNS; j++) {
    double sum = 0;
    for (int r = 0; r < REPEATS; r++) {
      const double rise = (double)loss[j * REPEATS + r] - base;
      sum += rise;
      cr_expect_float_eq(metric[j * REPEATS + r], sqrt((double)loss[j * REPEATS + r]), 1e-5, "rmse");
      if (j >= 2)
        cr_expect_eq(loss[j * REPEATS + r], (float)base, "a column without influence changes no bit");
      if (j < 2) cr_expect(rise > 0);
    }
    cr_expect_float_eq(sum / REPEATS, expected[j], 0.1 * expected[j] + 1e-9, "column %d: %g", j,
                       sum / REPEATS);
  }
  cr_expect_neq(loss[0], loss[1], "each repeat has a permutation of its own");
}

/* Scaling, encoding, basis functions and windows come after the permutation. */
Test(explain, importance_has_the_same_bits_on_any_layout) {
  static const char *const models[] = {
      "name=plain",
      "name=basis 'data.basis={name: polynomial, degree: 2}' data.scaling=standard",
      "name=one-hot 'data.scaling.columns={d: one_hot}'",
      "name=windows 'data.window={length: 5, horizon: 2, targets: y}' 'model.layers=[dense: 2]'",
  };
  write_line();
  for (size_t m = 0; m < sizeof models / sizeof models[0]; m++) {
    static const char *const layouts[] = {"parallel.threads=1", "parallel.threads=2", "parallel.threads=1"};
    char name[32] = "";
    sscanf(models[m], "name=%31s", name);
    run_well(ALONE, "train line.yaml train.epochs=1 %s", models[m]);
    for (int layout = 0; layout < 3; layout++)
      run_well(layout == 0 ? ALONE : layout + 1, "eval %s --importance=2 --out %s-%d.csv %s", name, name,
               layout, layouts[layout]);
    for (int layout = 1; layout < 3; layout++)
      cr_expect_eq(run_command("cmp %s-0.csv %s-%d.csv", name, name, layout).code, 0, "%s, layout %d", name,
                   layout);
  }
}

Test(explain, importance_of_classes_is_the_accuracy_lost) {
  result_t result = run_well(2, "eval net --importance=3 --out i.csv --json i.json");
  cr_expect_not_null(strstr(result.out, "accuracy lost"), "%s", result.out);
  cr_expect_not_null(
      strstr(file_text("i.json"), "\"importance\": {\"repeats\": 3, \"columns\": [{\"column\": \"0\""));
  cr_expect_eq(strncmp(file_text("i.csv"), "column,loss,loss_std,accuracy,accuracy_std\n0,", 45), 0, "%.80s",
               file_text("i.csv"));
  expect_refused(ALONE, 2, "--importance: '0' is not a whole number from 1", "eval net --importance=0");
  expect_refused(ALONE, 2, "--out is for --importance", "eval net --out i.h5");
  write_dataset("large.h5", (spec_t){.rows = 6000});
  expect_refused(2, 2, "needs all rows in memory",
                 "eval net large.h5 --split train --importance data.memory_limit=100kB");
}
