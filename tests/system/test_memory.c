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

/* Fails unless the run of `command` takes 0.85 to `high` times what `check OPTION` announces, both with the
 * same settings. A page of the program counts less while other processes of the program share it (the
 * kernel's Pss), such as those of a test beside, so several tries count. */
static void expect_announced(int ranks, const char *command, const char *option, const char *with,
                             double high) {
  double expected = 0, taken = 0;
  for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
    expected = announced(run_well(ranks, "check config.yaml %s %s", option, with).out);
    run_well(ranks, "%s --replace %s", command, with);
    taken = json_double(file_text("runs/run/summary.json"), "memory_bytes");
    if (run_is_sanitized() || (taken > 0.85 * expected && taken < high * expected)) return;
  }
  cr_expect_fail("%d ranks, %s %s: announced %.1f MB, taken %.1f MB", ranks, command, with, expected / 1e6,
                 taken / 1e6);
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
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    expect_announced(cases[i].ranks, "train config.yaml name=run", "", cases[i].with, 1.15);
}

/* Many rows of few features, for what grows with the rows, and few rows of many features, for the sums. */
Test(memory, check_announces_what_a_fit_takes) {
  static const struct {
    int ranks;
    const char *command, *option, *with;
  } cases[] = {{2, "cluster config.yaml name=run train.epochs=2", "",
                "data.file=long.h5 cluster.k=4 parallel.threads=1 data.memory_limit=1MB"},
               {1, "cluster config.yaml name=run train.epochs=2", "",
                "data.file=long.h5 cluster.k=4 cluster.method=minibatch parallel.threads=2"},
               {1, "cluster config.yaml name=run train.epochs=2", "",
                "data.file=wide.h5 cluster.k=100 parallel.threads=2 'cluster.init=k-means||'"},
               {1, "cluster config.yaml name=run train.epochs=2", "",
                "data.file=wide.h5 cluster.k=4 parallel.threads=2 cluster.method=mixture"},
               {1, "density config.yaml name=run", "--density",
                "data.file=wide.h5 density.bandwidth=[2,3] parallel.threads=2"}};
  write_rows("long.h5", 200000, 4);
  write_rows("wide.h5", 2000, 300);
  write_text("config.yaml", "data: {file: long.h5}\n");
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    expect_announced(cases[i].ranks, cases[i].command, cases[i].option, cases[i].with, 1.2);
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
    double taken[2] = {0};
    bool saves = false;
    for (int attempt = 0; attempt < ATTEMPTS && !saves; attempt++) {
      for (int streams = 0; streams < 2; streams++) {
        run_well(ALONE, "%s name=run parallel.threads=2 %s", fits[i], streams ? "data.memory_limit=2MB" : "");
        const char *summary = file_text("runs/run/summary.json");
        json_value(summary, "parameters_checksum", checksum[streams]);
        taken[streams] = json_double(summary, "memory_bytes");
      }
      cr_expect_str_eq(checksum[0], checksum[1], "%s", fits[i]);
      saves = run_is_sanitized() || taken[1] < taken[0] - 0.7 * saved;
    }
    cr_expect(saves, "%s: %.1f MB in memory, %.1f MB streamed", fits[i], taken[0] / 1e6, taken[1] / 1e6);
  }
}
