/* Saving, with each rank failing alone: all ranks end with the same status. The engine and the disk are fake
 * ones: this file has the functions by which the saver reaches them. */
#include "run/saver.h"

#include "mpi/check.h"
#include "run/run_lock.h"
#include "store/store.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_RANKS = 8 };

/* ---- the fake engine: rank r has 64 (r + 1) values of each state, the second rank none ---- */

struct engine {
  world_t *world;
  float *states[OPTIMIZER_MAX_STATES];
};

static size_t own_floats(const engine_t *engine, int rank) {
  (void)engine;
  return rank == 1 ? 0 : 64 * ((size_t)rank + 1);
}

size_t engine_state_ranges(const engine_t *engine, int rank, state_range_t *out) {
  size_t first = 0;
  for (int r = 0; r < rank; r++) first += own_floats(engine, r);
  if (out != NULL) out[0] = (state_range_t){first, own_floats(engine, rank)};
  return 1;
}

float *engine_own_state(engine_t *engine, int k) {
  return engine->states[k];
}

ls_status engine_get_state(engine_t *engine, int k, float *vector, ls_error *error) {
  (void)vector;
  return world_agree(engine->world, k < 0 ? LS_FAILED : LS_OK, error);
}

/* ---- the fake disk ---- */

static ls_status part_fails, checkpoint_fails; /* on this rank */
static int own_rank, ranks;

/* What rank 0 was told of the parts. */
static struct {
  int64_t n;
  uint64_t seals[MOST_RANKS];
  part_range_t ranges[MOST_RANKS];
} told;

/* A real file, which has a seal, with nothing of a part in it but the rank. */
ls_status part_write(const char *path, const optimizer_t *optimizer, const float *const *states,
                     int64_t floats, ls_error *error) {
  store_t *store = NULL;
  (void)optimizer, (void)states, (void)floats;
  if (part_fails != LS_OK) return error_set(error, part_fails, "no room for a part");
  TRY(store_create(path, &store, error));
  ls_status status = store_write_int(store, "/", "rank", own_rank, error);
  if (status == LS_OK) status = store_publish(&store, error);
  store_close(&store);
  return status;
}

void part_path(const char *checkpoint, int64_t part, int64_t parts, char *out, size_t size) {
  const int length = snprintf(out, size, "%s-%d-of-%d", checkpoint, (int)part, (int)parts);
  if (length < 0 || (size_t)length >= size) out[0] = '\0'; /* no path: the part cannot be written */
}

ls_status part_list_create(int64_t parts, size_t ranges, part_list_t *out, ls_error *error) {
  (void)error;
  *out = (part_list_t){parts, calloc((size_t)parts + 1, sizeof *out->seals), ranges,
                       calloc(ranges + 1, sizeof *out->ranges)};
  return LS_OK;
}

void part_list_free(part_list_t *list) {
  free(list->seals);
  free(list->ranges);
  *list = (part_list_t){0};
}

ls_status checkpoint_write(const char *path, const model_parts_t *model, const checkpoint_parts_t *parts,
                           ls_error *error) {
  (void)path, (void)model;
  told.n = parts->list == NULL ? 0 : parts->list->n;
  for (int64_t k = 0; k < told.n; k++) {
    told.seals[k] = parts->list->seals[k];
    told.ranges[k] = parts->list->ranges[k];
  }
  return checkpoint_fails == LS_OK ? LS_OK : error_set(error, checkpoint_fails, "no room for a checkpoint");
}

ls_status model_write(const char *path, const model_parts_t *parts, const model_extra_t *extra,
                      ls_error *error) {
  (void)path, (void)parts, (void)extra, (void)error;
  return LS_OK;
}

void run_checkpoint(const run_directory_t *run, int64_t step, char out[RUN_FILE_SIZE]) {
  snprintf(out, RUN_FILE_SIZE, "%s/%d", run->path, (int)step);
}

void run_best(const run_directory_t *run, int64_t step, char out[RUN_FILE_SIZE]) {
  snprintf(out, RUN_FILE_SIZE, "%s/best-%d", run->path, (int)step);
}

void run_file(const run_directory_t *run, const char *file, char out[RUN_FILE_SIZE]) {
  snprintf(out, RUN_FILE_SIZE, "%s/%s", run->path, file);
}

bool run_has(const char *path) {
  return path != NULL;
}

void run_prune(const run_directory_t *run, int64_t keep, int64_t best_step) {
  (void)run, (void)keep, (void)best_step;
}

ls_status run_lock_check(const run_lock_t *lock, ls_error *error) {
  (void)lock, (void)error;
  return LS_OK;
}

ls_status partner_open(const partner_inputs_t *inputs, partner_t *partner, ls_error *error) {
  (void)error;
  *partner = (partner_t){.in = *inputs};
  return LS_OK;
}

void partner_free(partner_t *partner) {
  *partner = (partner_t){.n = 0};
}

ls_status partner_copy(partner_t *partner, int64_t good_step, int64_t best_step, ls_error *error) {
  (void)partner, (void)good_step, (void)best_step, (void)error;
  return LS_OK;
}

/* ---- saving ---- */

static int saved, failed; /* as rank 0 was told */

static void take_news(const save_news_t *news, void *context) {
  (void)context;
  *(news->is_saved ? &saved : &failed) += 1;
}

typedef struct {
  world_t *world;
  graph_t *graph;
  engine_t engine;
  settings_t settings;
  run_directory_t run;
  double sums[1];
  float *parameters;
  history_t history;
} job_t;

static ls_status open_saver(job_t *job, const char *parts, saver_t *saver, ls_error *error) {
  static const log_t quiet = {0};
  job->settings.checkpoint.parts = parts;
  const saver_inputs_t inputs = {.world = job->world,
                                 .run = &job->run,
                                 .settings = &job->settings,
                                 .graph = job->graph,
                                 .optimizer = optimizer_find("adam"),
                                 .engine = &job->engine,
                                 .log = &quiet,
                                 .n_sums = 1,
                                 .resumed_step = -1,
                                 .resumed_best = -1,
                                 .tell = take_news};
  return saver_create(&inputs, saver, error);
}

static ls_status save(job_t *job, saver_t *saver, int64_t step, bool is_last, ls_error *error) {
  const position_t position = {.step = step, .best_step = -1};
  const save_state_t state = {.is_last = is_last,
                              .position = &position,
                              .model = {.graph = job->graph, .parameters = job->parameters},
                              .sums = job->sums,
                              .history = &job->history};
  return saver_save(saver, &state, error);
}

/* The parts that rank 0 lists are those of the ranks that have any, with their seals and ranges. */
static void check_list(const job_t *job) {
  const int with_parts = ranks > 1 ? ranks - 1 : 1;
  int part = 0;
  CHECK(told.n == with_parts, "%d parts, not %d", (int)told.n, with_parts);
  for (int r = 0; r < ranks; r++) {
    char checkpoint[RUN_FILE_SIZE], path[RUN_FILE_SIZE];
    state_range_t range;
    uint64_t seal = 0;
    ls_error error = {0};
    engine_state_ranges(&job->engine, r, &range);
    if (range.count == 0) continue;
    const part_range_t *listed = &told.ranges[part];
    run_checkpoint(&job->run, 8, checkpoint);
    part_path(checkpoint, part + 1, with_parts, path, sizeof path);
    CHECK_OK(store_seal(path, &seal, &error));
    CHECK(told.seals[part] == seal, "part %d has another seal", part + 1);
    CHECK(listed->part == part + 1 && listed->first == (int64_t)range.first &&
              listed->count == (int64_t)range.count,
          "part %d begins at %d with %d values", part + 1, (int)listed->first, (int)listed->count);
    part++;
  }
}

/* The last checkpoint must succeed: a rank's failure is the run's, on all ranks. */
static void check_last(job_t *job, const char *parts, int who, bool of_part) {
  ls_error error = {0};
  saver_t saver;
  const bool is_it = own_rank == who;
  CHECK_OK(open_saver(job, parts, &saver, &error));
  part_fails = of_part && is_it ? LS_IO : LS_OK;
  checkpoint_fails = !of_part && is_it ? LS_IO : LS_OK;
  ls_status status = save(job, &saver, 7, true, &error);
  const bool has_part = who != 1, must_fail = of_part ? has_part : who == 0;
  CHECK(status == (must_fail ? LS_IO : LS_OK), "%s, rank %d fails: rank %d has %d (%s)", parts, who, own_rank,
        (int)status, error.message);
  part_fails = checkpoint_fails = LS_OK;
  saver_free(&saver);
}

/* Another checkpoint may fail for want of room, and the run goes on; any other failure is the run's, and all
 * ranks learn of it at the next checkpoint. */
static void check_between(job_t *job, const char *parts, int who, bool of_part, ls_status failure) {
  ls_error error = {0};
  saver_t saver;
  const bool is_it = own_rank == who, in_parts = strcmp(parts, "ranks") == 0;
  saved = failed = 0;
  CHECK_OK(open_saver(job, parts, &saver, &error));
  part_fails = of_part && is_it ? failure : LS_OK;
  checkpoint_fails = !of_part && is_it ? failure : LS_OK;
  CHECK_OK(save(job, &saver, 7, false, &error));
  const bool has_part = who != 1, fails = of_part ? has_part : who == 0;
  ls_status first = save(job, &saver, 8, false, &error); /* waits for the one before */
  part_fails = checkpoint_fails = LS_OK;
  ls_status expected = fails && failure != LS_IO ? failure : LS_OK;
  CHECK(first == expected, "%s, rank %d fails with %d: rank %d has %d (%s)", parts, who, (int)failure,
        own_rank, (int)first, error.message);
  if (first == LS_OK) {
    saver_finish(&saver);
    CHECK_OK(world_barrier(job->world, &error));
    CHECK(own_rank > 0 || saved + failed == 2, "%s: %d checkpoints saved, %d failed", parts, saved, failed);
    CHECK(own_rank > 0 || fails == (failed > 0), "%s: %d checkpoints failed", parts, failed);
    if (own_rank == 0 && in_parts) check_list(job);
  } else {
    saver_finish(&saver);
  }
  saver_free(&saver);
}

int main(int argc, char **argv) {
  ls_error error = {0};
  char place[] = "/tmp/lockstep-saver-XXXXXX", command[64];
  job_t job = {.settings = {.optimizer.name = "adam", .parallel.reduce = "shared"}};
  if (world_create(&argc, &argv, &job.world, &error) != LS_OK) {
    fprintf(stderr, "%s\n", error.message);
    return EXIT_FAILURE;
  }
  own_rank = world_rank(job.world);
  ranks = world_size(job.world);
  world_set_timeout(job.world, 20); /* ranks that do not agree wait for each other */
  layer_settings_t layer = {
      .kind = LAYER_DENSE, .units = 3, .activation = "relu", .init = "auto", .bias = true};
  CHECK_OK(graph_create(&layer, 1, 5, &job.graph, &error));
  job.engine.world = job.world;
  for (int k = 0; k < 2; k++) job.engine.states[k] = calloc(64 * MOST_RANKS, sizeof(float));
  job.parameters = calloc(graph_floats(job.graph), sizeof(float));
  job.settings.checkpoint.every.steps = 1;
  job.settings.checkpoint.copies = 1;
  if (own_rank == 0) CHECK(mkdtemp(place) != NULL, "no temporary directory");
  CHECK_OK(world_broadcast(job.world, place, sizeof place, 0, &error));
  snprintf(job.run.path, sizeof job.run.path, "%s", place);
  for (int who = 0; who < ranks; who++) {
    check_last(&job, "one", who, false);
    check_last(&job, "ranks", who, false);
    check_last(&job, "ranks", who, true);
    for (int i = 0; i < 2; i++) {
      const ls_status failure = i == 0 ? LS_IO : LS_FAILED;
      check_between(&job, "one", who, false, failure);
      check_between(&job, "ranks", who, false, failure);
      check_between(&job, "ranks", who, true, failure);
    }
  }
  CHECK_OK(world_barrier(job.world, &error));
  snprintf(command, sizeof command, "rm -r %s", place);
  if (own_rank == 0) CHECK(system(command) == 0, "%s", command);
  for (int k = 0; k < 2; k++) free(job.engine.states[k]);
  free(job.parameters);
  graph_destroy(&job.graph);
  world_destroy(&job.world);
  return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
