#include "train/save.h"

#include "base/clock.h"
#include "layout/shard.h"
#include "train/trainer_impl.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* With `checkpoint.parts: auto`, states of more bytes than this are written by all ranks. */
#define PARTS_BYTES 256e6

static saver_t *saver_of(const trainer_t *trainer) {
  return (saver_t *)&trainer->copies.saver;
}

bool saver_keeps(const trainer_t *trainer) {
  const interval_t *every = &trainer->settings->checkpoint.every;
  return every->epochs > 0 || every->steps > 0 || every->seconds > 0 || every->is_auto;
}

/* ---- what the thread does ---- */

/* Before a checkpoint that refers to the best parameters: writes these, unless they are on the disk already.
 */
static ls_status write_best(save_job_t *job, ls_error *error) {
  char path[RUN_FILE_SIZE];
  ls_status status = LS_OK;
  const run_directory_t *run = &job->trainer->run;
  run_checkpoint(run, job->best.step, path);
  bool is_there = !job->has_best || run_has(path);
  run_best(run, job->best.step, path);
  if (!is_there && !run_has(path)) status = model_write(path, &job->best, NULL, error);
  atomic_store(&job->best_is_done, true);
  return status;
}

static ls_status write_checkpoint(void *context, ls_error *error) {
  save_job_t *job = context;
  const trainer_t *trainer = job->trainer;
  const saver_t *saver = saver_of(trainer);
  char path[RUN_FILE_SIZE];
  checkpoint_parts_t extra = {.position = &saver->copies.position,
                              .optimizer = trainer->optimizer,
                              .states = saver->in_parts ? NULL : job->states,
                              .list = saver->in_parts ? &saver->list : NULL,
                              .epoch_loss = saver->copies.sums,
                              .history = &saver->copies.history};
  run_checkpoint(&trainer->run, saver->copies.position.step, path);
  ls_status status = saver->in_parts ? LS_OK : write_best(job, error);
  if (status == LS_OK) status = run_lock_check(trainer->run.lock, error);
  if (status == LS_OK) status = checkpoint_write(path, &job->model, &extra, error);
  if (status == LS_OK)
    run_prune(&trainer->run, trainer->settings->checkpoint.keep, saver->copies.position.best_step);
  return status;
}

static void own_part(const trainer_t *trainer, char path[RUN_FILE_SIZE]) {
  const saver_t *saver = saver_of(trainer);
  char checkpoint[RUN_FILE_SIZE];
  run_checkpoint(&trainer->run, saver->copies.position.step, checkpoint);
  part_path(checkpoint, saver->part, saver->parts, path, RUN_FILE_SIZE);
}

/* In parts, this comes before write_checkpoint. Rank 0 may have no part. */
static ls_status write_part(void *context, ls_error *error) {
  save_job_t *job = context;
  char path[RUN_FILE_SIZE];
  if (is_root(job->trainer)) TRY(write_best(job, error));
  if (saver_of(job->trainer)->part == 0) return LS_OK;
  own_part(job->trainer, path);
  TRY(part_write(path, job->trainer->optimizer, job->states, saver_of(job->trainer)->part_floats, error));
  return store_seal(path, &job->seal, error);
}

/* ---- copies ---- */

/* Whole states come to rank 0. In parts, each rank copies its own, or at the end of the run lends them. */
static ls_status copy_states(trainer_t *trainer, bool lend, ls_error *error) {
  saver_t *saver = saver_of(trainer);
  for (int k = 0; k < trainer->optimizer->states; k++) {
    const float *own = engine_own_state(trainer->engine, k);
    if (!saver->in_parts)
      TRY(engine_get_state(trainer->engine, k, saver->copies.states[k], error));
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
static ls_status copy_rest(trainer_t *trainer, bool lend, ls_error *error) {
  saver_t *saver = saver_of(trainer);
  save_job_t *job = &saver->job;
  const int64_t best = trainer->position.best_step;
  const float *parameters = engine_parameters(trainer->engine);
  TRY(follow_history(&saver->copies.history, &trainer->record.history, error));
  memcpy(saver->copies.sums, trainer->copies.sums,
         (size_t)trainer->layout.shards * trainer->objective.n * sizeof(double));
  if (!lend) memcpy(saver->copies.parameters, parameters, graph_floats(trainer->graph) * sizeof *parameters);
  job->model = trainer_model(trainer);
  job->model.parameters = lend ? parameters : saver->copies.parameters;
  job->has_best = best >= 0 && best != trainer->position.step && best == trainer->copies.vector_step;
  job->best = job->model;
  job->best.parameters = trainer->copies.vector;
  job->best.step = best;
  job->best.epoch =
      best / epoch_steps(trainer->data.dataset->train.partition, trainer->settings->train.global_batch_size);
  atomic_store(&job->best_is_done, false);
  return LS_OK;
}

/* Lends instead of copying if nothing will change the state until the checkpoint is on the disk. */
static ls_status copy_state(trainer_t *trainer, bool lend, ls_error *error) {
  saver_t *saver = saver_of(trainer);
  saver->copies.position = trainer->position;
  saver->job.trainer = trainer;
  TRY(copy_states(trainer, lend, error));
  TRY(engine_epoch_loss(trainer->engine, trainer->copies.sums, error));
  return trainer_agree(trainer, is_root(trainer) ? copy_rest(trainer, lend, error) : LS_OK, error);
}

/* ---- results ---- */

/* What is left after a failure, for messages. */
static void describe_good(const trainer_t *trainer, char *out, size_t size) {
  const save_record_t *record = &saver_of(trainer)->record;
  char path[RUN_FILE_SIZE];
  run_checkpoint(&trainer->run, record->good_step, path);
  if (record->good_step < 0)
    snprintf(out, size, "there is no earlier checkpoint");
  else
    snprintf(out, size, "the last good one is %s, %" PRId64 " s old", path,
             (int64_t)time(NULL) - record->good_time);
}

/* On rank 0. */
static void note_success(trainer_t *trainer) {
  saver_t *saver = saver_of(trainer);
  background_cost_t cost = background_cost(saver->thread);
  saver->record.saved++;
  saver->record.good_step = saver->copies.position.step;
  saver->record.good_time = (int64_t)time(NULL) - (int64_t)cost.wall;
  stop_watch_saved(&trainer->watch, saver->record.last_pause, cost.wall, cost.core);
  report_saved(&trainer->record.report, saver->copies.position.step, saver->record.last_pause, cost.wall);
}

/* The status of a run whose checkpoint has failed: LS_OK if it goes on. Warnings are rank 0's. */
static ls_status note_failure(trainer_t *trainer, bool must, const ls_error *problem, ls_error *error) {
  saver_t *saver = saver_of(trainer);
  char good[2 * RUN_FILE_SIZE];
  const char *reason = problem->message[0] != '\0' ? problem->message : ls_status_text(problem->status);
  bool is_disk = problem->status == LS_IO || problem->status == LS_NO_MEMORY;
  describe_good(trainer, good, sizeof good);
  if (must && is_disk)
    return error_set(error, problem->status,
                     "%.500s: the last checkpoint could not be saved; %.300s; the same command with --resume "
                     "continues from there",
                     reason, good);
  if (!is_disk) {
    if (error != NULL) *error = *problem;
    return problem->status;
  }
  if (!is_root(trainer)) return LS_OK;
  saver->record.failed++;
  stop_watch_saved(&trainer->watch, saver->record.last_pause, 0, 0);
  report_save_failed(&trainer->record.report, saver->copies.position.step, reason);
  log_warn(trainer->options->log,
           "the checkpoint of step %" PRId64 " could not be saved: %s; %s; training goes on and tries again "
           "with the next checkpoint",
           saver->copies.position.step, reason, good);
  return LS_OK;
}

/* ---- parts ---- */

/* Which part holds what, from the engine's plan. */
static void fill_ranges(const trainer_t *trainer, part_list_t *list, state_range_t *ranges,
                        int64_t *part_of) {
  size_t at = 0;
  int64_t parts = 0;
  for (int r = 0; r < world_size(trainer->world); r++) {
    size_t n = engine_state_ranges(trainer->engine, r, ranges), floats = 0;
    for (size_t i = 0; i < n; i++) floats += ranges[i].count;
    part_of[r] = floats > 0 ? ++parts : 0;
    for (size_t i = 0; i < n && list != NULL && floats > 0; i++)
      if (ranges[i].count > 0)
        list->ranges[at++] = (part_range_t){part_of[r], (int64_t)ranges[i].first, (int64_t)ranges[i].count};
  }
  if (list == NULL) return;
  list->n_ranges = at;
  list->n = parts;
}

static ls_status plan_parts(trainer_t *trainer, ls_error *error) {
  saver_t *saver = saver_of(trainer);
  size_t ranks = (size_t)world_size(trainer->world), n = engine_state_ranges(trainer->engine, 0, NULL);
  state_range_t *ranges = calloc(n, sizeof *ranges);
  int64_t *part_of = calloc(ranks, sizeof *part_of);
  ls_status status = ranges == NULL || part_of == NULL
                         ? error_set(error, LS_NO_MEMORY, "no memory for the parts of checkpoints")
                         : part_list_create((int64_t)ranks, ranks * n, &saver->list, error);
  if (status == LS_OK) {
    fill_ranges(trainer, &saver->list, ranges, part_of);
    saver->part = part_of[world_rank(trainer->world)];
    saver->parts = saver->list.n;
    engine_state_ranges(trainer->engine, world_rank(trainer->world), ranges);
    for (size_t i = 0; i < n; i++) saver->part_floats += (int64_t)ranges[i].count;
  }
  free(ranges);
  free(part_of);
  return status;
}

/* All parts are on the disk: rank 0 learns their seals and begins with the checkpoint. Collective. */
static ls_status begin_checkpoint(trainer_t *trainer, ls_error *error) {
  saver_t *saver = saver_of(trainer);
  struct {
    int64_t part;
    uint64_t seal;
  } mine = {saver->part, saver->job.seal}, *all = calloc((size_t)world_size(trainer->world), sizeof mine);
  ls_status status = all == NULL ? error_set(error, LS_NO_MEMORY, "no memory for the seals of parts") : LS_OK;
  TRY_OR_DONE(trainer_agree(trainer, status, error));
  TRY_OR_DONE(world_gather(trainer->world, &mine, sizeof mine, all, error));
  if (!is_root(trainer)) goto done;
  for (int r = 0; r < world_size(trainer->world); r++)
    if (all[r].part > 0) saver->list.seals[all[r].part - 1] = all[r].seal;
  saver->is_pending = true;
  background_start(saver->thread, write_checkpoint, &saver->job);
done:
  free(all);
  return status;
}

/* Takes note of parts. LS_OK while some rank still writes, unless `wait`. Collective. */
static ls_status settle_parts(trainer_t *trainer, bool wait, bool must, ls_error *error) {
  saver_t *saver = saver_of(trainer);
  ls_error problem = {0};
  int64_t busy = background_is_busy(saver->thread);
  if (!wait) TRY(world_max_i64(trainer->world, &busy, 1, error));
  if (!wait && busy != 0) return LS_OK;
  problem.status = saver->thread != NULL ? background_wait(saver->thread, &problem) : LS_OK;
  ls_status status = trainer_agree(trainer, problem.status, &problem);
  saver->parts_pending = false;
  if (status == LS_OK) status = begin_checkpoint(trainer, &problem);
  if (status == LS_OK) return LS_OK;
  char path[RUN_FILE_SIZE];
  own_part(trainer, path);
  if (saver->part > 0) unlink(path);
  return note_failure(trainer, must, &problem, error);
}

/* ---- saving ---- */

/* Takes note of what is complete; with `wait`, of everything. must: a failure is the run's. */
static ls_status settle(trainer_t *trainer, bool wait, bool must, ls_error *error) {
  saver_t *saver = saver_of(trainer);
  ls_error problem = {0};
  if (saver->parts_pending) TRY(settle_parts(trainer, wait, must, error));
  if (!saver->is_pending || (!wait && background_is_busy(saver->thread))) return LS_OK;
  problem.status = background_wait(saver->thread, &problem);
  saver->is_pending = false;
  if (problem.status != LS_OK) return note_failure(trainer, must, &problem, error);
  note_success(trainer);
  return LS_OK;
}

static void begin_job(trainer_t *trainer) {
  saver_t *saver = saver_of(trainer);
  saver->parts_pending = saver->in_parts;
  saver->is_pending = is_root(trainer) && !saver->in_parts;
  if (saver->in_parts && saver->thread != NULL) background_start(saver->thread, write_part, &saver->job);
  if (saver->is_pending) background_start(saver->thread, write_checkpoint, &saver->job);
}

ls_status saver_save(trainer_t *trainer, ls_error *error) {
  saver_t *saver = saver_of(trainer);
  const bool last = trainer->stop != STOP_NOT;
  double began = clock_seconds();
  ls_status status = settle(trainer, true, false, error);
  if (status == LS_OK && saver->failure.status != LS_OK) {
    if (error != NULL) *error = saver->failure;
    status = saver->failure.status;
  }
  if (status == LS_OK && is_root(trainer)) status = run_lock_check(trainer->run.lock, error);
  TRY(trainer_agree(trainer, status, error));
  TRY(copy_state(trainer, last, error));
  stop_watch_saves(&trainer->watch);
  begin_job(trainer);
  saver->record.last_pause = clock_seconds() - began;
  if (last) {
    TRY(trainer_agree(trainer, settle(trainer, true, true, error), error));
    saver->record.last_pause = clock_seconds() - began;
  }
  saver->record.pause += saver->record.last_pause;
  return LS_OK;
}

ls_status saver_look(trainer_t *trainer, ls_error *error) {
  saver_t *saver = saver_of(trainer);
  ls_error problem = {0};
  const bool together = saver->parts_pending;
  ls_status status = settle(trainer, false, false, &problem);
  if (status == LS_OK) return LS_OK;
  if (together && status == LS_COMM) {
    if (error != NULL) *error = problem;
    return status;
  }
  saver->failure = problem; /* perhaps of this rank alone: all learn of it at the next checkpoint */
  return LS_OK;
}

bool saver_wants_look(const trainer_t *trainer) {
  const saver_t *saver = saver_of(trainer);
  return (saver->parts_pending || saver->is_pending) && !background_is_busy(saver->thread) &&
         clock_seconds() - trainer->watch.last_look > 0.25;
}

void saver_finish(trainer_t *trainer) {
  ls_error ignored = {0}; /* the run has an error of its own */
  settle(trainer, true, false, &ignored);
}

bool saver_is_busy(const trainer_t *trainer) {
  return saver_of(trainer)->is_pending || saver_of(trainer)->parts_pending;
}

void saver_release_best(const trainer_t *trainer) {
  const saver_t *saver = saver_of(trainer);
  const struct timespec nap = {.tv_nsec = 1000000};
  while (saver_is_busy(trainer) && background_is_busy(saver->thread) &&
         !atomic_load(&saver->job.best_is_done))
    nanosleep(&nap, NULL);
}

/* ---- life ---- */

/* Whether every rank sees the run directory: the file config.yaml, which rank 0 has just written. Collective.
 */
static ls_status find_shared(trainer_t *trainer, bool *is_shared, ls_error *error) {
  char path[RUN_FILE_SIZE];
  struct stat about = {0};
  int64_t mine[2] = {0}, roots[2], same = 0;
  run_file(&trainer->run, "config.yaml", path);
  if (stat(path, &about) == 0) mine[0] = (int64_t)about.st_ino, mine[1] = (int64_t)about.st_size;
  memcpy(roots, mine, sizeof mine);
  TRY(world_broadcast(trainer->world, roots, sizeof roots, 0, error));
  same = memcmp(roots, mine, sizeof mine) == 0;
  TRY(world_min_i64(trainer->world, &same, 1, error));
  *is_shared = same != 0;
  return LS_OK;
}

/* Whether all ranks write. The same on all ranks. Collective. */
static ls_status choose_parts(trainer_t *trainer, ls_error *error) {
  saver_t *saver = saver_of(trainer);
  const settings_t *settings = trainer->settings;
  double bytes = (double)graph_floats(trainer->graph) * sizeof(float) * trainer->optimizer->states;
  bool wanted = strcmp(settings->checkpoint.parts, "ranks") == 0, is_shared = false;
  bool is_auto = strcmp(settings->checkpoint.parts, "auto") == 0;
  bool spread = trainer->optimizer->states > 0 && strcmp(settings->parallel.reduce, "mpi") != 0;
  saver->in_parts = spread && (wanted || (is_auto && bytes > PARTS_BYTES && world_size(trainer->world) > 1));
  if (!saver->in_parts) return LS_OK;
  TRY(find_shared(trainer, &is_shared, error));
  if (!is_shared && wanted)
    return error_set(
        error, LS_BAD_SETTINGS,
        "checkpoint.parts=ranks needs a run directory that all ranks see: choose another `runs`, "
        "or checkpoint.parts=one");
  saver->in_parts = is_shared;
  return LS_OK;
}

static ls_status take_memory(trainer_t *trainer, ls_error *error) {
  saver_t *saver = saver_of(trainer);
  size_t floats = graph_floats(trainer->graph);
  size_t of_state = saver->in_parts ? (size_t)saver->part_floats : is_root(trainer) ? floats : 0;
  bool all = true, copies = saver_keeps(trainer);
  for (int k = 0; k < trainer->optimizer->states && of_state > 0; k++)
    all = (saver->copies.states[k] = calloc(of_state, sizeof(float))) != NULL && all;
  if (is_root(trainer)) {
    saver->copies.sums = calloc((size_t)trainer->layout.shards * trainer->objective.n, sizeof(double));
    saver->copies.parameters = calloc(copies ? floats : 1, sizeof(float));
    all = all && saver->copies.sums != NULL && saver->copies.parameters != NULL;
  }
  if (all) return LS_OK;
  return error_set(error, LS_NO_MEMORY, "no memory for a copy of the state, to save checkpoints (%.1f MB)",
                   (double)(of_state * (size_t)trainer->optimizer->states + floats) * sizeof(float) / 1e6);
}

ls_status saver_create(trainer_t *trainer, ls_error *error) {
  saver_t *saver = saver_of(trainer);
  char path[RUN_FILE_SIZE];
  struct stat about;
  saver->record.good_step = -1;
  run_checkpoint(&trainer->run, trainer->position.step, path);
  if (trainer->resumed && stat(path, &about) == 0) {
    saver->record.good_step = trainer->position.step;
    saver->record.good_time = about.st_mtime;
  }
  TRY(choose_parts(trainer, error));
  ls_status status = saver->in_parts ? plan_parts(trainer, error) : LS_OK;
  if (status == LS_OK) status = take_memory(trainer, error);
  if (status == LS_OK && (is_root(trainer) || saver->part > 0))
    status = background_create(&saver->thread, error);
  return trainer_agree(trainer, status, error);
}

void saver_free(saver_t *saver) {
  background_destroy(&saver->thread);
  for (int k = 0; k < OPTIMIZER_MAX_STATES; k++) free(saver->copies.states[k]);
  free(saver->copies.parameters);
  free(saver->copies.sums);
  history_free(&saver->copies.history);
  part_list_free(&saver->list);
}
