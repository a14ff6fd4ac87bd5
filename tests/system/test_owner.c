/* A run directory has one owner: of two starts with one name one is refused, and nothing of the two is mixed;
 * the run of a killed owner is taken over. */
#include "system/run.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void set_up(void) {
  place_make();
  write_dataset("data.h5", (spec_t){.rows = 300});
  write_text("config.yaml",
             "data: {file: data.h5}\nmodel: {layers: [{dense: {units: 16, activation: relu}}, {dense: %d}]}\n"
             "loss: cross_entropy\ntrain: {epochs: 1000000, global_batch_size: 100}\n"
             "parallel: {shards: 4, threads: 1}\ncheckpoint: {every: 20 steps}\n",
             CLASSES);
  /* Starts two runs of one name, the second so many seconds after the first. When one has ended, it lets the
   * other train on for a moment and then asks it to stop. */
  write_text("pair.sh", "launch=$1 later=$2 first=$3 second=$4\n"
                        "$launch $first train.seed=1 2>1.err >1.out & a=$!\n"
                        "sleep $later\n"
                        "$launch $second train.seed=2 2>2.err >2.out & b=$!\n"
                        "while kill -0 $a 2>/dev/null && kill -0 $b 2>/dev/null; do sleep 0.02; done\n"
                        "sleep 0.2\n"
                        "for process in $(pgrep -P $a lockstep) $a $(pgrep -P $b lockstep) $b; do\n"
                        "  [ \"$(cat /proc/$process/comm 2>/dev/null)\" = lockstep ] && kill -USR1 $process\n"
                        "done\n"
                        "wait $a; a=$?; wait $b; b=$?\n"
                        "echo $a $b\n");
}

TestSuite(owner, .init = set_up, .fini = place_remove, .timeout = 600);

/* What the winner left belongs to it alone. */
static void check_winner(int winner) {
  char seed[32];
  snprintf(seed, sizeof seed, "seed: %d\n", winner);
  cr_expect_not_null(strstr(file_text("runs/pair/config.yaml"), seed), "config.yaml is the other's");
  result_t info = run_command("sh -c '%s info --settings $(ls runs/pair/checkpoint-*.h5 | tail -n 1)'",
                              run_launcher(ALONE));
  cr_expect_eq(info.code, 0, "%s", info.err);
  cr_expect_not_null(strstr(info.out, seed), "the newest checkpoint is the other's");
  char reason[64];
  json_value(file_text("runs/pair/summary.json"), "reason", reason);
  cr_expect_str_eq(reason, "signal");
}

static void try_pair(int ranks, double later, const char *first, const char *second) {
  int codes[2] = {-1, -1};
  char launcher[1024];
  run_command("rm -rf runs");
  snprintf(launcher, sizeof launcher, "%s", run_launcher(ranks));
  result_t result =
      run_command("bash pair.sh '%s' %.3f '%s config.yaml name=pair' '%s config.yaml name=pair'", launcher,
                  later, first, second);
  cr_assert_eq(sscanf(result.out, "%d %d", &codes[0], &codes[1]), 2, "%s%s", result.out, result.err);
  int winner = codes[0] == 75 ? 1 : 2;
  char path[16], text[4096];
  snprintf(path, sizeof path, "%d.err", 3 - winner);
  snprintf(text, sizeof text, "%s", file_text(path));
  cr_assert_eq(codes[winner - 1], 75, "%.3f s apart: exit codes %d and %d\n%s", later, codes[0], codes[1],
               text);
  cr_assert_eq(codes[2 - winner], 1, "%.3f s apart: exit codes %d and %d\n%s", later, codes[0], codes[1],
               text);
  cr_expect_not_null(strstr(text, "runs/pair belongs to process"), "%s", text);
  check_winner(winner);
  cr_expect_not(file_exists("runs/.pair.lock"));
  cr_expect_not(file_exists("runs/pair.1"));
}

/* The moments are spread over a start, from before the first has its lock until it trains. */
Test(owner, of_staggered_pairs_one_is_refused_and_none_is_mixed) {
  const char *many = getenv("LOCKSTEP_PAIRS");
  int pairs = many != NULL ? atoi(many) : 6;
  for (int i = 0; i < pairs; i++)
    try_pair(ALONE, 0.4 * i / pairs, "train", i % 2 == 0 ? "train" : "train --resume");
}

Test(owner, is_refused_on_every_rank) {
  for (int i = 0; i < 2; i++) try_pair(2, 0.4 * i, "train", i == 1 ? "train --resume" : "train");
}

/* Solving is a run as well; and the lock of an ensemble is that of its name. */
Test(owner, is_one_for_all_commands_that_write_runs) {
  pid_t pid = run_start(ALONE, "train config.yaml name=a train.members=2");
  for (int i = 0; i < 5000 && !file_exists("runs/a-member-1/log.jsonl"); i++)
    nanosleep(&(struct timespec){0, 2000000}, NULL);
  result_t result =
      run_command("sh -c '%s train config.yaml name=a train.members=2 2>&1'", run_launcher(ALONE));
  cr_expect_eq(result.code, 1);
  cr_expect_not_null(strstr(result.out, "runs/a belongs to process"), "%s", result.out);
  result = run_command("sh -c '%s train config.yaml name=a-member-1 2>&1'", run_launcher(ALONE));
  cr_expect_eq(result.code, 1);
  cr_expect_not_null(strstr(result.out, "runs/a-member-1 belongs to process"), "%s", result.out);
  write_dataset("line.h5", (spec_t){.rows = 200, .regression = true});
  write_text("line.yaml", "data: {file: line.h5}\nmodel: {layers: [{dense: %d}]}\nloss: mse\n", TARGETS);
  result = run_command("sh -c '%s solve line.yaml name=a 2>&1'", run_launcher(ALONE));
  cr_expect_eq(result.code, 1);
  cr_expect_not_null(strstr(result.out, "runs/a belongs to process"), "%s", result.out);
  run_kill_ranks(pid);
  run_finish(pid, LIMIT_SECONDS);
  run_well(ALONE, "solve line.yaml name=a");
  cr_expect_not(file_exists("runs/.a.lock"));
}

Test(owner, that_was_killed_is_followed_by_the_next_start) {
  for (int ranks = ALONE; ranks <= 2; ranks += 2) {
    pid_t pid = run_start(ranks, "train config.yaml name=killed");
    for (int i = 0; i < 10000 && !file_exists("runs/killed/checkpoint-00000020.h5"); i++)
      nanosleep(&(struct timespec){0, 2000000}, NULL);
    run_kill_ranks(pid);
    run_finish(pid, LIMIT_SECONDS);
    cr_assert(file_exists("runs/.killed.lock"), "a killed process cannot give its lock back");
    result_t result = run_well(ranks, "train --resume config.yaml name=killed train.epochs=1");
    cr_expect_not_null(strstr(result.err, "has ended without giving runs/killed back"), "%s", result.err);
    cr_expect_not(file_exists("runs/.killed.lock"));
    run_command("rm -rf runs");
  }
}

/* The owner was on a host that is no more. */
Test(owner, of_another_host_is_followed_once_its_lock_is_old) {
  static const char lock[] =
      "id 0123456789abcdef\nhost node99\nprocess 77\nstarted 5\nmachine x/y\njob 4711\n";
  run_command("mkdir runs");
  write_text("runs/.a.lock", "%s", lock);
  result_t result = run(ALONE, "train config.yaml name=a train.epochs=1 parallel.timeout=3");
  cr_expect_eq(result.code, 1);
  cr_expect_not_null(strstr(result.err, "process 77 on node99 (job 4711)"), "%s", result.err);
  cr_expect_not(file_exists("runs/a"));
  run_command("touch -d '2 minutes ago' runs/.a.lock");
  run_well(ALONE, "train config.yaml name=a train.epochs=1 parallel.timeout=3");
  cr_expect_not(file_exists("runs/.a.lock"));
}

/* Job scripts always pass --resume: without a checkpoint this starts anew. */
Test(owner, keeps_a_finished_run_through_starts_that_fail) {
  run_well(ALONE, "train config.yaml name=a train.epochs=1");
  run_well(ALONE, "train config.yaml name=a train.epochs=2");
  for (int i = 0; i < 3; i++) {
    run_command(
        "sh -c 'rm -f runs/a/*.h5 runs/a/summary.json'"); /* as if killed before its first checkpoint */
    run_well(ALONE, "train --resume config.yaml name=a train.epochs=2");
  }
  char epochs[64];
  json_value(file_text("runs/a.1/summary.json"), "epochs", epochs);
  cr_expect_str_eq(epochs, "1");
  cr_expect(file_exists("runs/a.1/model.h5"));
  cr_expect_not(file_exists("runs/a.2"));
  result_t result = run(ALONE, "train --resume --replace config.yaml name=a");
  cr_expect_eq(result.code, 2);
  run_well(ALONE, "train --replace config.yaml name=a train.epochs=1");
  cr_expect_not(file_exists("runs/a.2"));
  cr_expect(file_exists("runs/a.1/model.h5"));
}

/* Resuming a finished run changes nothing, with checkpoints or without. */
Test(owner, resumes_a_finished_run_without_harm) {
  static const char *const every[] = {"auto", "never"};
  for (int i = 0; i < 2; i++)
    for (int ranks = 0; ranks < 3; ranks += 2) {
      char before[64], after[64];
      run_well(ALONE, "train config.yaml --replace name=done checkpoint.every=%s train.epochs=2", every[i]);
      json_value(file_text("runs/done/summary.json"), "parameters_checksum", before);
      result_t result = run_well(
          ranks, "train config.yaml --resume name=done checkpoint.every=%s train.epochs=2", every[i]);
      cr_expect_not_null(
          strstr(result.err, i == 0 ? "all 2 epochs are done already" : "runs/done has finished"), "%s",
          result.err);
      json_value(file_text("runs/done/summary.json"), "parameters_checksum", after);
      cr_expect_str_eq(before, after);
      cr_expect_not(file_exists("runs/done.1"));
    }
}
