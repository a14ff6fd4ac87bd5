/* What batch systems and OpenMP say in the environment. */
#include "comm/launch.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static void clear(void) {
  static const char *const names[] = {"SLURM_JOB_CPUS_PER_NODE", "SLURM_CPUS_ON_NODE", "SLURM_CPUS_PER_TASK",
                                      "OMP_NUM_THREADS", "SLURM_JOB_END_TIME"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) unsetenv(names[i]);
}

TestSuite(launch, .init = clear);

Test(launch, cpus_are_those_of_the_first_node_of_the_job) {
  static const struct {
    const char *text;
    int cpus;
  } rows[] = {{"4(x2),2", 4}, {"6,3(x4)", 6}, {"7", 7}, {"12(x3)", 12}, {"", 0}, {"many", 0}, {"-2", 0}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    setenv("SLURM_JOB_CPUS_PER_NODE", rows[i].text, 1);
    cr_expect_eq(launch_job_cpus(), rows[i].cpus, "'%s' gives %d", rows[i].text, launch_job_cpus());
  }
  unsetenv("SLURM_JOB_CPUS_PER_NODE");
  cr_expect_eq(launch_job_cpus(), 0);
  setenv("SLURM_CPUS_PER_TASK", "3", 1);
  cr_expect_eq(launch_job_cpus(), 3);
  setenv("SLURM_CPUS_ON_NODE", "5", 1);
  cr_expect_eq(launch_job_cpus(), 5);
}

Test(launch, threads_are_the_first_number_of_openmp) {
  static const struct {
    const char *text;
    int threads;
  } rows[] = {{"4", 4}, {" 3,2", 3}, {"8 ", 8}, {"0", 0}, {"two", 0}, {"", 0}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    setenv("OMP_NUM_THREADS", rows[i].text, 1);
    cr_expect_eq(launch_openmp_threads(), rows[i].threads, "'%s' gives %d", rows[i].text,
                 launch_openmp_threads());
  }
}

Test(launch, end_of_the_job_is_a_time) {
  cr_expect_eq(launch_job_end(), 0);
  setenv("SLURM_JOB_END_TIME", "1800000000", 1);
  cr_expect_eq(launch_job_end(), 1800000000);
}
