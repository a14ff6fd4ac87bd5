/* Ranks that a launcher and a batch system started otherwise than they were meant are one error with the
 * remedy. */
#include "system/run.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void set_up(void) {
  place_make();
  write_dataset("data.h5", (spec_t){.rows = 300});
  write_text("config.yaml",
             "data: {file: data.h5}\n"
             "model: {layers: [dense: %d]}\n"
             "loss: cross_entropy\n",
             CLASSES);
}

TestSuite(launch, .init = set_up, .fini = place_remove);

static void expect_refused(const result_t *result, const char *text) {
  cr_assert_eq(result->code, 2, "exit code %d\n%s", result->code, result->err);
  cr_assert_not_null(strstr(result->err, text), "nothing of '%s':\n%s", text, result->err);
}

/* As two processes see it whose launcher is of another MPI library: each is alone. */
Test(launch, of_processes_that_do_not_find_each_other_is_told_once) {
  result_t first = run_command("env PMI_SIZE=2 PMI_RANK=0 %s info data.h5", run_launcher(ALONE));
  expect_refused(&first, "do not find each other");
  result_t second = run_command("env PMI_SIZE=2 PMI_RANK=1 %s info data.h5", run_launcher(ALONE));
  cr_assert_eq(second.code, 2, "exit code %d", second.code);
  cr_assert_str_eq(second.err, "");
}

Test(launch, of_other_ranks_than_the_job_has_tasks_is_refused_for_training) {
  setenv("SLURM_NTASKS", "3", 1);
  result_t result = run(2, "check config.yaml");
  expect_refused(&result, "2 rank(s) in a SLURM job of 3 task(s)");
  run_well(ALONE, "info data.h5");
  run_well(3, "check config.yaml");
}

Test(launch, gives_a_rank_as_many_threads_as_its_task_has_cpus) {
  setenv("SLURM_CPUS_PER_TASK", "1", 1);
  result_t result = run(ALONE, "check config.yaml parallel.threads=2");
  expect_refused(&result, "--cpus-per-task=2");
  result = run_well(ALONE, "check config.yaml");
  cr_assert_not_null(strstr(result.out, "1 thread(s)"), "%s", result.out);
  setenv("SLURM_CPUS_PER_TASK", "60000", 1);
  result = run(ALONE, "check config.yaml");
  expect_refused(&result, "this rank is bound to");
}

/* The machine as the operating system tells it. */
Test(launch, shows_the_host_and_a_line_that_uses_all_its_cores) {
  char expected[256];
  gethostname(expected, sizeof expected);
  result_t result = run_well(2, "check config.yaml parallel.threads=1");
  const char *at = strstr(result.out, "\nhost    ");
  cr_assert_not_null(at, "%s", result.out);
  cr_assert_eq(strncmp(at + 9, expected, strlen(expected)), 0, "%s", at);
  snprintf(expected, sizeof expected, ": 2 ranks x 1 thread on ");
  cr_assert_not_null(strstr(at, expected), "%s", at);
  snprintf(expected, sizeof expected, " of %ld cores", sysconf(_SC_NPROCESSORS_ONLN));
  cr_assert_not_null(strstr(at, expected), "%s", at);
  cr_assert_not_null(strstr(at, "\nlaunch  mp"), "%s", at);
}

/* A thousand million checkpoints do not fit on any disk. */
Test(launch, warns_of_a_file_system_that_will_be_full) {
  result_t result = run_well(ALONE,
                             "check config.yaml model.layers='[{dense: 4000}, {dense: 4000}, {dense: %d}]' "
                             "checkpoint.keep=1000000000",
                             CLASSES);
  cr_assert_not_null(strstr(result.err, "the file system of runs has"), "%s", result.err);
}

/* Such variables would bind the main thread to one core before the program starts, and the ranks of a host to
 * the same one. Module systems set them. */
Test(launch, counts_all_cores_whatever_binds_threads_of_openmp) {
  static const char *const variables[] = {"OMP_PROC_BIND=true", "OMP_PLACES=cores", "GOMP_CPU_AFFINITY=0"};
  char expected[64], ignored[64];
  snprintf(expected, sizeof expected, "on %ld of ", (long)sysconf(_SC_NPROCESSORS_ONLN));
  for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
    result_t result = run_command("env %s %s check config.yaml", variables[i], run_launcher(ALONE));
    cr_assert_eq(result.code, 0, "%s: exit code %d\n%s", variables[i], result.code, result.err);
    cr_expect_not_null(strstr(result.out, expected), "%s: no '%s' in\n%s", variables[i], expected,
                       result.out);
    snprintf(ignored, sizeof ignored, "ignored %.*s:", (int)strcspn(variables[i], "="), variables[i]);
    cr_expect_not_null(strstr(result.err, ignored), "no '%s' in\n%s", ignored, result.err);
  }
}
