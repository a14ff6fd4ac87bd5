/* Checkpoints that are written while training goes on: what happens when the disk is full, when the process
 * is killed meanwhile, and when all ranks write. */
#include "system/run.h"

#include "base/clock.h"

#include <criterion/criterion.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { EPOCHS = 30 };

static void set_up(void) {
  place_make();
  write_dataset("data.h5", (spec_t){.rows = 1013});
  write_text(
      "config.yaml",
      "data: {file: data.h5, validation: 0.15, scaling: standard}\n"
      "model: {layers: [{dense: {units: 150, activation: relu}}, {dense: {units: 130}}, {dense: %d}]}\n"
      "loss: cross_entropy\noptimizer: {name: adam, learning_rate: 0.002}\n"
      "train: {epochs: %d, global_batch_size: 86}\n"
      "parallel: {shards: 6, threads: 1}\ncheckpoint: {every: 7 steps, keep: 3}\n",
      CLASSES, EPOCHS);
}

TestSuite(saving, .init = set_up, .fini = place_remove, .timeout = 600);

static int count(const char *pattern) {
  result_t result = run_command("sh -c 'ls %s 2>/dev/null | wc -l'", pattern);
  return atoi(result.out);
}

/* Waits until a shell command succeeds. */
static bool wait_for(const char *command) {
  double began = clock_seconds();
  while (system(command) != 0) {
    if (clock_seconds() - began > LIMIT_SECONDS) return false;
    nanosleep(&(struct timespec){0, 20000000}, NULL);
  }
  return true;
}

/* Saving takes most of the time of such a short run, and changes no bits. */
static outcome_t uninterrupted(void) {
  run_well(ALONE, "train config.yaml name=whole checkpoint.every=never");
  return outcome_of("whole");
}

/* A file system of its own can be full. Only root may make one. */
static bool make_small_disk(void) {
  if (system("mkdir -p runs && mount -t tmpfs -o size=3m none runs 2>/dev/null") == 0) return true;
  cr_log_warn("a full disk needs root, so this is not tried here");
  return false;
}

/* Each checkpoint has some 250 KB. */
static void fill_disk(void) {
  cr_assert_eq(system("head -c 8m /dev/zero >runs/ballast 2>/dev/null; sync runs; true"), 0);
}

/* The disk is full for some time in the middle of a run. */
static void lives_through_a_full_disk(int ranks, const char *parts) {
  outcome_t whole = uninterrupted();
  if (!make_small_disk()) return;
  pid_t pid = run_start(ranks, "train config.yaml name=a train.epochs=1000000 checkpoint.parts=%s", parts);
  bool began = wait_for("ls runs/a/checkpoint-????????.h5 >/dev/null 2>&1");
  if (began) fill_disk();
  bool failed = began && wait_for("[ $(grep -c 'could not be saved' stderr.txt) -ge 2 ]");
  remove("runs/ballast");
  bool recovered = failed && wait_for("f=$(ls runs/a/checkpoint-????????.h5 | tail -n 1); sleep 0.2; "
                                      "[ \"$f\" != \"$(ls runs/a/checkpoint-????????.h5 | tail -n 1)\" ]");
  run_signal_ranks(pid, SIGTERM, 1);
  static char said[1 << 16];
  result_t result = run_finish(pid, LIMIT_SECONDS);
  snprintf(said, sizeof said, "%s", result.err);
  int left = count("runs/a/*.tmp-*"), kept = count("runs/a/checkpoint-????????.h5");
  bool told = run_command("grep -q checkpoint_failed runs/a/log.jsonl").code == 0;
  run_well(ALONE, "train config.yaml name=b");
  outcome_t after = outcome_of("b");
  if (system("umount runs") != 0) cr_log_warn("runs stays mounted");
  cr_expect(began && failed && recovered, "%d %d %d:\n%s", began, failed, recovered, said);
  cr_expect_eq(result.code, 75, "exit code %d:\n%s", result.code, said);
  cr_expect_not_null(strstr(said, "No space left"), "%s", said);
  cr_expect_not_null(strstr(said, "the last good one is"), "%s", said);
  cr_expect_eq(left, 0, "temporary files stay");
  cr_expect(kept == 3 || kept == 4, "%d", kept); /* with the best */
  cr_expect(told, "log.jsonl does not tell");
  outcome_expect_same(&whole, &after, "b");
}

Test(saving, goes_on_after_a_full_disk) {
  lives_through_a_full_disk(ALONE, "one");
}

Test(saving, of_all_ranks_goes_on_after_a_full_disk) {
  lives_through_a_full_disk(2, "ranks");
}

/* No file may grow beyond a size that is enough for a model, but not for a checkpoint. */
Test(saving, fails_at_the_end_of_a_run) {
  result_t result = run_command("sh -c 'trap \"\" XFSZ; ulimit -f 400; exec %s train config.yaml name=a "
                                "checkpoint.every=\"10 epochs\"'",
                                run_launcher(ALONE));
  cr_expect_eq(result.code, 1, "exit code %d:\n%s", result.code, result.err);
  cr_expect_not_null(strstr(result.err, "warning: the checkpoint of step 110"), "%s", result.err);
  cr_expect_not_null(strstr(result.err, "the last checkpoint could not be saved"), "%s", result.err);
  cr_expect_not_null(strstr(result.err, "there is no earlier checkpoint"), "%s", result.err);
  cr_expect_eq(count("runs/a/*.tmp-*"), 0);
  cr_expect_not(file_exists("runs/a/summary.json"));
}

/* Kills all ranks while a file with this pattern is being written. */
static bool is_there(const char *pattern) {
  glob_t found = {.gl_pathc = 0};
  bool there = glob(pattern, GLOB_NOSORT, NULL, &found) == 0;
  globfree(&found);
  return there;
}

/* A temporary file is there for a few milliseconds. */
static void kill_while(int ranks, const char *words, const char *pattern) {
  run_command("rm -rf runs/a");
  pid_t pid = run_start(ranks, "train config.yaml name=a train.epochs=%d %s", EPOCHS, words);
  double began = clock_seconds();
  while (!is_there("runs/a/checkpoint-????????.h5") || !is_there(pattern)) {
    cr_assert_lt(clock_seconds() - began, LIMIT_SECONDS, "%s never exists", pattern);
    nanosleep(&(struct timespec){0, 500000}, NULL);
  }
  run_kill_ranks(pid);
  result_t result = run_finish(pid, LIMIT_SECONDS);
  cr_assert_neq(result.code, 0, "the run was over before it was killed");
}

Test(saving, can_be_killed_while_it_writes) {
  static const struct {
    int ranks;
    const char *words, *pattern;
    int then;
  } cases[] = {
      {ALONE, "", "runs/a/checkpoint-*.h5.tmp-*", 3},
      {2, "checkpoint.parts=ranks", "runs/a/checkpoint-*-part-*.h5.tmp-*", 3},
      {3, "checkpoint.parts=ranks parallel.ranks_per_node=1", "runs/a/checkpoint-*-part-*.tmp-*", ALONE}};
  outcome_t whole = uninterrupted();
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    kill_while(cases[i].ranks, cases[i].words, cases[i].pattern);
    /* the number of its writer is that of a living program by now */
    run_command("sh -c 'touch runs/a/checkpoint-00000001.h5.tmp-$(uname -n)-%d'", (int)getpid());
    run_command("sh -c 'touch runs/a/best-00000001.h5.tmp-$(uname -n)-%d'", (int)getpid());
    cr_assert_geq(count("runs/a/*.tmp-*"), 2);
    result_t result = run_well(cases[i].then, "train --resume config.yaml name=a");
    cr_expect_not_null(strstr(result.err, "going on from step"), "%s", result.err);
    outcome_t after = outcome_of("a");
    outcome_expect_same(&whole, &after, cases[i].words);
    cr_expect_eq(count("runs/a/*.tmp-*"), 0, "temporary files stay after case %zu: %s", i + 1,
                 run_command("sh -c 'ls runs/a'").out);
    cr_expect_eq(count("runs/a/*-part-*"), 0, "parts stay without their checkpoint");
  }
}

/* The same state, whoever writes it, and whoever reads it. */
Test(saving, in_parts_gives_the_same_bits_on_any_layout) {
  static const struct {
    int ranks;
    const char *words;
  } layouts[] = {{3, "checkpoint.parts=ranks"},
                 {ALONE, "checkpoint.parts=ranks parallel.threads=2"},
                 {4, "checkpoint.parts=ranks parallel.ranks_per_node=2"},
                 {2, "checkpoint.parts=one"},
                 {2, "checkpoint.parts=ranks optimizer.learning_rate=0.002"},
                 {2, "parallel.reduce=mpi checkpoint.parts=ranks"}};
  outcome_t whole = uninterrupted();
  for (int i = 0; i < 5; i++) {
    result_t result = run_well(layouts[i].ranks, "train %s config.yaml name=a %s train.epochs=%d",
                               i > 0 ? "--resume" : "", layouts[i].words, i < 4 ? 5 * (i + 1) : EPOCHS);
    if (i > 0) cr_expect_not_null(strstr(result.err, "going on from step"), "%s", result.err);
  }
  outcome_t parts = outcome_of("a");
  outcome_expect_same(&whole, &parts, "parts");
  int in_parts = count("runs/a/checkpoint-*-part-*-of-2.h5");
  cr_expect_eq(in_parts, 2 * count("runs/a/checkpoint-????????.h5"), "%d", in_parts);
  cr_expect_eq(in_parts, count("runs/a/*-part-*"));
  run_well(2, "train --resume config.yaml name=a %s train.epochs=%d", layouts[5].words, EPOCHS + 1);
  run_well(ALONE, "info runs/a/checkpoint-00000330.h5");
  run_well(ALONE, "eval runs/a/checkpoint-00000330.h5 data.h5");
}

/* A checkpoint without one of its parts is none. */
Test(saving, needs_all_parts) {
  static const char *const harms[] = {
      "rm runs/a/checkpoint-00000022-part-2-of-2.h5",
      "printf x | dd of=runs/a/checkpoint-00000022-part-1-of-2.h5 bs=1 seek=9000 conv=notrunc status=none",
      "cp runs/a/checkpoint-00000011-part-2-of-2.h5 runs/a/checkpoint-00000022-part-2-of-2.h5"};
  run_well(ALONE, "train config.yaml name=whole train.epochs=3 'checkpoint.every=1 epoch'");
  outcome_t whole = outcome_of("whole");
  for (int i = 0; i < 3; i++) {
    run_well(2, "train config.yaml name=a train.epochs=2 'checkpoint.every=1 epoch' checkpoint.parts=ranks");
    cr_assert_eq(system(harms[i]), 0);
    result_t result =
        run_well(3, "train --resume config.yaml name=a train.epochs=3 'checkpoint.every=1 epoch'");
    cr_expect_not_null(strstr(result.err, "-part-"), "%s", result.err);
    cr_expect_not_null(strstr(result.err, "going on from step 11 "), "%s", result.err);
    outcome_t after = outcome_of("a");
    outcome_expect_same(&whole, &after, harms[i]);
    cr_expect(file_exists("runs/a/checkpoint-00000022.h5.damaged") ||
              file_exists("runs/a/checkpoint-00000022.h5"));
  }
}
