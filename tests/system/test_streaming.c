/* Data that is larger than data.memory_limit: nothing that comes out of a run may show that its rows were
 * read while they were used; and what goes wrong with reading ends the run everywhere. */
#include "system/run.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* 2551 training rows of 108 bytes after the share: five times the limit, with the other rows. */
enum { ROWS = 3001 };
#define LIMIT "data.memory_limit=80KB" /* more than 512 rows with doubles as targets */

static void configure(bool regression, const char *scaling) {
  write_dataset("data.h5", (spec_t){.rows = ROWS, .regression = regression});
  write_text("config.yaml",
             "data: {file: data.h5, validation: 0.15, scaling: %s%s}\n"
             "model:\n"
             "  layers:\n"
             "    - dense: {units: 24, activation: relu}\n"
             "    - dropout: 0.2\n"
             "    - dense: %d\n"
             "loss: %s\n"
             "optimizer: {name: adam, learning_rate: 0.01}\n"
             "train: {epochs: 2, global_batch_size: 86}\n"
             "parallel: {shards: 6, threads: 1}\n",
             scaling, regression ? ", target_scaling: standard" : "", regression ? TARGETS : CLASSES,
             regression ? "mse" : "cross_entropy");
}

TestSuite(streaming, .init = place_make, .fini = place_remove);

/* With the words of `memory` all rows are in memory; `streamed` adds a layout to them and the limit. */
static void compare(const char *memory, const char *const *streamed, int n) {
  run_well(ALONE, "train config.yaml name=memory %s", memory);
  outcome_t expected = outcome_of("memory");
  for (int i = 0; i < n; i++) {
    int ranks = ALONE, used = 0;
    cr_assert_eq(sscanf(streamed[i], "%d %n", &ranks, &used), 1);
    run_well(ranks, "train config.yaml name=streamed %s " LIMIT " %s", memory, streamed[i] + used);
    outcome_t outcome = outcome_of("streamed");
    outcome_expect_same(&expected, &outcome, streamed[i]);
  }
}

#define COMPARE(memory, ...)                                                                                 \
  compare(memory, (const char *const[]){__VA_ARGS__},                                                        \
          sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

Test(streaming, the_same_bits_as_in_memory_in_any_order_and_layout) {
  configure(false, "standard");
  COMPARE("data.shuffle=blocks", "0 parallel.threads=2", "3 ");
  COMPARE("data.shuffle=full", "4 parallel.ranks_per_node=2");
  COMPARE("data.shuffle=none", "2 parallel.threads=2");
}

Test(streaming, the_same_bits_in_regression_with_scaled_targets) {
  configure(true, "{name: minmax, range: [-1, 1]}");
  COMPARE("data.shuffle=full", "3 parallel.ranks_per_node=1");
}

/* Quartiles, categories and means are found in walks over the rows; dropped rows are no part of any. */
Test(streaming, the_same_bits_with_columns_of_every_kind_and_gaps) {
  FILE *table = fopen("table.csv", "w");
  cr_assert_not_null(table);
  fputs("size,ward,dose,ill\n", table);
  for (int i = 0; i < 2 * ROWS; i++)
    fprintf(table, i % 11 == 3 ? "%d,%d,,%d\n" : "%d,%d,%d.5,%d\n", i * 7919 % 1009, i * i % 5,
            i % 11 == 3 ? i % 2 : i % 97, i % 2);
  fclose(table);
  run_well(ALONE, "import table.csv table.h5 --label ill --missing --split train=0.95,test=0.05");
  write_text("config.yaml", "data:\n"
                            "  file: table.h5\n"
                            "  validation: 0.15\n"
                            "  missing: mean\n"
                            "  scaling: {name: robust, columns: {ward: one_hot}}\n"
                            "model: {layers: [dense: {units: 8, activation: relu}, dense: 2]}\n"
                            "loss: cross_entropy\n"
                            "train: {epochs: 1, global_batch_size: 86}\n"
                            "parallel: {shards: 6, threads: 1}\n");
  COMPARE("data.missing=mean", "0 parallel.threads=2", "3 ");
  COMPARE("data.missing=drop", "2 ");
}

/* The library reads what does not lie in one piece, while rank 0 writes checkpoints with it. */
Test(streaming, the_same_bits_from_compressed_chunks) {
  const char *python = run_python();
  if (python == NULL) cr_skip_test("no Python with h5py and numpy here");
  configure(false, "standard");
  result_t result =
      run_command("%s -c '"
                  "import h5py\n"
                  "with h5py.File(\"data.h5\") as old, h5py.File(\"chunks.h5\", \"w\") as new:\n"
                  "  for a in (\"train/x\", \"train/y\", \"test/x\", \"test/y\"):\n"
                  "    new.create_dataset(a, data=old[a][:], chunks=(97, *old[a].shape[1:]), "
                  "compression=\"gzip\")'",
                  python);
  cr_assert_eq(result.code, 0, "%s", result.err);
  COMPARE("data.shuffle=blocks 'checkpoint.every=5 steps'", "2 data.file=chunks.h5",
          "0 parallel.threads=2 data.file=chunks.h5");
}

Test(streaming, a_run_goes_on_within_an_epoch) {
  configure(false, "standard");
  run_well(ALONE, "train config.yaml name=whole");
  run_well(2, "train config.yaml name=cut 'checkpoint.every=35 steps' checkpoint.keep=9 " LIMIT);
  cr_assert_eq(unlink("runs/cut/checkpoint-00000060.h5"), 0); /* the last; 35 is in the second epoch */
  run_well(ALONE, "train --resume config.yaml name=cut " LIMIT " parallel.threads=2");
  outcome_t whole = outcome_of("whole"), resumed = outcome_of("cut");
  outcome_expect_same(&whole, &resumed, "resumed");
}

Test(streaming, eval_and_predict_say_the_same) {
  configure(false, "standard");
  run_well(ALONE, "train config.yaml name=net");
  run_well(ALONE, "eval runs/net --split train --json memory.json");
  run_well(3, "eval runs/net --split train --json streamed.json " LIMIT);
  cr_assert_eq(run_command("cmp memory.json streamed.json").code, 0, "%s", file_text("streamed.json"));
  run_well(ALONE, "predict runs/net data.h5 --x train/x --out memory.csv");
  run_well(2, "predict runs/net data.h5 --x train/x --out streamed.csv " LIMIT);
  cr_assert_eq(run_command("cmp memory.csv streamed.csv").code, 0);
}

Test(streaming, solve_finds_the_same_and_is_as_sure_of_it) {
  char memory[64], streamed[64];
  write_dataset("data.h5", (spec_t){.rows = ROWS, .regression = true, .weighted = true});
  write_text("config.yaml",
             "data: {file: data.h5, validation: 0.15, scaling: standard, target_scaling: standard}\n"
             "model: {layers: [{dense: %d}]}\n"
             "loss: mse\n"
             "solve: {method: bayesian}\n"
             "parallel: {shards: 6}\n",
             TARGETS);
  run_well(ALONE, "solve config.yaml name=memory data.weights=train/weights");
  run_well(3, "solve config.yaml name=streamed data.weights=train/weights " LIMIT);
  json_value(file_text("runs/memory/summary.json"), "parameters_checksum", memory);
  json_value(file_text("runs/streamed/summary.json"), "parameters_checksum", streamed);
  cr_assert_str_eq(memory, streamed);
  run_well(ALONE, "predict runs/memory data.h5 --x train/x --out memory.csv");
  run_well(2, "predict runs/memory data.h5 --x train/x --out streamed.csv " LIMIT);
  cr_assert_eq(run_command("cmp memory.csv streamed.csv").code, 0);
}

/* Weights are known as a whole only after a walk over all rows. */
Test(streaming, the_same_bits_with_weights_of_rows_and_classes) {
  const char *weights = "data.weights=train/weights data.test_weights=test/weights";
  configure(false, "standard");
  write_dataset("data.h5", (spec_t){.rows = ROWS, .weighted = true});
  COMPARE("data.weights=train/weights data.test_weights=test/weights loss.class_weights=balanced",
          "0 parallel.threads=2", "4 parallel.ranks_per_node=2");
  run_well(ALONE, "train config.yaml name=without data.weights=none loss.class_weights=balanced");
  cr_expect_neq(outcome_of("memory").train_loss[1], outcome_of("without").train_loss[1]);
  COMPARE("'loss.class_weights=[0.5, 1, 2, 4, 0]'", "3 ");
  run_well(ALONE, "eval runs/memory --split train --json memory.json %s", weights);
  run_well(3, "eval runs/memory --split train --json streamed.json %s " LIMIT, weights);
  cr_assert_eq(run_command("cmp memory.json streamed.json").code, 0, "%s", file_text("streamed.json"));
}

static void expect_end(int ranks, const char *words, int code, const char *part) {
  result_t result = run(ranks, "train config.yaml %s", words);
  cr_assert_eq(result.code, code, "%s: %s", words, result.err);
  cr_assert_not_null(strstr(result.err, part), "no '%s' in: %s", part, result.err);
}

/* One rank of three meets the NaN in the middle of an epoch; the others, also those of other nodes, stop too.
 */
Test(streaming, what_is_wrong_with_a_row_ends_the_run_on_every_rank) {
  configure(false, "none");
  write_dataset("data.h5", (spec_t){.rows = ROWS, .nan_row = 2900});
  expect_end(3, LIMIT " data.validation=0", 3, "NaN in row 2900, column 3");
  expect_end(3, LIMIT " data.validation=0 parallel.ranks_per_node=1", 3, "NaN in row 2900, column 3");
  expect_end(3, LIMIT " data.validation=0 parallel.reduce=mpi", 3, "NaN in row 2900, column 3");
}

Test(streaming, a_limit_that_is_too_small_is_refused) {
  configure(false, "none");
  expect_end(2, "data.memory_limit=20KB", 2, "data.memory_limit is 0.020 MB");
  expect_end(2, "data.memory_limit=72KB train.global_batch_size=1200", 2, "too little for two steps");
}

/* HDF5 unpacks whole chunks, however few rows are wanted. */
Test(streaming, chunks_larger_than_the_limit_are_refused) {
  if (run_python() == NULL) cr_skip_test("needs h5py");
  configure(false, "standard");
  write_text("chunks.py",
             "import h5py\n"
             "with h5py.File('data.h5') as f, h5py.File('chunks.h5', 'w') as g:\n"
             "    for s in 'train', 'test':\n"
             "        x = f[s + '/x'][...]\n"
             "        g.create_dataset(s + '/x', data=x, chunks=(len(x), 13), compression='gzip')\n"
             "        g[s + '/y'] = f[s + '/y'][...]\n");
  cr_assert_eq(run_command("%s chunks.py", run_python()).code, 0);
  result_t result = run(2, "train config.yaml data.file=chunks.h5 " LIMIT);
  cr_expect_eq(result.code, 2, "%s", result.err);
  cr_expect_not_null(strstr(result.err, "train/x is stored in chunks of 0.312 MB"), "%s", result.err);
  run_well(2, "train config.yaml data.file=chunks.h5 data.memory_limit=320KB");
}
