/* lockstep bench runs alone and on several ranks, and every figure that it announces is there. Never a time:
 * machines that run tests are busy. */
#include "system/run.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

static void set_up(void) {
  place_make();
  write_dataset("data.h5", (spec_t){.rows = 1013});
  write_text("config.yaml",
             "data: {file: data.h5}\n"
             "model: {layers: [{dense: {units: 40, activation: tanh}}, {dense: %d}]}\n"
             "loss: cross_entropy\n"
             "train: {epochs: 4, global_batch_size: 86}\n"
             "parallel: {shards: 6}\n",
             CLASSES);
}

TestSuite(bench_steps, .init = set_up, .fini = place_remove);

static void check_layout(int ranks, int threads) {
  result_t result =
      run_well(ranks, "bench config.yaml --seconds 0.02 --json bench.json parallel.threads=%d", threads);
  cr_assert(strstr(result.out, "the step is bound by") != NULL, "%s", result.out);
  cr_assert(strstr(result.out, "13-40") != NULL && strstr(result.out, "40-5") != NULL, "%s", result.out);
  cr_assert_eq(strstr(result.out, "MPI_Allreduce") != NULL, ranks > 1, "%s", result.out);
  cr_assert_not(file_exists("runs"), "a measurement is no run");

  static const char *const positive[] = {
      "peak_fp32_gflops",     "fraction_of_peak",     "peak_fp32_gflops_per_core",
      "memory_gb_per_second", "barrier_seconds",      "startup_seconds",
      "step_seconds",         "rows_per_second",      "gflops",
      "update_bytes",         "seconds_gather",       "seconds_forward",
      "seconds_backward",     "seconds_fold",         "seconds_update",
      "forward_gflops",       "backward_data_gflops", "backward_weights_gflops"};
  const char *json = file_text("bench.json");
  for (size_t i = 0; i < sizeof positive / sizeof positive[0]; i++) {
    double value = json_double(json, positive[i]);
    cr_assert(isfinite(value) && value > 0, "%d x %d: %s is %g", ranks, threads, positive[i], value);
  }
  cr_assert_eq(json_double(json, "load_mb_per_second"), 0, "a file too small to measure");
  cr_assert_eq(json_double(json, "ranks"), ranks);
  cr_assert_eq(json_double(json, "threads"), ranks * threads);
  cr_assert_eq(json_double(json, "parameters"), 13 * 40 + 40 + 40 * CLASSES + CLASSES);
  cr_assert_float_eq(json_double(json, "peak_fp32_gflops"),
                     json_double(json, "peak_fp32_gflops_per_core") * ranks * threads, 1e-6);
  /* 86 rows a step, in the last of 12 steps of an epoch 67 */
  double rows = json_double(json, "rows_per_second") * json_double(json, "step_seconds");
  cr_assert(rows > 84 && rows <= 86 + 1e-6, "%g rows a step", rows);
}

Test(bench_steps, measures_threads_of_one_rank) {
  check_layout(1, 2);
}

Test(bench_steps, measures_ranks) {
  check_layout(2, 1);
}

Test(bench_steps, says_where_its_file_cannot_go) {
  result_t result = run(2, "bench config.yaml --seconds 0.01 --json no/such/place.json parallel.threads=1");
  cr_assert_eq(result.code, 1, "%d: %s", result.code, result.err);
  cr_assert(strstr(result.err, "no/such/place.json") != NULL, "%s", result.err);
}
