/* The rows of a run: loading them, fitting scalers, scaling targets, weighing. Rows that training
 * refuses are found here. */
#include "train/trainer_impl.h"

#include "base/progress.h"
#include "components/components.h"
#include "data/split_walk.h"
#include "data/stream.h"
#include "features/features_fit.h"
#include "features/unit_range.h"
#include "train/advice.h"
#include "run/data_check.h"

#include <inttypes.h>
#include <stdlib.h>

static ls_status make_scalers(trainer_t *trainer, ls_error *error) {
  const settings_t *settings = trainer->settings;
  const objective_t *objective = &trainer->objective;
  const split_t *train = &trainer->data.dataset->train;
  const bool regression = objective_is_scaled(objective), is_double = train->type == ELEMENT_F64;
  if (!trainer->data.has_features)
    TRY(features_fit(trainer->world, settings, trainer->data.dataset, &trainer->data.features, error));
  trainer->data.has_features = true;
  if (basis_needs_components(&trainer->data.features.basis))
    TRY(components_fit_basis(trainer->world, settings, train, trainer->layout.threads,
                             &trainer->data.features, error));
  if (!regression || trainer->resumed || origin_takes_all(settings)) return LS_OK;
  if (objective->of_x) {
    ls_status status =
        features_target_scaler(&trainer->data.features, is_double, &trainer->data.targets, error);
    return trainer_agree(trainer, status, error);
  }
  TRY(scaler_fit_targets(trainer->world, &settings->data.target_scaling, train, &trainer->data.targets,
                         error));
  for (size_t h = 0; h < objective->n; h++) {
    const head_t *head = &objective->heads[h];
    for (int64_t c = 0; c < head->targets && !head_is_scaled(head); c++)
      scaler_leave(&trainer->data.targets, head->first_target + c);
  }
  return LS_OK;
}

static ls_status weigh_rows(trainer_t *trainer, ls_error *error) {
  dataset_t *dataset = trainer->data.dataset;
  TRY(row_weights_fit(trainer->world, trainer->settings, &trainer->objective, dataset,
                      &trainer->data.class_weights, error));
  split_t *const splits[] = {&dataset->valid, &dataset->test};
  for (size_t i = 0; i < sizeof splits / sizeof splits[0]; i++)
    TRY(row_weights_apply(trainer->world, &trainer->data.class_weights, &trainer->objective, dataset,
                          splits[i], error));
  return LS_OK;
}

/* The names that a dataset gives to the classes of each head, (classes) of it, borrowed; NULL where it has
 * none. LS_BAD_SETTINGS for another number of them. */
static ls_status find_class_names(const objective_t *objective, const dataset_t *dataset,
                                  char *const *out[MOST_HEADS], ls_error *error) {
  for (size_t h = 0; h < objective->n; h++) {
    const head_t *head = &objective->heads[h];
    int64_t column = objective->columns != NULL ? objective->columns[head->first_target].column : -1;
    const class_names_t *found = dataset_class_names(dataset, column);
    if (head->classes > 1 && found->n > 0 && (int64_t)found->n != head->classes)
      return error_set(error, LS_BAD_SETTINGS,
                       "loss: the head %s tells %" PRId64
                       " classes apart, but the dataset names %zu in its column",
                       head->name, head->classes, found->n);
    out[h] = head->classes > 1 && found->n > 0 ? found->names : NULL;
  }
  return LS_OK;
}

static ls_status scale_targets(trainer_t *trainer, ls_error *error) {
  dataset_t *dataset = trainer->data.dataset;
  split_t *const splits[] = {&dataset->train, &dataset->valid, &dataset->test};
  for (size_t i = 0; i < sizeof splits / sizeof splits[0]; i++)
    TRY(split_scale_targets(splits[i], &trainer->data.targets, &dataset->arena, error));
  return LS_OK;
}

/* Rank 0 compares the data with the data of the checkpoint. Collective. */
static ls_status check_data(trainer_t *trainer, ls_error *error) {
  dataset_t *dataset = trainer->data.dataset;
  char path[RUN_FILE_SIZE];
  ls_status status = LS_OK;
  TRY(data_digest(trainer->world, trainer->layout.threads, dataset, error));
  if (!trainer->resumed) return LS_OK;
  run_checkpoint(&trainer->run, trainer->position.step, path);
  if (is_root(trainer))
    status = data_check(path, trainer->settings->data.file, &dataset->identity, trainer->options->log, error);
  return trainer_agree(trainer, status, error);
}

ls_status trainer_load_data(trainer_t *trainer, ls_error *error) {
  progress_begin(0, NULL, "reading the rows of %s", trainer->settings->data.file);
  TRY(dataset_load(trainer->world, trainer->settings, SPLIT_TRAIN | SPLIT_VALID | SPLIT_TEST,
                   objective_request(&trainer->objective), trainer->layout.shards, &trainer->data.dataset,
                   error));
  progress_end();
  TRY(check_data(trainer, error));
  TRY(find_class_names(&trainer->objective, trainer->data.dataset, trainer->data.class_names, error));
  TRY(make_scalers(trainer, error));
  TRY(training_look_at_columns(trainer, error));
  TRY(trainer_agree(trainer, scale_targets(trainer, error), error));
  TRY(unit_range_check(trainer->world, &trainer->data.dataset->train, &trainer->data.features,
                       &trainer->objective, trainer->settings->data.file, error));
  return weigh_rows(trainer, error);
}

ls_status trainer_advise(trainer_t *trainer, const log_t *log, ls_error *error) {
  gather_t gather = {0};
  ls_status status = gather_create(&trainer->data.dataset->train, &trainer->data.features, &gather, error);
  status = trainer_agree(trainer, status, error);
  if (status == LS_OK)
    status = advise(trainer->world, trainer->settings, &trainer->objective, &gather, log,
                    &trainer->record.zero_loss, error);
  gather_free(&gather);
  return status;
}

/* ---- rows that are not in memory ---- */

static void take_nothing(void *context, const split_walk_t *walk) {
  (void)context;
  (void)walk;
}

ls_status trainer_read_rows(trainer_t *trainer, ls_error *error) {
  const dataset_t *dataset = trainer->data.dataset;
  const split_t *const splits[] = {&dataset->train, &dataset->valid, &dataset->test};
  for (size_t i = 0; i < sizeof splits / sizeof splits[0]; i++)
    if (splits[i]->stream != NULL) TRY(split_walk(trainer->world, splits[i], take_nothing, NULL, error));
  return LS_OK;
}
