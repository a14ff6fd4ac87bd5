/* Features against scikit-learn: what a network of one layer makes of its inputs, once computed by lockstep
 * from a table with gaps and once here, from what scikit-learn's scalers, encoder and imputer made of the
 * same table. */
#include "figures/scaling.h"

#include "system/run.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

TestSuite(scaling, .init = place_make, .fini = place_remove);

static void train(int ranks, const char *overrides) {
  run_well(ALONE, "import %s/figures/gaps.csv gaps.h5 --label y --regression --missing", TESTS_FOLDER);
  write_text("gaps.yaml", "data:\n"
                          "  file: gaps.h5\n"
                          "  missing: mean\n"
                          "  scaling:\n"
                          "    name: robust\n"
                          "    columns:\n"
                          "      income: standard\n"
                          "      colour: one_hot\n"
                          "      3: maxabs\n"
                          "      -1: {name: minmax, range: [-1, 1]}\n"
                          "model: {layers: [dense: 1]}\n"
                          "loss: mse\n"
                          "train: {epochs: 2, global_batch_size: 10}\n"
                          "parallel: {shards: 5, threads: 1}\n");
  run_well(ranks, "train gaps.yaml %s", overrides);
}

Test(scaling, of_every_kind_is_that_of_scikit_learn) {
  float weights[SCALED_INPUTS], bias = 0, found[SCALED_ROWS], again[SCALED_ROWS];
  for (int ranks = 1; ranks <= 3; ranks += 2) {
    train(ranks == 1 ? ALONE : ranks, "");
    run_well(ALONE, "predict runs/gaps gaps.h5 --out p.h5");
    read_floats("runs/gaps/model.h5", "parameters/dense1/weight", 1, weights);
    read_floats("runs/gaps/model.h5", "parameters/dense1/bias", 1, &bias);
    read_floats("p.h5", "prediction", SCALED_ROWS, found);
    for (int i = 0; i < SCALED_ROWS; i++) {
      double y = (double)bias;
      for (int j = 0; j < SCALED_INPUTS; j++) y += (double)weights[j] * scaled[i][j];
      cr_assert_float_eq(found[i], y, 2e-6 * (1 + fabs(y)), "row %d: %g, not %g", i, found[i], y);
    }
    if (ranks == 1) memcpy(again, found, sizeof again);
  }
  cr_assert_eq(memcmp(again, found, sizeof again), 0, "3 ranks give other bits");
}

Test(scaling, is_that_of_the_checkpoint_after_a_resume) {
  char whole[64], resumed[64];
  train(ALONE, "name=whole");
  run_well(2, "train gaps.yaml train.epochs=1");
  run_well(2, "train gaps.yaml --resume");
  json_value(file_text("runs/whole/summary.json"), "parameters_checksum", whole);
  json_value(file_text("runs/gaps/summary.json"), "parameters_checksum", resumed);
  cr_assert_str_eq(resumed, whole);
}

Test(scaling, rows_with_gaps_can_be_dropped_and_are_an_error_else) {
  int whole = 0;
  train(ALONE, "");
  result_t result = run_well(2, "train gaps.yaml data.missing=drop");
  cr_assert_not_null(strstr(result.err, "rows with missing values are left out"), "%s", result.err);
  char line[512];
  FILE *table = fopen(TESTS_FOLDER "/figures/gaps.csv", "r");
  while (fgets(line, sizeof line, table) != NULL) whole += line[0] != ',' && strstr(line, ",,") == NULL;
  fclose(table);
  cr_assert_float_eq(json_double(file_text("runs/gaps/summary.json"), "rows"), whole - 1, 0);
  result = run(2, "train gaps.yaml data.missing=error");
  cr_assert_eq(result.code, 3);
  cr_assert_not_null(strstr(result.err, "data.missing"), "%s", result.err);
  result = run(ALONE, "predict runs/gaps gaps.h5 --out p.csv");
  cr_assert_eq(result.code, 3, "a model of whole rows answers for others");
  result = run(ALONE, "train gaps.yaml data.scaling.columns.size=robust");
  cr_assert_eq(result.code, 2);
  cr_assert_not_null(strstr(result.err, "no column 'size'"), "%s", result.err);
  result = run_well(ALONE, "check gaps.yaml");
  cr_assert_not_null(strstr(result.out, "9 "), "8 weights and a bias:\n%s", result.out);
}
