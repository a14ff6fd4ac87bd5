/* What the tests of this room share: a directory of their own, and a small network with optimiser state. */
#ifndef TESTS_TRAIN_FIXTURE_H
#define TESTS_TRAIN_FIXTURE_H

#include "model/init.h"
#include "run/checkpoint.h"
#include "train/choices.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OK(call)                                                                                             \
  do {                                                                                                       \
    ls_error error_ = {0}, *error = &error_;                                                                 \
    cr_assert_eq((call), LS_OK, "%s: %s", #call, error->message);                                            \
    (void)error;                                                                                             \
  } while (0)

static char place[64];

static inline void place_make(void) {
  strcpy(place, "/tmp/lockstep-train-XXXXXX");
  cr_assert_not_null(mkdtemp(place));
  cr_assert_eq(chdir(place), 0);
}

static inline void place_remove(void) {
  char command[128];
  snprintf(command, sizeof command, "rm -rf %s", place);
  cr_assert_eq(chdir("/"), 0);
  cr_assert_eq(system(command), 0);
}

enum { INPUTS = 7, SHARDS = 3 };

/* Widths that no kernel likes: the vector has padding everywhere. */
static const char settings_text[] = "data: {file: data.h5}\n"
                                    "model: {layers: [{dense: {units: 13, activation: relu}}, {dense: 5}]}\n"
                                    "loss: cross_entropy\n"
                                    "train: {global_batch_size: 9}\n";

typedef struct {
  settings_t *settings;
  graph_t *graph;
  objective_t objective;
  size_t floats;
  float *parameters, *states[OPTIMIZER_MAX_STATES];
  features_t features;
  scaler_t targets;
  history_t history;
  double epoch_loss[SHARDS];
} network_t;

static inline float *network_vector(const network_t *net, uint64_t seed) {
  float *vector = aligned_alloc(ARENA_ALIGNMENT, net->floats * sizeof *vector);
  cr_assert_not_null(vector);
  OK(init_parameters(net->graph, seed, vector, error));
  return vector;
}

static inline network_t network_make(void) {
  network_t net = {.features = {.columns = INPUTS, .inputs = INPUTS}, .epoch_loss = {0.1, -2e300, 3e-300}};
  OK(settings_parse(settings_text, strlen(settings_text), "test", NULL, 0, settings_choices(), &net.settings,
                    error));
  OK(graph_create(net.settings->model.layers, net.settings->model.n_layers, INPUTS, &net.graph, error));
  OK(objective_create(net.settings, graph_outputs(net.graph), &net.objective, error));
  net.floats = graph_floats(net.graph);
  net.parameters = network_vector(&net, 1);
  for (int k = 0; k < OPTIMIZER_MAX_STATES; k++) net.states[k] = network_vector(&net, 2 + (uint64_t)k);
  return net;
}

static inline void network_free(network_t *net) {
  history_free(&net->history);
  for (int k = 0; k < OPTIMIZER_MAX_STATES; k++) free(net->states[k]);
  free(net->parameters);
  objective_free(&net->objective);
  graph_destroy(&net->graph);
  settings_destroy(&net->settings);
}

static inline model_parts_t network_parts(const network_t *net, const position_t *position) {
  return (model_parts_t){.settings = net->settings,
                         .graph = net->graph,
                         .objective = &net->objective,
                         .features = &net->features,
                         .targets = &net->targets,
                         .step = position->step,
                         .epoch = position->epoch,
                         .shards = position->shards,
                         .libraries = "a library",
                         .cpu = "a CPU",
                         .parameters = net->parameters};
}

static inline void write_checkpoint(const network_t *net, const char *path, const position_t *position) {
  model_parts_t parts = network_parts(net, position);
  checkpoint_parts_t extra = {.position = position,
                              .optimizer = optimizer_find("adam"),
                              .states = (const float *const *)net->states,
                              .epoch_loss = net->epoch_loss,
                              .history = &net->history};
  OK(checkpoint_write(path, &parts, &extra, error));
}

#endif
