/* What a benchmark prints of figures that are made by hand. */
#include "study/bench.h"

#include "base/isa.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Two ranks of two threads. A thread has a peak of 50 GFLOP/s. */
static bench_t by_hand(void) {
  bench_t bench = {
      .nodes = 1,
      .ranks = 2,
      .threads = 4,
      .machine = {.peak_fp32 = 200e9,
                  .bandwidth = 30e9,
                  .cross_read = 4e9,
                  .cross_write = 5e9,
                  .own_read = 6e9,
                  .barrier = 2.5e-6},
      .n_reductions = 1,
      .reductions = {{.bytes = 65536, .window = 10e-6, .library = 25e-6}},
      .n_layers = 2,
      .layers = {{.name = "first", .in = 8, .out = 16, .forward = 25e9, .backward_weights = 10e9},
                 {.name = "second",
                  .in = 16,
                  .out = 3,
                  .forward = 40e9,
                  .backward_data = 30e9,
                  .backward_weights = 20e9}},
      .block_rows = 32,
      .slice_rows = 64,
      .parameters = 1000000,
      .run = {.steps = 40,
              .step_seconds = 2e-3,
              .rows = 32000,
              .flops = 120e9,
              .share = 0.6,
              .mean_seconds = 2.5e-3,
              .update_bytes = 24e6},
      .startup = 0.5,
      .load_rate = 250e6};
  bench.run.phases[PHASE_FORWARD] = 1.5e-3;
  bench.run.phases[PHASE_UPDATE] = 0.4e-3;
  bench.run.phases[PHASE_EXCHANGE] = 0.6e-3;
  return bench;
}

static char *printed(const bench_t *bench) {
  char *text = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);
  bench_print(bench, out);
  fclose(out);
  return text;
}

Test(bench, prints_shares_of_a_thread_and_of_a_step) {
  const bench_t bench = by_hand();
  char *text = printed(&bench);
  static const char *const expected[] = {
      "machine     1 node(s), 2 rank(s), 4 thread(s)",
      "peak        200.0 GFLOP/s in fp32, 50.0 a thread",
      "memory      30.0 GB/s",
      "at 4.0 GB/s (own cache at 6.0), write what another core read at 5.0",
      "barrier     2.50 us",
      "start-up    0.50 s",
      "reading     250.0 MB/s",
      "           64 KB           10.0             25.0      2.5",
      "32 rows a call, weight gradients over 64 rows",
      "first                  8-16       0.50              -              0.20",
      "second                 16-3       0.80           0.60              0.40",
      "step        2000.0 us, 32000 rows/s, 120.0 GFLOP/s: 0.60 of the peak measured around it (40 steps "
      "measured)",
      "forward            1500.0    0.600",
      "update              400.0    0.160",
      "exchange            600.0    0.240",
      "sums+update 0.40 ns a parameter, 60.0 GB/s: 2.0 times what memory gives",
      "the step is bound by the exchange between nodes",
  };
  for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
    cr_expect(strstr(text, expected[i]) != NULL, "no \"%s\" in\n%s", expected[i], text);
  free(text);
}

Test(bench, writes_the_same_figures_as_json) {
  const bench_t bench = by_hand();
  char path[64], text[4096] = "";
  ls_error error = {0};
  snprintf(path, sizeof path, "/tmp/lockstep-bench-%ld.json", (long)getpid());
  cr_assert_eq(bench_write_json(&bench, path, &error), LS_OK, "%s", error.message);
  FILE *file = fopen(path, "r");
  cr_assert_gt(fread(text, 1, sizeof text - 1, file), 0);
  fclose(file);
  unlink(path);
  static const char *const expected[] = {
      "\"nodes\": 1, \"ranks\": 2, \"threads\": 4, \"parameters\": 1000000, \"steps\": 40",
      "\"peak_fp32_gflops\": 200,",
      "\"peak_fp32_gflops_per_core\": 50,",
      "\"memory_gb_per_second\": 30,",
      "\"cross_read_gb_per_second\": 4,",
      "\"cross_write_gb_per_second\": 5,",
      "\"own_read_gb_per_second\": 6,",
      "\"load_mb_per_second\": 250,",
      "\"step_seconds\": 0.002",
      "\"rows_per_second\": 32000,",
      "\"gflops\": 120,",
      "\"update_bytes\": 24000000",
      "\"forward_gflops\": 25,",
      "\"backward_data_gflops\": 30,",
      "\"backward_weights_gflops\": 20",
      "\"bytes\": 65536"};
  for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
    cr_expect(strstr(text, expected[i]) != NULL, "no %s in %s", expected[i], text);
}
