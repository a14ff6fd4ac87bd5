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

/* Whether something makes inputs alike before weights see them, or no weights are learned step by step. */
static bool needs_no_scaling(const trainer_t *trainer) {
  return trainer->solution != NULL || trainer->settings->model.layers[0].kind == LAYER_BATCH_NORM;
}

/* Numbers of very different size, or all of them far from 1, slow every optimiser down, and users cannot see
 * that from the losses. The bounds are those from which on a small network lost more than 1 % of accuracy
 * (docs/guide/data.md). */
static ls_status hint_at_scaling(const trainer_t *trainer, ls_error *error) {
  static const double differ = 30, large = 20, small = 0.25;
  const dataset_t *dataset = trainer->data.dataset;
  char *const *names = dataset->feature_names;
  const log_t *log = trainer->options->log;
  sizes_t sizes;
  if (trainer->resumed || log == NULL || needs_no_scaling(trainer)) return LS_OK;
  TRY(sizes_find(trainer->world, &trainer->data.features, &dataset->train, &sizes, error));
  if (sizes.small >= 0 && sizes.large_size > differ * sizes.small_size)
    log_info(log,
             "hint: features differ in size: column %" PRId64 "%s%.60s reaches %.3g, column %" PRId64
             "%s%.60s %.3g; data.scaling: standard makes them alike",
             sizes.small, names != NULL ? " " : "", names != NULL ? names[sizes.small] : "", sizes.small_size,
             sizes.large, names != NULL ? " " : "", names != NULL ? names[sizes.large] : "",
             sizes.large_size);
  else if (sizes.large_size > large || (sizes.large_size > 0 && sizes.large_size < small))
    log_info(log,
             "hint: features reach %.3g, and networks learn faster from numbers around 1; data.scaling: %s "
             "brings them there",
             sizes.large_size, sizes.large < 0 ? "minmax" : "standard");
  return LS_OK;
}

ls_status training_look_at_columns(trainer_t *trainer, ls_error *error) {
  if (trainer->resumed || origin_takes_all(trainer->settings))
    TRY(trainer_agree(trainer, check_categories(trainer, error), error));
  TRY(report_unseen(trainer, error));
  return hint_at_scaling(trainer, error);
}
