#include "request/asked_rows.h"

#include "base/progress.h"
#include "data/stream.h"
#include "features/row_weights.h"
#include "layout/validation.h"
#include "score/match.h"
#include "score/unseen.h"
#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- words of the command line ---- */

void asked_rows_take_data(arguments_t *arguments, asked_rows_t *asked) {
  if (arguments->n < 2 || strchr(arguments->words[1], '=') != NULL) return;
  asked->data = arguments->words[1];
  arguments->words[1] = arguments->words[0];
  arguments->words++;
  arguments->n--;
}

bool asked_rows_is_overridden(const arguments_t *arguments, const char *key) {
  size_t length = strlen(key);
  for (size_t i = 1; i < arguments->n; i++)
    if (strncmp(arguments->words[i], key, length) == 0 && arguments->words[i][length] == '=') return true;
  return false;
}

/* Keys that name rows, which --x or DATA does. Another file may have its arrays elsewhere. */
error_t asked_rows_check_overrides(arguments_t *arguments, const asked_rows_t *asked) {
  static const char *const rows[] = {
      "data.x",          "data.y",      "data.valid_x",      "data.valid_y",
      "data.test_x",     "data.test_y", "data.test_weights", "data.valid_weights",
      "data.validation", "data.folds",  "data.fold",         "data.window.test"};
  if (asked->data != NULL && asked_rows_is_overridden(arguments, "data.file"))
    return arguments_refuse(arguments, "'%.80s' and data.file both name the file of the rows: leave one out",
                            asked->data);
  for (size_t i = 0; asked->x != NULL && i < sizeof rows / sizeof rows[0]; i++)
    if (asked_rows_is_overridden(arguments, rows[i]))
      return arguments_refuse(arguments, "--x names the rows, so %s has no effect: leave it out%s", rows[i],
                              strstr(rows[i], "weights") != NULL ? ", or name their weights with data.weights"
                                                                 : "");
  return 0;
}

/* ---- the choice ---- */

enum { PLACES = 3 };

static void list_places(const settings_t *settings, asked_place_t places[PLACES]) {
  const char *group = settings->data.validation.group;
  memset(places, 0, PLACES * sizeof *places);
  places[0] = (asked_place_t){.name = "test", .bit = SPLIT_TEST, .weights = settings->data.test_weights};
  places[1] = (asked_place_t){.name = "valid", .bit = SPLIT_VALID, .weights = settings->data.valid_weights};
  places[2] = (asked_place_t){.name = "train", .bit = SPLIT_TRAIN, .weights = settings->data.weights};
  snprintf(places[0].x, ASKED_NAME_SIZE, "%s", settings->data.test_x);
  snprintf(places[0].y, ASKED_NAME_SIZE, "%s", settings->data.test_y);
  snprintf(places[1].x, ASKED_NAME_SIZE, "%s%s", group != NULL ? group : settings->data.valid_x,
           group != NULL ? "/x" : "");
  snprintf(places[1].y, ASKED_NAME_SIZE, "%s%s", group != NULL ? group : settings->data.valid_y,
           group != NULL ? "/y" : "");
  snprintf(places[2].x, ASKED_NAME_SIZE, "%s", settings->data.x);
  snprintf(places[2].y, ASKED_NAME_SIZE, "%s", settings->data.y);
}

/* Chooses the requested split, otherwise the first one that is available. `in_train` holds the SPLIT_ bits of
 * the splits whose rows are part of the training rows. */
static ls_status choose_place(const settings_t *settings, const char *split, int in_train, asked_place_t *out,
                              ls_error *error) {
  asked_place_t places[PLACES];
  store_t *store = NULL;
  list_places(settings, places);
  if (split == NULL) TRY(store_open(settings->data.file, &store, error));
  for (int i = 0; i < PLACES; i++) {
    bool taken = split != NULL ? strcmp(split, places[i].name) == 0
                               : store_has(store, places[i].x) || (in_train & places[i].bit) != 0;
    if (!taken) continue;
    *out = places[i];
    store_close(&store);
    return LS_OK;
  }
  store_close(&store);
  if (split != NULL)
    return error_set(error, LS_USAGE, "--split: '%.60s' is none of test, valid, train", split);
  return error_set(
      error, LS_BAD_DATA,
      "%s holds none of %s, %s, %s; name the arrays with --x and --y (`lockstep info` lists them)",
      settings->data.file, places[0].x, places[1].x, places[2].x);
}

/* Makes these the only arrays that the settings name. */
static void name_arrays(settings_t *settings, const char *x, const char *y, const char *weights) {
  settings->data.x = settings->data.valid_x = settings->data.test_x = x;
  settings->data.y = settings->data.valid_y = settings->data.test_y = y;
  settings->data.weights = settings->data.valid_weights = settings->data.test_weights = weights;
  settings->data.window.test = 0;
  settings->data.validation = (validation_settings_t){.seed = SETTINGS_AUTO};
}

/* What replaces missing values comes from training rows. So only a model that was trained with such a rule
 * can apply one. */
ls_status asked_rows_check_missing(const ready_t *ready, ls_error *error) {
  const char *rule = ready->settings->data.missing;
  bool is_filling = strcmp(rule, "error") != 0 && strcmp(rule, "drop") != 0;
  if (!is_filling || ready->model->features.fill != NULL) return LS_OK;
  return error_set(error, LS_BAD_SETTINGS,
                   "%s: data.missing: the model has no values to fill in, because it was trained with "
                   "data.missing=%s",
                   settings_where(ready->settings, "data.missing"), ready->model->settings->data.missing);
}

ls_status asked_rows_choose(const arguments_t *arguments, const asked_rows_t *asked, ready_t *ready,
                            asked_place_t *place, ls_error *error) {
  settings_t *settings = ready->settings;
  if (asked->data != NULL) settings->data.file = asked->data;
  bool test_in_train = settings->data.window.length > 0 && settings->data.window.test > 0;
  int in_train = (validation_splits_training(settings) ? SPLIT_VALID : 0) | (test_in_train ? SPLIT_TEST : 0);
  if (asked->data != NULL && asked->split == NULL) in_train = 0; /* another file: all of its rows */
  if (asked->x != NULL) {
    const bool is_weighted = asked_rows_is_overridden(arguments, "data.weights");
    *place = (asked_place_t){.name = asked->x, .bit = SPLIT_TRAIN};
    name_arrays(settings, asked->x, asked->y, is_weighted ? settings->data.weights : "none");
    return LS_OK;
  }
  TRY(choose_place(settings, asked->split, in_train, place, error));
  if ((in_train & place->bit) != 0 || (in_train != 0 && place->bit == SPLIT_TRAIN)) return LS_OK;
  name_arrays(settings, place->x, place->y, place->weights);
  place->bit = SPLIT_TRAIN;
  return LS_OK;
}

/* ---- rows in memory ---- */

split_t *asked_rows_split(dataset_t *data, int bit) {
  return bit == SPLIT_TRAIN ? &data->train : bit == SPLIT_VALID ? &data->valid : &data->test;
}

ls_status asked_rows_load(const session_t *session, const ready_t *ready, int bit, labels_t labels,
                          dataset_t **data, ls_error *error) {
  const model_t *model = ready->model;
  const char *file = ready->settings->data.file;
  target_request_t request = objective_request(&model->objective);
  if (labels != LABELS_NONE) request = (target_request_t){.kind = TARGET_VALUES, .width = 1};
  progress_begin(0, NULL, "reading the rows of %s", file);
  TRY(dataset_load(session->world, ready->settings, bit, request, ready->layout.shards, data, error));
  progress_end();
  TRY(ready_check_features(ready, file, (*data)->features, error)); /* same result on all ranks */
  ls_status status = match_features(ready->model, file, *data, error);
  split_t *split = asked_rows_split(*data, bit);
  if (status == LS_OK) status = match_classes(model, file, *data, split, error);
  TRY(world_agree(session->world, status, error));
  if (split->partition.rows == 0) return error_set(error, LS_BAD_DATA, "%s: the split has no rows", file);
  TRY(unseen_report(session->world, &model->features, *data, split, file, &session->log, error));
  status = split_scale_targets(split, &model->targets, &(*data)->arena, error);
  TRY(world_agree(session->world, status, error));
  return row_weights_apply(session->world, &model->class_weights, &model->objective, *data, split, error);
}

mixture_t asked_rows_mixture(const model_t *model) {
  return (mixture_t){.members = (const float *const *)model->members,
                     .n_members = model->n_members,
                     .posterior = model->posterior.inputs > 0 ? &model->posterior : NULL,
                     .has_copies = true};
}

/* ---- the loss of each row ---- */

ls_status asked_rows_measure(const session_t *session, const ready_t *ready, const split_t *split,
                             const mixture_t *mixture, metrics_t *metrics, double **own, ls_error *error) {
  const size_t row_bytes = ready->model->objective.n * sizeof(double);
  ls_status status = LS_OK;
  *own = malloc((size_t)split->rows * row_bytes + 1);
  if (*own == NULL) status = error_set(error, LS_NO_MEMORY, "no memory for the losses of rows");
  TRY(world_agree(session->world, status, error));
  evaluator_keep_losses(ready->evaluator, *own);
  status = evaluator_run(ready->evaluator, session->world, split, mixture, metrics, error);
  evaluator_keep_losses(ready->evaluator, NULL);
  return status;
}

ls_status asked_rows_collect_losses(const session_t *session, const ready_t *ready, const split_t *split,
                                    const double *own, double **all, ls_error *error) {
  const size_t row_bytes = ready->model->objective.n * sizeof(double);
  const size_t rows = session->is_root ? (size_t)split->partition.rows : 0;
  ls_status status = LS_OK;
  *all = malloc(rows * row_bytes + 1);
  if (*all == NULL) status = error_set(error, LS_NO_MEMORY, "no memory for the losses of rows");
  TRY(world_agree(session->world, status, error));
  return rows_collect(session->world, split, row_bytes, own, *all, error);
}
