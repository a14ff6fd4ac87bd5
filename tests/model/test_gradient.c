/* Gradients by the kernels against central differences of the plain definitions in double: for every
 * activation, loss and op, and for graphs in which a value is used more than once. */
#include "fixture.h"

#include "math/activation.h"

#define CHECK_GRADIENT(layers, inputs, rows, loss, what)                                                     \
  do {                                                                                                       \
    network_t net = network_create(layers, COUNT(layers), inputs, rows);                                     \
    network_check_gradient(&net, loss, what);                                                                \
    network_destroy(&net);                                                                                   \
  } while (0)

Test(gradient, of_every_activation_in_a_dense_layer) {
  choice_t row;
  for (size_t i = 0; activation_choice(i, &row); i++) {
    if (activation_find(row.name)->derivative == NULL) continue;
    layer_settings_t layers[] = {DENSE(9, row.name), DENSE(3, row.name)};
    CHECK_GRADIENT(layers, 7, 6, "mse", row.name);
  }
}

Test(gradient, of_every_activation_as_a_layer) {
  choice_t row;
  for (size_t i = 0; activation_choice(i, &row); i++) {
    if (activation_find(row.name)->derivative == NULL) continue;
    layer_settings_t layers[] = {ACTIVATION(row.name), DENSE(9, "identity"), ACTIVATION(row.name),
                                 DENSE(4, "identity"), ACTIVATION(row.name)};
    CHECK_GRADIENT(layers, 7, 6, "mse", row.name);
  }
}

Test(gradient, of_every_loss) {
  choice_t row;
  for (size_t i = 0; loss_choice(i, &row); i++) {
    layer_settings_t layers[] = {DENSE(8, "tanh"), DENSE(6, "identity")};
    CHECK_GRADIENT(layers, 6, 9, row.name, row.name);
  }
}

Test(gradient, of_margins_of_a_single_output) {
  layer_settings_t layers[] = {DENSE(8, "tanh"), DENSE(1, "identity")};
  CHECK_GRADIENT(layers, 6, 9, "hinge", "hinge of one output");
  CHECK_GRADIENT(layers, 6, 9, "perceptron", "perceptron of one output");
}

Test(gradient, of_softmax_within_and_at_the_end) {
  layer_settings_t layers[] = {SOFTMAX(), DENSE(9, "identity"), SOFTMAX(), DENSE(5, "identity"), SOFTMAX()};
  CHECK_GRADIENT(layers, 7, 6, "mse", "softmax");
}

Test(gradient, of_layer_norm_first_within_and_last) {
  layer_settings_t block[] = {LAYER_NORM(), DENSE(9, "tanh")};
  layer_settings_t layers[] = {LAYER_NORM(), DENSE(9, "tanh"), RESIDUAL(block), DENSE(5, "identity"),
                               LAYER_NORM()};
  CHECK_GRADIENT(layers, 7, 6, "mse", "layer norm");
}

Test(gradient, of_batch_norm_first_within_and_last) {
  layer_settings_t block[] = {BATCH_NORM(), DENSE(9, "tanh")};
  layer_settings_t layers[] = {BATCH_NORM(), DENSE(9, "tanh"), RESIDUAL(block), DENSE(5, "identity"),
                               BATCH_NORM()};
  CHECK_GRADIENT(layers, 7, 6, "mse", "batch norm");
}

Test(gradient, of_batch_norm_with_running_statistics) {
  layer_settings_t layers[] = {DENSE(9, "tanh"), BATCH_NORM(), DENSE(3, "identity")};
  network_t net = network_create(layers, COUNT(layers), 5, 8);
  net.pass.training = false;
  network_check_gradient(&net, "mse", "batch norm with running statistics");
  network_destroy(&net);
}

/* Rows that are padding have deltas of zero, and whatever lies in them does not matter. */
Test(gradient, of_batch_norm_leaves_padding_out) {
  enum { ROWS = 8, COUNTED = 5 };
  layer_settings_t layers[] = {DENSE(9, "tanh"), BATCH_NORM(), DENSE(3, "identity")};
  const loss_t *loss = loss_find("mse");
  network_t padded = network_create(layers, COUNT(layers), 4, ROWS);
  network_t bare = network_create(layers, COUNT(layers), 4, COUNTED);
  size_t floats = graph_floats(bare.graph);
  float *expected = calloc(floats, sizeof *expected), *found = calloc(floats, sizeof *found);
  targets_t t = targets_create(loss, ROWS, 3);
  memcpy(tape_input(bare.tape, 0), tape_input(padded.tape, 0), COUNTED * 4 * sizeof(float));
  double value = network_gradient(&bare, loss, &any_params, &t, expected);
  padded.pass.padding = ROWS - COUNTED;
  graph_forward(padded.worker, padded.vector, padded.tape, 0, 1, &padded.pass);
  memset(tape_output_delta(padded.tape, 0), 0, ROWS * 3 * sizeof(float));
  double again = loss->evaluate(&any_params, COUNTED, 3, tape_output(padded.tape, 0), targets_from(&t, 0),
                                tape_output_delta(padded.tape, 0));
  graph_backward(padded.worker, padded.vector, padded.tape, 0, 1);
  slice_gradient(padded.graph, padded.worker, padded.tape, 0, found);
  cr_assert_float_eq(again, value, 1e-5 * value);
  for (size_t i = 0; i < floats; i++) cr_assert_float_eq(found[i], expected[i], 1e-4, "element %zu", i);
  free(expected);
  free(found);
  targets_destroy(&t);
  network_destroy(&padded);
  network_destroy(&bare);
}

Test(gradient, behind_a_step_on_the_inputs) {
  layer_settings_t layers[] = {ACTIVATION("step"), DENSE(5, "tanh"), DENSE(2, "identity")};
  CHECK_GRADIENT(layers, 6, 5, "mse", "step on the inputs");
}

Test(gradient, of_layers_without_bias) {
  layer_settings_t layers[] = {DENSE_WITHOUT_BIAS(8, "tanh"), DENSE(8, "tanh"),
                               DENSE_WITHOUT_BIAS(3, "identity")};
  CHECK_GRADIENT(layers, 6, 5, "mse", "without bias");
}

Test(gradient, of_layers_of_many_tiles) {
  layer_settings_t wide[] = {DENSE(130, "tanh"), DENSE(70, "sigmoid"), DENSE(3, "identity")};
  CHECK_GRADIENT(wide, 20, 3, "mse", "many panels");
  layer_settings_t deep[] = {DENSE(5, "tanh"), DENSE(2, "identity")};
  CHECK_GRADIENT(deep, 2 * 1024 + 37, 3, "mse", "many blocks of inputs");
}

Test(gradient, of_tied_layers) {
  layer_settings_t layers[] = {DENSE(70, "tanh"), DENSE(5, "gelu"), TIED("dense2", "silu"),
                               TIED("dense1", "sigmoid")};
  CHECK_GRADIENT(layers, 131, 6, "mse", "tied to two layers");
  layer_settings_t twice[] = {DENSE(9, "tanh"), TIED("dense1", "tanh"), DENSE(9, "relu"),
                              TIED("dense1", "identity")};
  CHECK_GRADIENT(twice, 7, 6, "mse", "two tied to one layer");
  layer_settings_t a[] = {DENSE(4, "tanh")}, b[] = {DENSE(4, "tanh"), TIED("dense1", "identity")};
  layer_settings_t sides[] = {BRANCH(a), BRANCH(b)};
  layer_settings_t layers_of_branches[] = {BRANCHES(sides)};
  CHECK_GRADIENT(layers_of_branches, 7, 6, "mse", "tied to a layer of another branch");
}

/* Sums wait for a leaf, as when a rank has several shards: the share of the tied layer goes into the leaf. */
Test(gradient, of_tied_layers_is_added_to_the_sums_that_wait) {
  layer_settings_t layers[] = {DENSE(33, "tanh"), TIED("dense1", "identity")};
  network_t net = network_create(layers, COUNT(layers), 40, 6);
  const loss_t *loss = loss_find("mse");
  targets_t t = targets_create(loss, 6, net.outputs);
  const size_t floats = graph_floats(net.graph);
  float *leaf = calloc(floats, sizeof *leaf), *first = calloc(floats, sizeof *first),
        *second = calloc(floats, sizeof *second);
  network_gradient(&net, loss, &any_params, &t, leaf);
  for (size_t i = 0; i < graph_tiles(net.graph); i++) {
    const tile_t tile = graph_tile(net.graph, i);
    for (size_t r = 0; r < tile.runs; r++)
      for (size_t k = 0; k < tile.floats; k++) {
        const size_t at = tile.offset + r * tile.stride + k;
        first[at] = leaf[at] != 0 ? 0.1F * (float)(k % 17) : 0; /* padding is 0 and stays 0 */
        second[at] = leaf[at] != 0 ? 0.3F * (float)(k % 11) : 0;
      }
    const dense_sum_t sums[] = {{first + tile.offset, (int64_t)tile.stride},
                                {second + tile.offset, (int64_t)tile.stride}};
    graph_tile_gradient(net.worker, net.tape, 0, i, sums, 2);
    for (size_t r = 0; r < tile.runs; r++)
      for (size_t k = 0; k < tile.floats; k++) {
        const size_t at = tile.offset + r * tile.stride + k;
        const float expected =
            leaf[at] != 0 ? 0.1F * (float)(k % 17) + (0.3F * (float)(k % 11) + leaf[at]) : 0;
        cr_assert_eq(first[at], expected, "tile %zu, run %zu, %zu", i, r, k);
      }
  }
  free(leaf);
  free(first);
  free(second);
  targets_destroy(&t);
  network_destroy(&net);
}

/* Outside of training the transpose is made anew, unless the copies of the weights are there: the outputs
 * have the same bits. Where the copies are there, they are read. */
Test(gradient, tied_layers_compute_the_same_outside_of_training) {
  layer_settings_t layers[] = {DENSE(33, "relu"), TIED("dense1", "tanh")};
  network_t net = network_create(layers, COUNT(layers), 41, 15);
  graph_worker_t *worker = NULL;
  tape_t *tape = NULL;
  CHECK(graph_worker_create(net.graph, 15, 1, false, &worker, error));
  CHECK(tape_create(net.graph, 15, 0, &tape, error));
  memcpy(tape_input(tape, 0), tape_input(net.tape, 0), sizeof(float[15 * 41]));
  graph_forward(worker, net.vector, tape, 0, 1, &(pass_t){0});
  graph_forward(net.worker, net.vector, net.tape, 0, 1, &net.pass);
  cr_assert_eq(memcmp(tape_output(net.tape, 0), tape_output(tape, 0), sizeof(float[15 * 41])), 0);
  graph_forward(worker, net.vector, tape, 0, 1, &(pass_t){.has_copies = true});
  cr_assert_eq(memcmp(tape_output(net.tape, 0), tape_output(tape, 0), sizeof(float[15 * 41])), 0, "copies");
  const size_t floats = graph_floats(net.graph);
  memset(net.vector + floats, 0, (graph_buffer_floats(net.graph) - floats) * sizeof(float));
  graph_forward(worker, net.vector, tape, 0, 1, &(pass_t){0});
  cr_assert_eq(memcmp(tape_output(net.tape, 0), tape_output(tape, 0), sizeof(float[15 * 41])), 0, "anew");
  graph_forward(worker, net.vector, tape, 0, 1, &(pass_t){.has_copies = true});
  cr_assert_neq(memcmp(tape_output(net.tape, 0), tape_output(tape, 0), sizeof(float[15 * 41])), 0, "read");
  graph_worker_destroy(&worker);
  tape_destroy(&tape);
  network_destroy(&net);
}

Test(gradient, of_dropout) {
  layer_settings_t layers[] = {DROPOUT(0.2), DENSE(20, "tanh"), DROPOUT(0.5), DENSE(4, "identity"),
                               DROPOUT(0.1)};
  CHECK_GRADIENT(layers, 11, 8, "mse", "dropout");
}

Test(gradient, of_dropout_that_is_off) {
  layer_settings_t layers[] = {DENSE(20, "tanh"), DROPOUT(0.5), DENSE(4, "identity")};
  network_t net = network_create(layers, COUNT(layers), 5, 8);
  net.pass.training = false;
  network_check_gradient(&net, "mse", "dropout off");
  network_destroy(&net);
}

Test(gradient, of_residual_blocks) {
  layer_settings_t block[] = {DENSE(12, "tanh"), DROPOUT(0.3), DENSE(6, "sigmoid")};
  layer_settings_t layers[] = {DENSE(6, "tanh"), RESIDUAL(block), RESIDUAL(block), DENSE(2, "identity")};
  CHECK_GRADIENT(layers, 4, 5, "mse", "residual");
}

Test(gradient, of_a_residual_block_on_the_input) {
  layer_settings_t block[] = {DENSE(5, "tanh")};
  layer_settings_t layers[] = {RESIDUAL(block), DENSE(2, "identity")};
  CHECK_GRADIENT(layers, 5, 4, "mse", "residual on the input");
}

/* The first dense layer's output is used by the inner block's layer, the inner sum and the outer sum. */
Test(gradient, of_a_value_that_is_used_three_times) {
  layer_settings_t inner[] = {ACTIVATION("gelu"), DENSE(6, "tanh")};
  layer_settings_t outer[] = {RESIDUAL(inner), DROPOUT(0.2)};
  layer_settings_t layers[] = {DENSE(6, "tanh"), RESIDUAL(outer), ACTIVATION("silu"), DENSE(3, "identity")};
  CHECK_GRADIENT(layers, 4, 5, "mse", "three uses");
}

Test(gradient, of_a_residual_block_that_ends_the_network) {
  layer_settings_t inner[] = {DENSE(6, "relu"), DENSE(6, "gelu")};
  layer_settings_t layers[] = {DENSE(6, "tanh"), RESIDUAL(inner)};
  CHECK_GRADIENT(layers, 4, 5, "huber", "residual at the end");
}

/* The trunk's value is used by three branches of different depth, one of them a residual block on it alone.
 */
Test(gradient, of_branches_behind_a_trunk) {
  layer_settings_t deep[] = {DENSE(7, "relu"), DROPOUT(0.2), DENSE(5, "gelu"), DENSE(3, "identity")};
  layer_settings_t inner[] = {DENSE(6, "tanh")};
  layer_settings_t block[] = {RESIDUAL(inner)}, shallow[] = {DENSE(1, "identity")};
  layer_settings_t heads[] = {BRANCH(deep), BRANCH(block), BRANCH(shallow)};
  layer_settings_t layers[] = {DENSE(6, "tanh"), BRANCHES(heads)};
  CHECK_GRADIENT(layers, 4, 5, "mse", "branches");
}

Test(gradient, of_branches_on_the_input_and_within_each_other) {
  layer_settings_t a[] = {DENSE(3, "tanh")}, b[] = {ACTIVATION("silu")}, c[] = {DENSE(70, "sigmoid")};
  layer_settings_t inner[] = {BRANCH(a), BRANCH(b)};
  layer_settings_t both[] = {DENSE(5, "silu"), BRANCHES(inner)};
  layer_settings_t outer[] = {BRANCH(both), BRANCH(c), BRANCH(b)};
  layer_settings_t layers[] = {BRANCHES(outer), DENSE(2, "identity")};
  CHECK_GRADIENT(layers, 4, 5, "huber", "branches in branches");
}

/* Slices in turn by one worker of smaller calls; their sum against the gradient of all rows at once. */
Test(gradient, is_the_sum_over_slices) {
  enum { ROWS = 24, SLICE = 12, BLOCK = 4 };
  layer_settings_t layers[] = {DENSE(70, "relu"), DROPOUT(0.0), DENSE(5, "identity")};
  network_t net = network_create(layers, COUNT(layers), 9, ROWS);
  const loss_t *loss = loss_find("cross_entropy");
  targets_t t = targets_create(loss, ROWS, net.outputs);
  size_t floats = graph_floats(net.graph);
  float *whole = calloc(floats, sizeof *whole), *sum = calloc(floats, sizeof *sum);
  float *part = calloc(floats, sizeof *part);
  double value = network_gradient(&net, loss, &any_params, &t, whole), parts = 0;

  graph_worker_t *worker = NULL;
  tape_t *tape = NULL;
  CHECK(graph_worker_create(net.graph, BLOCK, 1, true, &worker, error));
  CHECK(tape_create(net.graph, ROWS, SLICE, &tape, error));
  memcpy(tape_input(tape, 0), tape_input(net.tape, 0), sizeof(float[ROWS * 9]));
  for (int64_t row = 0; row < ROWS; row += BLOCK) {
    pass_t pass = net.pass;
    pass.row = row;
    graph_forward(worker, net.vector, tape, row, 1, &pass);
    parts += loss->evaluate(&any_params, BLOCK, net.outputs, tape_output(tape, row), targets_from(&t, row),
                            tape_output_delta(tape, row));
    graph_backward(worker, net.vector, tape, row, 1);
  }
  for (int64_t row = 0; row < ROWS; row += SLICE) {
    slice_gradient(net.graph, worker, tape, row, part);
    for (size_t k = 0; k < floats; k++) sum[k] += part[k];
  }
  cr_assert_float_eq(parts, value, 1e-5 * value);
  for (size_t i = 0; i < floats; i++) cr_assert_float_eq(sum[i], whole[i], 1e-4, "element %zu", i);
  graph_worker_destroy(&worker);
  tape_destroy(&tape);
  free(whole);
  free(sum);
  free(part);
  targets_destroy(&t);
  network_destroy(&net);
}

/* One layer of each kind that must not see its neighbours' rows, by calls one by one or all together. */
Test(gradient, calls_together_have_the_bits_of_calls_one_by_one) {
  enum { CALLS = 3, CALL = 5, ROWS = CALLS * CALL };
  layer_settings_t inner[] = {DENSE(20, "mish"), DENSE(20, "identity")};
  layer_settings_t layers[] = {DENSE(20, "silu"), BATCH_NORM(), RESIDUAL(inner),    DROPOUT(0.5),
                               DENSE(17, "relu"), LAYER_NORM(), ACTIVATION("gelu"), DENSE(3, "identity")};
  network_t net = network_create(layers, COUNT(layers), 9, ROWS);
  graph_worker_t *worker = NULL;
  CHECK(graph_worker_create(net.graph, CALL, CALLS, true, &worker, error));
  float *gradients[2];
  for (int together = 0; together < 2; together++) {
    tape_t *tape = NULL;
    pass_t passes[CALLS];
    CHECK(tape_create(net.graph, ROWS, CALL, &tape, error));
    memcpy(tape_input(tape, 0), tape_input(net.tape, 0), sizeof(float[ROWS * 9]));
    for (int k = 0; k < CALLS; k++)
      passes[k] = (pass_t){.training = true, .seed = 1, .step = 2, .shard = (uint64_t)k, .padding = k};
    for (int k = 0; k < CALLS; k += together ? CALLS : 1)
      graph_forward(worker, net.vector, tape, k * CALL, together ? CALLS : 1, &passes[k]);
    memcpy(tape_output_delta(tape, 0), tape_output(tape, 0), sizeof(float[ROWS * 3]));
    for (int k = 0; k < CALLS; k += together ? CALLS : 1)
      graph_backward(worker, net.vector, tape, k * CALL, together ? CALLS : 1);
    gradients[together] = calloc(CALLS * graph_floats(net.graph), sizeof(float));
    for (size_t k = 0; k < CALLS; k++)
      slice_gradient(net.graph, worker, tape, (int64_t)k * CALL,
                     gradients[together] + k * graph_floats(net.graph));
    tape_destroy(&tape);
  }
  cr_assert_eq(memcmp(gradients[0], gradients[1], CALLS * graph_floats(net.graph) * sizeof(float)), 0);
  free(gradients[0]);
  free(gradients[1]);
  graph_worker_destroy(&worker);
  network_destroy(&net);
}

/* ---- bf16 ---- */

/* A slice of 15 rows by calls of `call` rows, the last first, with the outputs as their deltas. Its gradient
 * is the caller's to free. */
static float *slice_by_calls(network_t *net, int64_t call) {
  enum { ROWS = 15 };
  graph_worker_t *worker = NULL;
  tape_t *tape = NULL;
  CHECK(graph_worker_create(net->graph, call, 1, true, &worker, error));
  CHECK(tape_create(net->graph, ROWS, ROWS, &tape, error));
  memcpy(tape_input(tape, 0), tape_input(net->tape, 0), (size_t)(ROWS * net->inputs) * sizeof(float));
  for (int64_t row = ROWS - call; row >= 0; row -= call) {
    pass_t pass = net->pass;
    pass.row = row;
    graph_forward(worker, net->vector, tape, row, 1, &pass);
    memcpy(tape_output_delta(tape, row), tape_output(tape, row),
           (size_t)(call * net->outputs) * sizeof(float));
    graph_backward(worker, net->vector, tape, row, 1);
  }
  float *gradient = calloc(graph_floats(net->graph), sizeof *gradient);
  slice_gradient(net->graph, worker, tape, 0, gradient);
  graph_worker_destroy(&worker);
  tape_destroy(&tape);
  return gradient;
}

/* The buffer with copies of weights for another precision. */
static void choose_precision(network_t *net, const char *name) {
  CHECK(graph_choose_precision(net->graph, name, error));
  float *vector = calloc(graph_buffer_floats(net->graph), sizeof *vector);
  memcpy(vector, net->vector, graph_floats(net->graph) * sizeof *vector);
  free(net->vector);
  net->vector = vector;
  graph_transpose(net->graph, vector, 0, graph_floats(net->graph));
}

/* Of odd widths, so that rows end within a pair; calls of 5 and 3 rows share the pairs of the slice. */
Test(gradient, in_bf16_is_near_that_in_fp32_however_calls_share_pairs) {
  layer_settings_t inner[] = {DENSE(33, "tanh"), DROPOUT(0.3), DENSE(33, "sigmoid")};
  layer_settings_t layers[] = {DENSE(33, "relu"), RESIDUAL(inner), DENSE(17, "gelu"), DENSE(3, "identity")};
  network_t net = network_create(layers, COUNT(layers), 9, 15);
  size_t floats = graph_floats(net.graph);
  float *exact = slice_by_calls(&net, 15); /* a new graph is in fp32 */
  choose_precision(&net, "bf16");
  float *whole = slice_by_calls(&net, 15), *fives = slice_by_calls(&net, 5),
        *threes = slice_by_calls(&net, 3);
  double squares = 0, error = 0;
  for (size_t i = 0; i < floats; i++) {
    squares += (double)exact[i] * (double)exact[i];
    error += pow((double)whole[i] - (double)exact[i], 2);
  }
  double share =
      sqrt(error / squares); /* a factor is off by 2^-9 at the most, and there are some on the way */
  cr_assert(share > 1e-4 && share < 0.01, "off by %g", share);
  cr_assert_eq(memcmp(whole, fives, floats * sizeof *whole), 0);
  cr_assert_eq(memcmp(whole, threes, floats * sizeof *whole), 0);
  free(exact);
  free(whole);
  free(fives);
  free(threes);
  network_destroy(&net);
}

/* A tape without deltas is for use, not for training. */
Test(gradient, outputs_outside_of_training_are_those_of_fp32) {
  layer_settings_t layers[] = {DENSE(33, "relu"), DENSE(3, "identity")};
  network_t net = network_create(layers, COUNT(layers), 9, 15);
  float expected[15 * 3];
  for (int k = 0; k < 2; k++) {
    graph_worker_t *worker = NULL;
    tape_t *tape = NULL;
    CHECK(graph_worker_create(net.graph, 15, 1, false, &worker, error));
    CHECK(tape_create(net.graph, 15, 0, &tape, error));
    memcpy(tape_input(tape, 0), tape_input(net.tape, 0), sizeof(float[15 * 9]));
    graph_forward(worker, net.vector, tape, 0, 1, &(pass_t){0});
    if (k == 0) memcpy(expected, tape_output(tape, 0), sizeof expected);
    cr_assert_eq(memcmp(expected, tape_output(tape, 0), sizeof expected), 0);
    graph_worker_destroy(&worker);
    tape_destroy(&tape);
    choose_precision(&net, "bf16");
  }
  network_destroy(&net);
}
