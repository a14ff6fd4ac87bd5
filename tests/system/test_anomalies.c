/* `lockstep anomalies`: scores, thresholds and figures of an autoencoder, the same bytes on any layout,
 * beside what `eval` says of the same rows and what is counted out here. */
#include "store/store.h"
#include "system/run.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 400, TEST = 150, WIDTH = 4, EVERY = 10 };

TestSuite(anomalies, .init = place_make, .fini = place_remove);

static bool is_broken(int row) {
  return row % EVERY == 4;
}

/* Rows lie near a plane; broken rows of the test lie beside it. */
static void make_rows(int rows, uint64_t from, bool is_test, float *x) {
  for (int i = 0; i < rows; i++, x += WIDTH) {
    const uint64_t k = 4 * (from + (uint64_t)i);
    const double u = noise(k) - 0.5, v = noise(k + 1) - 0.5, w = noise(k + 2);
    x[0] = (float)u;
    x[1] = (float)v;
    x[2] = (float)(u + v + (is_test && is_broken(i) ? 0.1 + 0.5 * w : 0.1 * w));
    x[3] = (float)(u - v);
  }
}

static void write_rows(store_t *store, const char *name, int rows, const float *x) {
  const int64_t shape[] = {rows, WIDTH};
  ls_error error = {0};
  cr_assert_eq(store_write(store, name, STORE_F32, 2, shape, x, &error), LS_OK, "%s", error.message);
}

/* A label of a training row, without a pattern. */
static int state_of(int row) {
  return noise(5000 + (uint64_t)row) < 0.3;
}

/* rows.h5: train and test, weights 1 and 2 in turn; test/state (1: broken, 0 or 2: not), train/state, and
 * huge/x, of one row. test.csv: the test rows as a table. */
static void write_data(void) {
  static const char *const names[] = {"a", "b", "c", "d"}, *const states[] = {"fine", "broken", "old"};
  static float x[ROWS * WIDTH];
  const float huge[WIDTH] = {3e38f, -3e38f, 3e38f, 3e38f};
  const int64_t train[] = {ROWS}, test[] = {TEST};
  int32_t state[TEST], others[ROWS];
  store_t *store = NULL;
  ls_error error = {0};
  FILE *table = fopen("test.csv", "w");
  cr_assert_not_null(table);
  cr_assert_eq(store_create("rows.h5", &store, &error), LS_OK, "%s", error.message);
  cr_assert_eq(store_write_texts(store, "/", "feature_names", names, WIDTH, &error), LS_OK);
  make_rows(ROWS, 0, false, x);
  write_rows(store, "train/x", ROWS, x);
  write_rows(store, "huge/x", 1, huge);
  make_rows(TEST, ROWS, true, x);
  write_rows(store, "test/x", TEST, x);
  fputs("state,a,b,c,d\n", table);
  for (int i = 0; i < TEST; i++) {
    state[i] = is_broken(i) ? 1 : i % 3 == 0 ? 2 : 0;
    fprintf(table, "%s,%.9g,%.9g,%.9g,%.9g\n", states[state[i]], x[i * WIDTH], x[i * WIDTH + 1],
            x[i * WIDTH + 2], x[i * WIDTH + 3]);
  }
  for (int i = 0; i < ROWS; i++) x[i] = (float)(1 + i % 2);
  cr_assert_eq(store_write(store, "train/weights", STORE_F32, 1, train, x, &error), LS_OK);
  cr_assert_eq(store_write(store, "test/weights", STORE_F32, 1, test, x, &error), LS_OK);
  cr_assert_eq(store_write(store, "test/state", STORE_I32, 1, test, state, &error), LS_OK);
  for (int i = 0; i < ROWS; i++) others[i] = state_of(i);
  cr_assert_eq(store_write(store, "train/state", STORE_I32, 1, train, others, &error), LS_OK);
  cr_assert_eq(store_publish(&store, &error), LS_OK, "%s", error.message);
  fclose(table);
}

static void train(const char *data, const char *name) {
  write_text("config.yaml",
             "data: {file: rows.h5, scaling: standard, %s}\n"
             "model: {layers: [dense: 2, dense: 4]}\n"
             "loss: mse\n"
             "optimizer: {name: adam, learning_rate: 0.03}\n"
             "train: {epochs: 10, global_batch_size: 40}\n"
             "parallel: {shards: 4}\n",
             data);
  run_well(ALONE, "train config.yaml name=%s", name);
}

/* A column of scores.csv by its number; returns the number of rows. */
static int read_column(const char *path, int column, double *out) {
  FILE *file = fopen(path, "r");
  char line[256];
  int rows = 0;
  cr_assert_not_null(file, "%s", path);
  cr_assert_not_null(fgets(line, sizeof line, file));
  for (; fgets(line, sizeof line, file) != NULL; rows++) {
    const char *cell = line;
    for (int c = 0; c < column; c++) cell = strchr(cell, ',') + 1;
    out[rows] = strtod(cell, NULL);
  }
  fclose(file);
  return rows;
}

static int by_value(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* The share of pairs in which the broken row has the larger score. */
static double area(const double *scores) {
  double pairs = 0, won = 0;
  for (int i = 0; i < TEST; i++)
    for (int j = 0; j < TEST; j++)
      if (is_broken(i) && !is_broken(j)) {
        pairs++;
        won += scores[i] > scores[j] ? 1 : scores[i] == scores[j] ? 0.5 : 0;
      }
  return won / pairs;
}

static double figure(const char *name) {
  return json_double(file_text("out.json"), name);
}

Test(anomalies, scores_are_losses_and_files_have_the_same_bytes_on_any_layout) {
  double scores[ROWS], losses[ROWS];
  write_data();
  train("targets: x, weights: train/weights, test_weights: test/weights", "ae");
  run_well(ALONE, "eval runs/ae --rows losses.csv");
  for (int ranks = 1; ranks <= 3; ranks++)
    run_well(ranks == 1 ? ALONE : ranks,
             "anomalies runs/ae --labels test/state --anomalous 1 --quantile 0.95 --out scores%d.csv --json "
             "out.json",
             ranks);
  cr_expect_eq(run_command("cmp scores1.csv scores2.csv").code, 0);
  cr_expect_eq(run_command("cmp scores1.csv scores3.csv").code, 0);
  cr_assert_eq(read_column("scores1.csv", 1, scores), TEST);
  cr_assert_eq(read_column("losses.csv", 1, losses), TEST);
  for (int i = 0; i < TEST; i++) /* a score does not depend on the weight of its row */
    cr_expect_float_eq((1 + i % 2) / 1.5 * scores[i], losses[i], 1e-6 * losses[i], "row %d", i);
  cr_expect_float_eq(figure("roc_auc"), area(scores), 1e-14);
  cr_expect_gt(figure("roc_auc"), 0.8);

  /* the threshold is a quantile of the training rows' scores */
  const double threshold = figure("threshold"), above = figure("above");
  run_well(ALONE, "anomalies runs/ae --split train --threshold 1 --out train.csv");
  cr_assert_eq(read_column("train.csv", 1, losses), ROWS);
  qsort(losses, ROWS, sizeof *losses, by_value);
  const double h = 0.95 * (ROWS - 1);
  const int j = (int)h;
  cr_expect_float_eq(threshold, losses[j] + (h - j) * (losses[j + 1] - losses[j]), 1e-15);
  int counted = 0;
  for (int i = 0; i < TEST; i++) counted += scores[i] > threshold;
  cr_expect_eq(above, counted);
}

/* Rows for validation are drawn from those of training, whose labels the file has. */
Test(anomalies, labels_go_with_the_rows_they_belong_to) {
  double numbers[ROWS], found[ROWS];
  write_data();
  train("targets: x, validation: 0.25", "ae");
  run_well(2, "anomalies runs/ae --split valid --labels train/state --anomalous 1 --out scores.csv");
  const char *text = file_text("scores.csv");
  cr_assert_eq(strncmp(text, "row,score,anomaly,label\n", 24), 0, "%.40s", text);
  cr_assert_eq(read_column("scores.csv", 0, numbers), ROWS / 4);
  cr_assert_eq(read_column("scores.csv", 3, found), ROWS / 4);
  for (int i = 0; i < ROWS / 4; i++)
    cr_expect_eq(found[i], state_of((int)numbers[i]), "row %g has the label %g", numbers[i], found[i]);
}

Test(anomalies, a_table_is_scored_like_its_dataset) {
  double scores[TEST], same[TEST];
  write_data();
  train("y: train/x, test_y: test/x", "named"); /* as before there was data.targets */
  run_well(ALONE, "anomalies runs/named --x test/x --labels test/state --anomalous 1 --out scores.csv --json "
                  "out.json");
  const double auc = figure("roc_auc");
  run_well(ALONE, "anomalies runs/named test.csv --labels state --anomalous broken --out same.csv --json "
                  "out.json --k 5");
  cr_expect_float_eq(figure("roc_auc"), auc, 1e-3);
  cr_expect_eq(figure("k"), 5);
  cr_assert_eq(read_column("scores.csv", 1, scores), TEST);
  cr_assert_eq(read_column("same.csv", 1, same), TEST);
  for (int i = 0; i < TEST; i++) /* the table's decimals are no floats */
    cr_expect_float_eq(scores[i], same[i], 1e-5 * scores[i] + 1e-9, "row %d: %g %g", i, scores[i], same[i]);
}

Test(anomalies, a_row_without_a_score_is_an_anomaly) {
  write_data();
  train("targets: x", "ae");
  result_t result = run_well(ALONE, "anomalies runs/ae --x huge/x --out huge.csv --threshold 1e300");
  cr_expect_not_null(strstr(result.out, "1 of 1 rows above"), "%s", result.out);
  cr_expect_not_null(strstr(file_text("huge.csv"), "row,score,anomaly\n0,"));
  result = run(ALONE, "anomalies runs/ae data.x=huge/x --split train");
  cr_expect_eq(result.code, 3, "%s", result.out);
  cr_expect_not_null(strstr(result.err, "NaN"), "%s", result.err);
}

static void expect_refused(int code, const char *words, const char *why) {
  const result_t result = run(ALONE, "anomalies %s", words);
  cr_expect_eq(result.code, code, "%s: %d %s", words, result.code, result.err);
  cr_expect_not_null(strstr(result.err, why), "%s: %s", words, result.err);
}

Test(anomalies, mistakes_have_messages) {
  write_data();
  train("targets: x", "ae");
  expect_refused(2, "runs/ae --labels test/state", "name the values that are anomalous");
  expect_refused(2, "runs/ae --labels test/state --anomalous 5", "no row has the label '5'");
  expect_refused(3, "runs/ae --labels test/none --anomalous 1", "there is no array test/none");
  expect_refused(3, "runs/ae --split train --labels test/state --anomalous 1", "has 150 labels");
  expect_refused(2, "runs/ae --labels test/state --anomalous 1 --k 151", "only 150 rows");
  expect_refused(2, "runs/ae --anomalous 1", "name them with --labels");
  expect_refused(2, "runs/ae --quantile 1.5", "from 0 to 1");
  expect_refused(2, "runs/ae --quantile 0.5 --threshold 1", "exclude each other");
  expect_refused(2, "runs/ae --out rows.h5", "would be overwritten");
  expect_refused(2, "runs/ae data.weights=w", "data.weights");
  expect_refused(3, "runs/ae test.csv --labels none --anomalous 1", "no column 'none'");
  write_text("classes.yaml", "data: {file: classes.h5}\nmodel: {layers: [dense: 5]}\nloss: cross_entropy\n"
                             "train: {epochs: 1}\n");
  write_dataset("classes.h5", (spec_t){.rows = 40});
  run_well(ALONE, "train classes.yaml");
  expect_refused(2, "runs/classes", "how wrong its label is");
}
