/* lockstep solve: the same bits on any layout, the solution that training comes to, deviations beside
 * predictions, and what has no closed form. */
#include "system/run.h"

#include "store/store.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(solve, .init = place_make, .fini = place_remove);

static void write_config(const char *extra) {
  write_dataset("data.h5", (spec_t){.rows = 1013, .regression = true});
  write_text("config.yaml",
             "data: {file: data.h5, scaling: standard, target_scaling: standard}\n"
             "model: {layers: [{dense: %d}]}\n"
             "loss: mse\n"
             "parallel: {shards: 6, threads: 1}\n%s",
             TARGETS, extra);
}

static int64_t read_doubles(const char *path, const char *name, int64_t most, double *out) {
  ls_error error = {0};
  store_t *store = NULL;
  store_array_t array;
  cr_assert_eq(store_open(path, &store, &error), LS_OK, "%s", error.message);
  cr_assert_eq(store_describe(store, name, &array, &error), LS_OK, "%s", error.message);
  int64_t n = array.shape[0] * (array.dims > 1 ? array.shape[1] : 1);
  cr_assert_leq(n, most);
  cr_assert_eq(store_read_rows(store, name, 0, array.shape[0], STORE_F64, out, &error), LS_OK, "%s",
               error.message);
  store_close(&store);
  return n;
}

/* `solve` with a method, so many ranks and threads; what it finds, and the eigenvectors where they are kept.
 */
static void solve_on(const char *method, int ranks, int threads, char checksum[64], double *vectors) {
  char path[64];
  run_well(ranks, "solve config.yaml name=r%d solve.method=%s parallel.threads=%d", ranks, method, threads);
  snprintf(path, sizeof path, "runs/r%d/summary.json", ranks);
  json_value(file_text(path), "parameters_checksum", checksum);
  snprintf(path, sizeof path, "runs/r%d/model.h5", ranks);
  if (vectors != NULL) read_doubles(path, "posterior/vectors", FEATURES * FEATURES, vectors);
}

Test(solve, same_bits_on_any_layout) {
  double one[FEATURES * FEATURES], other[FEATURES * FEATURES];
  char first[64], checksum[64];
  write_config("");
  solve_on("least_squares", ALONE, 3, first, NULL);
  solve_on("least_squares", 4, 1, checksum, NULL);
  cr_expect_str_eq(checksum, first, "least squares on 4 ranks");
  solve_on("bayesian", ALONE, 1, first, one);
  solve_on("bayesian", 3, 2, checksum, other);
  cr_expect_str_eq(checksum, first, "Bayesian on 3 ranks");
  cr_expect_arr_eq(one, other, sizeof one);
}

/* Full batches, a rate of about 1 / curvature: each step brings the weights nearer by a factor. */
Test(solve, gradient_descent_comes_to_the_closed_form) {
  double trained[TARGETS * FEATURES], solved[TARGETS * FEATURES], most = 0;
  write_config("optimizer: {name: sgd, learning_rate: 1.2}\n"
               "train: {epochs: 120, global_batch_size: 1013}\n"
               "checkpoint: {every: never}\n");
  run_well(2, "solve config.yaml name=solved");
  run_well(ALONE, "train config.yaml name=trained");
  int64_t n = read_doubles("runs/trained/model.h5", "parameters/dense1/weight", TARGETS * FEATURES, trained);
  read_doubles("runs/solved/model.h5", "parameters/dense1/weight", TARGETS * FEATURES, solved);
  for (int64_t i = 0; i < n; i++) most = fmax(most, fabs(trained[i] - solved[i]));
  cr_expect_lt(most, 1e-6, "a weight is %g away", most);
  cr_expect_float_eq(json_double(file_text("runs/trained/summary.json"), "train_loss"),
                     json_double(file_text("runs/solved/summary.json"), "train_loss"), 1e-6);
}

Test(solve, predict_says_how_sure_it_is) {
  enum { MOST = TEST_ROWS * TARGETS };
  static double whole[MOST], noise[MOST], epistemic[MOST];
  write_config("solve: {method: bayesian}\n");
  run_well(2, "solve config.yaml name=bayes");
  run_well(3, "predict runs/bayes data.h5 --x test/x --out p.h5");
  run_well(ALONE, "predict runs/bayes data.h5 --x test/x --out p.csv");
  int64_t n = read_doubles("p.h5", "std", MOST, whole);
  cr_assert_eq(n, MOST);
  read_doubles("p.h5", "aleatoric_std", MOST, noise);
  read_doubles("p.h5", "epistemic_std", MOST, epistemic);
  for (int64_t i = 0; i < n; i++) {
    cr_expect(noise[i] == noise[i % TARGETS] && noise[i] > 0 && epistemic[i] > 0 && epistemic[i] < noise[i]);
    cr_expect_float_eq(whole[i], hypot(noise[i], epistemic[i]), 1e-6 * whole[i]);
  }
  const char *csv = file_text("p.csv");
  const char header[] = "row,prediction_0,prediction_1,prediction_2,std_0,std_1,std_2,aleatoric_std_0,";
  cr_expect_eq(strncmp(csv, header, sizeof header - 1), 0, "%.120s", csv);
}

static void solve_csv(const char *name, const char *text, const char *options, const char *data,
                      const char *method) {
  char path[64];
  snprintf(path, sizeof path, "%s.csv", name);
  write_text(path, "%s", text);
  run_well(ALONE, "import %s.csv %s.h5 --regression %s", name, name, options);
  snprintf(path, sizeof path, "%s.yaml", name);
  write_text(path, "{data: {file: %s.h5%s}, model: {layers: [{dense: %d}]}, loss: mse, solve: {%s}}\n", name,
             data, strstr(options, "y,z") != NULL ? 2 : 1, method);
  run_well(ALONE, "solve %s.yaml", name);
}

static double evidence_of(const char *name) {
  char path[64];
  snprintf(path, sizeof path, "runs/%s/summary.json", name);
  return json_double(file_text(path), "log_evidence");
}

/* A row of weight 2 is two rows, and one of weight 0 is none. */
Test(solve, rows_count_by_their_weights) {
  static const char weighted[] = "a,b,y,w\n1,2,3,2\n2,1,1,1\n9,9,99,0\n3,5,7,2\n4,4,5,1\n5,2,1,1\n";
  static const char repeated[] = "a,b,y\n1,2,3\n1,2,3\n2,1,1\n3,5,7\n3,5,7\n4,4,5\n5,2,1\n";
  static const char without[] = "a,b,y,w\n1,2,3,1\n2,1,1,1\n9,9,99,0\n3,5,7,1\n4,4,5,1\n5,2,1,1\n";
  static const char shorter[] = "a,b,y\n1,2,3\n2,1,1\n3,5,7\n4,4,5\n5,2,1\n";
  double w[2], v[2];
  solve_csv("weighted", weighted, "--label y --weights w", ", weights: train/weights",
            "method: least_squares");
  solve_csv("repeated", repeated, "--label y", "", "method: least_squares");
  read_doubles("runs/weighted/model.h5", "parameters/dense1/weight", 2, w);
  read_doubles("runs/repeated/model.h5", "parameters/dense1/weight", 2, v);
  for (int i = 0; i < 2; i++) cr_expect_float_eq(w[i], v[i], 1e-6, "weight %d: %g, not %g", i, w[i], v[i]);
  solve_csv("without", without, "--label y --weights w", ", weights: train/weights", "method: bayesian");
  solve_csv("shorter", shorter, "--label y", "", "method: bayesian");
  read_doubles("runs/without/model.h5", "parameters/dense1/weight", 2, w);
  read_doubles("runs/shorter/model.h5", "parameters/dense1/weight", 2, v);
  for (int i = 0; i < 2; i++) cr_expect_float_eq(w[i], v[i], 1e-6, "weight %d: %g, not %g", i, w[i], v[i]);
  cr_expect_float_eq(evidence_of("without"), evidence_of("shorter"), 1e-9);
}

Test(solve, evidence_is_that_of_all_targets) {
  static const char text[] = "a,b,y,z\n1,2,3,1\n2,1,1,7\n3,5,7,2\n4,4,5,2\n5,2,1,4\n";
  solve_csv("both", text, "--label y,z", "", "method: bayesian");
  solve_csv("first", text, "--label y --drop z", "", "method: bayesian");
  solve_csv("other", text, "--label z --drop y", "", "method: bayesian");
  const double sum = evidence_of("first") + evidence_of("other");
  cr_expect_float_eq(evidence_of("both"), sum, 1e-9 * fabs(sum), "%g, not %g", evidence_of("both"), sum);
}

Test(solve, rank_deficiency_is_told) {
  write_text("twins.csv", "a,b,c,y\n1,2,5,3\n2,4,5,1\n3,6,5,7\n4,8,5,5\n");
  run_well(ALONE, "import twins.csv twins.h5 --label y --regression");
  write_text("twins.yaml", "{data: {file: twins.h5}, model: {layers: [{dense: 1}]}, loss: mse}\n");
  result_t result = run_well(ALONE, "solve twins.yaml");
  cr_expect_not_null(strstr(result.err, "the 3 features have rank 1"), "%s", result.err);
  double w[3];
  read_doubles("runs/twins/model.h5", "parameters/dense1/weight", 3, w);
  cr_expect_float_eq(w[0], 0.2 * 1.2,
                     1e-6); /* y = 1 + 1.2 a: the slope is shared between a and b = 2 a as 1 : 2 */
  cr_expect_float_eq(w[1], 0.4 * 1.2, 1e-6);
  cr_expect_float_eq(w[2], 0, 1e-6);
  cr_expect_float_eq(json_double(file_text("runs/twins/summary.json"), "rank"), 1, 0);
}

Test(solve, what_has_no_closed_form_is_refused) {
  write_config("");
  result_t result = run(2, "solve config.yaml loss=mae");
  cr_expect_eq(result.code, 2);
  cr_expect_not_null(strstr(result.err, "closed form for mse"), "%s", result.err);
  result = run(ALONE, "solve config.yaml 'model.layers=[{dense: {units: 3, activation: tanh}}]'");
  cr_expect_eq(result.code, 2);
  cr_expect_not_null(strstr(result.err, "model.layers"), "%s", result.err);
  cr_expect_not(file_exists("runs"));
}
