/* What all parts of a run use. */
#include "train/fitting.h"
#include "train/trainer_impl.h"

#include <string.h>

const log_t *trainer_results(const trainer_t *trainer) {
  return trainer->options->results != NULL ? trainer->options->results : trainer->options->log;
}

bool trainer_has_files(const trainer_t *trainer) {
  return !trainer->options->in_memory;
}

bool is_root(const trainer_t *trainer) {
  return world_rank(trainer->world) == 0;
}

ls_status trainer_agree(trainer_t *trainer, ls_status status, ls_error *error) {
  return world_agree(trainer->world, status, error);
}

const float *trainer_parameters(const trainer_t *trainer) {
  return trainer->fitting != NULL ? trainer->fitting->vector : engine_parameters(trainer->engine);
}

ls_status trainer_set_parameters(trainer_t *trainer, const float *vector, ls_error *error) {
  if (trainer->fitting == NULL) return engine_set_parameters(trainer->engine, vector, error);
  memcpy(trainer->fitting->vector, vector, graph_floats(trainer->graph) * sizeof *vector);
  trainer->fitting->fit.has_sums = false;
  return LS_OK;
}

ls_status trainer_evaluate(trainer_t *trainer, const split_t *split, metrics_t *metrics, ls_error *error) {
  const float *parameters = trainer_parameters(trainer);
  mixture_t mixture = {.members = &parameters, .n_members = 1};
  if (trainer->members != NULL)
    mixture = (mixture_t){.members = (const float *const *)trainer->members,
                          .n_members = trainer->settings->train.members};
  return evaluator_run(trainer->evaluator, trainer->world, split, &mixture, metrics, error);
}

model_parts_t trainer_model(const trainer_t *trainer) {
  const bool names_columns =
      trainer->data.dataset != NULL && trainer->data.dataset->features == trainer->data.features.columns;
  return (model_parts_t){.settings = trainer->settings,
                         .graph = trainer->graph,
                         .objective = &trainer->objective,
                         .features = &trainer->data.features,
                         .targets = &trainer->data.targets,
                         .class_weights = &trainer->data.class_weights,
                         .class_names = trainer->data.class_names,
                         .feature_names = names_columns ? trainer->data.dataset->feature_names : NULL,
                         .step = trainer->position.step,
                         .epoch = trainer->position.epoch,
                         .shards = trainer->position.shards,
                         .libraries = trainer->host.libraries,
                         .cpu = trainer->host.cpu,
                         .members = (const float *const *)trainer->members,
                         .n_members = trainer->settings->train.members,
                         .posterior = trainer->solution != NULL ? &trainer->solution->fit.posterior : NULL,
                         .components = trainer->solution != NULL ? &trainer->solution->components : NULL,
                         .origin = trainer->origin,
                         .data = trainer->data.dataset != NULL ? &trainer->data.dataset->identity : NULL,
                         .parameters = trainer_parameters(trainer)};
}

bool trainer_is_requested(const trainer_t *trainer) {
  return stop_status(trainer->stop) == LS_STOPPED;
}
