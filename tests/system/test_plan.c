/* `check --ranks` in one process prints the figures that `check` prints for ranks that have been started. */
#include "system/run.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

TestSuite(plan, .init = place_make, .fini = place_remove);

enum { TEXT_SIZE = 4096, SETTINGS = 2, DATA = 3, MOST = 16 };

/* The program itself is measured, and differs from start to start: in bytes of a rank. */
#define PROGRAM_MB 8

/* The figures of a report: one line for each rank, without its host and memory, then the lines below them. */
typedef struct {
  char text[TEXT_SIZE];
  int ranks;
  double mb[MOST]; /* of each rank */
} figures_t;

static void add(figures_t *figures, const char *text, int length) {
  size_t used = strlen(figures->text);
  snprintf(figures->text + used, TEXT_SIZE - used, "%.*s\n", length, text);
}

static figures_t figures_of(const char *out) {
  figures_t figures = {.ranks = 0};
  for (const char *line = out; *line != '\0'; line += strcspn(line, "\n"), line += *line == '\n') {
    int rank, node, cores, threads, length = (int)strcspn(line, "\n");
    char host[64], shards[64];
    long rows;
    double mb;
    if (sscanf(line, "%d %d %63s %d %d %63s %ld %lf", &rank, &node, host, &cores, &threads, shards, &rows,
               &mb) == 8) {
      char text[256];
      snprintf(text, sizeof text, "%d %d %d %s %ld", rank, node, threads, shards, rows);
      add(&figures, text, (int)strlen(text));
      cr_assert_lt(figures.ranks, MOST);
      figures.mb[figures.ranks++] = mb;
    } else if (strncmp(line, "layout", 6) == 0 || strncmp(line, "balance", 7) == 0 ||
               strncmp(line, "steps", 5) == 0 || strncmp(line, "shards", 6) == 0) {
      add(&figures, line, length);
    } else if (strncmp(line, "memory", 6) == 0) {
      const char *data = strstr(line, "data");
      add(&figures, data, length - (int)(data - line));
    } else if (strncmp(line, "        node ", 13) == 0) {
      const char *parameters = strstr(line, "parameters");
      add(&figures, parameters, length - (int)(parameters - line));
    }
  }
  return figures;
}

static void expect_same(const figures_t *planned, const figures_t *started, const char *what) {
  cr_assert_str_eq(planned->text, started->text, "%s:\n%s\n%s", what, planned->text, started->text);
  cr_assert_gt(started->ranks, 0);
  for (int r = 0; r < started->ranks; r++)
    cr_expect_float_eq(planned->mb[r], started->mb[r], PROGRAM_MB, "%s: rank %d: %.1f and %.1f MB", what, r,
                       planned->mb[r], started->mb[r]);
}

/* 650000 parameters, so that a wrong share of them is more than the program differs. */
static void write_files(void) {
  write_dataset("data.h5", (spec_t){.rows = 2001, .regression = true});
  write_text("net.yaml", "data: {file: data.h5, validation: 0.1, scaling: standard}\n"
                         "model: {layers: [{dense: {units: 800, activation: tanh}}, {dense: {units: 800, "
                         "activation: tanh}}, dense: 3]}\n"
                         "loss: mse\ntrain: {epochs: 2, global_batch_size: 100}\n"
                         "optimizer: {name: adam, learning_rate: 0.001}\n"
                         "parallel: {shards: 7, threads: 1}\n");
}

Test(plan, planned_ranks_have_the_figures_of_started_ones) {
  static const struct {
    int ranks;
    const char *words;
  } cases[] = {
      {1, ""},
      {2, "parallel.threads=2"},
      {3, ""},
      {4, "parallel.ranks_per_node=2"},
      {5, "parallel.ranks_per_node=2 parallel.shards=13"},
      {3, "parallel.reduce=mpi"},
      {5, "parallel.reduce=mpi parallel.ranks_per_node=3"},
      {4, "parallel.shards=3"},
      {2, "data.memory_limit=100KB"},
      {3, "checkpoint.parts=ranks"},
      {2, "train.global_batch_size=all parallel.shards=auto"},
      {2, "'data.window={length: 5, horizon: 1, targets: y}' data.shuffle=none"},
  };
  write_files();
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const figures_t started = figures_of(run_well(cases[i].ranks, "check net.yaml %s", cases[i].words).out);
    const figures_t planned =
        figures_of(run_well(ALONE, "check net.yaml --ranks %d %s", cases[i].ranks, cases[i].words).out);
    expect_same(&planned, &started, cases[i].words);
  }
}

/* Hosts have consecutive ranks, the first ones one more, as nodes of ranks_per_node have on one host. */
Test(plan, planned_hosts_have_the_figures_of_nodes) {
  write_files();
  figures_t started = figures_of(run_well(5, "check net.yaml parallel.ranks_per_node=3").out);
  figures_t planned = figures_of(run_well(ALONE, "check net.yaml --ranks 5 --nodes 2").out);
  expect_same(&planned, &started, "5 ranks on 2 hosts");
  started = figures_of(run_well(2, "check net.yaml parallel.ranks_per_node=1 parallel.threads=2").out);
  planned = figures_of(run_well(ALONE, "check net.yaml --ranks 2 --nodes 2 --threads 2").out);
  expect_same(&planned, &started, "2 ranks x 2 threads on 2 hosts");
}

static void expect_part(const char *words, const char *part) {
  const result_t result = run_well(ALONE, "check net.yaml %s", words);
  cr_expect_not_null(strstr(result.out, part), "%s: no '%s' in\n%s", words, part, result.out);
}

Test(plan, limits_and_advice_follow_from_the_shards) {
  write_files();
  expect_part("--ranks 4", "limits  by shards: 7 ranks, one for each");
  expect_part("--ranks 9", "2 of the 9 ranks have no work");
  expect_part("--ranks 9 --cores 16",
              "advice  start 7 ranks, or set parallel.shards=9, which changes the bits");
  expect_part("--ranks 50 --cores 64", "train.global_batch_size=1600 and parallel.shards=50");
  expect_part("--ranks 4", "one for each; 1 or 7 share them evenly");
  expect_part("--ranks 4",
              "most    4 sensible ranks, the busiest with 1.200 times the mean"); /* 15 + 15 of 100 rows */
  expect_part("--ranks 5 --cores 8",
              "advice  start 4 ranks, or set parallel.shards=10, which changes the bits");
  expect_part("--ranks 4 model.layers='[dense: 3]'", "advice  start 1 rank: more would hardly be faster");
  expect_part("--ranks 4 --nodes 2 --threads 3 --cores 8",
              "launch  srun --mpi=pmix --nodes=2 --ntasks=4 --cpus-per-task=3");
  expect_part("--ranks 4 --nodes 2 --cores 8", "host 0: 2 ranks x 1 thread on 8 cores");
  expect_part("--ranks 4 --nodes 2 parallel.threads=auto --cores 8", "host 1: 2 ranks x 4 threads");
}

/* A host holds its ranks: what the line of the host says is their sum, with the parameters of each node. */
Test(plan, memory_of_a_host_is_that_of_its_ranks) {
  write_files();
  const result_t result =
      run_well(ALONE, "check net.yaml --ranks 4 --nodes 2 parallel.ranks_per_node=1 --memory 4GB");
  const figures_t figures = figures_of(result.out);
  const char *parameters = strstr(result.out, "parameters ("), *host = strstr(result.out, "host 0:");
  double own = 0, bytes = 0, all = 0;
  cr_assert_not_null(parameters);
  cr_assert_not_null(host, "%s", result.out);
  cr_assert_eq(sscanf(parameters, "parameters (%lf MB)", &own), 1);
  cr_assert_eq(sscanf(strchr(host, ';'), "; %lf of %lf MB", &bytes, &all), 2);
  cr_expect_float_eq(bytes, figures.mb[0] + figures.mb[1] + 2 * own, 0.3);
  cr_expect_eq(all, 4000);
}

Test(plan, wrong_requests_are_refused) {
  static const struct {
    int ranks;
    const char *words, *part;
  } cases[] = {
      {ALONE, "--ranks 0", "'0' is not a whole number from 1"},
      {ALONE, "--ranks -3", "'-3' is not a whole number from 1"},
      {ALONE, "--ranks many", "'many' is not a whole number from 1"},
      {ALONE, "--ranks 2 --nodes 3", "every node needs a rank"},
      {ALONE, "--nodes 3", "--nodes goes with --ranks"},
      {ALONE, "--memory 3GB", "--memory goes with --ranks"},
      {ALONE, "--ranks 2 --memory 3", "not a size like"},
      {ALONE, "--ranks 2 --cores 2 --threads 129", "129 threads are far more than the 2 core(s)"},
      {ALONE, "--ranks 2 --threads 0", "--threads: '0'"},
      {ALONE, "--ranks 2 parallel.shards=101", "a batch has only 100 rows"},
      {2, "--ranks 4", "start it without mpirun"},
  };
  write_files();
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const result_t result = run(cases[i].ranks, "check net.yaml %s", cases[i].words);
    cr_expect_eq(result.code, SETTINGS, "%s: %d", cases[i].words, result.code);
    cr_expect_not_null(strstr(result.err, cases[i].part), "%s: %s", cases[i].words, result.err);
  }
}

/* More memory than a host has is a warning, as at a start; what training refuses is refused. */
Test(plan, too_little_memory_is_a_warning) {
  write_files();
  result_t result = run_well(ALONE, "check net.yaml --ranks 2 --memory 30MB");
  cr_expect_not_null(strstr(result.err, "a host has 30.0 MB of memory, but its ranks need"), "%s",
                     result.err);
  result = run_well(ALONE, "check net.yaml --ranks 2 --memory 3GB");
  cr_expect_null(strstr(result.err, "of memory, but"), "%s", result.err);
  write_dataset("bad.h5", (spec_t){.rows = 2001, .regression = true, .nan_row = 311});
  result = run(ALONE, "check net.yaml --ranks 2 data.file=bad.h5");
  cr_expect_eq(result.code, DATA);
  cr_expect_not_null(strstr(result.err, "NaN in row 311"), "%s", result.err);
}
