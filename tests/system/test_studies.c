/* Studies of a network: the gradient check finds nothing wrong and would find it, the range test leaves
 * everything as it was, and both say the same on any layout; the picture of the graph names its parts. */
#include "system/run.h"

#include "store/store.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(studies, .init = place_make, .fini = place_remove);

static void write_network(bool regression) {
  write_dataset("data.h5", (spec_t){.rows = 300, .regression = regression});
  write_text("net.yaml",
             "data: {file: data.h5, scaling: standard, validation: 0.1}\n"
             "model:\n"
             "  layers:\n"
             "    - dense: {units: 37, activation: relu}\n"
             "    - dropout: 0.2\n"
             "    - residual: [{dense: {units: 37, activation: silu}}, {dense: 37}]\n"
             "    - dense: {units: 19, activation: tanh, bias: false}\n"
             "    - activation: gelu\n"
             "    - dense: %d\n"
             "loss: %s\n"
             "optimizer: {name: sgd, learning_rate: 0.1}\n"
             "train: {epochs: 2, global_batch_size: 64, l2: 0.1}\n"
             "parallel: {threads: 1}\n",
             regression ? TARGETS : CLASSES, regression ? "huber" : "cross_entropy");
}

static int lines_with(const char *text, const char *word) {
  int n = 0;
  for (const char *at = strstr(text, word); at != NULL; at = strstr(at + 1, word)) n++;
  return n;
}

Test(studies, gradcheck_agrees_in_every_block_and_on_any_layout) {
  for (int i = 0; i < 2; i++) {
    write_network(i == 1);
    result_t result = run_well(ALONE, "gradcheck net.yaml parallel.threads=2");
    cr_expect_eq(lines_with(result.out, "/weight"), 5, "%s", result.out);
    cr_expect_eq(lines_with(result.out, "/bias"), 4, "%s", result.out);
    char *alone = strdup(result.out);
    result = run_well(3, "gradcheck net.yaml");
    cr_expect_str_eq(result.out, alone, "3 ranks say\n%s", result.out);
    free(alone);
  }
  run_well(ALONE, "gradcheck net.yaml --elements all --rows 4 loss=mse 'model.layers=[dense: 4, dense: 3]'");
  run_well(ALONE, "gradcheck net.yaml loss=mae");
}

Test(studies, gradcheck_names_the_worst_element) {
  write_network(false);
  result_t result = run(2, "gradcheck net.yaml --tolerance 1e-12");
  cr_expect_eq(result.code, 1, "%d", result.code);
  cr_expect_not_null(strstr(result.err, "dense"), "%s", result.err);
  cr_expect_not_null(strstr(result.err, "central differences"), "%s", result.err);
  result =
      run(ALONE,
          "gradcheck net.yaml model.layers='[dense: {units: 4, activation: relu, init: zeros}, dense: 5]'");
  cr_expect_eq(result.code, 1, "all kinks: %s", result.out);
  cr_expect_not_null(strstr(result.err, "kink"), "%s", result.err);
  cr_expect_eq(run(ALONE, "gradcheck net.yaml --rows 0").code, 2);
}

static void read_curve(const char *path, double *curve, int64_t n) {
  ls_error error = {0};
  store_t *store = NULL;
  cr_assert_eq(store_open(path, &store, &error), LS_OK, "%s", error.message);
  cr_assert_eq(store_read_rows(store, "loss", 0, n, STORE_F64, curve, &error), LS_OK, "%s", error.message);
  cr_assert_eq(store_read_rows(store, "learning_rate", 0, n, STORE_F64, curve + n, &error), LS_OK);
  cr_assert_eq(store_read_double(store, "/", "steepest", &curve[2 * n], &error), LS_OK, "%s", error.message);
  cr_assert_eq(store_verify(store, &error), LS_OK);
  store_close(&store);
}

Test(studies, lr_find_gives_the_same_curve_on_any_layout_and_touches_nothing) {
  enum { STEPS = 40 };
  double one[2 * STEPS + 1], three[2 * STEPS + 1];
  write_network(false);
  run_well(ALONE, "train net.yaml");
  char *before = strdup(run_command("find runs -type f -exec md5sum {} +").out);
  result_t result = run_well(ALONE, "lr-find net.yaml --steps 40 --low 1e-4 --high 0.5 --out one.h5");
  cr_expect_not_null(strstr(result.out, "steepest fall at"), "%s", result.out);
  run_well(3, "lr-find net.yaml --steps 40 --low 1e-4 --high 0.5 --out three.h5 parallel.shards=6");
  run_well(ALONE, "lr-find net.yaml --steps 40 --low 1e-4 --high 0.5 --out one.h5 parallel.shards=6");
  read_curve("one.h5", one, STEPS);
  read_curve("three.h5", three, STEPS);
  cr_expect_eq(memcmp(one, three, sizeof one), 0, "another curve on three ranks");
  cr_expect_float_eq(one[STEPS], 1e-4, 1e-18);
  cr_expect_float_eq(one[2 * STEPS - 1], 0.5, 1e-12);
  cr_expect_str_eq(run_command("find runs -type f -exec md5sum {} +").out, before,
                   "a file of a run has changed");
  free(before);
  cr_expect_eq(run(ALONE, "lr-find net.yaml --low 1 --high 0.1").code, 2);
}

/* The largest eigenvalue of 2/N sum of x x' with a 1 behind each row: that of the loss (z - t)^2 of one dense
 * layer, by plain power iteration. */
static double largest_of_rows(const float *x, int64_t rows) {
  enum { N = FEATURES + 1 };
  double h[N][N] = {{0}}, v[N], lambda = 0;
  for (int64_t r = 0; r < rows; r++)
    for (int i = 0; i < N; i++)
      for (int k = 0; k < N; k++)
        h[i][k] += 2 / (double)rows * (i < FEATURES ? (double)x[r * FEATURES + i] : 1) *
                   (k < FEATURES ? (double)x[r * FEATURES + k] : 1);
  for (int i = 0; i < N; i++) v[i] = 1;
  for (int t = 0; t < 1000; t++) {
    double next[N] = {0}, norm = 0;
    for (int i = 0; i < N; i++)
      for (int k = 0; k < N; k++) next[i] += h[i][k] * v[k];
    for (int i = 0; i < N; i++) norm += next[i] * next[i];
    lambda = sqrt(norm);
    for (int i = 0; i < N; i++) v[i] = next[i] / lambda;
  }
  return lambda;
}

static double number_of(const char *path, const char *name) {
  ls_error error = {0};
  store_t *store = NULL;
  double value = NAN;
  cr_assert_eq(store_open(path, &store, &error), LS_OK, "%s", error.message);
  if (store_has_attribute(store, "/", name))
    cr_assert_eq(store_read_double(store, "/", name, &value, &error), LS_OK, "%s", error.message);
  store_close(&store);
  return value;
}

/* Of a linear network the curvature is known in closed form, and sgd diverges above the limit. */
Test(studies, lr_find_knows_the_limit_of_gradient_descent) {
  enum { ROWS = 200 };
  float x[ROWS * FEATURES];
  write_dataset("data.h5", (spec_t){.rows = ROWS, .regression = true});
  write_text("line.yaml",
             "data: {file: data.h5}\n"
             "model: {layers: [dense: %d]}\n"
             "loss: mse\n"
             "optimizer: sgd\n"
             "train: {epochs: 60, global_batch_size: 64}\n"
             "parallel: {shards: 6, threads: 1}\n",
             TARGETS);
  read_floats("data.h5", "train/x", ROWS, x);
  run_well(ALONE, "lr-find line.yaml --out one.h5");
  run_well(3, "lr-find line.yaml --out three.h5");
  const double curvature = number_of("one.h5", "curvature"), limit = number_of("one.h5", "limit");
  const double expected = largest_of_rows(x, ROWS) / TARGETS; /* mse is a mean over targets */
  cr_expect_float_eq(curvature, expected, 0.01 * expected, "%g, expected %g", curvature, expected);
  cr_expect_float_eq(limit, 2 / curvature, 1e-12);
  cr_expect_eq(number_of("one.h5", "suggested"), fmin(number_of("one.h5", "steepest"), limit / 2));
  run_well(ALONE, "lr-find line.yaml --out high.h5 --low %.6g --high %.6g", 0.7 * limit, 0.9 * limit);
  cr_expect_eq(number_of("high.h5", "suggested"), limit / 2, "%g, but the limit is %g",
               number_of("high.h5", "suggested"), limit);
  cr_expect_eq(number_of("three.h5", "curvature"), curvature, "other bits on three ranks");
  run_well(ALONE, "train line.yaml train.global_batch_size=all optimizer.learning_rate=%.6g", 0.97 * limit);
  result_t result = run(ALONE,
                        "train line.yaml train.global_batch_size=all optimizer.learning_rate=%.6g "
                        "train.epochs=2000",
                        1.05 * limit);
  cr_expect(result.code == 1 || strstr(result.err, "diverges") != NULL, "%s", result.err);
  run_well(ALONE, "lr-find line.yaml --out twice.h5 train.l2=%.9g", curvature); /* adds to every weight's */
  cr_expect_gt(number_of("twice.h5", "curvature"), 1.5 * curvature);
  run_well(ALONE, "lr-find line.yaml --out adam.h5 optimizer=adam");
  cr_expect(isnan(number_of("adam.h5", "limit")), "of other optimisers nothing is known");
}

/* All rows are the same, and the rate is next to nothing: each step has the same mean loss, also the last one
 * of an epoch, of 36 rows. */
Test(studies, lr_find_divides_a_short_batch_by_its_rows) {
  enum { ROWS = 100, STEPS = 5 };
  float x[ROWS * 2], y[ROWS];
  double curve[STEPS];
  ls_error error = {0};
  store_t *store = NULL;
  for (int i = 0; i < ROWS; i++) x[2 * i] = 1, x[2 * i + 1] = 2, y[i] = 3;
  cr_assert_eq(store_create("same.h5", &store, &error), LS_OK, "%s", error.message);
  store_write(store, "train/x", STORE_F32, 2, (int64_t[]){ROWS, 2}, x, &error);
  store_write(store, "train/y", STORE_F32, 2, (int64_t[]){ROWS, 1}, y, &error);
  cr_assert_eq(store_publish(&store, &error), LS_OK, "%s", error.message);
  write_text("same.yaml", "data: {file: same.h5}\nmodel: {layers: [dense: 1]}\nloss: mse\noptimizer: adam\n"
                          "train: {global_batch_size: 64}\nparallel: {threads: 1}\n");
  run_well(ALONE, "lr-find same.yaml --steps %d --low 1e-12 --high 2e-12 --out same-curve.h5", STEPS);
  cr_assert_eq(store_open("same-curve.h5", &store, &error), LS_OK, "%s", error.message);
  cr_assert_eq(store_read_rows(store, "loss", 0, STEPS, STORE_F64, curve, &error), LS_OK, "%s",
               error.message);
  store_close(&store);
  for (int i = 0; i < STEPS; i++)
    cr_expect(fabs(curve[i] / curve[0] - 1) < 1e-5, "step %d has a loss of %g, the first one %g", i, curve[i],
              curve[0]);
}

Test(studies, lr_find_stops_where_training_breaks) {
  write_network(true);
  result_t result = run_well(ALONE, "lr-find net.yaml loss=mse --high 1e6");
  cr_expect_null(strstr(result.out, "divergence at    none"), "%s", result.out);
  cr_expect_null(strstr(result.out, "100, rates"), "all steps were done:\n%s", result.out);
}

Test(studies, the_graph_of_settings_is_that_of_their_model) {
  write_network(false);
  run_well(ALONE, "train net.yaml");
  static const char *const options[] = {"", "--dot"};
  for (int i = 0; i < 2; i++) {
    char *of_model = strdup(run_well(ALONE, "info --graph %s runs/net", options[i]).out);
    result_t result = run_well(i == 0 ? 2 : ALONE, "info --graph %s net.yaml", options[i]);
    cr_expect_str_eq(result.out, of_model, "of settings:\n%s\nof the model:\n%s", result.out, of_model);
    cr_expect_eq(lines_with(of_model, "dense5"), i == 0 ? 4 : 1, "%s", of_model);
    free(of_model);
  }
  result_t result = run_well(ALONE, "info --graph --dot net.yaml");
  cr_expect_eq(strncmp(result.out, "digraph", 7), 0, "%s", result.out);
  cr_expect_eq(lines_with(result.out, "style=dashed"), 10,
               "nine deltas between ops and that of the loss:\n%s", result.out);
  cr_expect_eq(run(ALONE, "info --dot runs/net").code, 2);
}
