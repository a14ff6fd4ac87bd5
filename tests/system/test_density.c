/* `lockstep density` and `lockstep sample`: kernel densities and rows drawn from them and from mixtures, the
 * same on any layout, and as NumPy has them. */
#include "system/run.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void begin(void) {
  place_make();
  run_well(ALONE, "import --make moons --rows 300 --noise 0.1 --seed 3 --split train=0.8,test=0.2 moons.h5");
  write_text("moons.yaml", "data: {file: moons.h5, scaling: standard, validation: 0.2}\n"
                           "parallel: {shards: 6}\n");
}

TestSuite(density, .init = begin, .fini = place_remove);

static double summary(const char *name, const char *key) {
  char path[128];
  snprintf(path, sizeof path, "runs/%s/summary.json", name);
  return json_double(file_text(path), key);
}

static void expect_python(const char *words) {
  if (run_python() == NULL) return;
  const result_t result = run_command("%s %s/system/density.py %s", run_python(), TESTS_FOLDER, words);
  cr_expect_eq(result.code, 0, "%s: %s%s", words, result.out, result.err);
}

static void expect_refused(int code, const char *words, const char *why) {
  const result_t result = run(ALONE, "%s", words);
  cr_expect_eq(result.code, code, "%s: %d %s", words, result.code, result.err);
  cr_expect_not_null(strstr(result.err, why), "%s: %s", words, result.err);
}

enum { TRIED = 4 };

/* The losses of the epochs of runs/NAME. */
static void read_losses(const char *name, float losses[TRIED]) {
  char path[128];
  snprintf(path, sizeof path, "runs/%s/history.h5", name);
  read_floats(path, "train_loss", TRIED, losses);
}

static void expect_losses(const char *name, const float losses[TRIED]) {
  float found[TRIED];
  read_losses(name, found);
  cr_expect_eq(memcmp(found, losses, sizeof found), 0, "%s", name);
}

static void expect_same(const char *name, const float losses[TRIED]) {
  expect_losses(name, losses);
  cr_expect_eq(run(ALONE, "diff runs/one/model.h5 runs/%s/model.h5", name).code, 0, "%s", name);
}

/* Each bandwidth is an epoch; the best one becomes the model. A run that was stopped goes on elsewhere. */
Test(density, the_best_bandwidth_is_the_same_on_any_layout) {
  static const char *const tried = "density moons.yaml name=%s 'density.bandwidth=[1, 0.3, 0.1, 0.03]'";
  char command[256];
  float losses[TRIED];
  snprintf(command, sizeof command, tried, "one");
  run_well(ALONE, "%s", command);
  read_losses("one", losses);
  for (int epoch = 0; epoch < TRIED; epoch++) cr_expect_geq(losses[epoch], losses[2]);
  cr_expect_eq(summary("one", "model_step"), 3);
  snprintf(command, sizeof command, tried, "more");
  run_well(3, "%s", command);
  expect_same("more", losses);
  snprintf(command, sizeof command, tried, "stopped");
  cr_expect_eq(run(ALONE, "%s train.time_limit=0.001 'checkpoint.every=1 epochs'", command).code, 75);
  run_well(2, "%s 'checkpoint.every=1 epochs' --resume", command);
  expect_same("stopped", losses);
}

Test(density, log_densities_are_those_of_the_definition) {
  run_well(ALONE, "density moons.yaml density.bandwidth=scott");
  run_well(ALONE, "predict runs/moons moons.h5 --x train/x --out found.h5");
  expect_python("logs runs/moons/model.h5 moons.h5 train/x found.h5");
  run_well(ALONE, "density moons.yaml name=some density.rows=50 density.bandwidth=0.2");
  cr_expect_eq(summary("some", "parameters"), 50 * (2 + 1 + 1));
  run_well(ALONE,
           "density moons.yaml name=few density.rows=2 density.bandwidth=0.2"); /* shards without one */
  run_well(ALONE, "predict runs/some moons.h5 --x train/x --out found.h5");
  expect_python("logs runs/some/model.h5 moons.h5 train/x found.h5");
}

/* 700 kernels: more than two of the pieces in which they are taken, and an incomplete one. */
Test(density, scores_of_bandwidths_are_those_of_the_definition) {
  if (run_python() == NULL) return;
  expect_python("make rows.h5");
  write_text("rows.yaml", "data: {file: rows.h5, weights: train/weights}\nparallel: {shards: 6}\n");
  run_well(2, "density rows.yaml 'density.bandwidth=[1, 0.3, 0.1]'");
  expect_python("scores rows.h5 runs/rows/history.h5 1 0.3 0.1");
}

Test(density, rules_of_bandwidths_know_weights_and_columns_that_do_not_vary) {
  if (run_python() == NULL) return;
  expect_python("make rows.h5");
  write_text("rows.yaml", "data: {file: rows.h5, weights: train/weights}\n");
  run_well(ALONE, "density rows.yaml density.bandwidth=scott");
  expect_python("rule rows.h5 runs/rows/model.h5 scott");
  run_well(ALONE, "density rows.yaml --replace density.bandwidth=silverman");
  expect_python("rule rows.h5 runs/rows/model.h5 silverman");
}

/* In few and many dimensions, with kernels that are narrow and wide beside the distances of rows. */
Test(density, log_densities_are_those_of_a_direct_sum_in_double) {
  if (run_python() == NULL) return;
  write_text("rows.yaml", "data: {file: rows.h5}\n");
  for (int d = 1; d <= 50; d = d == 1 ? 2 : 5 * d) {
    char words[128];
    snprintf(words, sizeof words, "rows rows.h5 %d", d);
    expect_python(words);
    run_well(ALONE, "density rows.yaml --replace 'density.bandwidth=[0.02, 0.3, 1, 7]'");
    run_well(ALONE, "predict runs/rows rows.h5 --x test/x --out found.h5");
    expect_python("direct runs/rows rows.h5 found.h5 0.02 0.3 1 7");
    if (d != 10) continue;
    run_well(ALONE, "density rows.yaml --replace density.bandwidth=0.02");
    run_well(ALONE, "predict runs/rows rows.h5 --x test/x --out found.h5");
    expect_python("direct runs/rows rows.h5 found.h5 0.02");
  }
}

/* As many folds as rows are leave-one-out. */
Test(density, folds_judge_rows_by_the_kernels_of_other_folds) {
  static const char *const tried = "'density.bandwidth=[1, 0.3, 0.1, 0.03]'";
  float alone[TRIED], folds[TRIED], five[TRIED];
  run_well(ALONE, "density moons.yaml name=alone %s", tried);
  run_well(ALONE, "density moons.yaml name=folds density.folds=192 %s", tried);
  run_well(ALONE, "density moons.yaml name=five density.folds=5 %s", tried);
  read_losses("alone", alone);
  read_losses("folds", folds);
  read_losses("five", five);
  for (int i = 0; i < TRIED; i++) {
    cr_expect_float_eq((double)folds[i], (double)alone[i], 1e-6, "%d", i);
    cr_expect(five[i] != alone[i] && fabs((double)(five[i] / alone[i]) - 1) < 0.3, "%d: %g, %g", i,
              (double)five[i], (double)alone[i]);
  }
  run_well(3, "density moons.yaml name=five --replace density.folds=5 %s", tried);
  expect_losses("five", five);
}

Test(density, drawn_rows_have_the_moments_of_the_model_and_the_same_bytes_on_any_layout) {
  static const char *const forms[] = {"full", "tied", "diagonal", "spherical"};
  run_well(ALONE, "density moons.yaml density.bandwidth=0.15");
  for (int ranks = 1; ranks <= 3; ranks += 2)
    run_well(ranks == 1 ? ALONE : ranks, "sample runs/moons --rows 20000 --seed 7 --out drawn%d.h5", ranks);
  cr_expect_eq(run_command("cmp drawn1.h5 drawn3.h5").code, 0);
  expect_python("moments runs/moons/model.h5 drawn1.h5");
  for (int f = 0; f < 4; f++) {
    run_well(ALONE,
             "cluster moons.yaml --replace name=mixture cluster.method=mixture cluster.k=3 cluster.starts=1 "
             "cluster.covariance=%s",
             forms[f]);
    run_well(ALONE, "sample runs/mixture --rows 20000 --out drawn.h5");
    expect_python("moments runs/mixture/model.h5 drawn.h5");
  }
  /* more rows begin with those of fewer */
  run_well(ALONE, "sample runs/moons --rows 5 --out few.csv");
  run_well(ALONE, "sample runs/moons --rows 9 --out more.csv");
  cr_expect_eq(run_command("sh -c 'head -n 6 more.csv | cmp - few.csv'").code, 0);
}

Test(density, the_decoder_of_a_variational_autoencoder_draws_rows) {
  write_text("code.yaml", "data: {file: moons.h5, scaling: standard, targets: x}\n"
                          "model:\n  layers:\n    - dense: 4\n    - sample: {beta: 0.1}\n"
                          "    - dense: {units: 8, activation: tanh}\n    - dense: 2\n"
                          "loss: mse\ntrain: {epochs: 3}\nparallel: {shards: 4}\n");
  run_well(ALONE, "train code.yaml");
  run_well(ALONE, "sample runs/code --rows 10000 --out drawn1.h5");
  run_well(2, "sample runs/code --rows 10000 --out drawn2.h5");
  cr_expect_eq(run_command("cmp drawn1.h5 drawn2.h5").code, 0);
  expect_python("decoded runs/code/model.h5 drawn1.h5");
}

/* Categories come back as categories, numbers in their units. */
Test(density, drawn_rows_are_a_table_like_the_one_that_was_imported) {
  FILE *table = fopen("rows.csv", "w");
  cr_assert_not_null(table);
  fputs("size,colour\n", table);
  for (int i = 0; i < 60; i++)
    fprintf(table, "%.4f,%s\n", 1000 + (i % 2) * 50 + noise((uint64_t)i),
            i % 2 ? "red" : "\"blue, \"\"light\"\"\"");
  fclose(table);
  run_well(ALONE, "import --train rows.csv rows.h5");
  write_text("rows.yaml", "data: {file: rows.h5, scaling: standard}\ndensity: {bandwidth: 0.05}\n");
  run_well(ALONE, "density rows.yaml");
  run_well(ALONE, "sample runs/rows --rows 200 --out drawn.csv");
  int red = 0, rows = 0;
  const char *text = file_text("drawn.csv");
  cr_assert_eq(strncmp(text, "size,colour\n", 12), 0, "%s", text);
  for (const char *line = text + 12; *line != '\0'; line = strchr(line, '\n') + 1, rows++) {
    const bool is_red = strncmp(strchr(line, ','), ",red\n", 5) == 0;
    const double size = strtod(line, NULL);
    cr_expect(is_red || strncmp(strchr(line, ','), ",\"blue, \"\"light\"\"\"\n", 19) == 0, "%.40s", line);
    cr_expect_float_eq(size, is_red ? 1050.5 : 1000.5, 10, "%.40s", line);
    red += is_red;
  }
  cr_expect_eq(rows, 200);
  cr_expect(red > 60 && red < 140, "%d", red);
}

/* Kernels are no clusters: their numbers and shares say nothing. Those who ask for the layer get all of it.
 */
Test(density, predictions_are_log_densities) {
  run_well(ALONE, "density moons.yaml density.rows=20 density.bandwidth=0.2");
  run_well(ALONE, "predict runs/moons moons.h5 --x test/x --out found.csv");
  const char *text = file_text("found.csv");
  cr_expect_eq(strncmp(text, "row,log_density\n0,", 18), 0, "%.60s", text);
  int commas = 0, lines = 0;
  for (; *text != '\0'; text++) {
    commas += *text == ',';
    lines += *text == '\n';
  }
  cr_expect_eq(commas, lines);
  run_well(ALONE, "predict runs/moons moons.h5 --x test/x --layer gaussians1 --out found.csv");
  cr_expect_not_null(strstr(file_text("found.csv"), ",gaussians1_19\n"));
  run_well(ALONE, "cluster moons.yaml name=mixture cluster.method=mixture cluster.k=3");
  run_well(ALONE, "predict runs/mixture moons.h5 --x test/x --out found.csv");
  text = file_text("found.csv");
  cr_expect_eq(strncmp(text, "row,cluster,log_density,responsibility_0,", 41), 0, "%.60s", text);
}

Test(density, mistakes_have_messages) {
  expect_refused(2, "density moons.yaml density.bandwidth=-1", "must be greater than 0");
  expect_refused(2, "density moons.yaml density.bandwidth=silvermann", "silverman");
  expect_refused(3, "density moons.yaml density.rows=1000", "there are only 192 training rows");
  expect_refused(3, "density moons.yaml density.rows=1 density.bandwidth=cross_validated", "a single kernel");
  expect_refused(2, "density moons.yaml density.folds=1", "at least 2");
  expect_refused(3, "density moons.yaml density.folds=200", "there are only 192 kernels");
  expect_refused(2, "density moons.yaml optimizer=sgd", "each bandwidth is an epoch");
  expect_refused(2, "cluster moons.yaml cluster.method=kernels cluster.k=5", "lockstep density");
  write_text("net.yaml", "data: {file: moons.h5}\nmodel: {layers: [dense: 2]}\nloss: cross_entropy\n"
                         "train: {epochs: 1}\n");
  run_well(ALONE, "train net.yaml");
  expect_refused(2, "sample runs/net --out drawn.csv", "no density to draw rows from");
  expect_refused(2, "sample runs/net", "name the output file");
  expect_refused(2, "sample runs/net --out drawn.txt", "ends neither in .csv nor in .h5");
  const result_t result = run_well(ALONE, "density moons.yaml 'density.bandwidth=[0.01, 0.02]'");
  cr_expect_not_null(strstr(result.err, "is the largest of those that were tried"), "%s", result.err);
}

enum { DRAWN = 40, TRAINING = 240 };

/* With narrow kernels around rows, a drawn row is nearly one of them: also on the way back from principal
 * components, and if there are as many of them as features. */
Test(density, rows_come_back_from_principal_components) {
  float rows[2 * TRAINING], drawn[2 * DRAWN];
  static const char *const whiten[] = {"true", "false"};
  read_floats("moons.h5", "train/x", TRAINING, rows);
  for (int i = 0; i < 2; i++) {
    run_well(
        ALONE,
        "density moons.yaml --replace density.bandwidth=0.0001 'data.basis={name: pca, size: 2, whiten: %s}'",
        whiten[i]);
    run_well(2, "sample moons --rows %d --out drawn.h5", DRAWN);
    read_floats("drawn.h5", "x", DRAWN, drawn);
    for (int d = 0; d < DRAWN; d++) {
      double least = INFINITY;
      for (int r = 0; r < TRAINING; r++)
        least = fmin(
            least, hypot((double)(drawn[2 * d] - rows[2 * r]), (double)(drawn[2 * d + 1] - rows[2 * r + 1])));
      cr_expect_lt(least, 1e-3, "whiten %s, row %d", whiten[i], d);
    }
  }
  run_well(ALONE, "density moons.yaml --replace density.bandwidth=0.1 data.basis=polynomial");
  expect_refused(2, "sample moons --rows 3 --out none.csv", "principal components (pca)");
}
