/* More ranks than shards: the first ranks do the work, with the bits that they would have alone. The others
 * are idle: they say so once, sleep, pass on signals, and end as the others do. */
#include "system/run.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void set_up(void) {
  place_make();
  write_dataset("data.h5", (spec_t){.rows = 150});
  write_text("config.yaml",
             "data: {file: data.h5, validation: 0.2}\n"
             "model: {layers: [{dense: {units: 9, activation: tanh}}, dense: %d]}\n"
             "loss: cross_entropy\n"
             "train: {epochs: 3, global_batch_size: 20}\n"
             "parallel: {threads: 1}\n",
             CLASSES);
}

TestSuite(crew, .init = set_up, .fini = place_remove);

static int count(const char *text, const char *word) {
  int n = 0;
  for (const char *at = text; (at = strstr(at, word)) != NULL; at++) n++;
  return n;
}

/* A batch of 20 rows has 2 shards. */
Test(crew, of_any_number_of_ranks_trains_the_same_bits) {
  run_well(ALONE, "train config.yaml name=alone");
  outcome_t alone = outcome_of("alone");
  for (int ranks = 1; ranks <= 5; ranks += ranks == 3 ? 2 : 1) {
    char expected[96];
    result_t result = run_well(ranks, "train config.yaml name=many");
    snprintf(expected, sizeof expected, "%d of %d ranks %s idle, because there are 2 shards", ranks - 2,
             ranks, ranks == 3 ? "is" : "are");
    cr_expect_eq(count(result.err, expected), ranks > 2, "%d ranks: %s", ranks, result.err);
    cr_expect_eq(count(result.err, " idle"), ranks > 2, "%d ranks: %s", ranks, result.err);
    outcome_t many = outcome_of("many");
    outcome_expect_same(&alone, &many, "with idle ranks");
  }
  for (int on_node = 1; on_node <= 2; on_node++) {
    run_well(on_node == 1 ? 3 : 5, "train config.yaml name=many parallel.ranks_per_node=%d", on_node);
    outcome_t many = outcome_of("many");
    outcome_expect_same(&alone, &many, on_node == 1 ? "one rank on a node" : "two ranks on a node");
  }
  run_well(3, "train config.yaml name=many parallel.reduce=mpi parallel.threads=2");
  write_dataset("large.h5", (spec_t){.rows = 4000});
  run_well(3, "train config.yaml name=streamed data.file=large.h5 data.memory_limit=100kB");
  run_well(ALONE, "train config.yaml name=resident data.file=large.h5 parallel.threads=2");
  outcome_t streamed = outcome_of("streamed"), resident = outcome_of("resident");
  outcome_expect_same(&resident, &streamed, "streamed");
}

Test(crew, of_every_command_ends_well) {
  write_text("line.yaml", "data: {file: data.h5, y: train/y}\n"
                          "model: {layers: [dense: 1]}\n"
                          "loss: mse\n"
                          "parallel: {shards: 2}\n");
  run_well(ALONE, "train config.yaml name=m");
  static const char *const commands[] = {"eval runs/m",
                                         "predict runs/m data.h5 --x test/x --out many.csv",
                                         "lr-find config.yaml --steps 5",
                                         "gradcheck config.yaml parallel.shards=2 --elements 2",
                                         "check config.yaml",
                                         "bench config.yaml --seconds 0.01",
                                         "solve line.yaml",
                                         "train config.yaml train.members=3 name=mixture"};
  for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) run_well(3, "%s", commands[i]);
  run_well(ALONE, "predict runs/m data.h5 --x test/x --out one.csv");
  cr_assert_eq(run_command("cmp one.csv many.csv").code, 0);
  run_well(ALONE, "train config.yaml train.members=3 name=mixture-alone");
  char one[64], many[64];
  json_value(file_text("runs/mixture-alone/summary.json"), "test_loss", one);
  json_value(file_text("runs/mixture/summary.json"), "test_loss", many);
  cr_assert(one[0] != '\0' && strcmp(one, many) == 0, "%s, %s", one, many);
}

/* A checkpoint keeps its shards, whatever the automatic number is now or the ranks are. */
Test(crew, and_shards_of_a_checkpoint_stay_when_it_is_resumed) {
  run_well(ALONE, "train config.yaml name=whole parallel.shards=1 train.epochs=4");
  run_well(ALONE, "train config.yaml name=parts parallel.shards=1 train.epochs=2");
  result_t result = run_well(3, "train config.yaml name=parts train.epochs=4 --resume");
  cr_expect_not_null(strstr(result.err, "2 of 3 ranks are idle, because there is 1 shard"), "%s", result.err);
  outcome_t whole = outcome_of("whole"), parts = outcome_of("parts");
  outcome_expect_same(&whole, &parts, "resumed");
  run_well(ALONE, "train config.yaml name=two train.epochs=4");
  outcome_t two = outcome_of("two");
  cr_expect_str_neq(whole.checksum, two.checksum, "one shard and two have the same bits: this shows nothing");
  run_well(3, "eval runs/parts");
}

Test(crew, fails_as_a_whole_with_one_message) {
  result_t result = run(3, "train config.yaml data.x=nothing");
  cr_expect_eq(result.code, 3, "exit code %d\n%s", result.code, result.err);
  cr_expect_eq(count(result.err, "lockstep: "), 1, "%s", result.err);
  result = run(3, "train config.yaml optimizer.name=sgd optimizer.learning_rate=1e38 train.log_every=1");
  cr_expect_eq(result.code, 1, "exit code %d\n%s", result.code, result.err);
  cr_expect_eq(count(result.err, "lockstep: training diverged"), 1, "%s", result.err);
}

/* ---- signals ---- */

static void pass(double seconds) {
  nanosleep(&(struct timespec){(time_t)seconds, (long)(1e9 * (seconds - (double)(time_t)seconds))}, NULL);
}

/* The process of the last of the ranks that started, when all have; 0: not yet. */
static pid_t process_of(int rank) {
  char path[32];
  int pid = 0;
  snprintf(path, sizeof path, "rank.%d", rank);
  FILE *file = fopen(path, "r");
  if (file == NULL) return 0;
  if (fscanf(file, "%d", &pid) != 1) pid = 0;
  fclose(file);
  return pid;
}

/* Seconds of computing time. */
static double computed(pid_t pid) {
  char path[64];
  long user = 0, kernel = 0;
  snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
  FILE *file = fopen(path, "r");
  if (file == NULL) return 0;
  int n = fscanf(file, "%*d %*s %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld", &user, &kernel);
  fclose(file);
  return n == 2 ? (double)(user + kernel) / (double)sysconf(_SC_CLK_TCK) : 0;
}

static bool has_epochs(void) {
  return file_exists("runs/long/log.jsonl") && count(file_text("runs/long/log.jsonl"), "\"epoch\"") > 2;
}

/* Rank 2 is idle. It gets the signal, and no other rank does. */
static void stop_by_idle_rank(const char *words) {
  write_text("rank.sh", "echo $$ > rank.${OMPI_COMM_WORLD_RANK:-$PMI_RANK}; exec \"$@\"\n");
  pid_t launcher = run_start_command(3, "sh rank.sh %s train config.yaml name=long train.epochs=10000000 %s",
                                     run_launcher(ALONE), words);
  double waited = 0;
  for (; !has_epochs() && waited < LIMIT_SECONDS; waited += 0.05) pass(0.05);
  cr_assert(has_epochs(), "nothing is trained");
  pid_t idle = process_of(2);
  cr_assert_gt(idle, 0);
  double before = computed(idle);
  pass(1);
  cr_expect_lt(computed(idle) - before, 0.2, "an idle rank computes for %g s of one",
               computed(idle) - before);
  cr_assert_eq(kill(idle, SIGTERM), 0);
  result_t result = run_finish(launcher, LIMIT_SECONDS);
  cr_expect_eq(result.code, 75, "%s: exit code %d\n%s", words, result.code, result.err);
  cr_expect_not_null(strstr(result.err, "SIGTERM came to rank 2 on "), "%s: %s", words, result.err);
}

Test(crew, stops_by_a_signal_to_an_idle_rank_which_sleeps_until_then) {
  stop_by_idle_rank("");
  run_well(3, "train config.yaml name=long train.epochs=4 --resume train.steps=1");
}

Test(crew, stops_by_a_signal_to_an_idle_rank_when_nodes_exchange) {
  stop_by_idle_rank("parallel.ranks_per_node=1");
}
