/* What a resumed run takes over: its position, and features and scalers from the checkpoint. A run whose
 * settings or data have changed is refused. */
#include "train/trainer_impl.h"

#include "features/scaling.h"
#include "run/partner.h"
#include "run/position.h"
#include "run/predecessor.h"
#include "train/choices.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* On rank 0: refuses a position that no run can have, before anything is computed from it. */
static ls_status check_position(const trainer_t *trainer, ls_error *error) {
  char path[RUN_FILE_SIZE];
  run_checkpoint(&trainer->run, trainer->position.step, path);
  TRY(position_check(&trainer->position, path, error));
  if (run_has(path)) return LS_OK;
  return error_set(error, LS_BAD_DATA,
                   "a checkpoint of %s is of step %" PRId64 ", but there is no %s: rename it back",
                   trainer->run.path, trainer->position.step, path);
}

ls_status training_find_checkpoint(trainer_t *trainer, ls_error *error) {
  ls_status status = LS_OK;
  trainer->position = (position_t){.best_loss = INFINITY, .best_step = -1};
  if (!trainer->options->resume) return LS_OK;
  const partner_inputs_t partner = {.world = trainer->world,
                                    .run = &trainer->run,
                                    .settings = trainer->settings,
                                    .log = trainer->options->log};
  TRY(partner_restore(&partner, error));
  if (is_root(trainer))
    status = run_newest_checkpoint(&trainer->run, trainer->options->log, &trainer->resumed,
                                   &trainer->position, error);
  if (status == LS_OK && trainer->resumed) status = check_position(trainer, error);
  TRY(trainer_agree(trainer, status, error));
  TRY(world_broadcast(trainer->world, &trainer->resumed, sizeof trainer->resumed, 0, error));
  return world_broadcast(trainer->world, &trainer->position, sizeof trainer->position, 0, error);
}

/* Keys that others follow from, as the layers of a fit from the number of clusters: a change of these is
 * named first. */
static const char *const kernel_keys[] = {"density.rows", NULL};
static const char *const cluster_keys[] = {"cluster.method", "cluster.k", "cluster.covariance", NULL};

/* A resumed run must go on with the same network on the same batches: only keys that do not decide these may
 * have changed. */
static ls_status check_resumed(const trainer_t *trainer, const settings_t *stored, ls_error *error) {
  const settings_t *now = trainer->settings;
  const char *changed = NULL;
  TRY(settings_compare_among(stored, now, kernel_keys, &changed, error));
  if (changed == NULL) TRY(settings_compare_among(stored, now, cluster_keys, &changed, error));
  if (changed == NULL) TRY(settings_compare(stored, now, &changed, error));
  if (changed == NULL && now->parallel.shards != SETTINGS_AUTO &&
      now->parallel.shards != trainer->position.shards)
    changed = "parallel.shards";
  if (changed == NULL) return LS_OK;
  return error_set(
      error, LS_BAD_SETTINGS,
      "%s is not what %s was started with, so the run cannot be resumed; set it back, or start anew "
      "without --resume",
      changed, trainer->run.path);
}

ls_status training_read_scalers(trainer_t *trainer, ls_error *error) {
  char path[RUN_FILE_SIZE], *text = NULL;
  store_t *store = NULL;
  settings_t *stored = NULL;
  run_checkpoint(&trainer->run, trainer->position.step, path);
  ls_status status = store_open_whole(path, &store, error);
  if (status == LS_OK) status = features_read(store, &trainer->data.features, error);
  trainer->data.has_features = status == LS_OK;
  if (status == LS_OK) status = scaler_read(store, "scaling/targets", &trainer->data.targets, error);
  if (status == LS_OK) status = store_read_text(store, "/", "settings", &text, error);
  if (status == LS_OK)
    status = settings_restore(text, strlen(text), path, NULL, 0, settings_choices(), &stored, error);
  if (status == LS_OK) status = check_resumed(trainer, stored, error);
  if (status == LS_OK) status = origin_check(trainer->settings, path, store, trainer->origin, error);
  if (status == LS_OK) status = part_list_read(store, &trainer->copies.list, error);
  settings_destroy(&stored);
  free(text);
  store_close(&store);
  return status;
}

ls_status training_check_position(const trainer_t *trainer, ls_error *error) {
  char path[RUN_FILE_SIZE];
  run_checkpoint(&trainer->run, trainer->position.step, path);
  return position_check_rows(&trainer->position, trainer->data.dataset->train.partition,
                             trainer->settings->train.global_batch_size, path, error);
}

ls_status training_find_finished(trainer_t *trainer, bool *out, ls_error *error) {
  *out = is_root(trainer) && trainer->options->resume && !trainer->resumed && run_is_finished(&trainer->run);
  if (*out)
    log_info(
        trainer->options->log,
        "%s has finished and kept no checkpoint, so there is nothing to resume; without --resume it is kept "
        "under another name, and a new run starts",
        trainer->run.path);
  return world_broadcast(trainer->world, out, sizeof *out, 0, error);
}
