/* Trains one network, or an ensemble of several (Lakshminarayanan, Pritzel and Blundell 2017).
 *
 * The members of an ensemble are ordinary runs NAME-member-1, NAME-member-2, ... that differ only in their
 * seeds: initial weights, order of rows, dropout. Groups of ranks train members side by side if that is at
 * least as fast as all ranks training one member after the other. A run has the same bits on any layout, so
 * the grouping does not change the result. The run NAME itself trains nothing: it collects the members'
 * parameters, evaluates their mixture and writes it as one model. */
#include "train/trainer_impl.h"

#include "base/clock.h"
#include "base/progress.h"
#include "layout/groups.h"
#include "math/finite.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- one network ---- */

static ls_status train(trainer_t *trainer, ls_status status, ls_error *error) {
  status = trainer_run(trainer, status, error);
  if (status != LS_OK) return status;
  if (!trainer_is_requested(trainer)) return training_end(trainer, error);
  status = training_stopped(trainer, error);
  return trainer->stop == STOP_PAUSE && status == LS_STOPPED ? LS_OK : status;
}

static ls_status train_network(world_t *world, const settings_t *settings, const train_options_t *options,
                               ls_error *error) {
  trainer_t trainer = {
      .world = world, .settings = settings, .options = options, .record = {.began = clock_seconds()}};
  run_lock_t *lock = NULL;
  TRY(training_lock(world, settings, options->log, &lock, error));
  trainer.run.lock = lock;
  ls_status status = training_run(&trainer, train, error);
  run_lock_release(&lock);
  return status;
}

/* ---- one member ---- */

typedef struct {
  settings_t settings; /* a copy of the ensemble's settings that borrows all but the name */
  char name[512];
} member_t;

/* Derives the settings of one member. All members use the same validation rows, so that the mixture is
 * evaluated on rows that no member was trained on; and the same basis functions, because the mixture is
 * evaluated on one set of inputs. */
static ls_status member_settings(const settings_t *ensemble, int64_t member, int threads, member_t *out,
                                 ls_error *error) {
  int length = snprintf(out->name, sizeof out->name, "%s-member-%" PRId64, ensemble->name, member + 1);
  if (length >= (int)sizeof out->name)
    return error_set(error, LS_BAD_SETTINGS, "name: too long for an ensemble");
  out->settings = *ensemble;
  out->settings.name = out->name;
  out->settings.train.seed = ensemble->train.seed + (uint64_t)member;
  out->settings.train.members = 1;
  out->settings.parallel.threads = threads;
  int64_t seed = (int64_t)(ensemble->train.seed & ((UINT64_C(1) << 53) - 1));
  if (ensemble->data.validation.seed == SETTINGS_AUTO) out->settings.data.validation.seed = seed;
  if (ensemble->data.basis.seed == SETTINGS_AUTO) out->settings.data.basis.seed = seed;
  return LS_OK;
}

/* The last member has the longest name. */
ls_status train_check_name(const settings_t *settings, ls_error *error) {
  run_directory_t run;
  member_t member;
  TRY(run_directory_of(settings, &run, error));
  if (settings->train.members == 1) return LS_OK;
  TRY(member_settings(settings, settings->train.members - 1, 1, &member, error));
  return run_directory_of(&member.settings, &run, error);
}

/* ---- all members ---- */

typedef struct {
  const settings_t *settings; /* of the ensemble */
  const train_options_t *options;
} members_t;

static ls_status train_member(world_t *group, int64_t m, int threads, void *context, ls_error *error) {
  const members_t *members = context;
  const int64_t n = members->settings->train.members;
  train_options_t options = *members->options;
  char prefix[64];
  member_t member;
  options.results = NULL; /* those of the ensemble follow */
  TRY(member_settings(members->settings, m, threads, &member, error));
  log_info(options.log, "member %" PRId64 " of %" PRId64, m + 1, n);
  snprintf(prefix, sizeof prefix, "member %" PRId64 "/%" PRId64, m + 1, n);
  progress_set_prefix(prefix);
  ls_status status = train_network(group, &member.settings, &options, error);
  progress_set_prefix("");
  return status;
}

static ls_status train_members(world_t *world, const settings_t *settings, const train_options_t *options,
                               ls_error *error) {
  dataset_shape_t shape;
  int shards = 0;
  members_t members = {settings, options};
  TRY(dataset_describe(world, settings, &shape, error));
  const settings_t known = settings_for_rows(settings, shape.train_rows);
  TRY(layout_shards(&known, 0, shape.train_rows, &shards, error));
  return groups_run(world, settings, shards, settings->train.members, train_member, &members, error);
}

/* ---- the mixture ---- */

/* Loads the parameters of one member: rank 0 reads its model file and sends them to all ranks. */
static ls_status load_member(trainer_t *trainer, int64_t m, ls_error *error) {
  size_t bytes = graph_floats(trainer->graph) * sizeof(float);
  trainer->members[m] = aligned_alloc(ARENA_ALIGNMENT, bytes);
  ls_status status = LS_OK;
  if (trainer->members[m] == NULL)
    status = error_set(error, LS_NO_MEMORY, "no memory for member %" PRId64 " (%.1f MB)", m + 1,
                       (double)bytes / 1e6);
  if (status == LS_OK && is_root(trainer)) {
    member_t member;
    run_directory_t run;
    char path[RUN_FILE_SIZE];
    memset(trainer->members[m], 0, bytes);
    status = member_settings(trainer->settings, m, 1, &member, error);
    if (status == LS_OK) status = run_directory_of(&member.settings, &run, error);
    if (status == LS_OK) {
      run_file(&run, "model.h5", path);
      status = model_read_parameters(path, trainer->graph, trainer->members[m], error);
    }
  }
  TRY(trainer_agree(trainer, status, error));
  TRY(trainer_share(trainer, trainer->members[m], error));
  if (floats_are_finite(trainer->members[m], graph_floats(trainer->graph))) return LS_OK; /* on every rank */
  return error_set(error, LS_DIVERGED,
                   "member %" PRId64 " of the ensemble has parameters that are not finite: train it again",
                   m + 1);
}

static ls_status load_members(trainer_t *trainer, ls_error *error) {
  int64_t n = trainer->settings->train.members;
  float **members = calloc((size_t)n, sizeof *members);
  ls_status status = members == NULL ? error_set(error, LS_NO_MEMORY, "no memory for an ensemble") : LS_OK;
  trainer->members = members;
  TRY(trainer_agree(trainer, status, error));
  for (int64_t m = 0; m < n; m++) TRY(load_member(trainer, m, error));
  return trainer_set_parameters(trainer, members[0], error);
}

static void free_members(trainer_t *trainer) {
  for (int64_t m = 0; trainer->members != NULL && m < trainer->settings->train.members; m++)
    free(trainer->members[m]);
  free(trainer->members);
}

static ls_status collect(trainer_t *trainer, ls_status status, ls_error *error) {
  if (status == LS_OK) status = load_members(trainer, error);
  if (status == LS_OK) status = trainer_judge(trainer, error);
  if (status == LS_OK) status = training_end(trainer, error);
  return status;
}

static ls_status collect_members(world_t *world, const settings_t *settings, const train_options_t *members,
                                 const run_lock_t *lock, ls_error *error) {
  solution_t solution = {.fit = {.rank = 0}};
  const train_options_t options = {.log = members->log,
                                   .results = members->results,
                                   .replace = members->replace,
                                   .rewrites = members->resume};
  trainer_t trainer = {.world = world,
                       .settings = settings,
                       .options = &options,
                       .run = {.lock = lock},
                       .solution = &solution,
                       .record = {.began = clock_seconds()}};
  ls_status status = training_run(&trainer, collect, error);
  free_members(&trainer);
  return status;
}

ls_status train_run(world_t *world, const settings_t *settings, const train_options_t *options,
                    ls_error *error) {
  TRY(train_check_name(settings, error)); /* the same on every rank */
  if (settings->train.members == 1) return train_network(world, settings, options, error);
  run_lock_t *lock = NULL; /* of the ensemble; each member has its own besides */
  TRY(training_lock(world, settings, options->log, &lock, error));
  ls_status status = train_members(world, settings, options, error);
  if (status == LS_OK) status = collect_members(world, settings, options, lock, error);
  run_lock_release(&lock);
  return status;
}
