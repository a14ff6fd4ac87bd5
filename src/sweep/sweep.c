/* Trains the trials of a sweep, rung by rung, and collects their results. Rank 0 reads the directories of
 * trials and decides what is left to be done; all ranks learn it. */
#include "sweep/sweep_impl.h"

#include "base/checksum.h"
#include "base/progress.h"
#include "data/dataset.h"
#include "layout/groups.h"
#include "loss/objective.h"
#include "run/run_lock.h"
#include "sweep/halving.h"
#include "train/trainer.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Warnings that have been shown, as checksums. Trials of a sweep differ in a few settings, so most warn of
 * the same things. Beyond MOST_WARNINGS every one is shown. */
enum { MOST_WARNINGS = 64 };
typedef struct {
  uint64_t seen[MOST_WARNINGS];
  int n;
} warnings_t;

/* Trials that are trained next, and how far. */
typedef struct {
  const sweep_t *sweep;
  warnings_t *warnings; /* of this rank */
  int64_t *trials;      /* (n) */
  int64_t n;
  int64_t epochs; /* after which they pause; 0: they train to the end */
} rung_t;

/* ---- one trial ---- */

/* A line about a trial that has come to its end, or to that of a rung. Rank 0 of its group writes it. */
static ls_status tell(const rung_t *rung, int64_t index, ls_error *error) {
  const sweep_t *sweep = rung->sweep;
  const log_t log = {.out = stderr};
  trial_result_t result;
  char text[600];
  TRY(trial_read(sweep, index, rung->epochs, &result, error));
  trial_describe(sweep, index, text, sizeof text);
  if (result.state == TRIAL_FAILED)
    log_info(&log, "trial %" PRId64 " of %" PRId64 ": %s: diverged", index + 1, sweep->trials, text);
  else
    log_info(&log, "trial %" PRId64 " of %" PRId64 ": %s: %s %.5g after %" PRId64 " epochs", index + 1,
             sweep->trials, text, sweep->metric, result.metric, result.epoch);
  return LS_OK;
}

static bool is_new(warnings_t *warnings, const char *line, size_t length) {
  const uint64_t sum = checksum_of(line, length);
  for (int i = 0; i < warnings->n; i++)
    if (warnings->seen[i] == sum) return false;
  if (warnings->n < MOST_WARNINGS) warnings->seen[warnings->n++] = sum;
  return true;
}

/* Shows those lines of a trial's log that no earlier trial of this rank had. */
static void tell_warnings(const rung_t *rung, int64_t index, const char *lines) {
  const log_t log = {.out = stderr};
  for (const char *line = lines; *line != '\0';) {
    const size_t length = strcspn(line, "\n");
    if (is_new(rung->warnings, line, length))
      log_info(&log, "trial %" PRId64 " of %" PRId64 ": %.*s", index + 1, rung->sweep->trials, (int)length,
               line);
    line += length + (line[length] == '\n');
  }
}

/* Trains one trial. `notes` takes its warnings on rank 0 of the group. Collective. */
static ls_status train_quietly(world_t *group, const rung_t *rung, int64_t index, int threads, FILE *notes,
                               ls_error *error) {
  const sweep_t *sweep = rung->sweep;
  const log_t log = {.warnings = notes};
  ls_error failure = {0};
  trial_settings_t trial;
  TRY(trial_settings(sweep, index, threads, &trial, error));
  const train_options_t options = {.resume = true,
                                   .replace = true, /* what has no checkpoint */
                                   .log = &log,
                                   .job_end = sweep->options->job_end,
                                   .began = sweep->began,
                                   .pause_epoch = rung->epochs};
  char prefix[64];
  snprintf(prefix, sizeof prefix, "trial %" PRId64 "/%" PRId64, index + 1, sweep->trials);
  progress_set_prefix(prefix);
  ls_status status = train_run(group, &trial.settings, &options, &failure);
  progress_set_prefix("");
  const bool diverged = status == LS_DIVERGED;
  if (status != LS_OK && !diverged) {
    char text[600];
    trial_describe(sweep, index, text, sizeof text);
    if (error != NULL) *error = failure;
    return error_prefix(error, status, "%s", text);
  }
  return diverged && world_rank(group) == 0 ? trial_fail(sweep, index, failure.message, error) : LS_OK;
}

static ls_status train_trial(world_t *group, int64_t item, int threads, void *context, ls_error *error) {
  const rung_t *rung = context;
  const int64_t index = rung->trials[item];
  const bool is_root = world_rank(group) == 0;
  char *lines = NULL;
  size_t size = 0;
  FILE *notes = is_root ? open_memstream(&lines, &size) : NULL;
  ls_status status = is_root && notes == NULL
                         ? error_set(error, LS_NO_MEMORY, "no memory for the warnings of a trial")
                         : LS_OK;
  status = world_agree(group, status, error);
  if (status == LS_OK) status = train_quietly(group, rung, index, threads, notes, error);
  if (notes != NULL && fclose(notes) == 0 && lines != NULL) tell_warnings(rung, index, lines);
  free(lines);
  if (status == LS_OK && is_root) status = tell(rung, index, error);
  return world_agree(group, status, error);
}

/* ---- a rung ---- */

/* Whether a trial has to be trained for a rung. */
static bool is_left(const trial_result_t *result, int64_t epochs) {
  if (result->state == TRIAL_DONE || result->state == TRIAL_FAILED) return false;
  return epochs == 0 || result->epoch < epochs;
}

static bool is_of_part(const sweep_t *sweep, int64_t index) {
  return sweep->parts == 0 || index % sweep->parts == sweep->part - 1;
}

/* On rank 0: which trials of the combinations alive are left for the rung. */
static ls_status find_left(const bool *alive, rung_t *rung, ls_error *error) {
  const sweep_t *sweep = rung->sweep;
  rung->n = 0;
  for (int64_t i = 0; i < sweep->trials; i++) {
    trial_result_t result;
    if (!alive[trial_of(sweep, i).combination] || !is_of_part(sweep, i)) continue;
    TRY(trial_read(sweep, i, 0, &result, error));
    if (is_left(&result, rung->epochs)) rung->trials[rung->n++] = i;
  }
  return LS_OK;
}

/* Collective. */
static ls_status train_rung(world_t *world, const bool *alive, rung_t *rung, ls_error *error) {
  const sweep_t *sweep = rung->sweep;
  ls_status status = world_rank(world) == 0 ? find_left(alive, rung, error) : LS_OK;
  TRY(world_agree(world, status, error));
  TRY(world_broadcast(world, &rung->n, sizeof rung->n, 0, error));
  TRY(world_broadcast(world, rung->trials, (size_t)rung->n * sizeof *rung->trials, 0, error));
  if (rung->n == 0) return LS_OK;
  if (rung->epochs > 0)
    log_info(sweep->options->log, "%" PRId64 " trials train up to epoch %" PRId64, rung->n, rung->epochs);
  else
    log_info(sweep->options->log, "%" PRId64 " of %" PRId64 " trials are left to train", rung->n,
             sweep->trials);
  return groups_run(world, sweep->settings[0], sweep->shards, rung->n, train_trial, rung, error);
}

/* On rank 0: the combinations that go on after a rung, by the means of their trials at its end. */
static ls_status judge_rung(const sweep_t *sweep, int64_t epochs, bool *alive, ls_error *error) {
  const size_t combinations = (size_t)sweep->axes.combinations;
  trial_result_t *results = calloc((size_t)sweep->trials, sizeof *results);
  double *means = calloc(combinations, sizeof *means);
  ls_status status = results == NULL || means == NULL
                         ? error_set(error, LS_NO_MEMORY, "no memory to compare combinations")
                         : LS_OK;
  for (int64_t i = 0; i < sweep->trials && status == LS_OK; i++)
    if (alive[trial_of(sweep, i).combination]) status = trial_read(sweep, i, epochs, &results[i], error);
  for (int64_t c = 0; c < sweep->axes.combinations && status == LS_OK; c++)
    means[c] = alive[c] ? result_mean(sweep, results, c) : (double)NAN;
  if (status == LS_OK) halving_keep(means, combinations, sweep->higher_is_better, sweep->options->eta, alive);
  free(results);
  free(means);
  return status;
}

/* All rungs; without halving there is one. Collective. */
static ls_status train_trials(world_t *world, const sweep_t *sweep, bool *alive, int64_t *trials,
                              ls_error *error) {
  int64_t epochs[MOST_RUNGS] = {0};
  const int64_t eta = sweep->options->eta;
  const size_t bytes = (size_t)sweep->axes.combinations * sizeof *alive;
  warnings_t warnings = {0};
  int rungs = 1;
  if (eta > 0) rungs = halving_rungs(sweep->axes.combinations, eta, sweep->settings[0]->train.epochs, epochs);
  for (int i = 0; i < rungs; i++) {
    bool is_last = i == rungs - 1;
    rung_t rung = {
        .sweep = sweep, .warnings = &warnings, .trials = trials, .epochs = is_last ? 0 : epochs[i]};
    TRY(train_rung(world, alive, &rung, error));
    if (is_last) break;
    ls_status status = world_rank(world) == 0 ? judge_rung(sweep, epochs[i], alive, error) : LS_OK;
    TRY(world_agree(world, status, error));
    TRY(world_broadcast(world, alive, bytes, 0, error));
  }
  return LS_OK;
}

static ls_status train_all(world_t *world, const sweep_t *sweep, ls_error *error) {
  const size_t combinations = (size_t)sweep->axes.combinations;
  bool *alive = malloc(combinations * sizeof *alive);
  int64_t *trials = malloc((size_t)sweep->trials * sizeof *trials);
  ls_status status = alive == NULL || trials == NULL
                         ? error_set(error, LS_NO_MEMORY, "no memory for the trials of a sweep")
                         : LS_OK;
  status = world_agree(world, status, error);
  for (size_t c = 0; c < combinations && status == LS_OK; c++) alive[c] = true;
  if (status == LS_OK) status = train_trials(world, sweep, alive, trials, error);
  free(alive);
  free(trials);
  return status;
}

/* ---- the result ---- */

/* On rank 0. */
static ls_status show(const sweep_t *sweep, const uint16_t *fold, int64_t rows, ls_error *error) {
  trial_result_t *results = calloc((size_t)sweep->trials, sizeof *results);
  standing_t *standings = calloc((size_t)sweep->axes.combinations, sizeof *standings);
  ls_status status = results == NULL || standings == NULL
                         ? error_set(error, LS_NO_MEMORY, "no memory for the result of a sweep")
                         : LS_OK;
  for (int64_t i = 0; i < sweep->trials && status == LS_OK; i++)
    status = trial_read(sweep, i, 0, &results[i], error);
  if (status == LS_OK) status = result_rank(sweep, results, standings, error);
  if (status == LS_OK) status = result_write(sweep, results, standings, fold, rows, error);
  if (status == LS_OK) status = table_print(sweep, standings, stdout, error);
  free(results);
  free(standings);
  return status;
}

static ls_status collect(world_t *world, const sweep_t *sweep, ls_error *error) {
  uint16_t *fold = NULL;
  int64_t rows = 0;
  if (sweep->options->folds > 0 && sweep->has_same_folds) {
    trial_settings_t trial;
    TRY(trial_settings(sweep, 0, 1, &trial, error));
    TRY(dataset_folds(world, &trial.settings, objective_strata(&trial.settings), &fold, &rows, error));
  }
  ls_status status = world_rank(world) == 0 ? show(sweep, fold, rows, error) : LS_OK;
  free(fold);
  return world_agree(world, status, error);
}

/* ---- the sweep ---- */

static ls_status run_locked(world_t *world, const sweep_t *sweep, ls_error *error) {
  ls_status status = world_rank(world) == 0 ? plan_open_directory(sweep, error) : LS_OK;
  TRY(world_agree(world, status, error));
  log_info(sweep->options->log, "%s: %" PRId64 " combinations, %" PRId64 " trials, compared by %s",
           sweep->directory, sweep->axes.combinations, sweep->trials, sweep->metric);
  TRY(train_all(world, sweep, error));
  if (sweep->parts == 0) return collect(world, sweep, error);
  log_info(sweep->options->log,
           "part %" PRId64 " of %" PRId64 " is done; the same command with --resume instead of --part writes "
           "the result when all are",
           sweep->part, sweep->parts);
  return LS_OK;
}

/* Parts share the directory, so only whole sweeps take its lock; each trial has its own besides. */
static ls_status run_sweep(world_t *world, const sweep_t *sweep, ls_error *error) {
  run_lock_t *lock = NULL;
  if (sweep->parts == 0) TRY(run_lock_share(world, sweep->directory, sweep->options->log, &lock, error));
  ls_status status = run_locked(world, sweep, error);
  run_lock_release(&lock);
  return status;
}

ls_status sweep_run(world_t *world, const sweep_options_t *options, ls_error *error) {
  sweep_t sweep;
  ls_status status = plan_make_sweep(world, options, &sweep, error);
  if (status == LS_OK) status = run_sweep(world, &sweep, error);
  plan_free_sweep(&sweep);
  return status;
}
