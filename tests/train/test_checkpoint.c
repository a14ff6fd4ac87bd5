/* Models and checkpoints come back bit by bit, hold plain (out, in) matrices, and are not taken for what they
 * are not. */
#include "train/fixture.h"

#include <math.h>

TestSuite(checkpoint, .init = place_make, .fini = place_remove);

static const position_t here = {.step = 123,
                                .epoch = 4,
                                .step_in_epoch = 5,
                                .shards = SHARDS,
                                .best_loss = 0.1,
                                .best_step = 99,
                                .seconds = 1.5,
                                .rows = 1ll << 40};

static void expect_same_vector(const float *a, const float *b, size_t floats) {
  cr_expect_eq(memcmp(a, b, floats * sizeof *a), 0, "the vectors differ");
}

Test(checkpoint, a_checkpoint_comes_back_bit_by_bit) {
  network_t net = network_make();
  const optimizer_t *adam = optimizer_find("adam");
  history_row_t row = {.values = {1, 2, NAN}, .checksum = 77};
  OK(history_add(&net.history, &row, error));
  write_checkpoint(&net, "c.h5", &here);
  double epoch_loss[SHARDS];
  checkpoint_t back = {.parameters = calloc(net.floats, sizeof(float)), .epoch_loss = epoch_loss};
  for (int k = 0; k < adam->states; k++) back.states[k] = calloc(net.floats, sizeof(float));
  OK(checkpoint_read("c.h5", net.graph, adam, &back, error));
  expect_same_vector(back.parameters, net.parameters, net.floats);
  for (int k = 0; k < adam->states; k++) expect_same_vector(back.states[k], net.states[k], net.floats);
  cr_expect_arr_eq(epoch_loss, net.epoch_loss, sizeof epoch_loss);
  cr_expect_eq(back.history.n, 1);
  cr_expect_eq(back.history.rows[0].checksum, 77);
  const position_t *p = &back.position;
  cr_expect(p->step == 123 && p->epoch == 4 && p->step_in_epoch == 5 && p->shards == SHARDS &&
            p->best_loss == 0.1 && p->best_step == 99 && p->seconds == 1.5 && p->rows == 1ll << 40);
  history_free(&back.history);
  for (int k = 0; k < adam->states; k++) free(back.states[k]);
  free(back.parameters);
  network_free(&net);
}

Test(checkpoint, a_model_is_self_contained) {
  network_t net = network_make();
  char *names[] = {"a", "b", "", "d", "e e"};
  model_parts_t parts = network_parts(&net, &here);
  parts.class_names = (char *const *const[]){names};
  OK(model_write("m.h5", &parts, NULL, error));
  model_t *model = NULL;
  OK(model_read("m.h5", settings_choices(), &model, error));
  cr_expect_eq(model->features.inputs, INPUTS);
  cr_expect_eq(model->step, 123);
  cr_expect_eq(model->shards, SHARDS);
  cr_expect_str_eq(model->objective.heads->loss->name, "cross_entropy");
  cr_assert_not_null(model->class_names[0]);
  cr_expect_str_eq(model->class_names[0][4], "e e");
  uint64_t before = 0, after = 1;
  char hex[17];
  OK(graph_checksum(net.graph, net.parameters, &before, error));
  OK(graph_checksum(model->graph, model->parameters, &after, error));
  cr_expect_eq(before, after);
  snprintf(hex, sizeof hex, "%016llx", (unsigned long long)before);
  cr_expect_str_eq(model->checksum, hex);
  model_destroy(&model);
  network_free(&net);
}

Test(checkpoint, matrices_are_plain_out_by_in) {
  network_t net = network_make();
  float plain[13 * INPUTS], found[13 * INPUTS];
  store_t *store = NULL;
  store_array_t array;
  write_checkpoint(&net, "c.h5", &here);
  graph_unpack(net.graph, 0, net.parameters, plain);
  OK(store_open("c.h5", &store, error));
  OK(store_describe(store, "parameters/dense1/weight", &array, error));
  cr_expect(array.dims == 2 && array.shape[0] == 13 && array.shape[1] == INPUTS);
  OK(store_read_rows(store, "parameters/dense1/weight", 0, 13, STORE_F32, found, error));
  cr_expect_arr_eq(found, plain, sizeof plain);
  store_close(&store);
  network_free(&net);
}

Test(checkpoint, is_refused_when_it_is_something_else) {
  network_t net = network_make();
  model_parts_t parts = network_parts(&net, &here);
  position_t position = {.step = -1};
  ls_error problem = {0};
  OK(model_write("m.h5", &parts, NULL, error));
  cr_expect_eq(checkpoint_read_position("m.h5", &position, &problem), LS_BAD_DATA,
               "a model is no checkpoint");
  cr_expect_not_null(strstr(problem.message, "m.h5"), "%s", problem.message);
  cr_expect_eq(checkpoint_read_position("nowhere.h5", &position, &problem), LS_BAD_DATA);
  cr_expect_eq(position.step, -1);
  /* another network */
  graph_t *wider = NULL;
  layer_settings_t layers[] = {
      {.kind = LAYER_DENSE, .units = 14, .activation = "relu", .init = "auto", .bias = true},
      {.kind = LAYER_DENSE, .units = 5, .activation = "identity", .init = "auto", .bias = true}};
  OK(graph_create(layers, 2, INPUTS, &wider, error));
  float *vector = calloc(graph_floats(wider), sizeof *vector);
  cr_expect_eq(model_read_parameters("m.h5", wider, vector, &problem), LS_BAD_DATA);
  cr_expect_not_null(strstr(problem.message, "dense1"), "%s", problem.message);
  /* another optimiser */
  write_checkpoint(&net, "c.h5", &here);
  double epoch_loss[SHARDS];
  checkpoint_t back = {.parameters = vector, .states = {vector, vector}, .epoch_loss = epoch_loss};
  cr_expect_eq(checkpoint_read("c.h5", net.graph, optimizer_find("sgd"), &back, &problem), LS_BAD_SETTINGS);
  cr_expect_not_null(strstr(problem.message, "sgd"), "%s", problem.message);
  history_free(&back.history);
  free(vector);
  graph_destroy(&wider);
  network_free(&net);
}
