/* The memory that `check` announces is the memory that a run takes, on whatever layout. */
#include "system/run.h"

#include "store/store.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 64 MB of rows, 9 MB of parameters, 55 MB of activations. */
enum { ROWS = 64000, WIDTH = 250 };

static void write_rows(const char *path, size_t rows, size_t width) {
  ls_error error = {0};
  store_t *store = NULL;
  float *x = calloc(rows * width, sizeof *x);
  int32_t *y = calloc(rows, sizeof *y);
  cr_assert(x != NULL && y != NULL);
  for (size_t i = 0; i < rows * width; i++) x[i] = (float)noise(i);
  for (size_t i = 0; i < rows; i++) y[i] = (int32_t)(i % CLASSES);
  cr_assert_eq(store_create(path, &store, &error), LS_OK, "%s", error.message);
  store_write(store, "train/x", STORE_F32, 2, (int64_t[]){(int64_t)rows, (int64_t)width}, x, &error);
  store_write(store, "train/y", STORE_I32, 1, (int64_t[]){(int64_t)rows}, y, &error);
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
  write_rows("data.h5", ROWS, WIDTH);
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
    cr_expect(run_is_sanitized() || (taken > 0.85 * expected && taken < 1.15 * expected),
              "%d ranks, %s: announced %.1f MB, taken %.1f MB", cases[i].ranks, cases[i].with, expected / 1e6,
              taken / 1e6);
  }
}

/* Many rows of few features, for what grows with the rows, and few rows of many features, for the sums. */
Test(memory, check_announces_what_a_fit_takes) {
  static const struct {
    int ranks;
    const char *command, *option, *with;
  } cases[] = {
      {2, "cluster", "", "data.file=long.h5 cluster.k=4 parallel.threads=1 data.memory_limit=1MB"},
      {1, "cluster", "", "data.file=long.h5 cluster.k=4 cluster.method=minibatch parallel.threads=2"},
      {1, "cluster", "", "data.file=wide.h5 cluster.k=100 parallel.threads=2 'cluster.init=k-means||'"},
      {1, "cluster", "", "data.file=wide.h5 cluster.k=4 parallel.threads=2 cluster.method=mixture"},
      {1, "density", "--density", "data.file=wide.h5 density.bandwidth=[2,3] parallel.threads=2"}};
  write_rows("long.h5", 200000, 4);
  write_rows("wide.h5", 2000, 300);
  write_text("config.yaml", "data: {file: long.h5}\n");
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const char *with = cases[i].with, *epochs = cases[i].option[0] == '\0' ? "train.epochs=2" : "";
    double expected =
        announced(run_well(cases[i].ranks, "check config.yaml %s %s", cases[i].option, with).out);
    run_well(cases[i].ranks, "%s config.yaml name=run --replace %s %s", cases[i].command, with, epochs);
    double taken = json_double(file_text("runs/run/summary.json"), "memory_bytes");
    cr_expect(run_is_sanitized() || (taken > 0.85 * expected && taken < 1.2 * expected),
              "%d ranks, %s: announced %.1f MB, taken %.1f MB", cases[i].ranks, with, expected / 1e6,
              taken / 1e6);
  }
}

/* 16 MB of rows and a limit of 2 MB: the same bits, and a peak that is lower by the difference. */
Test(memory, fits_of_data_eight_times_the_limit_keep_to_it) {
  static const char *const fits[] = {
      "cluster config.yaml cluster.k=3 cluster.method=mixture cluster.init=random train.epochs=2",
      "components config.yaml components.n=3 components.method=exact",
      "density config.yaml density.rows=100 density.bandwidth=1"};
  static const double saved = 14e6;
  write_rows("rows.h5", 40000, 100);
  write_text("config.yaml", "data: {file: rows.h5}\n");
  for (size_t i = 0; i < sizeof fits / sizeof fits[0]; i++) {
    char checksum[2][64];
    double taken[2];
    for (int streams = 0; streams < 2; streams++) {
      run_well(ALONE, "%s name=run parallel.threads=2 %s", fits[i], streams ? "data.memory_limit=2MB" : "");
      const char *summary = file_text("runs/run/summary.json");
      json_value(summary, "parameters_checksum", checksum[streams]);
      taken[streams] = json_double(summary, "memory_bytes");
    }
    cr_expect_str_eq(checksum[0], checksum[1], "%s", fits[i]);
    cr_expect(run_is_sanitized() || taken[1] < taken[0] - 0.7 * saved,
              "%s: %.1f MB in memory, %.1f MB streamed", fits[i], taken[0] / 1e6, taken[1] / 1e6);
  }
}
