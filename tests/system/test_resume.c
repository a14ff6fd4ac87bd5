/* A run that is killed goes on as if nothing had happened, on whatever layout, even when its newest
 * checkpoint is spoiled. */
#include "system/run.h"

#include "base/clock.h"
#include "store/store.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* 861 training rows in 11 steps of 86, the last with one row; a checkpoint every 7 steps is mostly mid-epoch.
 */
enum { EPOCHS = 40, STEPS = 11 * EPOCHS, EVERY = 7 };

static void set_up(void) {
  place_make();
  write_dataset("data.h5", (spec_t){.rows = 1013});
  write_text("config.yaml",
             "data: {file: data.h5, validation: 0.15, scaling: standard}\n"
             "model:\n"
             "  layers:\n"
             "    - dense: {units: 37, activation: relu}\n"
             "    - dropout: 0.2\n"
             "    - dense: %d\n"
             "loss: cross_entropy\n"
             "optimizer: {name: adam, learning_rate: 0.002}\n"
             "schedule: {name: cosine, warmup_epochs: 2}\n"
             "train: {epochs: %d, global_batch_size: 86, clip_norm: 1}\n"
             "parallel: {shards: 6, threads: 1}\n"
             "checkpoint: {every: %d steps, keep: 3}\n",
             CLASSES, EPOCHS, EVERY);
}

TestSuite(resume, .init = set_up, .fini = place_remove);

static const char *checkpoint(const char *name, int step) {
  static char path[128];
  snprintf(path, sizeof path, "runs/%s/checkpoint-%08d.h5", name, step);
  return path;
}

/* The step of the newest checkpoint, or 0. */
static int newest(const char *name) {
  for (int step = STEPS; step > 0; step--)
    if (file_exists(checkpoint(name, step))) return step;
  return 0;
}

/* Saving takes most of the time of such a short run, and changes no bits: what needs no more checkpoints
 * takes these words. */
#define SELDOM "checkpoint.every='200 steps'"

static outcome_t uninterrupted(void) {
  run_well(ALONE, "train config.yaml name=whole checkpoint.every=never");
  return outcome_of("whole");
}

static void check_same(const outcome_t *whole, const char *name) {
  outcome_t outcome = outcome_of(name);
  cr_assert_eq(outcome.epochs, EPOCHS);
  outcome_expect_same(whole, &outcome, name);
}

/* Kills all ranks of a run once the checkpoint of `step` or a later one is there. */
static result_t kill_after(pid_t pid, const char *name, int step) {
  double began = clock_seconds();
  while (newest(name) < step && clock_seconds() - began < LIMIT_SECONDS)
    nanosleep(&(struct timespec){0, 2000000}, NULL);
  run_kill_ranks(pid);
  result_t result = run_finish(pid, LIMIT_SECONDS);
  cr_assert_neq(result.code, -1, "mpirun does not end when its ranks are killed:\n%s", result.err);
  return result;
}

/* Starts a run on `ranks`, kills it once some steps are done, returns the newest checkpoint's step. */
static int start_and_kill(int ranks, const char *name, int step) {
  result_t result = {.code = 0};
  for (int attempt = 0; attempt < ATTEMPTS && result.code == 0;
       attempt++) { /* 0: over before it was killed */
    run_command("rm -rf runs/%s", name);
    result = kill_after(run_start(ranks, "train config.yaml name=%s", name), name, step);
  }
  cr_assert_neq(result.code, 0, "the run was to be killed, and ended well");
  char path[128];
  snprintf(path, sizeof path, "runs/%s/summary.json", name);
  cr_assert_not(file_exists(path), "the run was over before it was killed");
  return newest(name);
}

Test(resume, after_sigkill_on_other_layouts_gives_the_same_bits) {
  static const struct {
    int ranks;
    const char *with;
  } then[] = {{ALONE, "parallel.threads=3"}, {3, ""}, {4, "parallel.ranks_per_node=2"}};
  outcome_t whole = uninterrupted();
  for (int i = 0; i < 3; i++) {
    char name[32];
    snprintf(name, sizeof name, "killed-%d", i);
    int step = start_and_kill(2, name, EVERY * (3 + 7 * i));
    cr_assert(step >= EVERY * (3 + 7 * i) && step < STEPS, "newest checkpoint: %d", step);
    result_t result =
        run_well(then[i].ranks, "train --resume config.yaml name=%s %s " SELDOM, name, then[i].with);
    cr_assert_not_null(strstr(result.err, "going on from step"), "%s", result.err);
    check_same(&whole, name);
  }
}

Test(resume, twice_killed_is_as_good_as_once) {
  outcome_t whole = uninterrupted();
  start_and_kill(3, "killed", EVERY * 3);
  kill_after(run_start(2, "train --resume config.yaml name=killed"), "killed", EVERY * 20);
  run_well(2, "train --resume config.yaml name=killed parallel.reduce=shared " SELDOM);
  check_same(&whole, "killed");
}

static void cut_in_half(const char *path) {
  struct stat about;
  cr_assert_eq(stat(path, &about), 0, "%s", path);
  cr_assert_eq(truncate(path, about.st_size / 2), 0);
}

/* One bit of the first weight, found in the file by the bytes of its row. */
static void flip_a_bit(const char *path) {
  static char bytes[1 << 20];
  ls_error error = {0};
  store_t *store = NULL;
  float row[13];
  cr_assert_eq(store_open(path, &store, &error), LS_OK, "%s", error.message);
  cr_assert_eq(store_read_rows(store, "parameters/dense1/weight", 0, 1, STORE_F32, row, &error), LS_OK, "%s",
               error.message);
  store_close(&store);
  FILE *file = fopen(path, "r+");
  cr_assert_not_null(file, "%s", path);
  size_t size = fread(bytes, 1, sizeof bytes, file);
  char *at = memmem(bytes, size, row, sizeof row);
  cr_assert_not_null(at, "%s does not hold its parameters as they are", path);
  *at ^= 1;
  rewind(file);
  cr_assert_eq(fwrite(bytes, 1, size, file), size);
  fclose(file);
}

Test(resume, takes_the_checkpoint_before_a_spoiled_one) {
  outcome_t whole = uninterrupted();
  void (*const spoil[])(const char *path) = {cut_in_half, flip_a_bit};
  for (int i = 0; i < 2; i++) {
    char name[32];
    snprintf(name, sizeof name, "spoiled-%d", i);
    run_well(ALONE, "train config.yaml name=%s " SELDOM, name);
    int bad = newest(name);
    cr_assert_eq(bad, STEPS);
    char path[128];
    snprintf(path, sizeof path, "%s", checkpoint(name, bad));
    spoil[i](path);
    result_t result = run_well(2, "train --resume config.yaml name=%s " SELDOM, name);
    cr_assert_not_null(strstr(result.err, path), "the bad checkpoint is not named:\n%s", result.err);
    cr_assert_null(strstr(result.err, "going on from step 440"), "%s", result.err);
    cr_assert_not_null(strstr(result.err, "going on from step 400"), "%s", result.err);
    check_same(&whole, name);
  }
}

/* A run that train.steps ends within an epoch leaves a checkpoint there; 27 steps are two epochs and five
 * steps. */
Test(resume, of_a_run_with_a_bound_on_its_steps_gives_the_same_bits) {
  outcome_t whole = uninterrupted();
  run_well(2, "train config.yaml name=bounded train.steps=27");
  cr_assert_float_eq(json_double(file_text("runs/bounded/summary.json"), "steps"), 27, 0);
  cr_assert_float_eq(json_double(file_text("runs/bounded/summary.json"), "epochs"), 2, 0);
  cr_assert_eq(newest("bounded"), 27);
  char reason[64];
  json_value(file_text("runs/bounded/summary.json"), "reason", reason);
  cr_assert_str_eq(reason, "steps");
  run_well(ALONE, "train --resume config.yaml name=bounded train.steps=33"); /* the end of the third epoch */
  cr_assert_float_eq(json_double(file_text("runs/bounded/summary.json"), "epochs"), 3, 0);
  run_well(3, "train --resume config.yaml name=bounded " SELDOM);
  check_same(&whole, "bounded");
}

Test(resume, of_a_finished_run_changes_nothing) {
  run_well(ALONE, "train config.yaml name=whole " SELDOM);
  outcome_t whole = outcome_of("whole");
  run_well(2, "train --resume config.yaml name=whole " SELDOM);
  check_same(&whole, "whole");
}

/* What the schedule has seen of the loss lies in the checkpoint: the rate falls in the first part, and the
 * second part begins with the lower one. */
Test(resume, keeps_the_rate_that_a_plateau_has_reduced) {
  static const char *const course =
      "'schedule={name: reduce_on_plateau, patience: 1, threshold: 0.2, factor: 0.5, scaling: linear, "
      "base_batch_size: 43}' 'checkpoint.every=1 epoch'";
  run_well(ALONE, "train config.yaml name=whole %s train.epochs=8", course);
  run_well(2, "train config.yaml name=parts %s train.epochs=5", course);
  run_well(3, "train --resume config.yaml name=parts %s train.epochs=8", course);
  outcome_t whole = outcome_of("whole"), parts = outcome_of("parts");
  outcome_expect_same(&whole, &parts, "parts");
  double first = NAN, last = NAN;
  for (const char *line = file_text("runs/parts/log.jsonl"); line != NULL; line = strchr(line, '\n')) {
    line += *line == '\n';
    if (strncmp(line, "{\"event\": \"epoch\"", 17) != 0) continue;
    last = json_double(line, "learning_rate");
    if (isnan(first)) first = last;
  }
  cr_assert_float_eq(first, 0.002 * 86 / 43, 1e-15, "the batch is twice the base batch: %g", first);
  cr_assert_lt(last, first / 2, "%g at first, %g in the end", first, last);
}

Test(resume, starts_afresh_when_there_is_nothing) {
  run_well(2, "train --resume config.yaml name=fresh train.epochs=2");
  run_well(ALONE, "train config.yaml name=plain train.epochs=2");
  outcome_t fresh = outcome_of("fresh"), plain = outcome_of("plain");
  outcome_expect_same(&plain, &fresh, "fresh");
}

Test(resume, refuses_settings_that_would_change_the_batches) {
  run_well(ALONE, "train config.yaml name=a train.epochs=2");
  static const char *const changes[] = {"train.global_batch_size=64", "train.seed=2", "data.shuffle=none"};
  for (int i = 0; i < 3; i++) {
    result_t result = run(i == 0 ? 2 : ALONE, "train --resume config.yaml name=a %s", changes[i]);
    char key[64];
    snprintf(key, sizeof key, "%.*s", (int)strcspn(changes[i], "="), changes[i]);
    cr_assert_eq(result.code, 2, "%s: exit code %d\n%s", changes[i], result.code, result.err);
    cr_assert_not_null(strstr(result.err, key), "%s", result.err);
  }
}
