/* Copies of the parameters that differ: the node or rank is named, the run returns to the last checkpoint on
 * which all agreed, and ends with the bits of a run in which nothing happened. FLIP is tests/faults/flip.c.
 */
#include "system/run.h"

#include <criterion/criterion.h>
#include <string.h>

/* 861 training rows in 11 steps of 86 */
enum { EPOCHS = 4 };

static void set_up(void) {
  place_make();
  write_dataset("data.h5", (spec_t){.rows = 1013});
  write_text("config.yaml",
             "data: {file: data.h5, validation: 0.15, scaling: standard}\n"
             "model: {layers: [{dense: {units: 37, activation: relu}}, {dense: %d}]}\n"
             "loss: cross_entropy\n"
             "optimizer: {name: adam, learning_rate: 0.002}\n"
             "train: {epochs: %d, global_batch_size: 86, verify_every: 1 steps}\n"
             "parallel: {shards: 6, threads: 1, ranks_per_node: 1}\n"
             "checkpoint: {every: 4 steps}\n",
             CLASSES, EPOCHS);
}

TestSuite(verify, .init = set_up, .fini = place_remove);

static result_t run_flipped(int ranks, const char *flip, const char *words) {
  return run_command("env LD_PRELOAD=%s %s %s train config.yaml name=flipped %s", FLIP, flip,
                     run_launcher(ranks), words);
}

static void expect_words(const result_t *result, int code, const char *const *words) {
  cr_expect_eq(result->code, code, "exit code %d: %s", result->code, result->err);
  for (; *words != NULL; words++)
    cr_expect_not_null(strstr(result->err, *words), "'%s':\n%s", *words, result->err);
}

/* The receiver of the changed message has other parameters than all others. Rank 0 sends to rank 1 first. */
Test(verify, node_is_named_and_the_run_returns) {
  run_well(ALONE, "train config.yaml name=whole");
  outcome_t whole = outcome_of("whole");
  result_t result = run_flipped(3, "FLIP_RANK=0 FLIP_SEND=31", "");
  expect_words(&result, 0,
               (const char *const[]){"silent corruption: after step ", "the parameters of node 1 (",
                                     ") differs from the others. The run returns to step ", NULL});
  outcome_t flipped = outcome_of("flipped");
  outcome_expect_same(&whole, &flipped, "flipped");
  cr_expect_not_null(strstr(file_text("runs/flipped/log.jsonl"), "\"event\": \"return\""));
}

Test(verify, two_nodes_are_both_named) {
  run_well(ALONE, "train config.yaml name=whole");
  outcome_t whole = outcome_of("whole");
  result_t result = run_flipped(2, "FLIP_RANK=1 FLIP_SEND=31", "checkpoint.every=never");
  expect_words(&result, 0,
               (const char *const[]){"the parameters of node 0 (", ", node 1 (", "there is no majority",
                                     "The run returns to step 0", NULL});
  outcome_t flipped = outcome_of("flipped");
  outcome_expect_same(&whole, &flipped, "flipped");
}

/* With reduce: mpi, copies stay different, so they need not be compared at once. */
Test(verify, rank_is_named_with_reduce_mpi) {
  const char *settings = "parallel.reduce=mpi train.verify_every='1 epochs'";
  result_t result = run_well(3, "train config.yaml name=whole %s", settings);
  outcome_t whole = outcome_of("whole");
  result = run_flipped(3, "FLIP_RANK=2 FLIP_SUM=25", settings);
  expect_words(&result, 0,
               (const char *const[]){"after step 28 the parameters of rank 2 (", "returns to step 24", NULL});
  outcome_t flipped = outcome_of("flipped");
  outcome_expect_same(&whole, &flipped, "flipped");
}

/* A node that is broken ends the run, which leaves a checkpoint to go on from. */
Test(verify, returning_has_an_end) {
  run_well(ALONE, "train config.yaml name=whole");
  outcome_t whole = outcome_of("whole");
  result_t result = run_flipped(3, "FLIP_RANK=0 FLIP_SEND=31 FLIP_TIMES=100000", "");
  expect_words(&result, 1, (const char *const[]){"has returned to a checkpoint 3 times already", NULL});
  run_well(2, "train config.yaml name=flipped --resume");
  outcome_t flipped = outcome_of("flipped");
  outcome_expect_same(&whole, &flipped, "flipped");
}

Test(verify, a_single_copy_is_mentioned) {
  result_t result = run_well(2, "train config.yaml name=one parallel.ranks_per_node=auto");
  cr_expect_not_null(strstr(result.err, "train.verify_every has no effect"), "%s", result.err);
}
