/* The memory that `check` announces is the memory that a run takes, on whatever layout. */
#include "system/run.h"

#include "store/store.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 64 MB of rows, 9 MB of parameters, 55 MB of activations. */
enum { ROWS = 64000, WIDTH = 250 };

static void write_rows(void) {
  ls_error error = {0};
  store_t *store = NULL;
  float *x = calloc((size_t)ROWS * WIDTH, sizeof *x);
  int32_t *y = calloc(ROWS, sizeof *y);
  cr_assert(x != NULL && y != NULL);
  for (size_t i = 0; i < (size_t)ROWS * WIDTH; i++) x[i] = (float)noise(i);
  for (size_t i = 0; i < ROWS; i++) y[i] = (int32_t)(i % CLASSES);
  cr_assert_eq(store_create("data.h5", &store, &error), LS_OK, "%s", error.message);
  store_write(store, "train/x", STORE_F32, 2, (int64_t[]){ROWS, WIDTH}, x, &error);
  store_write(store, "train/y", STORE_I32, 1, (int64_t[]){ROWS}, y, &error);
  cr_assert_eq(store_publish(&store, &error), LS_OK, "%s", error.message);
  free(x);
  free(y);
}

/* The sum that `check` prints for its only node, in bytes. */
static double announced(const char *text) {
  double megabytes = 0;
  const char *line = strstr(text, "node 0: ");
  cr_assert(line != NULL && sscanf(line, "node 0: %lf MB", &megabytes) == 1, "%s", text);
  return megabytes * 1e6;
}

TestSuite(memory, .init = place_make, .fini = place_remove);

Test(memory, check_announces_what_a_run_takes) {
  static const struct {
    int ranks;
    const char *with;
  } cases[] = {{1, "parallel.threads=2"},
               {1, "parallel.threads=2 train.precision=bf16"},
               {2, "parallel.threads=1"},
               {2, "parallel.threads=1 data.memory_limit=8MB"},
               {2, "parallel.threads=1 data.memory_limit=24MB loss=mse data.window.length=2 "
                   "data.window.horizon=5 data.window.targets=[0]"}};
  write_rows();
  write_text("config.yaml",
             "data: {file: data.h5, scaling: standard}\n"
             "model: {layers: [{dense: {units: 1024, activation: relu}}, {dense: {units: 1024, activation: "
             "relu}}, {dense: %d}]}\n"
             "loss: cross_entropy\n"
             "train: {epochs: 1, steps: 2, global_batch_size: 2048}\n",
             CLASSES);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    double expected = announced(run_well(cases[i].ranks, "check config.yaml %s", cases[i].with).out);
    run_well(cases[i].ranks, "train config.yaml name=run %s", cases[i].with);
    double taken = json_double(file_text("runs/run/summary.json"), "memory_bytes");
    cr_expect(taken > 0.85 * expected && taken < 1.15 * expected,
              "%d ranks, %s: announced %.1f MB, taken %.1f MB", cases[i].ranks, cases[i].with, expected / 1e6,
              taken / 1e6);
  }
}
