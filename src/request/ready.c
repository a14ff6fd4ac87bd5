/* Prepares a trained model on all ranks, for eval and predict. */
#include "request/request.h"

#include "base/activity.h"
#include "inspect/names.h"
#include "store/store.h"
#include "train/choices.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Parses the model's settings again, with the overrides. */
static ls_status override_settings(const model_t *model, const char *path, const model_request_t *request,
                                   settings_t **out, ls_error *error) {
  char *text = NULL;
  TRY(settings_dump(model->settings, &text, error));
  ls_status status = settings_restore(text, strlen(text), path, request->overrides, request->n_overrides,
                                      settings_choices(), out, error);
  free(text);
  return status;
}

/* An override that the command would not use is an error, because its author thinks that it does. */
static ls_status check_overrides(const ready_t *ready, const char *const *uses, ls_error *error) {
  const char *key = NULL;
  TRY(settings_compare_except(ready->model->settings, ready->settings, uses, &key, error));
  if (key == NULL) return LS_OK;
  return error_set(error, LS_BAD_SETTINGS,
                   "%s: %s has no effect here, because the model is trained: leave it out",
                   settings_where(ready->settings, key), key);
}

/* Reads the model file and its settings. Not collective. */
static ls_status read_model(const model_request_t *request, ready_t *ready, ls_error *error) {
  char path[4096];
  TRY(model_path(request->word, path, sizeof path, error));
  TRY(model_read(path, settings_choices(), &ready->model, error));
  ready->model->settings->data.external = false; /* the user says so, not a file */
  TRY(override_settings(ready->model, path, request, &ready->settings, error));
  return check_overrides(ready, request->uses, error);
}

/* The number of shards of the training run, unless an override names another one. */
static int shards_to_use(const ready_t *ready) {
  bool named = ready->settings->parallel.shards != ready->model->settings->parallel.shards &&
               ready->settings->parallel.shards != SETTINGS_AUTO;
  return named ? (int)ready->settings->parallel.shards : ready->model->shards;
}

typedef struct {
  session_t session;
  ready_t *ready;
  int shards;
  ready_work_t *work;
  void *context;
} model_crew_t;

static ls_status make_ready(const session_t *session, int shards, ready_t *ready, ls_error *error) {
  const model_t *model = ready->model;
  TRY(layout_plan(session->world, ready->settings, shards, &ready->layout, error));
  ls_status status =
      evaluator_create(model->graph, &model->objective, &model->features, &model->targets,
                       ready->layout.threads, ready->settings->train.top_k, &ready->evaluator, error);
  return world_agree(session->world, status, error);
}

static ls_status run_crew(world_t *world, void *context, ls_error *error) {
  model_crew_t *crew = context;
  crew->session.world = world;
  ls_status status = make_ready(&crew->session, crew->shards, crew->ready, error);
  if (status == LS_OK) status = crew->work(&crew->session, crew->ready, crew->context, error);
  evaluator_destroy(&crew->ready->evaluator);
  return status;
}

ls_status ready_run(const session_t *session, const model_request_t *request, ready_work_t *work,
                    void *context, ls_error *error) {
  ready_t ready = {0};
  model_crew_t crew = {.session = *session, .ready = &ready, .work = work, .context = context};
  activity_set("reading the model %s", request->word);
  ls_status status = world_agree(session->world, read_model(request, &ready, error), error);
  if (status == LS_OK) settings_settle(session, ready.settings);
  if (status == LS_OK) status = layout_shards(ready.settings, shards_to_use(&ready), 0, &crew.shards, error);
  if (status == LS_OK)
    status = layout_crew(session->world, crew.shards, &session->log, run_crew, &crew, error);
  settings_destroy(&ready.settings);
  model_destroy(&ready.model);
  return status;
}

ls_status ready_check_features(const ready_t *ready, const char *file, int64_t features, ls_error *error) {
  if (features == ready->model->features.columns) return LS_OK;
  return error_set(error, LS_BAD_DATA,
                   "%s: a row has %" PRId64 " features, but the network was trained on %" PRId64, file,
                   features, ready->model->features.columns);
}
