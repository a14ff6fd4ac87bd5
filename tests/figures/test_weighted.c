/* Rows with weights in closed form, against NumPy: least squares, ridge and the Bayesian fit with its
 * evidence and deviations. Some weights are 0: such a row is none. */
#include "figures/weighted.h"

#include "store/store.h"
#include "system/run.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>

TestSuite(weighted, .init = place_make, .fini = place_remove);

static void write_rows(void) {
  const int64_t rows = WEIGHTED_ROWS, shape[] = {WEIGHTED_ROWS, WEIGHTED_INPUTS};
  ls_error error = {0};
  store_t *store = NULL;
  cr_assert_eq(store_create("weighted.h5", &store, &error), LS_OK, "%s", error.message);
  store_write(store, "train/x", STORE_F64, 2, shape, weighted_x, &error);
  store_write(store, "train/y", STORE_F64, 1, &rows, weighted_y, &error);
  store_write(store, "train/w", STORE_F64, 1, &rows, weighted_w, &error);
  cr_assert_eq(store_publish(&store, &error), LS_OK, "%s", error.message);
  write_text("weighted.yaml", "data: {file: weighted.h5, weights: train/w}\n"
                              "model: {layers: [dense: 1]}\n"
                              "loss: mse\n"
                              "solve: {method: ridge, lambda: 2.5}\n"
                              "optimizer: lbfgs\n"
                              "train: {global_batch_size: all, epochs: 100}\n"
                              "parallel: {shards: 5, threads: 1}\n");
}

static void read_rows(const char *path, const char *name, int64_t rows, double *out) {
  ls_error error = {0};
  store_t *store = NULL;
  cr_assert_eq(store_open(path, &store, &error), LS_OK, "%s", error.message);
  cr_assert_eq(store_read_rows(store, name, 0, rows, STORE_F64, out, &error), LS_OK, "%s", error.message);
  store_close(&store);
}

/* runs/fit has these weights and this bias. */
static void expect_fit(const double *expected, double tolerance, const char *how) {
  double found[WEIGHTED_INPUTS + 1];
  read_rows("runs/fit/model.h5", "parameters/dense1/weight", 1, found);
  read_rows("runs/fit/model.h5", "parameters/dense1/bias", 1, found + WEIGHTED_INPUTS);
  for (int i = 0; i <= WEIGHTED_INPUTS; i++)
    cr_expect_float_eq(found[i], expected[i], tolerance, "%s, %d: %.9g, not %.9g", how, i, found[i],
                       expected[i]);
}

Test(weighted, closed_forms_are_those_of_numpy_on_any_layout) {
  char alone[64], ranks[64];
  write_rows();
  run_well(ALONE, "solve weighted.yaml name=fit 'solve={method: least_squares}'");
  expect_fit(weighted_least_squares, 1e-5, "least squares");
  json_value(file_text("runs/fit/summary.json"), "parameters_checksum", alone);
  run_well(3, "solve weighted.yaml name=fit 'solve={method: least_squares}'");
  json_value(file_text("runs/fit/summary.json"), "parameters_checksum", ranks);
  cr_expect_str_eq(ranks, alone, "3 ranks give other bits");
  run_well(2, "solve weighted.yaml name=fit solve.method=ridge");
  expect_fit(weighted_ridge, 1e-5, "ridge");
}

Test(weighted, a_bayesian_fit_has_the_evidence_and_deviations_of_numpy) {
  double noise[WEIGHTED_ROWS], epistemic[WEIGHTED_ROWS];
  write_rows();
  run_well(2, "solve weighted.yaml name=fit 'solve={method: bayesian}'");
  expect_fit(weighted_bayesian, 1e-5, "bayesian");
  cr_expect_float_eq(json_double(file_text("runs/fit/summary.json"), "log_evidence"), weighted_evidence[2],
                     1e-5);
  run_well(ALONE, "predict runs/fit weighted.h5 --x train/x --out p.h5");
  read_rows("p.h5", "aleatoric_std", WEIGHTED_ROWS, noise);
  read_rows("p.h5", "epistemic_std", WEIGHTED_ROWS, epistemic);
  for (int i = 0; i < WEIGHTED_ROWS; i++) {
    cr_expect_float_eq(noise[i], 1 / sqrt(weighted_evidence[1]), 1e-5);
    cr_expect_float_eq(epistemic[i], weighted_epistemic[i], 1e-5, "row %d", i);
  }
}

/* The loss is a mean over rows, and its penalty half of l2 W²: lambda = l2 n / 2. */
Test(weighted, training_comes_to_the_closed_form) {
  write_rows();
  run_well(ALONE, "train weighted.yaml name=fit train.l2=%.17g", 2 * 2.5 / WEIGHTED_ROWS);
  expect_fit(weighted_ridge, 1e-4, "lbfgs");
}
