/* What the machine is measured to do, as a user asks for it. */
#include "system/run.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

TestSuite(bench, .init = place_make, .fini = place_remove);

/* The part of the JSON text that belongs to a level. */
static double figure(const char *json, const char *level, const char *key) {
  const char *at = strstr(json, level);
  cr_assert_not_null(at, "no %s in %s", level, json);
  return json_double(at, key);
}

/* Measures until all slopes of times of the levels (up to the first NULL) are positive. They are below 0 at
 * times if other programs work beside, so the bench runs up to three times. Returns the text of the file. */
static const char *measure(const char *options, const char *file, const char *const *levels) {
  const char *json = NULL;
  bool positive = false;
  for (int i = 0; i < 3 && !positive; i++) {
    run_well(3, "bench --network %s --json %s", options, file);
    json = file_text(file);
    positive = true;
    for (const char *const *level = levels; *level != NULL; level++)
      positive = positive && figure(json, *level, "beta") > 0;
  }
  cr_assert(positive, "%s", json);
  return json;
}

Test(bench, network_has_the_levels_that_the_layout_has) {
  const char *json = measure("", "one.json", (const char *const[]){"in_node", NULL});
  cr_assert_float_eq(json_double(json, "nodes"), 1, 0);
  cr_assert_null(strstr(json, "exchange"), "%s", json);
  json =
      measure("--ranks-per-node=1", "three.json", (const char *const[]){"between_nodes", "exchange", NULL});
  cr_assert_float_eq(json_double(json, "nodes"), 3, 0);
  cr_assert_null(strstr(json, "in_node"), "%s", json);
  cr_assert_gt(figure(json, "between_nodes", "alpha"), 0);
  run_well(3, "bench --network --ranks-per-node=2"); /* nodes of two ranks and of one */
}

Test(bench, says_what_it_lacks) {
  result_t result = run(ALONE, "bench --network");
  cr_assert_eq(result.code, 2, "%s", result.err);
  cr_assert_not_null(strstr(result.err, "mpirun -n 2"), "%s", result.err);
  result = run(2, "bench");
  cr_assert_eq(result.code, 2, "%s", result.err);
  cr_assert_not_null(strstr(result.err, "--network"), "%s", result.err);
}

/* 100 rows in steps of 64 and 36. Two ranks, as nodes of their own. */
Test(bench, figures_of_a_network_are_of_all_ranks) {
  static const char *const phases[] = {"read", "gather", "forward",  "backward",
                                       "fold", "wait",   "exchange", "update"};
  write_dataset("data.h5", (spec_t){.rows = 100});
  write_text(
      "net.yaml",
      "data: {file: data.h5}\nmodel: {layers: [{dense: {units: 512, activation: tanh}}, {dense: %d}]}\n"
      "loss: cross_entropy\noptimizer: adam\ntrain: {global_batch_size: 64}\n"
      "parallel: {shards: 4, threads: 1, ranks_per_node: 1}\n",
      CLASSES);
  run_well(2, "bench net.yaml --seconds 0.1 --json two.json");
  const char *json = file_text("two.json");
  double sum = 0;
  for (size_t p = 0; p < sizeof phases / sizeof phases[0]; p++) {
    char key[32];
    snprintf(key, sizeof key, "seconds_%s", phases[p]);
    sum += json_double(json, key);
  }
  const double mean = json_double(json, "mean_step_seconds"), parameters = json_double(json, "parameters");
  cr_expect(sum > 0 && sum < 1.1 * mean, "phases of %g s in steps of %g s", sum, mean);
  const double rows = json_double(json, "rows_per_second") * json_double(json, "step_seconds");
  cr_expect(rows > 36 && rows < 60, "%g rows a step", rows); /* the mean of 64 and 36, or of an odd number */
  cr_expect_float_eq(json_double(json, "peak_fp32_gflops_per_core") * 2,
                     json_double(json, "peak_fp32_gflops"), 1e-3);
  /* adam: m, v and the parameters are read and written, and each rank's sum is read; then the second layer's
   * copy */
  const double least = 8 * 4 * parameters, most = least + 2.0 * 4 * 512 * 16;
  cr_expect(json_double(json, "update_bytes") >= least && json_double(json, "update_bytes") <= most,
            "%g bytes", json_double(json, "update_bytes"));
}
