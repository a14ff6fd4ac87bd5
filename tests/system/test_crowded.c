/* More threads than cores slow a run down in proportion: a thread that waits lets the others work. */
#include "system/run.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Full-batch L-BFGS enters the most parallel regions for the least work. */
static void set_up(void) {
  place_make();
  unsetenv("OMP_WAIT_POLICY");
  write_dataset("data.h5", (spec_t){.rows = 500});
  write_text("config.yaml",
             "data: {file: data.h5, scaling: standard}\n"
             "model: {layers: [{dense: {units: 24, activation: tanh}}, {dense: %d}]}\n"
             "loss: cross_entropy\noptimizer: lbfgs\n"
             "train: {epochs: 30, global_batch_size: all, l2: 0.01}\nparallel: {shards: 8, threads: 1}\n",
             CLASSES);
}

TestSuite(crowded, .init = set_up, .fini = place_remove, .timeout = 300);

/* The OpenMP library prints what it has read. */
Test(crowded, threads_that_wait_for_a_parallel_region_sleep) {
  static const char *const variables[] = {"-u nothing",
                                          "OMP_WAIT_POLICY=active",
                                          "OMP_WAIT_POLICY=passive",
                                          "OMP_WAIT_POLICY=active GOMP_SPINCOUNT=infinite",
                                          "GOMP_SPINCOUNT=30000000000",
                                          "OMP_PROC_BIND=true",
                                          "-u _ -u OLDPWD SHLVL=1"};
  for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
    result_t result =
        run_command("env %s OMP_DISPLAY_ENV=verbose %s check config.yaml", variables[i], run_launcher(ALONE));
    cr_expect_eq(result.code, 0, "%s: %s", variables[i], result.err);
    char policy[16] = "";
    const char *shown = strstr(result.err, "OPENMP DISPLAY ENVIRONMENT BEGIN");
    cr_assert_not_null(shown, "%s: the library prints nothing: %s", variables[i], result.err);
    const char *line = strstr(shown, "OMP_WAIT_POLICY"), *spins = strstr(shown, "GOMP_SPINCOUNT = ");
    cr_assert_not_null(line, "%s: the library says nothing of waits: %s", variables[i], result.err);
    sscanf(line, "OMP_WAIT_POLICY%*[ ='\"]%15[A-Za-z]", policy);
    cr_expect_str_eq(policy, "PASSIVE", "%s: %s", variables[i], result.err);
    cr_expect(spins == NULL || strncmp(spins, "GOMP_SPINCOUNT = '0'", 20) == 0, "%s: %s", variables[i],
              result.err);
    bool ignores = strstr(result.err, "ignored") != NULL;
    cr_expect_eq(ignores,
                 strstr(variables[i], "=active") != NULL || strstr(variables[i], "COUNT") != NULL ||
                     strstr(variables[i], "BIND") != NULL,
                 "%s: %s", variables[i], result.err);
  }
}

/* The time that the steps of a run took. */
static double seconds_of(int ranks, int threads) {
  run_command("rm -rf runs");
  run_well(ranks, "train config.yaml name=a parallel.threads=%d", threads);
  return json_double(file_text("runs/a/summary.json"), "seconds");
}

/* Twice as many threads as cores, on two ranks, were 24 to 66 times slower than one. A busy machine disturbs
 * single runs, so the best of some counts. */
Test(crowded, full_batch_lbfgs_is_slower_in_proportion) {
  const int cores = (int)sysconf(_SC_NPROCESSORS_ONLN);
  double alone = INFINITY, crowded = INFINITY;
  for (int attempt = 0; attempt < ATTEMPTS && !(crowded < 6 * alone); attempt++) {
    double one = seconds_of(ALONE, 1), many = seconds_of(2, cores);
    if (one < alone) alone = one;
    if (many < crowded) crowded = many;
  }
  cr_assert_lt(crowded, 6 * alone, "%.2f s, alone %.2f s", crowded, alone);
}
