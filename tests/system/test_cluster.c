/* lockstep cluster: one result on every layout, from memory or a stream, whole or resumed; and what it
 * refuses.
 */
#include "system/run.h"

#include "base/clock.h"

#include <criterion/criterion.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROWS = 2100 };

static const char *const methods[] = {"kmeans", "mixture", "minibatch cluster.batch=300"};
enum { METHODS = sizeof methods / sizeof methods[0] };

static void configure_rows(int64_t rows, const char *more) {
  write_dataset("data.h5", (spec_t){.rows = rows, .regression = true});
  write_text("config.yaml",
             "data: {file: data.h5, validation: 0.1, scaling: standard}\n"
             "cluster: {k: 7, starts: 3, tolerance: 0.004}\n"
             "train: {epochs: 60}\n"
             "parallel: {shards: 11, threads: 1}\n%s",
             more);
}

static void configure(const char *more) {
  configure_rows(ROWS, more);
}

TestSuite(cluster, .init = place_make, .fini = place_remove);

Test(cluster, the_same_bits_on_any_layout) {
  static const struct {
    int ranks;
    const char *words;
  } layouts[] = {{ALONE, "parallel.threads=3"}, {3, "parallel.ranks_per_node=1 parallel.threads=2"}};
  configure("");
  for (int m = 0; m < METHODS; m++) {
    run_well(ALONE, "cluster config.yaml name=one cluster.method=%s", methods[m]);
    const outcome_t expected = outcome_of("one");
    for (size_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++) {
      run_well(layouts[i].ranks, "cluster config.yaml name=other cluster.method=%s %s", methods[m],
               layouts[i].words);
      const outcome_t outcome = outcome_of("other");
      outcome_expect_same(&expected, &outcome, methods[m]);
    }
  }
}

/* 4410 training rows of some 120 bytes: eight times the limit, which holds two parts of 256 rows. */
Test(cluster, data_larger_than_memory_gives_the_same_bits) {
  static const char *const ways[] = {
      "k-means++",
      "k-means||",
      "random",
      "k-means|| cluster.method=minibatch cluster.batch=200 data.shuffle=blocks",
      "random cluster.method=mixture",
      "random cluster.method=mixture cluster.covariance=tied"};
  configure_rows(4900, "");
  for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
    run_well(ALONE, "cluster config.yaml name=memory cluster.init=%s", ways[i]);
    const outcome_t expected = outcome_of("memory");
    run_well(i % 3 == 0 ? 2 : ALONE,
             "cluster config.yaml name=streamed cluster.init=%s data.memory_limit=64KB parallel.threads=2",
             ways[i]);
    const outcome_t outcome = outcome_of("streamed");
    outcome_expect_same(&expected, &outcome, ways[i]);
  }
}

/* A time limit that is over before the first iteration is: the checkpoint is that of the beginning. */
static void stop_by_the_clock(int m, const outcome_t *expected) {
  result_t result =
      run(m == 0 ? 2 : ALONE, "cluster config.yaml name=stopped train.time_limit=0.001 cluster.method=%s",
          methods[m]);
  cr_expect_eq(result.code, 75, "%d: %s", result.code, result.err);
  cr_expect(file_exists("runs/stopped/checkpoint-00000000.h5"), "%s: %s", methods[m], result.err);
  run_well(m == 1 ? 2 : ALONE, "cluster config.yaml name=stopped --resume cluster.method=%s", methods[m]);
  const outcome_t outcome = outcome_of("stopped");
  outcome_expect_same(expected, &outcome, "stopped by the clock");
}

Test(cluster, a_resumed_run_has_the_same_bits_and_a_time_limit_ends_with_75) {
  configure("checkpoint: {every: 1 epochs}\n");
  for (int m = 0; m < METHODS; m++) {
    run_well(ALONE, "cluster config.yaml name=whole cluster.method=%s", methods[m]);
    const outcome_t expected = outcome_of("whole");
    for (int epochs = 1; epochs < 7; epochs += 3) {
      run_well(ALONE, "cluster config.yaml name=parts cluster.method=%s train.epochs=%d", methods[m], epochs);
      run_well(epochs == 4 ? 3 : ALONE, "cluster config.yaml name=parts cluster.method=%s --resume",
               methods[m]);
      const outcome_t outcome = outcome_of("parts");
      outcome_expect_same(&expected, &outcome, methods[m]);
    }
    stop_by_the_clock(m, &expected);
  }
}

/* The key that was changed is named, not one that follows from it. */
Test(cluster, a_resumed_run_keeps_its_clusters) {
  static const char *const changes[] = {"cluster.k", "cluster.method", "cluster.init"};
  static const char *const values[] = {"5", "mixture", "random"};
  char why[64];
  configure("");
  run_well(ALONE, "cluster config.yaml name=parts train.epochs=1");
  for (int i = 0; i < 3; i++) {
    const result_t result =
        run(ALONE, "cluster config.yaml name=parts --resume %s=%s", changes[i], values[i]);
    snprintf(why, sizeof why, "%s is not what runs/parts was started with", changes[i]);
    cr_expect_eq(result.code, 2, "%s: %d", changes[i], result.code);
    cr_expect_not_null(strstr(result.err, why), "%s: %s", changes[i], result.err);
  }
}

/* A signal ends work that would take minutes: the choice of very many centres, and one long pass. */
Test(cluster, a_signal_ends_a_long_epoch) {
  static const struct {
    int ranks;
    const char *words;
  } cases[] = {{2, "cluster many.yaml cluster.k=12000 cluster.starts=1"},
               {3, "cluster many.yaml cluster.init=greedy cluster.k=12000 cluster.starts=1"},
               {ALONE, "cluster many.yaml cluster.init=k-means|| cluster.k=12000 cluster.starts=1"},
               {2, "density many.yaml density.bandwidth=cross_validated parallel.threads=1"}};
  run_well(ALONE, "import --make blobs --rows 40000 --classes 8 --features 30 --seed 4 many.h5");
  write_text("many.yaml", "data: {file: many.h5}\nparallel: {shards: 8}\n");
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const pid_t pid = run_start(cases[i].ranks, "%s name=long-%d", cases[i].words, (int)i);
    char path[64];
    const double began = clock_seconds();
    snprintf(path, sizeof path, "runs/long-%d/log.jsonl", (int)i);
    while (!file_exists(path) && clock_seconds() - began < LIMIT_SECONDS)
      nanosleep(&(struct timespec){0, 2000000}, NULL);
    cr_assert_gt(run_signal_ranks(pid, i % 2 == 0 ? SIGTERM : SIGUSR1, 1), 0); /* to one rank */
    const result_t result = run_finish(pid, LIMIT_SECONDS);
    cr_expect_eq(result.code, 75, "%s: %d: %s", cases[i].words, result.code, result.err);
    cr_expect_not_null(strstr(result.err, "came to rank"), "%s", result.err);
    snprintf(path, sizeof path, "runs/long-%d/checkpoint-00000000.h5", (int)i); /* within the first epoch */
    cr_expect(file_exists(path), "%s: %s", cases[i].words, result.err);
  }
}

/* A signal ends a fit, and the rest comes later. */
Test(cluster, a_signal_saves_and_ends_with_75) {
  configure("");
  for (int m = 0; m < METHODS; m += 2) {
    char expected[64], found[64];
    const pid_t pid = run_start(ALONE,
                                "cluster config.yaml name=parts-%d cluster.method=%s cluster.starts=1000000 "
                                "train.epochs=1000000",
                                m, methods[m]);
    const double began = clock_seconds();
    snprintf(found, sizeof found, "runs/parts-%d/log.jsonl", m);
    while (!file_exists(found) && clock_seconds() - began < LIMIT_SECONDS)
      nanosleep(&(struct timespec){0, 2000000}, NULL);
    cr_assert_gt(run_signal_ranks(pid, SIGTERM, ANY_RANKS), 0);
    const result_t result = run_finish(pid, LIMIT_SECONDS);
    cr_assert_eq(result.code, 75, "%s: %d: %s", methods[m], result.code, result.err);
    snprintf(found, sizeof found, "runs/parts-%d/summary.json", m);
    const int epochs = (int)json_double(file_text(found), "epochs") + 3;
    run_well(ALONE,
             "cluster config.yaml name=parts-%d cluster.method=%s cluster.starts=1000000 train.epochs=%d "
             "--resume",
             m, methods[m], epochs);
    run_well(ALONE,
             "cluster config.yaml name=whole-%d cluster.method=%s cluster.starts=1000000 train.epochs=%d", m,
             methods[m], epochs);
    json_value(file_text(found), "parameters_checksum", found);
    snprintf(expected, sizeof expected, "runs/whole-%d/summary.json", m);
    json_value(file_text(expected), "parameters_checksum", expected);
    cr_expect_neq(expected[0], '\0');
    cr_expect_str_eq(found, expected, "%s after %d epochs", methods[m], epochs);
  }
}

/* The model has the lowest objective of all starts, also where no checkpoint is kept. */
Test(cluster, the_best_start_is_kept) {
  int earlier = 0;
  configure("");
  for (int seed = 1; seed <= 3; seed++) {
    char step[64], text[4096];
    run_well(ALONE, "cluster config.yaml name=kept cluster.starts=4 train.seed=%d", seed);
    const outcome_t kept = outcome_of("kept");
    snprintf(text, sizeof text, "%s", file_text("runs/kept/summary.json"));
    json_value(text, "model_step", step);
    double least = kept.train_loss[0];
    for (int64_t i = 1; i < kept.epochs; i++)
      if (kept.train_loss[i] < least) least = kept.train_loss[i];
    cr_expect_eq(kept.train_loss[atoi(step) - 1], least, "seed %d: step %s", seed, step);
    earlier += atoi(step) < kept.epochs;
    run_well(ALONE, "cluster config.yaml name=not-kept cluster.starts=4 train.seed=%d checkpoint.every=never",
             seed);
    const outcome_t not_kept = outcome_of("not-kept");
    cr_expect_str_eq(kept.checksum, not_kept.checksum, "seed %d", seed);
  }
  cr_expect_gt(earlier, 0, "the last start was always the best");
}

Test(cluster, mistakes_are_refused_in_words) {
  static const struct {
    const char *words, *message;
    int code;
  } cases[] = {
      {"cluster.k=0", "cluster.k: say how many clusters", 2},
      {"cluster.k=5000", "fewer than cluster.k=5000", 3},
      {"cluster.method=mean", "cluster.method", 2},
      {"cluster.covariance=tied", "cluster.covariance", 2},
      {"cluster.batch=100", "cluster.batch", 2},
      {"data.shuffle=blocks", "data.shuffle: only cluster.method=minibatch", 2},
      {"cluster.method=minibatch train.global_batch_size=100", "it follows from cluster.batch", 2},
      {"cluster.method=minibatch data.memory_limit=64KB", "data.memory_limit", 2},
      {"optimizer.name=sgd", "has no effect in `lockstep cluster`", 2},
      {"loss=mse", "loss: what cluster.method=kmeans makes small is distortion", 2},
      {"model.layers='[dense: 7]'", "model.layers: with cluster.method=kmeans the network is one layer", 2},
      {"model.layers='[centres: 6]'", "6 units, but cluster.k is 7", 2},
      {"parallel.reduce=mpi", "parallel.reduce", 2},
      {"train.precision=bf16", "train.precision", 2},
  };
  configure("");
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const result_t result = run(i == 1 ? 2 : ALONE, "cluster config.yaml %s", cases[i].words);
    cr_expect_eq(result.code, cases[i].code, "%s: %d: %s", cases[i].words, result.code, result.err);
    cr_expect_not_null(strstr(result.err, cases[i].message), "%s: %s", cases[i].words, result.err);
  }
}

/* Before centres are chosen, which takes a pass over the rows for each. */
Test(cluster, too_many_clusters_are_refused_at_once) {
  configure_rows(60000, "");
  const result_t result = run(ALONE, "cluster config.yaml cluster.k=1000000");
  cr_expect_eq(result.code, 3, "%d: %s", result.code, result.err);
  cr_expect_not_null(strstr(result.err, "fewer than cluster.k=1000000"), "%s", result.err);
}

/* A sweep over the number of clusters takes the network of each. */
Test(cluster, a_sweep_varies_the_number) {
  configure("");
  const result_t result = run_well(ALONE, "sweep config.yaml cluster.k=2,5 --metric train_loss");
  cr_expect_not_null(strstr(result.out, "5"), "%s", result.out);
}

/* Rows whose size is about `size`, in three groups. */
static void write_sizes(double size) {
  FILE *table = fopen("sizes.csv", "w");
  cr_assert_not_null(table);
  fputs("a,b,c\n", table);
  for (int i = 0; i < 90; i++)
    fprintf(table, "%.9g,%.9g,%.9g\n", size * (noise((uint64_t)i) + 8 * (i % 3 == 0)),
            size * (noise((uint64_t)i + 1000) + 8 * (i % 3 == 1)), size * noise((uint64_t)i + 2000));
  fclose(table);
  run_well(ALONE, "import --train sizes.csv sizes.h5 --overwrite");
  write_text("sizes.yaml", "data: {file: sizes.h5}\ncluster: {k: 3, starts: 2}\nparallel: {shards: 4}\n");
}

/* Floats hold squares from 1e-38 to 3e38. Beyond, all distances would be infinite, or 0. */
Test(cluster, sizes_whose_squares_floats_cannot_hold_are_refused) {
  static const struct {
    double size;
    const char *message;
  } cases[] = {{1e30, "are too large: floats cannot hold"}, {1e-25, "are too small: floats cannot hold"}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    write_sizes(cases[i].size);
    for (int m = 0; m < METHODS; m++) {
      const result_t result = run(m == 0 ? 2 : ALONE, "cluster sizes.yaml cluster.method=%s", methods[m]);
      cr_expect_eq(result.code, 3, "%g, %s: %d %s", cases[i].size, methods[m], result.code, result.err);
      cr_expect_not_null(strstr(result.err, cases[i].message), "%s", result.err);
    }
    /* with the remedy of the message, and by kernels, whose distances are in double */
    run_well(ALONE, "cluster sizes.yaml name=scaled data.scaling=standard");
    cr_expect_eq(json_double(file_text("runs/scaled/summary.json"), "clusters_with_rows"), 3);
    write_text("kernels.yaml", "data: {file: sizes.h5}\nparallel: {shards: 4}\n");
    run_well(ALONE, "density kernels.yaml");
    run_well(ALONE, "predict runs/kernels sizes.h5 --x train/x --out found.h5");
    float found[90];
    read_floats("found.h5", "log_density", 90, found);
    const double middle = -3 * log(cases[i].size);
    for (int r = 0; r < 90; r++)
      cr_expect(fabs((double)found[r] - middle) < 15, "%g: row %d: %g", cases[i].size, r, (double)found[r]);
  }
}

/* Sizes just within these limits have the clusters of numbers about 1. */
Test(cluster, large_and_small_numbers_have_the_same_clusters) {
  static const double sizes[] = {1, 0x1p56, 0x1p-48};
  int expected[90];
  for (int i = 0; i < 3; i++) {
    write_sizes(sizes[i]);
    run_well(ALONE, "cluster sizes.yaml --replace");
    run_well(ALONE, "predict runs/sizes sizes.h5 --x train/x --out found.csv");
    const char *at = strchr(file_text("found.csv"), '\n');
    for (int r = 0; r < 90; r++, at = strchr(at + 1, '\n')) {
      const int cluster = atoi(strchr(at, ',') + 1);
      if (i == 0) expected[r] = cluster;
      cr_expect_eq(cluster, expected[r], "%g: row %d", sizes[i], r);
    }
  }
}

/* A row that is infinitely far from all centres is not silently of the first one. */
Test(cluster, predictions_that_are_not_finite_have_a_warning) {
  write_sizes(1);
  run_well(ALONE, "cluster sizes.yaml");
  write_text("far.csv", "a,b,c\n0.1,0.2,0.3\n1e30,0,0\n");
  const result_t result = run_well(ALONE, "predict runs/sizes far.csv --out found.csv");
  cr_expect_not_null(strstr(result.err, "the predictions of 1 of 2 rows (the first: row 1) are not finite"),
                     "%s", result.err);
}

/* Components are in double, but errors of rows are floats. */
Test(cluster, scores_that_floats_cannot_hold_are_told) {
  static const struct {
    double size;
    int code;
    const char *message;
  } cases[] = {{1e30, 3, "the threshold is infinite"}, {1e-25, 0, "the threshold is 0"}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    write_sizes(cases[i].size);
    write_text("plain.yaml", "data: {file: sizes.h5}\nparallel: {shards: 4}\n");
    run_well(ALONE, "components plain.yaml components.n=2");
    const result_t result = run(i == 0 ? 2 : ALONE, "anomalies runs/plain sizes.csv");
    cr_expect_eq(result.code, cases[i].code, "%g: %d %s", cases[i].size, result.code, result.err);
    cr_expect_not_null(strstr(result.err, cases[i].message), "%s", result.err);
  }
}
