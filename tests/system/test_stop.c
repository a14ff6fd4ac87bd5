/* A run that is asked to stop, by a signal or by the clock, saves a checkpoint and ends with exit code 75;
 * resumed, it ends with the same bits as one that was left alone. */
#include "system/run.h"

#include "base/clock.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* 1812 training rows in 91 steps of 20: long enough to be interrupted. */
enum { EPOCHS = 20, STEPS = 91, STOPPED = 75 };

static void set_up(void) {
  place_make();
  write_dataset("data.h5", (spec_t){.rows = 2013});
  write_text("config.yaml",
             "data: {file: data.h5, validation: 0.1, scaling: standard}\n"
             "model:\n"
             "  layers:\n"
             "    - dense: {units: 150, activation: relu}\n"
             "    - dense: {units: 150, activation: relu}\n"
             "    - dropout: 0.2\n"
             "    - dense: %d\n"
             "loss: cross_entropy\n"
             "optimizer: {name: adam, learning_rate: 0.002}\n"
             "schedule: {name: cosine, warmup_epochs: 2}\n"
             "train: {epochs: %d, global_batch_size: 20}\n"
             "parallel: {shards: 4, threads: 1}\n"
             "checkpoint: {every: 5 epochs, keep: 2}\n",
             CLASSES, EPOCHS);
}

TestSuite(stop, .init = set_up, .fini = place_remove);

/* Waits until the run has begun its steps: its log is there.
 */
static void wait_for_run(const char *name) {
  char path[128];
  double began = clock_seconds();
  snprintf(path, sizeof path, "runs/%s/log.jsonl", name);
  while (!file_exists(path) && clock_seconds() - began < LIMIT_SECONDS)
    nanosleep(&(struct timespec){0, 2000000}, NULL);
}

/* What a stopped run leaves: the code, a summary with the reason, a checkpoint of its last step, a message.
 */
static void check_stopped(const result_t *result, const char *name, const char *reason) {
  char path[128], value[64];
  cr_assert_eq(result->code, STOPPED, "%s: exit code %d\n%s", name, result->code, result->err);
  snprintf(path, sizeof path, "runs/%s/summary.json", name);
  const char *json = file_text(path);
  json_value(json, "status", value);
  cr_assert_str_eq(value, "stopped", "%s", json);
  json_value(json, "reason", value);
  cr_assert_str_eq(value, reason, "%s", json);
  snprintf(path, sizeof path, "runs/%s/checkpoint-%08.0f.h5", name, json_double(json, "steps"));
  cr_assert(file_exists(path), "%s has no %s", name, path);
  cr_assert_not_null(strstr(result->err, path), "%s", result->err);
}

static void check_finished(const outcome_t *expected, const char *name) {
  char path[128], value[64];
  outcome_t outcome = outcome_of(name);
  outcome_expect_same(expected, &outcome, name);
  snprintf(path, sizeof path, "runs/%s/summary.json", name);
  json_value(file_text(path), "reason", value);
  cr_assert_str_eq(value, "epochs");
}

/* Sends a signal to at most so many of a run's ranks; `again`: and others until it has ended. */
static result_t stop_run(pid_t pid, int number, int most, bool again) {
  double began = clock_seconds();
  cr_assert_gt(run_signal_ranks(pid, number, most), 0);
  while (again && run_signal_ranks(pid, SIGTERM, ANY_RANKS) > 0 && clock_seconds() - began < LIMIT_SECONDS)
    run_signal_ranks(pid, SIGINT, ANY_RANKS);
  return run_finish(pid, LIMIT_SECONDS);
}

Test(stop, by_a_signal_to_one_rank_or_to_all_loses_nothing) {
  static const struct {
    int ranks, number, most;
    bool again;
    const char *with, *name, *text;
  } cases[] = {
      {2, SIGTERM, 1, false, "", "one-of-two", "SIGTERM came to rank"},
      {ALONE, SIGINT, 1, false, "", "alone", "SIGINT came to rank 0"},
      {4, SIGUSR1, 1, false, "parallel.ranks_per_node=2", "one-of-two-nodes", "SIGUSR1 came to rank"},
      {3, SIGUSR1, ANY_RANKS, true, "", "all-and-again", "came to rank"},
  };
  run_well(ALONE, "train config.yaml name=whole");
  outcome_t expected = outcome_of("whole");
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const char *name = cases[i].name;
    result_t result = {.code = 0};
    for (int attempt = 0; attempt < ATTEMPTS && result.code == 0; attempt++) { /* 0: over before the signal */
      run_command("rm -rf runs/%s", name);
      pid_t pid = run_start(cases[i].ranks, "train config.yaml name=%s %s", name, cases[i].with);
      wait_for_run(name);
      result = stop_run(pid, cases[i].number, cases[i].most, cases[i].again);
    }
    check_stopped(&result, name, "signal");
    cr_assert_not_null(strstr(result.err, cases[i].text), "%s", result.err);
    run_well(i % 2 == 0 ? ALONE : 2, "train --resume config.yaml name=%s", name);
    check_finished(&expected, name);
  }
}

/* mpirun passes SIGUSR1 on, Open MPI's and MPICH's. A run that keeps no checkpoints makes one when it must.
 */
Test(stop, by_a_signal_to_the_launcher) {
  pid_t pid = run_start(2, "train config.yaml name=launched train.epochs=100000 checkpoint.every=never");
  wait_for_run("launched");
  kill(pid, SIGUSR1);
  result_t result = run_finish(pid, LIMIT_SECONDS);
  check_stopped(&result, "launched", "signal");
}

static int count_checkpoints(const char *name) {
  return atoi(run_command("sh -c 'ls runs/%s/checkpoint-*.h5 2>/dev/null | wc -l'", name).out);
}

/* Waits for a checkpoint; false if the time is over. */
static bool has_checkpoint(const char *name, double limit) {
  double began = clock_seconds();
  while (count_checkpoints(name) == 0 && clock_seconds() - began < limit)
    nanosleep(&(struct timespec){0, 20000000}, NULL);
  return count_checkpoints(name) > 0;
}

/* mpirun of Open MPI sends SIGCONT at the first Ctrl-C, SIGTERM later, and gives up the ranks at the second.
 */
Test(stop, by_two_interrupts_of_mpirun_leaves_a_checkpoint) {
  if (strstr(run_launcher(2), "--oversubscribe") == NULL) cr_skip_test("only Open MPI's mpirun does this");
  setenv("OMPI_MCA_odls_base_sigkill_timeout", "30", 1); /* until SIGTERM, which must not be needed */
  for (int nodes = 1; nodes <= 2; nodes++) {
    const char *with = "schedule=constant checkpoint.every=never";
    int step = 0;
    run_command("rm -rf runs");
    pid_t pid = run_start(2, "train config.yaml name=twice train.epochs=100000 parallel.ranks_per_node=%d %s",
                          3 - nodes, with);
    wait_for_run("twice");
    kill(pid, SIGINT);
    cr_expect(has_checkpoint("twice", 20), "there is no checkpoint after the first interrupt");
    kill(pid, SIGINT);
    cr_expect_neq(run_finish(pid, LIMIT_SECONDS).code, 0);
    sscanf(run_command("sh -c 'ls runs/twice/checkpoint-*.h5'").out, "runs/twice/checkpoint-%d", &step);
    int epochs = step / STEPS + 2;
    while (run(ALONE, "train --resume config.yaml name=twice train.epochs=%d %s", epochs, with).code == 1)
      nanosleep(&(struct timespec){0, 20000000}, NULL); /* the ranks end a moment after mpirun */
    run_well(ALONE, "train config.yaml name=whole train.epochs=%d %s", epochs, with);
    char expected[64], bits[64]; /* the last parameters, since there are no best ones */
    json_value(file_text("runs/whole/summary.json"), "parameters_checksum", expected);
    json_value(file_text("runs/twice/summary.json"), "parameters_checksum", bits);
    cr_expect_str_eq(bits, expected);
  }
}

/* A run that was stopped and goes on only saves. */
Test(stop, is_not_what_a_continued_run_does) {
  run_well(ALONE, "train config.yaml name=whole checkpoint.every=never");
  outcome_t expected = outcome_of("whole");
  pid_t pid = run_start(ALONE, "train config.yaml name=continued checkpoint.every=never");
  wait_for_run("continued");
  run_signal_ranks(pid, SIGSTOP, ANY_RANKS);
  nanosleep(&(struct timespec){0, 200000000}, NULL);
  run_signal_ranks(pid, SIGCONT, ANY_RANKS);
  result_t result = run_finish(pid, LIMIT_SECONDS);
  cr_expect_eq(result.code, 0, "%s", result.err);
  cr_expect_eq(count_checkpoints("continued"), 1);
  check_finished(&expected, "continued");
}

/* A machine that stands still for a moment may make it late; one that is late each time has no such excuse.
 */
static void check_time_limit(const char *with) {
  double seconds = 0, limit = 1.5;
  for (int attempt = 0; attempt < ATTEMPTS; attempt++, limit *= 1.5) {
    result_t result =
        run(2, "train config.yaml name=limited train.epochs=100000 train.time_limit=%g %s", limit, with);
    check_stopped(&result, "limited", "time_limit");
    seconds = json_double(file_text("runs/limited/summary.json"), "seconds");
    if (seconds > 0.1 && seconds < limit) return;
  }
  cr_assert_fail("stopped after %g of %g s", seconds, limit / 1.5);
}

Test(stop, comes_before_the_time_limit) {
  check_time_limit("");
}

Test(stop, comes_before_the_time_limit_on_two_nodes) {
  check_time_limit("parallel.ranks_per_node=1");
}

/* Fifteen seconds are left to end the job in. */
Test(stop, comes_before_the_end_of_a_slurm_job) {
  double seconds = 0;
  for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
    char end[32];
    snprintf(end, sizeof end, "%jd", (intmax_t)time(NULL) + 16);
    setenv("SLURM_JOB_END_TIME", end, 1);
    result_t result = run(2, "train config.yaml name=job train.epochs=100000");
    check_stopped(&result, "job", "job_end");
    seconds = result.seconds;
    if (seconds < 8) return;
  }
  cr_assert_fail("ended after %g s", seconds);
}
