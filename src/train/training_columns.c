/* What the columns of a run's rows are looked at for before training: categories that do not belong to it,
 * and sizes that a user should know of. */
#include "train/trainer_impl.h"

#include "features/sizes.h"
#include "score/unseen.h"

#include <inttypes.h>
#include <string.h>

/* A resumed run has the features of its checkpoint, and model.init_layers=all those of a model: there
 * categories have the numbers of its dataset. */
static ls_status check_categories(const trainer_t *trainer, ls_error *error) {
  const category_names_t *names = trainer->data.dataset->categories;
  const codes_t *codes = trainer->data.features.codes;
  bool is_same = (names == NULL) == (codes == NULL);
  for (int64_t c = 0; c < features_file_columns(&trainer->data.features) && is_same && names != NULL; c++) {
    is_same = names[c].n == codes[c].names.n;
    for (size_t k = 0; k < names[c].n && is_same; k++)
      is_same = strcmp(names[c].names[k], codes[c].names.names[k]) == 0;
  }
  if (is_same) return LS_OK;
  return error_set(error, LS_BAD_DATA, "%s: its categories are not those that %s was %s",
                   trainer->settings->data.file,
                   trainer->resumed ? trainer->run.path : trainer->settings->model.init_from,
                   trainer->resumed ? "started with, so the run cannot be resumed"
                                    : "trained on: take only its layers, with model.init_layers: matching");
}

/* Categories that training rows do not hold. */
static ls_status report_unseen(const trainer_t *trainer, ls_error *error) {
  static const log_t silent = {0};
  const log_t *log = trainer->options->log != NULL ? trainer->options->log : &silent;
  const dataset_t *dataset = trainer->data.dataset;
  const split_t *const splits[] = {&dataset->train, &dataset->valid, &dataset->test};
  static const char *const names[] = {"training rows", "validation rows", "test rows"};
  for (size_t i = 0; i < sizeof splits / sizeof splits[0]; i++)
    if (splits[i]->partition.rows > 0)
      TRY(unseen_report(trainer->world, &trainer->data.features, dataset, splits[i], names[i], log, error));
  return LS_OK;
}

/* Numbers of very different size slow every optimiser down, and users cannot see that from the losses. */
static ls_status hint_at_scaling(const trainer_t *trainer, ls_error *error) {
  enum { NOTABLE = 100 }; /* times larger */
  const dataset_t *dataset = trainer->data.dataset;
  char *const *names = dataset->feature_names;
  sizes_t sizes;
  if (trainer->resumed || trainer->options->log == NULL) return LS_OK;
  TRY(sizes_find(trainer->world, &trainer->data.features, &dataset->train, &sizes, error));
  if (sizes.small < 0 || sizes.large_size <= NOTABLE * sizes.small_size) return LS_OK;
  log_info(trainer->options->log,
           "hint: features differ in size: column %" PRId64 "%s%.60s reaches %.3g, column %" PRId64
           "%s%.60s %.3g; data.scaling: standard makes them alike",
           sizes.small, names != NULL ? " " : "", names != NULL ? names[sizes.small] : "", sizes.small_size,
           sizes.large, names != NULL ? " " : "", names != NULL ? names[sizes.large] : "", sizes.large_size);
  return LS_OK;
}

ls_status training_look_at_columns(trainer_t *trainer, ls_error *error) {
  if (trainer->resumed || origin_takes_all(trainer->settings))
    TRY(trainer_agree(trainer, check_categories(trainer, error), error));
  TRY(report_unseen(trainer, error));
  return hint_at_scaling(trainer, error);
}
