/* Running statistics of batch_norm: those of the data, by a closed form, whatever the shards; kept and used.
 */
#include "system/run.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

TestSuite(norm, .init = place_make, .fini = place_remove);

enum { ROWS = 90, COLUMNS = 3, SHARDS = 4 };

static double cell(int64_t row, int64_t column) {
  return 10 * (double)column + (double)(column + 1) * noise((uint64_t)(row * COLUMNS + column));
}

/* One step over all rows: the mean of all rows, and the variance within shards, whose slices of 23, 23, 22
 * and 22 rows are the ghost batches; with the momentum 0.25 a quarter of that and the rest of what they begin
 * with, 0 and 1. */
Test(norm, statistics_of_one_step_are_the_means_and_the_variances_within_ghost_batches) {
  float mean[COLUMNS], variance[COLUMNS], quarter_mean[COLUMNS], quarter_variance[COLUMNS];
  FILE *file = fopen("rows.csv", "w");
  cr_assert_not_null(file);
  for (int64_t i = 0; i < ROWS; i++)
    fprintf(file, "%.9g,%.9g,%.9g,%d\n", cell(i, 0), cell(i, 1), cell(i, 2), (int)(i % 2));
  fclose(file);
  run_well(ALONE, "import rows.csv rows.h5 --label -1 --header no");
  write_text("norm.yaml",
             "data: {file: rows.h5}\n"
             "model: {layers: [{batch_norm: {momentum: 1}}, {dense: 2}]}\n"
             "loss: cross_entropy\n"
             "train: {epochs: 1, global_batch_size: %d, clip_norm: 1}\n"
             "parallel: {threads: 1, shards: %d}\n",
             ROWS, SHARDS);
  run_well(3, "train norm.yaml");
  read_floats("runs/norm/model.h5", "parameters/batch_norm1/mean", COLUMNS, mean);
  read_floats("runs/norm/model.h5", "parameters/batch_norm1/variance", COLUMNS, variance);
  run_well(ALONE, "train norm.yaml name=quarter 'model.layers=[batch_norm: {momentum: 0.25}, dense: 2]'");
  read_floats("runs/quarter/model.h5", "parameters/batch_norm1/mean", COLUMNS, quarter_mean);
  read_floats("runs/quarter/model.h5", "parameters/batch_norm1/variance", COLUMNS, quarter_variance);
  for (int64_t c = 0; c < COLUMNS; c++) {
    double all = 0, squares = 0;
    for (int64_t s = 0, first = 0; s < SHARDS; s++) {
      int64_t n = ROWS / SHARDS + (s < ROWS % SHARDS);
      double sum = 0;
      for (int64_t i = first; i < first + n; i++) sum += cell(i, c);
      for (int64_t i = first; i < first + n; i++) squares += pow(cell(i, c) - sum / (double)n, 2);
      all += sum;
      first += n;
    }
    cr_expect_float_eq(mean[c], all / ROWS, 1e-5 * fabs(all / ROWS), "mean %g", (double)mean[c]);
    cr_expect_float_eq(variance[c], squares / (ROWS - SHARDS), 1e-5 * squares / (ROWS - SHARDS),
                       "variance %g", (double)variance[c]);
    cr_expect_float_eq(quarter_mean[c], 0.25F * mean[c], 1e-5F * fabsf(mean[c]));
    cr_expect_float_eq(quarter_variance[c], 0.75F + 0.25F * variance[c], 1e-5F * (1 + variance[c]));
  }
}

Test(norm, a_resumed_run_goes_on_with_its_statistics) {
  write_dataset("data.h5", (spec_t){.rows = 300});
  write_text("config.yaml",
             "data: {file: data.h5, scaling: standard}\n"
             "model: {layers: [{dense: 16}, batch_norm, {activation: relu}, {dense: %d}]}\n"
             "loss: cross_entropy\n"
             "train: {epochs: 4, global_batch_size: 64}\n"
             "parallel: {threads: 1, shards: 4}\n",
             CLASSES);
  run_well(ALONE, "train config.yaml name=whole");
  run_well(ALONE, "train config.yaml name=parts train.epochs=2");
  run_well(2, "train config.yaml name=parts --resume");
  outcome_t whole = outcome_of("whole"), parts = outcome_of("parts");
  outcome_expect_same(&whole, &parts, "resumed");
}

Test(norm, of_single_rows_is_refused) {
  write_dataset("data.h5", (spec_t){.rows = 300});
  write_text("config.yaml",
             "data: {file: data.h5}\nmodel: {layers: [batch_norm, {dense: %d}]}\nloss: cross_entropy\n"
             "train: {global_batch_size: 4}\nparallel: {threads: 1, shards: 4}\n",
             CLASSES);
  result_t result = run(2, "train config.yaml");
  cr_expect_eq(result.code, 2, "%s", result.err);
  cr_expect_not_null(strstr(result.err, "batch_norm"), "%s", result.err);
}
