/* Checkpoints by the clock: seldom by default, so that saving takes little of the time; after some seconds
 * when asked for, in the middle of an epoch too; and with the same bits whenever they come. */
#include "system/run.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void set_up(void) {
  place_make();
  write_dataset("data.h5", (spec_t){.rows = 1200});
  write_text("config.yaml",
             "data: {file: data.h5, validation: 0.2, scaling: standard}\n"
             "model: {layers: [{dense: {units: 32, activation: relu}}, {dense: %d}]}\n"
             "loss: cross_entropy\noptimizer: {name: adam, learning_rate: 0.003}\n"
             "train: {epochs: 60, global_batch_size: all}\n"
             "parallel: {shards: 8, threads: 1}\ncheckpoint: {keep: 1000}\n",
             CLASSES);
}

TestSuite(pace, .init = set_up, .fini = place_remove, .timeout = 300);

static int count(const char *pattern) {
  result_t result = run_command("sh -c 'ls %s 2>/dev/null | wc -l'", pattern);
  return atoi(result.out);
}

/* A full batch makes every epoch a step. Here most epochs are better than all before. */
Test(pace, by_default_saves_seldom_and_at_the_end) {
  run_well(ALONE, "train config.yaml name=a");
  double seconds = json_double(file_text("runs/a/summary.json"), "seconds");
  cr_expect_leq(count("runs/a/checkpoint-*.h5"), 2 + (int)seconds, "of 60 epochs in %.1f s", seconds);
  cr_expect(file_exists("runs/a/checkpoint-00000060.h5"), "the end has no checkpoint");
  run_well(ALONE, "train config.yaml name=every 'checkpoint.every=1 epoch'");
  cr_expect_eq(count("runs/every/checkpoint-*.h5"), 60);
  outcome_t a = outcome_of("a"), every = outcome_of("every");
  outcome_expect_same(&a, &every, "every");
}

/* The best epoch is not the last, and has no checkpoint of its own. */
Test(pace, the_best_parameters_are_kept_without_a_checkpoint_of_their_own) {
  static const char *const course = "optimizer.learning_rate=0.3 train.epochs=41";
  char step[64], again[64];
  run_well(ALONE, "train config.yaml name=every 'checkpoint.every=1 epoch' %s", course);
  run_well(2, "train config.yaml name=seldom 'checkpoint.every=20 epochs' %s", course);
  run_well(ALONE, "train config.yaml name=parts 'checkpoint.every=20 epochs' %s train.epochs=40", course);
  json_value(file_text("runs/every/summary.json"), "model_step", step);
  cr_assert_lt(atoi(step), 40, "the best epoch is the last one: this test shows nothing");
  cr_expect_eq(count("runs/parts/best-*.h5"), 1);
  run_well(2, "train --resume config.yaml name=parts 'checkpoint.every=20 epochs' %s", course);
  outcome_t every = outcome_of("every"), seldom = outcome_of("seldom"), parts = outcome_of("parts");
  outcome_expect_same(&every, &seldom, "seldom");
  outcome_expect_same(&every, &parts, "parts");
  json_value(file_text("runs/parts/summary.json"), "model_step", again);
  cr_expect_str_eq(step, again);
}

/* Kills a run once it has two checkpoints. It may fail to start on a busy machine. */
static void start_and_kill(const char *name, const char *course, const char *layout) {
  char some[160];
  run_command("rm -rf runs/%s", name);
  pid_t pid = run_start(2, "train config.yaml name=%s %s %s 'checkpoint.every=0.05 s'", name, course, layout);
  snprintf(
      some, sizeof some,
      "for i in $(seq 1000); do [ $(ls runs/%s 2>/dev/null | grep -c 'checkpoint.*h5$') -ge 2 ] && exit; "
      "sleep 0.01; done",
      name);
  int status = system(some);
  cr_expect_eq(status, 0);
  run_kill_ranks(pid);
  run_finish(pid, LIMIT_SECONDS);
}

/* Steps are slow enough for an epoch to last several intervals; both ways in which ranks look are tried. */
Test(pace, by_seconds_saves_within_an_epoch_with_the_same_bits_on_any_layout) {
  static const char *const course =
      "train.global_batch_size=8 parallel.shards=4 train.epochs=12 data.validation=0.2";
  static const char *const layouts[] = {"", "parallel.ranks_per_node=1"};
  run_well(ALONE, "train config.yaml name=whole %s checkpoint.every=never", course);
  run_well(ALONE, "train config.yaml name=whole %s checkpoint.every='1 epoch'", course);
  outcome_t whole = outcome_of("whole");
  for (int i = 0; i < 2; i++) {
    char name[32], path[64];
    snprintf(name, sizeof name, "parts-%d", i);
    snprintf(path, sizeof path, "runs/%s/checkpoint-*.h5", name);
    for (int tries = 0; tries < ATTEMPTS && count(path) < 2; tries++)
      start_and_kill(name, course, layouts[i]);
    cr_expect_geq(count(path), 2);
    run_well(i == 0 ? 3 : ALONE, "train --resume config.yaml name=%s %s 'checkpoint.every=0.1 s'", name,
             course);
    outcome_t parts = outcome_of(name);
    outcome_expect_same(&whole, &parts, name);
  }
}
