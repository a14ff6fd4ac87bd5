/* Forecasts from series that are larger than data.memory_limit: nothing that comes out of a run may show that
 * its time steps were read while they were used. */
#include "system/run.h"

#include "store/store.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* 30000 steps of 16 bytes and more, several times the limit on any number of ranks. */
enum { STEPS = 30000, COLUMNS = 3, SERIES = 7 };
#define LIMIT "data.memory_limit=150KB"

TestSuite(streamed_windows, .init = place_make, .fini = place_remove);

static void write_array(store_t *store, const char *name, store_type_t type, int64_t columns,
                        const void *values) {
  ls_error error = {0};
  cr_assert_eq(
      store_write(store, name, type, columns > 1 ? 2 : 1, (int64_t[]){STEPS, columns}, values, &error), LS_OK,
      "%s", error.message);
}

/* x: three columns that swing and wander; y: a count and a value of its own, behind x by a step; series of
 * very different lengths. */
static void write_series(double nan_row) {
  static float x[STEPS * COLUMNS];
  static double y[STEPS * 2], weights[STEPS];
  static int32_t ids[STEPS];
  ls_error error = {0};
  store_t *store = NULL;
  for (int64_t t = 0; t < STEPS; t++) {
    for (int64_t c = 0; c < COLUMNS; c++)
      x[t * COLUMNS + c] =
          (float)(sin((double)t / (double)(5 + c)) + 0.3 * noise((uint64_t)(t * COLUMNS + c)));
    y[2 * t] = floor(2 + 2 * (double)x[(t > 0 ? t - 1 : 0) * COLUMNS]);
    y[2 * t + 1] = (double)x[t * COLUMNS + 1] * 10;
    weights[t] = floor(4 * noise((uint64_t)t)) / 2;
    ids[t] = (int32_t)(t < 20 ? 9 : 9 - (t * t / STEPS) * SERIES / STEPS);
  }
  if (nan_row > 0) x[(int64_t)nan_row * COLUMNS + 1] = NAN;
  cr_assert_eq(store_create("series.h5", &store, &error), LS_OK, "%s", error.message);
  write_array(store, "train/x", STORE_F32, COLUMNS, x);
  write_array(store, "train/y", STORE_F64, 2, y);
  write_array(store, "train/weights", STORE_F64, 1, weights);
  write_array(store, "train/series", STORE_I32, 1, ids);
  cr_assert_eq(store_publish(&store, &error), LS_OK, "%s", error.message);
}

/* One series, all columns forecast. */
static void configure(void) {
  write_series(0);
  write_text("config.yaml",
             "data:\n"
             "  {file: series.h5, scaling: standard, target_scaling: standard, validation: 0.15,\n"
             "   window: {length: 11, horizon: 2, season: 6, test: 0.2}}\n"
             "model: {layers: [{dense: {units: 16, activation: relu}}, {dropout: 0.1}, {dense: 6}]}\n"
             "loss: mse\n"
             "optimizer: {name: adam, learning_rate: 0.01}\n"
             "train: {epochs: 2, global_batch_size: 500}\n"
             "parallel: {threads: 1, shards: 2}\n");
}

/* With the words of `memory` all steps are in memory; `streamed` adds a layout to them and the limit. */
static void compare(const char *memory, const char *const *streamed, int n) {
  run_well(ALONE, "train config.yaml name=memory %s", memory);
  outcome_t expected = outcome_of("memory");
  char naive[64], found[64];
  json_value(file_text("runs/memory/summary.json"), "test_persistence_rmse", naive);
  for (int i = 0; i < n; i++) {
    int ranks = ALONE, used = 0;
    cr_assert_eq(sscanf(streamed[i], "%d %n", &ranks, &used), 1);
    run_well(ranks, "train config.yaml name=streamed %s " LIMIT " %s", memory, streamed[i] + used);
    outcome_t outcome = outcome_of("streamed");
    outcome_expect_same(&expected, &outcome, streamed[i]);
    json_value(file_text("runs/streamed/summary.json"), "test_persistence_rmse", found);
    cr_expect_str_eq(found, naive);
  }
}

#define COMPARE(memory, ...)                                                                                 \
  compare(memory, (const char *const[]){__VA_ARGS__},                                                        \
          sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

Test(streamed_windows, the_same_bits_as_in_memory_in_any_order_and_layout) {
  configure();
  COMPARE("data.shuffle=blocks", "0 parallel.threads=2", "2 parallel.ranks_per_node=1");
  COMPARE("data.shuffle=full parallel.shards=6 train.global_batch_size=200",
          "4 parallel.ranks_per_node=2 data.memory_limit=60KB");
  COMPARE("data.shuffle=none data.window.stride=2", "2 parallel.threads=2");
}

/* Several series, some of them short; heads of columns of x, of y with counts; scaled by robust figures. */
Test(streamed_windows, the_same_bits_of_several_series_and_heads) {
  configure();
  COMPARE("data.window.series=series data.weights=train/weights data.shuffle=blocks "
          "data.window.targets=[2,0] 'loss=[{name: quantile, "
          "quantiles: [0.1, 0.5], outputs: 4, targets: [1]}, {name: mae, outputs: 2, targets: [0]}]' "
          "data.scaling=robust",
          "0 ", "2 parallel.threads=2");
  COMPARE("data.window.series=series data.window.targets=y train.global_batch_size=200 parallel.shards=4 "
          "'loss=[{name: "
          "poisson_nll, "
          "outputs: 2}, {name: gaussian_nll}]'",
          "3 ");
}

/* The library reads what does not lie in one piece, while rank 0 writes checkpoints with it. */
Test(streamed_windows, the_same_bits_from_compressed_chunks_and_other_types) {
  if (run_python() == NULL) cr_skip_test("no Python with h5py and numpy here");
  configure();
  result_t result =
      run_command("%s -c '"
                  "import h5py\n"
                  "with h5py.File(\"series.h5\") as old, h5py.File(\"chunks.h5\", \"w\") as new:\n"
                  "  new[\"train/x\"] = old[\"train/x\"][:].astype(\"f2\")\n"
                  "  for a in (\"train/x\", \"train/y\", \"train/series\"):\n"
                  "    if a in new: del new[a]\n"
                  "    values = old[a][:].astype(\"f2\") if a == \"train/x\" else old[a][:]\n"
                  "    new.create_dataset(a, data=values, chunks=(997, *values.shape[1:]), "
                  "compression=\"gzip\")'",
                  run_python());
  cr_assert_eq(result.code, 0, "%s", result.err);
  COMPARE("data.file=chunks.h5 data.shuffle=blocks 'checkpoint.every=5 steps' data.window.series=series",
          "2 ");
}

Test(streamed_windows, a_run_goes_on_within_an_epoch) {
  configure();
  run_well(ALONE, "train config.yaml name=whole data.shuffle=blocks");
  run_well(
      2,
      "train config.yaml name=cut data.shuffle=blocks 'checkpoint.every=55 steps' checkpoint.keep=9 " LIMIT);
  cr_assert_eq(unlink("runs/cut/checkpoint-00000078.h5"), 0); /* the last; 55 is in the second epoch */
  run_well(ALONE, "train --resume config.yaml name=cut data.shuffle=blocks " LIMIT " parallel.threads=2");
  outcome_t whole = outcome_of("whole"), resumed = outcome_of("cut");
  outcome_expect_same(&whole, &resumed, "resumed");
}

Test(streamed_windows, eval_predict_and_solve_say_the_same) {
  configure();
  const char *words = "data.window.series=series data.weights=train/weights 'model.layers=[dense: 6]'";
  run_well(ALONE, "solve config.yaml name=memory %s", words);
  run_well(2, "solve config.yaml name=streamed %s " LIMIT, words);
  char memory[64], streamed[64];
  json_value(file_text("runs/memory/summary.json"), "parameters_checksum", memory);
  json_value(file_text("runs/streamed/summary.json"), "parameters_checksum", streamed);
  cr_assert_str_eq(memory, streamed);
  run_well(ALONE, "eval runs/memory --split train --json memory.json");
  run_well(2, "eval runs/memory --split train --json streamed.json " LIMIT);
  cr_expect_eq(run_command("cmp memory.json streamed.json").code, 0, "%s", file_text("streamed.json"));
  run_well(ALONE, "predict runs/memory series.h5 --out memory.csv");
  run_well(2, "predict runs/memory series.h5 --out streamed.csv " LIMIT);
  cr_expect_eq(run_command("cmp memory.csv streamed.csv").code, 0);
}

/* The row of the file is named by whoever reads it first, in memory or later. */
Test(streamed_windows, what_a_loss_cannot_take_is_named_as_in_memory) {
  static const struct {
    double nan_row;
    const char *words, *said;
  } cases[] = {
      {17000, "", "train/x holds NaN in row 17000, column 1"},
      {0, "loss=poisson_nll data.target_scaling=none", "train/x holds -0.206595 in row 18, column 0"},
      {0,
       "'loss=[{name: mse, outputs: 2, targets: [1]}, {name: binary_cross_entropy, targets: [0]}]' "
       "data.window.targets=y 'model.layers=[dense: 4]'",
       "train/y holds 2 in row 0, column 0"},
  };
  configure();
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    if (i < 2) write_series(cases[i].nan_row);
    const char *const memory[] = {"", LIMIT};
    for (int m = 0; m < 2; m++) {
      result_t result = run(m == 0 ? ALONE : 2, "train config.yaml %s %s", cases[i].words, memory[m]);
      cr_expect(result.code == 3 && strstr(result.err, cases[i].said) != NULL, "%s %s: %d: %s",
                cases[i].words, memory[m], result.code, result.err);
    }
  }
}
