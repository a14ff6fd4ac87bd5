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
enum { EPOCHS = 20, STOPPED = 75 };

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
