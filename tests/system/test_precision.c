/* Training with factors rounded to bf16: what it leads to, how it goes on, and where it is refused. */
#include "system/run.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EPOCHS = 5 };

static void set_up(void) {
  place_make();
  write_dataset("data.h5", (spec_t){.rows = 1013});
  write_text(
      "config.yaml",
      "data: {file: data.h5, validation: 0.15, scaling: standard}\n"
      "model: {layers: [{dense: {units: 64, activation: relu}}, {dense: {units: 33, activation: tanh}}, "
      "{dense: %d}]}\n"
      "loss: cross_entropy\n"
      "optimizer: {name: adam, learning_rate: 0.005}\n"
      "train: {epochs: %d, global_batch_size: 86}\n"
      "parallel: {shards: 6, threads: 1}\n"
      "checkpoint: {every: 7 steps, keep: 3}\n",
      CLASSES, EPOCHS);
}

TestSuite(precision, .init = set_up, .fini = place_remove);

Test(precision, losses_in_bf16_are_within_a_hundredth_of_those_in_fp32) {
  run_well(ALONE, "train config.yaml name=fp32");
  run_well(ALONE, "train config.yaml name=bf16 train.precision=bf16");
  outcome_t plain = outcome_of("fp32"), rounded = outcome_of("bf16");
  cr_assert_lt(plain.train_loss[EPOCHS - 1], 0.5 * plain.train_loss[0], "and something is learnt");
  for (int e = 0; e < EPOCHS; e++) {
    cr_expect_float_eq(rounded.train_loss[e], plain.train_loss[e], 0.01 * plain.train_loss[e]);
    cr_expect_float_eq(rounded.epoch_valid_loss[e], plain.epoch_valid_loss[e],
                       0.01 * plain.epoch_valid_loss[e]);
    cr_expect_neq(rounded.train_loss[e], plain.train_loss[e], "nothing was rounded");
  }
}

/* The model of a run in bf16 is one like others: evaluated in fp32, within the run and afterwards. */
Test(precision, models_are_evaluated_in_fp32) {
  run_well(ALONE, "train config.yaml name=bf16 train.precision=bf16");
  char within[64];
  json_value(file_text("runs/bf16/summary.json"), "test_loss", within);
  run_well(ALONE, "eval runs/bf16/model.h5 data.h5 --json after.json");
  cr_assert_float_eq(json_double(file_text("after.json"), "loss"), strtod(within, NULL), 1e-12);
}

Test(precision, a_run_goes_on_to_the_same_bits) {
  run_well(ALONE, "train config.yaml name=whole train.precision=bf16");
  run_well(ALONE, "train config.yaml name=parts train.precision=bf16 train.steps=24");
  result_t other = run(ALONE, "train config.yaml name=parts --resume");
  cr_assert_eq(other.code, 2);
  cr_assert_not_null(strstr(other.err, "train.precision is not what"), "%s", other.err);
  run_well(2, "train config.yaml name=parts train.precision=bf16 --resume");
  outcome_t whole = outcome_of("whole"), parts = outcome_of("parts");
  outcome_expect_same(&whole, &parts, "resumed on two ranks");
}

Test(precision, is_refused_where_it_makes_no_sense) {
  result_t result = run(ALONE, "train config.yaml train.precision=bf17");
  cr_assert_eq(result.code, 2);
  cr_assert_not_null(strstr(result.err, "train.precision"), "%s", result.err);
  result = run(ALONE, "train config.yaml optimizer=lbfgs train.global_batch_size=all "
                      "train.precision=bf16");
  cr_assert_eq(result.code, 2);
  cr_assert_not_null(
      strstr(result.err, "override 'train.precision=bf16': train.precision: the optimiser lbfgs"), "%s",
      result.err);
}

/* The gradient's check has nothing to compare rounded products with: it takes the network as it is in fp32.
 */
Test(precision, gradcheck_is_in_fp32) {
  run_command("sed -i 's/^train: {/train: {precision: bf16, /' config.yaml");
  run_well(ALONE, "gradcheck config.yaml");
  result_t result = run(ALONE, "gradcheck config.yaml train.precision=bf16");
  cr_expect_eq(result.code, 2, "who gives the key there expects an effect: %s", result.err);
}

/* The summary names the instruction set, and a precision that is slow with it is told. */
Test(precision, a_run_says_what_it_computes_with) {
  cr_assert_eq(setenv("LOCKSTEP_ISA", "emulated", 1), 0);
  const char *const slow[] = {"bf16", "bf16_dot"};
  for (int i = 0; i < 2; i++) {
    result_t result =
        run_well(ALONE, "train config.yaml name=slow train.precision=%s train.epochs=1", slow[i]);
    cr_assert_not_null(strstr(result.err, "slower than fp32"), "%s", result.err);
    result = run_well(ALONE, "check config.yaml train.precision=%s", slow[i]);
    cr_assert_not_null(strstr(result.err, "slower than fp32"), "%s", result.err);
  }
  result_t result = run_well(ALONE, "train config.yaml name=plain train.epochs=1");
  cr_assert_null(strstr(result.err, "slower than fp32"), "%s", result.err);
  cr_assert_not_null(strstr(file_text("runs/plain/summary.json"), "\"isa\": \"emulated\""));
}

/* Denormal numbers count as zero in every thread that reaches a result: data with them trains to the bits of
 * data with zeros in their place. Weights start at zero, so that the smallest product would show. */
Test(precision, denormal_numbers_count_as_zero) {
  const float tiny[] = {0, 0x1p-130F};
  for (int k = 0; k < 2; k++) {
    FILE *file = fopen(k == 0 ? "zeros.csv" : "tiny.csv", "w");
    cr_assert_not_null(file);
    for (int r = 0; r < 200; r++) fprintf(file, "%d,%.9g,%d\n", r % 7, (double)tiny[k] * (1 + r % 3), r % 5);
    cr_assert_eq(fclose(file), 0);
  }
  run_well(ALONE, "import zeros.csv zeros.h5 --regression --label -1");
  run_well(ALONE, "import tiny.csv tiny.h5 --regression --label -1");
  write_text("tiny.yaml", "model: {layers: [{dense: {units: 1, init: zeros}}]}\nloss: mse\n"
                          "optimizer: {name: sgd, learning_rate: 0.01}\n"
                          "train: {epochs: 2, global_batch_size: 20}\nparallel: {shards: 4, threads: 2}\n");
  run_well(ALONE, "train tiny.yaml name=zeros data.file=zeros.h5");
  run_well(ALONE, "train tiny.yaml name=tiny data.file=tiny.h5");
  char zeros[64], with[64];
  json_value(file_text("runs/zeros/summary.json"), "parameters_checksum", zeros);
  json_value(file_text("runs/tiny/summary.json"), "parameters_checksum", with);
  cr_assert_str_eq(zeros, with);
}

Test(precision, an_instruction_set_that_is_not_there_is_refused) {
  cr_assert_eq(setenv("LOCKSTEP_ISA", "avx3", 1), 0);
  result_t result = run(ALONE, "--version");
  cr_assert_eq(result.code, 2);
  cr_assert_not_null(strstr(result.err, "LOCKSTEP_ISA: 'avx3' is no instruction set"), "%s", result.err);
  cr_assert_eq(setenv("LOCKSTEP_ISA", "emulated", 1), 0);
  result = run(ALONE, "--version");
  cr_assert_not_null(strstr(result.out, "isa emulated restricted by LOCKSTEP_ISA"), "%s", result.out);
}
