#include "run/saver.h"

#include "base/activity.h"
#include "base/clock.h"
#include "run/run_lock.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* With `checkpoint.parts: auto`, states of more bytes than this are written by all ranks. */
#define PARTS_BYTES 256e6

/* Seconds between two looks that a rank asks for because its own work is done. */
#define LOOK_SECONDS 0.25

static bool is_root(const saver_t *saver) {
  return world_rank(saver->in.world) == 0;
}

bool saver_keeps(const settings_t *settings) {
  const interval_t *every = &settings->checkpoint.every;
  return every->epochs > 0 || every->steps > 0 || every->seconds > 0 || every->is_auto;
}

bool saver_in_parts(const settings_t *settings, size_t floats, int ranks) {
  const char *parts = settings->checkpoint.parts;
  const int states = optimizer_find(settings->optimizer.name)->states;
  const double bytes = (double)floats * sizeof(float) * states;
  if (states == 0 || strcmp(settings->parallel.reduce, "mpi") == 0) return false;
  return strcmp(parts, "ranks") == 0 || (strcmp(parts, "auto") == 0 && bytes > PARTS_BYTES && ranks > 1);
}

/* Several ranks that write one file: rank 0 collects a vector of all shares first. */
double saver_memory(const settings_t *settings, int states, size_t floats, int rank, int ranks) {
  const double vector = (double)floats * sizeof(float);
  const double own = rank == 0 ? vector * (saver_keeps(settings) ? 2 : 1) : 0;
  if (saver_in_parts(settings, floats, ranks)) return own + vector * states / ranks;
  return rank == 0 ? own + vector * (states + (ranks > 1 ? 1 : 0)) : 0;
}

/* ---- what the thread does ---- */

/* Before a checkpoint that refers to the best parameters: writes these, unless they are on the disk already.
 */
static ls_status write_best(saver_t *saver, ls_error *error) {
  char path[RUN_FILE_SIZE];
  ls_status status = LS_OK;
  save_job_t *job = &saver->job;
  const run_directory_t *run = saver->in.run;
  run_checkpoint(run, job->best.step, path);
  bool is_there = !job->has_best || run_has(path);
  run_best(run, job->best.step, path);
  if (!is_there && !run_has(path)) status = model_write(path, &job->best, NULL, error);
  atomic_store(&job->best_is_done, true);
  return status;
}

static ls_status write_checkpoint(void *context, ls_error *error) {
  saver_t *saver = context;
  const run_directory_t *run = saver->in.run;
  char path[RUN_FILE_SIZE];
  checkpoint_parts_t extra = {.position = &saver->copies.position,
                              .optimizer = saver->in.optimizer,
                              .states = saver->in_parts ? NULL : saver->job.states,
                              .list = saver->in_parts ? &saver->list : NULL,
                              .epoch_loss = saver->copies.sums,
                              .history = &saver->copies.history};
  run_checkpoint(run, saver->copies.position.step, path);
  ls_status status = saver->in_parts ? LS_OK : write_best(saver, error);
  if (status == LS_OK) status = run_lock_check(run->lock, error);
  if (status == LS_OK) status = checkpoint_write(path, &saver->job.model, &extra, error);
  if (status == LS_OK) run_prune(run, saver->in.settings->checkpoint.keep, saver->copies.position.best_step);
  return status;
}

static void own_part(const saver_t *saver, char path[RUN_FILE_SIZE]) {
  char checkpoint[RUN_FILE_SIZE];
  run_checkpoint(saver->in.run, saver->copies.position.step, checkpoint);
  part_path(checkpoint, saver->part, saver->parts, path, RUN_FILE_SIZE);
}

/* In parts, this comes before write_checkpoint. Rank 0 may have no part. */
static ls_status write_part(void *context, ls_error *error) {
  saver_t *saver = context;
  char path[RUN_FILE_SIZE];
  if (is_root(saver)) TRY(write_best(saver, error));
  if (saver->part == 0) return LS_OK;
  own_part(saver, path);
  TRY(part_write(path, saver->in.optimizer, saver->job.states, saver->part_floats, error));
  return store_seal(path, &saver->job.seal, error);
}

/* ---- copies ---- */

/* Whole states come to rank 0. In parts, each rank copies its own, or lends them. */
static ls_status copy_states(saver_t *saver, bool lend, ls_error *error) {
  for (int k = 0; k < saver->in.optimizer->states; k++) {
    const float *own = engine_own_state(saver->in.engine, k);
    if (!saver->in_parts)
      TRY(engine_get_state(saver->in.engine, k, saver->copies.states[k], error));
    else if (!lend && saver->part > 0)
      memcpy(saver->copies.states[k], own, (size_t)saver->part_floats * sizeof *own);
    saver->job.states[k] = saver->in_parts && lend ? own : saver->copies.states[k];
  }
  return LS_OK;
}

/* The copy of the history grows with the history; rows that are there never change. */
static ls_status follow_history(history_t *copy, const history_t *history, ls_error *error) {
  copy->objective = history->objective;
  if (copy->n > history->n) copy->n = 0;
  while (copy->n < history->n) TRY(history_add(copy, &history->rows[copy->n], error));
  return LS_OK;
}

/* On rank 0: all that the checkpoint holds beside the states. */
static ls_status copy_rest(saver_t *saver, const save_state_t *state, ls_error *error) {
  save_job_t *job = &saver->job;
  const size_t bytes = graph_floats(saver->in.graph) * sizeof(float);
  TRY(follow_history(&saver->copies.history, state->history, error));
  memcpy(saver->copies.sums, state->sums, saver->in.n_sums * sizeof *state->sums);
  job->model = state->model;
  if (!state->is_last)
    job->model.parameters = memcpy(saver->copies.parameters, state->model.parameters, bytes);
  job->has_best = state->best != NULL;
  job->best = job->model;
  job->best.parameters = state->best;
  job->best.step = state->position->best_step;
  job->best.epoch = state->best_epoch;
  atomic_store(&job->best_is_done, false);
  return LS_OK;
}

/* Collective. */
static ls_status copy_state(saver_t *saver, const save_state_t *state, ls_error *error) {
  saver->copies.position = *state->position;
  TRY(copy_states(saver, state->is_last, error));
  return world_agree(saver->in.world, is_root(saver) ? copy_rest(saver, state, error) : LS_OK, error);
}

/* ---- results ---- */

/* What is left after a failure, for messages. */
static void describe_good(const saver_t *saver, char *out, size_t size) {
  const save_record_t *record = &saver->record;
  char path[RUN_FILE_SIZE];
  run_checkpoint(saver->in.run, record->good_step, path);
  if (record->good_step < 0)
    snprintf(out, size, "there is no earlier checkpoint");
  else
    snprintf(out, size, "the last good one is %s, %" PRId64 " s old", path,
             (int64_t)time(NULL) - record->good_time);
}

/* On rank 0. */
static void tell(const saver_t *saver, const char *reason, background_cost_t cost) {
  const save_news_t news = {.is_saved = reason == NULL,
                            .step = saver->copies.position.step,
                            .pause = saver->record.last_pause,
                            .cost = cost,
                            .reason = reason};
  saver->in.tell(&news, saver->in.context);
}

static void note_success(saver_t *saver) {
  background_cost_t cost = background_cost(saver->thread);
  cost.wall += saver->cost.wall, cost.core += saver->cost.core; /* of this rank's part */
  saver->record.saved++;
  saver->record.good_step = saver->copies.position.step;
  saver->record.good_best = saver->copies.position.best_step;
  saver->record.good_time = (int64_t)time(NULL) - (int64_t)cost.wall;
  tell(saver, NULL, cost);
}

/* The status of a run whose checkpoint has failed: LS_OK if it goes on. */
static ls_status note_failure(saver_t *saver, bool must, const ls_error *problem, ls_error *error) {
  char good[2 * RUN_FILE_SIZE];
  const char *reason = problem->message[0] != '\0' ? problem->message : ls_status_text(problem->status);
  bool is_disk = problem->status == LS_IO || problem->status == LS_NO_MEMORY;
  describe_good(saver, good, sizeof good);
  if (must && is_disk)
    return error_set(error, problem->status,
                     "%.500s: the last checkpoint could not be saved; %.300s; the same command with --resume "
                     "continues from there",
                     reason, good);
  if (!is_disk) {
    if (error != NULL) *error = *problem;
    return problem->status;
  }
  if (!is_root(saver)) return LS_OK;
  saver->record.failed++;
  log_warn(saver->in.log,
           "the checkpoint of step %" PRId64 " could not be saved: %s; %s; training goes on and tries again "
           "with the next checkpoint",
           saver->copies.position.step, reason, good);
  tell(saver, reason, (background_cost_t){0});
  return LS_OK;
}

/* ---- parts ---- */

/* Fills the list and part_of (ranks) from the engine's plan: which part holds what. `ranges` is room. */
static void fill_ranges(saver_t *saver, state_range_t *ranges, int64_t *part_of) {
  part_list_t *list = &saver->list;
  list->n = 0;
  list->n_ranges = 0;
  for (int r = 0; r < world_size(saver->in.world); r++) {
    size_t n = engine_state_ranges(saver->in.engine, r, ranges), before = list->n_ranges;
    for (size_t i = 0; i < n; i++)
      if (ranges[i].count > 0)
        list->ranges[list->n_ranges++] =
            (part_range_t){list->n + 1, (int64_t)ranges[i].first, (int64_t)ranges[i].count};
    part_of[r] = list->n_ranges > before ? ++list->n : 0;
  }
}

static ls_status plan_parts(saver_t *saver, ls_error *error) {
  size_t ranks = (size_t)world_size(saver->in.world), n = engine_state_ranges(saver->in.engine, 0, NULL);
  state_range_t *ranges = calloc(n, sizeof *ranges);
  int64_t *part_of = calloc(ranks, sizeof *part_of);
  ls_status status = ranges == NULL || part_of == NULL
                         ? error_set(error, LS_NO_MEMORY, "no memory for the parts of checkpoints")
                         : part_list_create((int64_t)ranks, ranks * n, &saver->list, error);
  if (status == LS_OK) {
    fill_ranges(saver, ranges, part_of);
    saver->part = part_of[world_rank(saver->in.world)];
    saver->parts = saver->list.n;
    engine_state_ranges(saver->in.engine, world_rank(saver->in.world), ranges);
    for (size_t i = 0; i < n; i++) saver->part_floats += (int64_t)ranges[i].count;
  }
  free(ranges);
  free(part_of);
  return status;
}

/* All parts are on the disk: rank 0 learns their seals and begins with the checkpoint. Collective. */
static ls_status begin_checkpoint(saver_t *saver, ls_error *error) {
  struct {
    int64_t part;
    uint64_t seal;
  } mine = {saver->part, saver->job.seal}, *all = calloc((size_t)world_size(saver->in.world), sizeof mine);
  ls_status status = all == NULL ? error_set(error, LS_NO_MEMORY, "no memory for the seals of parts") : LS_OK;
  TRY_OR_DONE(world_agree(saver->in.world, status, error));
  TRY_OR_DONE(world_gather(saver->in.world, &mine, sizeof mine, all, error));
  if (!is_root(saver)) goto done;
  for (int r = 0; r < world_size(saver->in.world); r++)
    if (all[r].part > 0) saver->list.seals[all[r].part - 1] = all[r].seal;
  saver->is_pending = true;
  background_start(saver->thread, write_checkpoint, saver);
done:
  free(all);
  return status;
}

/* Waits for the thread. If that takes long, other ranks see what this one waits for. */
static ls_status await(saver_t *saver, ls_error *error) {
  char path[RUN_FILE_SIZE];
  run_checkpoint(saver->in.run, saver->copies.position.step, path);
  activity_set("writing %s", path);
  ls_status status = background_wait(saver->thread, error);
  activity_set("training");
  return status;
}

/* Takes note of parts. LS_OK while some rank still writes, unless `wait`. Collective. */
static ls_status settle_parts(saver_t *saver, bool wait, bool must, ls_error *error) {
  ls_error problem = {0};
  int64_t busy = background_is_busy(saver->thread);
  if (!wait) TRY(world_max_i64(saver->in.world, &busy, 1, error));
  if (!wait && busy != 0) return LS_OK;
  problem.status = saver->thread != NULL ? await(saver, &problem) : LS_OK;
  ls_status status = world_agree(saver->in.world, problem.status, &problem);
  saver->parts_pending = false;
  if (saver->thread != NULL) saver->cost = background_cost(saver->thread);
  if (status == LS_OK) status = begin_checkpoint(saver, &problem);
  if (status == LS_OK) return LS_OK;
  char path[RUN_FILE_SIZE];
  own_part(saver, path);
  if (saver->part > 0) unlink(path);
  return note_failure(saver, must, &problem, error);
}

/* ---- saving ---- */

/* Takes note of what is complete; with `wait`, of everything. must: a failure is the run's. */
static ls_status settle(saver_t *saver, bool wait, bool must, ls_error *error) {
  ls_error problem = {0};
  if (saver->parts_pending) TRY(settle_parts(saver, wait, must, error));
  if (!saver->is_pending || (!wait && background_is_busy(saver->thread))) return LS_OK;
  problem.status = await(saver, &problem);
  saver->is_pending = false;
  if (problem.status != LS_OK) return note_failure(saver, must, &problem, error);
  note_success(saver);
  return LS_OK;
}

static void begin_job(saver_t *saver) {
  saver->parts_pending = saver->in_parts;
  saver->is_pending = is_root(saver) && !saver->in_parts;
  if (saver->in_parts && saver->thread != NULL) background_start(saver->thread, write_part, saver);
  if (saver->is_pending) background_start(saver->thread, write_checkpoint, saver);
}

bool saver_is_busy(const saver_t *saver) {
  return saver->is_pending || saver->parts_pending;
}

/* What has gone wrong since the last checkpoint, if anything has. */
static ls_status check_run(saver_t *saver, ls_error *error) {
  TRY(settle(saver, true, false, error));
  if (saver->failure.status == LS_OK)
    return is_root(saver) ? run_lock_check(saver->in.run->lock, error) : LS_OK;
  if (error != NULL) *error = saver->failure;
  return saver->failure.status;
}

/* The newest checkpoint, if it is complete. Collective. */
static ls_status copy_to_partners(saver_t *saver, ls_error *error) {
  const int64_t step = saver_is_busy(saver) ? -1 : saver->record.good_step;
  return partner_copy(&saver->partner, step, saver->record.good_best, error);
}

ls_status saver_save(saver_t *saver, const save_state_t *state, ls_error *error) {
  const double began = clock_seconds();
  save_state_t own = *state;
  own.is_last |= !saver_keeps(saver->in.settings); /* then there is no room for a copy */
  TRY(world_agree(saver->in.world, check_run(saver, error), error));
  TRY(copy_to_partners(saver, error));
  TRY(copy_state(saver, &own, error));
  begin_job(saver);
  saver->record.last_pause = clock_seconds() - began;
  if (own.is_last) TRY(world_agree(saver->in.world, settle(saver, true, true, error), error));
  if (own.is_last) TRY(copy_to_partners(saver, error));
  saver->record.pause += clock_seconds() - began;
  return LS_OK;
}

ls_status saver_look(saver_t *saver, ls_error *error) {
  ls_error problem = {0};
  const bool together = saver->parts_pending;
  saver->looked = clock_seconds();
  ls_status status = settle(saver, false, false, &problem);
  if (together && status == LS_COMM) {
    if (error != NULL) *error = problem;
    return status;
  }
  if (status != LS_OK)
    saver->failure = problem; /* perhaps of one rank: all learn of it at the next checkpoint */
  return copy_to_partners(saver, error);
}

bool saver_wants_look(const saver_t *saver) {
  return saver_is_busy(saver) && !background_is_busy(saver->thread) &&
         clock_seconds() - saver->looked > LOOK_SECONDS;
}

void saver_finish(saver_t *saver) {
  ls_error ignored = {0}; /* the run has an error of its own */
  activity_set("waiting until its checkpoint is written");
  settle(saver, true, false, &ignored);
}

void saver_release_best(const saver_t *saver) {
  const struct timespec nap = {.tv_nsec = 1000000};
  while (saver_is_busy(saver) && background_is_busy(saver->thread) && !atomic_load(&saver->job.best_is_done))
    nanosleep(&nap, NULL);
}

/* ---- life ---- */

/* Whether every rank sees the run directory: the file config.yaml, which rank 0 has just written. Collective.
 */
static ls_status find_shared(saver_t *saver, bool *is_shared, ls_error *error) {
  char path[RUN_FILE_SIZE];
  struct stat about = {0};
  int64_t mine[2] = {0}, roots[2], same = 0;
  run_file(saver->in.run, "config.yaml", path);
  if (stat(path, &about) == 0) mine[0] = (int64_t)about.st_ino, mine[1] = (int64_t)about.st_size;
  memcpy(roots, mine, sizeof mine);
  TRY(world_broadcast(saver->in.world, roots, sizeof roots, 0, error));
  same = memcmp(roots, mine, sizeof mine) == 0;
  TRY(world_min_i64(saver->in.world, &same, 1, error));
  *is_shared = same != 0;
  return LS_OK;
}

/* Whether all ranks write. The same on all ranks. Collective. */
static ls_status choose_parts(saver_t *saver, ls_error *error) {
  const bool wanted = strcmp(saver->in.settings->checkpoint.parts, "ranks") == 0;
  bool is_shared = false;
  saver->in_parts =
      saver_in_parts(saver->in.settings, graph_floats(saver->in.graph), world_size(saver->in.world));
  if (!saver->in_parts) return LS_OK;
  TRY(find_shared(saver, &is_shared, error));
  if (!is_shared && wanted)
    return error_set(
        error, LS_BAD_SETTINGS,
        "checkpoint.parts=ranks needs a run directory that all ranks see: choose another `runs`, "
        "or checkpoint.parts=one");
  saver->in_parts = is_shared;
  return LS_OK;
}

static ls_status take_memory(saver_t *saver, ls_error *error) {
  size_t floats = graph_floats(saver->in.graph);
  size_t of_state = saver->in_parts ? (size_t)saver->part_floats : is_root(saver) ? floats : 0;
  bool all = true, copies = saver_keeps(saver->in.settings);
  for (int k = 0; k < saver->in.optimizer->states && of_state > 0; k++)
    all = (saver->copies.states[k] = calloc(of_state, sizeof(float))) != NULL && all;
  if (is_root(saver)) {
    saver->copies.sums = calloc(saver->in.n_sums, sizeof(double));
    saver->copies.parameters = calloc(copies ? floats : 1, sizeof(float));
    all = all && saver->copies.sums != NULL && saver->copies.parameters != NULL;
  }
  if (all) return LS_OK;
  return error_set(error, LS_NO_MEMORY, "no memory for a copy of the state, to save checkpoints (%.1f MB)",
                   (double)(of_state * (size_t)saver->in.optimizer->states + floats) * sizeof(float) / 1e6);
}

ls_status saver_create(const saver_inputs_t *inputs, saver_t *saver, ls_error *error) {
  char path[RUN_FILE_SIZE];
  struct stat about;
  *saver = (saver_t){.in = *inputs,
                     .record = {.good_step = inputs->resumed_step, .good_best = inputs->resumed_best}};
  run_checkpoint(inputs->run, inputs->resumed_step, path);
  if (inputs->resumed_step >= 0 && stat(path, &about) == 0) saver->record.good_time = about.st_mtime;
  const partner_inputs_t partner = {.world = inputs->world,
                                    .run = inputs->run,
                                    .settings = inputs->settings,
                                    .log = inputs->log,
                                    .resumes = inputs->resumed_step >= 0,
                                    .replaces = inputs->replaces};
  TRY(partner_open(&partner, &saver->partner, error));
  TRY(choose_parts(saver, error));
  ls_status status = saver->in_parts ? plan_parts(saver, error) : LS_OK;
  if (status == LS_OK) status = take_memory(saver, error);
  if (status == LS_OK && (is_root(saver) || saver->part > 0))
    status = background_create(&saver->thread, error);
  return world_agree(saver->in.world, status, error);
}

void saver_free(saver_t *saver) {
  background_destroy(&saver->thread);
  for (int k = 0; k < OPTIMIZER_MAX_STATES; k++) free(saver->copies.states[k]);
  free(saver->copies.parameters);
  free(saver->copies.sums);
  history_free(&saver->copies.history);
  part_list_free(&saver->list);
  partner_free(&saver->partner);
}
