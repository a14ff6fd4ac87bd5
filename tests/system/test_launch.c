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
  run_well(ALONE, "check config.yaml --ranks 4"); /* a plan is made in one process */
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
Test(launch, shows_the_host) {
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
}

/* The command that `check` prints for these settings, and the number of cores that it says it uses. */
static int launch_line(const char *overrides, char *line, size_t size) {
  int used = 0, cores = 0;
  result_t result = run_well(ALONE, "check config.yaml %s", overrides);
  const char *at = strstr(result.out, "\nlaunch  ");
  cr_assert_not_null(at, "%s", result.out);
  at += strlen("\nlaunch  ");
  const char *end = strchr(at, '\n');
  cr_assert_eq(sscanf(end, "\n        uses %d of %d cores", &used, &cores), 2, "%s", end);
  snprintf(line, size, "%.*s", (int)(end - at), at);
  return used;
}

/* What is printed is run as it is. The start line of the training counts the threads that come of it. */
Test(launch, line_of_check_works_and_honours_the_settings) {
  static const char *const settings[] = {"",
                                         "parallel.threads=1",
                                         "parallel.threads=2 parallel.shards=2",
                                         "parallel.threads=3",
                                         "parallel.shards=1",
                                         "parallel.shards=1 parallel.threads=1",
                                         "parallel.ranks_per_node=1",
                                         "train.members=2 parallel.shards=1",
                                         "name='it is a name' train.global_batch_size=all"};
  char line[1024];
  for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
    int used = launch_line(settings[i], line, sizeof line), nodes = 0, ranks = 0, threads = 0;
    result_t result = run_command("%s train.epochs=1", line);
    cr_expect_eq(result.code, 0, "%s: exit code %d\n%s", line, result.code, result.err);
    cr_expect_null(strstr(result.err, "idle"), "%s: %s", line, result.err);
    const char *at = strstr(result.err, " parameters, ");
    cr_assert(at != NULL && sscanf(at, " parameters, %d node%*[s ]x %d rank%*[s ]x %d thread", &nodes, &ranks,
                                   &threads) == 3,
              "%s: %s", line, result.err);
    if (strstr(settings[i], "members") != NULL || strstr(settings[i], "threads=3") != NULL) continue;
    cr_expect_eq(nodes * ranks * threads, used, "%s: %d x %d x %d", line, nodes, ranks, threads);
    cr_expect_null(strstr(result.err, "warning: the launcher"), "%s: %s", line, result.err);
  }
}

Test(launch, line_of_check_inside_a_job_has_the_cores_of_the_job) {
  char line[1024];
  setenv("SLURM_JOB_CPUS_PER_NODE", "6(x2),3", 1);
  cr_expect_eq(launch_line("parallel.shards=8", line, sizeof line), 6);
  cr_expect_not_null(strstr(line, "srun --mpi=pmix --ntasks=6 --cpus-per-task=1 "), "%s", line);
  cr_expect_eq(launch_line("parallel.shards=4", line, sizeof line), 6);
  cr_expect_not_null(strstr(line, "srun --mpi=pmix --ntasks=3 --cpus-per-task=2 "), "%s", line);
  cr_expect_eq(launch_line("parallel.shards=8 parallel.threads=4", line, sizeof line), 4);
  cr_expect_not_null(strstr(line, "srun --mpi=pmix --ntasks=1 --cpus-per-task=4 "), "%s", line);
  cr_expect_eq(
      launch_line("parallel.shards=8 parallel.threads=1 parallel.ranks_per_node=4", line, sizeof line), 4);
  cr_expect_not_null(strstr(line, "srun --mpi=pmix --ntasks=4 --cpus-per-task=1 "), "%s", line);
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

/* The start line says where the number of threads comes from, and one line what does not count, if anything.
 * OMP_NUM_THREADS is a list for nested regions. */
Test(launch, takes_threads_from_openmp_where_the_settings_leave_them_open) {
  static const struct {
    const char *variables, *words, *expected;
    int code;
    const char *ignored; /* as it goes on after "ignored"; NULL: nothing is */
  } cases[] = {
      {"OMP_NUM_THREADS=1", "", "1 thread by OMP_NUM_THREADS", 0, NULL},
      {"OMP_NUM_THREADS=3,2", "", "3 threads by OMP_NUM_THREADS", 0,
       "all but the first number of OMP_NUM_THREADS=3,2"},
      {"OMP_NUM_THREADS=3", "parallel.threads=2", "2 threads, ", 0,
       "OMP_NUM_THREADS=3, because parallel.threads is 2\n"},
      {"OMP_NUM_THREADS=2", "parallel.threads=2", "2 threads, ", 0, NULL},
      {"OMP_NUM_THREADS=3", "train.members=2", "3 threads by OMP_NUM_THREADS", 0, NULL},
      {"OMP_NUM_THREADS=many", "parallel.threads=1", "1 thread, ", 0,
       "OMP_NUM_THREADS='many', which is not a number of threads\n"},
      {"OMP_NUM_THREADS=0", "parallel.threads=1", "1 thread, ", 0, "OMP_NUM_THREADS='0', which"},
      {"OMP_NUM_THREADS=-2", "", "thread", 0, "OMP_NUM_THREADS='-2', which"},
      {"OMP_THREAD_LIMIT=1", "", "1 thread by OMP_THREAD_LIMIT", 0, NULL},
      {"OMP_THREAD_LIMIT=few", "", "thread", 0, "OMP_THREAD_LIMIT='few', which"},
      {"OMP_NUM_THREADS=4 OMP_THREAD_LIMIT=1", "", "1 thread by OMP_THREAD_LIMIT", 0,
       "OMP_NUM_THREADS=4, because OMP_THREAD_LIMIT is 1\n"},
      {"OMP_NUM_THREADS=x OMP_THREAD_LIMIT=y", "parallel.threads=1", "1 thread, ", 0,
       "OMP_NUM_THREADS='x', which is not a number of threads; OMP_THREAD_LIMIT='y', which"},
      {"OMP_THREAD_LIMIT=1", "parallel.threads=2", "2 threads, but OMP_THREAD_LIMIT allows 1", 2, NULL},
      {"OMP_NUM_THREADS=65536", "", "OMP_NUM_THREADS: 65536 threads are far more", 2, NULL},
      {"OMP_MAX_ACTIVE_LEVELS=0", "parallel.threads=2", "2 threads, ", 0, "OMP_MAX_ACTIVE_LEVELS: "},
      {"OMP_DYNAMIC=true", "parallel.threads=2", "2 threads, ", 0, "OMP_DYNAMIC: "},
      {"SLURM_CPUS_PER_TASK=2 OMP_NUM_THREADS=1", "", "1 thread by OMP_NUM_THREADS", 0, NULL},
      {"SLURM_CPUS_PER_TASK=1 OMP_NUM_THREADS=2", "", "OMP_NUM_THREADS=2, but SLURM gives each task 1", 2,
       NULL},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char ignored[128];
    result_t result = run_command("env %s %s train config.yaml train.epochs=1 %s", cases[i].variables,
                                  run_launcher(ALONE), cases[i].words);
    cr_expect_eq(result.code, cases[i].code, "%s: exit code %d\n%s", cases[i].variables, result.code,
                 result.err);
    cr_expect_not_null(strstr(result.err, cases[i].expected), "%s: no '%s' in\n%s", cases[i].variables,
                       cases[i].expected, result.err);
    snprintf(ignored, sizeof ignored, "ignored %s", cases[i].ignored != NULL ? cases[i].ignored : "");
    cr_expect_eq(strstr(result.err, ignored) != NULL, cases[i].ignored != NULL, "%s: not as '%s' in\n%s",
                 cases[i].variables, ignored, result.err);
  }
  run_well(ALONE, "train config.yaml name=m train.epochs=1");
  result_t result =
      run_command("env OMP_THREAD_LIMIT=1 OMP_NUM_THREADS=2 %s eval runs/m", run_launcher(ALONE));
  cr_expect_eq(result.code, 0, "eval: exit code %d\n%s", result.code, result.err);
  cr_expect_not_null(strstr(result.err, "ignored OMP_NUM_THREADS=2, because OMP_THREAD_LIMIT is 1"), "%s",
                     result.err);
}

/* Under mpirun, with ranks bound to cores by the launcher: neither variable changes what a rank has. */
Test(launch, of_ranks_is_not_disturbed_by_variables_of_openmp) {
  static const char *const variables[] = {"OMP_PROC_BIND=close", "OMP_PLACES={0}", "GOMP_CPU_AFFINITY=0",
                                          "OMP_NUM_THREADS=1"};
  const bool is_open_mpi = strstr(run_launcher(2), "--oversubscribe") != NULL;
  for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++)
    for (int ranks = i == 0 ? 1 : 2; ranks <= 2; ranks++) {
      setenv("OMPI_MCA_hwloc_base_binding_policy", "core", 1);
      result_t result =
          run_command("env %s %s %d %s check config.yaml", variables[i],
                      is_open_mpi ? "mpirun -n" : "mpiexec -bind-to core -n", ranks, run_launcher(ALONE));
      cr_expect_eq(result.code, 0, "%s, %d rank(s): exit code %d\n%s", variables[i], ranks, result.code,
                   result.err);
      char expected[64];
      long cores = sysconf(_SC_NPROCESSORS_ONLN);
      snprintf(expected, sizeof expected, "on %ld of %ld cores", ranks < cores ? ranks : cores, cores);
      cr_expect_not_null(strstr(result.out, expected), "%s, %d rank(s): no '%s' in\n%s", variables[i], ranks,
                         expected, result.out);
    }
}

/* MPI takes most of the time of a short command, so a process alone does not start it: a place for Open MPI's
 * sessions that cannot be made ends MPI, but not such a process. A variable of any launcher, also of one that
 * lockstep does not know, makes the process start MPI. */
Test(launch, alone_does_not_start_mpi) {
  static const char *const launchers[] = {"PMI_ANY=1", "PMIX_RANK=0", "ALPS_APP_PE=0", "PALS_RANKID=0"};
  static const char nowhere[] =
      "env -u OMPI_MCA_ess_singleton_isolated OMPI_MCA_orte_tmpdir_base=/dev/null/nowhere "
      "OMPI_MCA_orte_create_session_dirs=1";
  if (strstr(run_well(ALONE, "--version").out, "Open MPI v4") == NULL)
    cr_skip_test("with other libraries a process alone starts MPI");
  result_t result =
      run_command("%s %s train config.yaml train.epochs=1 name=alone", nowhere, run_launcher(ALONE));
  cr_expect_eq(result.code, 0, "exit code %d\n%s", result.code, result.err);
  for (size_t i = 0; i < sizeof launchers / sizeof launchers[0]; i++) {
    result = run_command("%s %s %s info data.h5", nowhere, launchers[i], run_launcher(ALONE));
    cr_expect_neq(result.code, 0, "%s: MPI has not been started", launchers[i]);
  }
}

/* One program for each rank, with its own words: MPI calls it MPMD. */
Test(launch, of_ranks_with_different_words_is_refused) {
  static const char *const others[] = {"train config.yaml --resume", "info data.h5"};
  char first[1024];
  snprintf(first, sizeof first, "%s", run_launcher(1));
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
    result_t result = run_command("%s train config.yaml : -n 1 %s %s", first, run_launcher(ALONE), others[i]);
    expect_refused(&result, "rank 0 has `train config.yaml` and rank 1 on ");
    cr_expect_not_null(strstr(result.err, others[i]), "%s", result.err);
    cr_expect_not(file_exists("runs"), "%s left a run", others[i]);
  }
}

/* Three ranks, of which one is started otherwise than the others. Ends the test unless all end soon. */
static result_t run_unlike(int rank, const char *usual, const char *other) {
  write_text("unlike.sh",
             "if [ \"${OMPI_COMM_WORLD_RANK:-$PMI_RANK}\" = %d ]; then exec %s; else exec %s; fi\n", rank,
             other, usual);
  result_t result = run_finish(run_start_command(3, "sh unlike.sh"), LIMIT_SECONDS);
  cr_assert_neq(result.code, -1, "did not end:\n%s", result.err);
  return result;
}

Test(launch, of_ranks_that_are_asked_for_other_things_is_refused) {
  static const char *const words[][2] = {{"train config.yaml", "train config.yaml --resume"},
                                         {"train config.yaml", "train config.yaml --timing"},
                                         {"train config.yaml", "train config.yaml train.epochs=3"},
                                         {"train config.yaml", "check config.yaml"},
                                         {"eval runs/config", "eval runs/config --split test"},
                                         {"info data.h5", "info other.h5"},
                                         {"lr-find config.yaml", "lr-find"}};
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
    char usual[512], other[512], message[256];
    const int rank = (int)i % 3;
    snprintf(usual, sizeof usual, "%s %s", run_launcher(ALONE), words[i][0]);
    snprintf(other, sizeof other, "%s %s", run_launcher(ALONE), words[i][1]);
    result_t result = run_unlike(rank, usual, other);
    snprintf(message, sizeof message, "rank 0 has `%s` and rank %d on", words[i][rank == 0],
             rank == 0 ? 1 : rank);
    expect_refused(&result, message);
    cr_expect_not_null(strstr(result.err, words[i][1]), "%s", result.err);
  }
}

/* A copy of the program that believes it was built from another commit. */
Test(launch, of_ranks_with_other_programs_is_refused) {
  char usual[512];
  write_text("copy.sh",
             "commit=$(%s --version | sed -n 's/^commit //p')\n"
             "LC_ALL=C sed \"s/$commit/z${commit#?}/g\" %s > other && chmod +x other\n",
             run_launcher(ALONE), run_launcher(ALONE));
  cr_assert_eq(run_command("sh copy.sh").code, 0);
  snprintf(usual, sizeof usual, "%s info data.h5", run_launcher(ALONE));
  result_t result = run_unlike(2, usual, "./other info data.h5");
  expect_refused(&result, "the ranks of a job run the same program, but rank 0 runs ");
  cr_expect_not_null(strstr(result.err, "and rank 2 on "), "%s", result.err);
}

/* The instruction set of a rank changes no bits, so it may differ; one that is not there ends all ranks. */
Test(launch, of_ranks_with_other_instruction_sets) {
  char usual[512], other[600], forward[512];
  snprintf(usual, sizeof usual, "%s train config.yaml parallel.threads=1 train.epochs=1",
           run_launcher(ALONE));
  snprintf(other, sizeof other, "env LOCKSTEP_ISA=emulated %s", usual);
  result_t result = run_unlike(1, usual, other);
  cr_assert_eq(result.code, 0, "%s", result.err);
  snprintf(forward, sizeof forward, "train config.yaml parallel.threads=1 train.epochs=1 name=alone");
  run_well(ALONE, "%s", forward);
  run_well(ALONE, "diff runs/config runs/alone");
  snprintf(other, sizeof other, "env LOCKSTEP_ISA=z80 %s", usual);
  result = run_unlike(1, usual, other);
  expect_refused(&result, "LOCKSTEP_ISA: 'z80' is no instruction set");
  cr_expect_not_null(strstr(result.err, "(rank 1 on "), "%s", result.err);
}
