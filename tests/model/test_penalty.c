/* What layers add to the loss of a row: values and gradients against the definitions in double, the
 * divergence of `sample` against a mean over draws, and rows that do not count. */
#include "fixture.h"

#include "model/penalty.h"

static void check_gradient(const layer_settings_t *layers, size_t n, const char *what) {
  network_t net = network_create(layers, n, 11, 8);
  network_check_gradient(&net, "mse", what);
  net.pass.training = false;
  network_check_gradient(&net, "mse", what);
  network_destroy(&net);
}

Test(penalty, has_the_gradient_of_its_definition) {
  layer_settings_t layers[] = {DENSE(20, "tanh"), PENALTY(0.3, 0.2),    DENSE(7, "tanh"),
                               PENALTY(0, 0.7),   DENSE(4, "identity"), PENALTY(0.1, 0)};
  check_gradient(layers, COUNT(layers), "penalties");
}

Test(penalty, of_a_sample_has_the_gradient_of_its_definition) {
  layer_settings_t layers[] = {DENSE(20, "tanh"), DENSE(10, "identity"), SAMPLE(0.7), DENSE(9, "tanh"),
                               DENSE(4, "identity")};
  check_gradient(layers, COUNT(layers), "a sample");
  layer_settings_t wide[] = {DENSE(2 * 600, "tanh"), SAMPLE(0.1), DENSE(1, "identity")};
  network_t net = network_create(wide, COUNT(wide), 1, 2);
  network_check_gradient(&net, "mse", "a sample of several pieces"); /* of 256 columns */
  network_destroy(&net);
  layer_settings_t inner[] = {DENSE(12, "identity"), SAMPLE(0.3)};
  layer_settings_t block[] = {DENSE(6, "tanh"), RESIDUAL(inner), PENALTY(0.2, 0.1), DENSE(2, "identity")};
  check_gradient(block, COUNT(block), "a sample within a block");
}

/* KL(q || p) is the mean of log q(y) - log p(y) over draws y of q: by the layer itself. */
Test(penalty, of_a_sample_is_the_divergence_from_a_standard_normal_distribution) {
  enum { ROWS = 4, CODE = 3, DRAWS = 40000 };
  layer_settings_t layers[] = {DENSE(2 * CODE, "identity"), SAMPLE(1)};
  network_t net = network_create(layers, COUNT(layers), 5, ROWS);
  double closed[ROWS], sum[ROWS] = {0}, squares[ROWS] = {0};
  for (int draw = 0; draw < DRAWS; draw++) {
    net.pass.step = (uint64_t)draw;
    graph_forward(net.worker, net.vector, net.tape, 0, 1, &net.pass);
    for (int r = 0; r < ROWS; r++) {
      const float *x = tape_values(net.tape, 1, r), *y = tape_values(net.tape, 2, r);
      double ratio = 0;
      for (int k = 0; k < CODE; k++) {
        double m = (double)x[k], s = (double)x[CODE + k], d = (double)y[k] - m;
        ratio += 0.5 * ((double)y[k] * (double)y[k] - d * d * exp(-s) - s);
      }
      sum[r] += ratio / DRAWS;
      squares[r] += ratio * ratio / DRAWS;
    }
  }
  graph_penalties(net.graph, net.tape, 0, ROWS, closed);
  for (int r = 0; r < ROWS; r++) {
    double deviation = sqrt((squares[r] - sum[r] * sum[r]) / DRAWS);
    cr_expect_float_eq(closed[r], sum[r], 5 * deviation, "row %d: %g, by draws %g +- %g", r, closed[r],
                       sum[r], deviation);
    cr_expect_gt(closed[r], 10 * deviation, "which says something");
  }
  network_destroy(&net);
}

Test(penalty, of_a_sample_is_drawn_in_training_and_for_samples_alone) {
  enum { ROWS = 6, CODE = 4 };
  layer_settings_t layers[] = {DENSE(2 * CODE, "identity"), SAMPLE(1)};
  network_t net = network_create(layers, COUNT(layers), 5, ROWS);
  cr_expect(graph_has_samples(net.graph) && graph_is_random(net.graph) && graph_has_penalty(net.graph));
  for (int mode = 0; mode < 3; mode++) {
    net.pass.training = mode == 1;
    net.pass.sampling = mode == 2;
    graph_forward(net.worker, net.vector, net.tape, 0, 1, &net.pass);
    int same = 0;
    for (int r = 0; r < ROWS; r++)
      for (int k = 0; k < CODE; k++) same += tape_output(net.tape, r)[k] == tape_values(net.tape, 1, r)[k];
    cr_expect_eq(same, mode == 0 ? ROWS * CODE : 0, "mode %d", mode);
  }
  network_destroy(&net);
}

Test(penalty, leaves_padding_out_and_counts_rows_by_their_weights) {
  enum { ROWS = 8, COUNTED = 5 };
  layer_settings_t layers[] = {DENSE(6, "tanh"), SAMPLE(0.5), DENSE(4, "identity")};
  network_t net = network_create(layers, COUNT(layers), 11, ROWS);
  const float row_weights[COUNTED] = {2, 0, 1, 0.5F, 3}, factor = 1.5F;
  float values[ROWS * 4] = {0};
  double sums[1] = {10}, expected = 0, penalties[ROWS];
  settings_t settings = {.losses = &(loss_settings_t){.name = "mse",
                                                      .weight = 2,
                                                      .outputs = SETTINGS_AUTO,
                                                      .head = "auto",
                                                      .targets = {.word = "auto"}},
                         .n_losses = 1};
  objective_t objective;
  CHECK(objective_create(&settings, 4, &objective, error));
  CHECK(penalties_check(&objective, net.graph, error));
  const target_t target = {.values = values, .weights = row_weights, .factors = &factor};
  graph_forward(net.worker, net.vector, net.tape, 0, 1, &net.pass);
  penalties_train(&objective, target, net.tape, 0, COUNTED, ROWS - COUNTED, sums);
  graph_penalties(net.graph, net.tape, 0, ROWS, penalties);
  for (int r = 0; r < COUNTED; r++) expected += (double)(row_weights[r] * factor) * penalties[r];
  cr_expect_float_eq(sums[0], 10 + expected / 2, 1e-12, "divided by the weight of the head");
  for (int r = 0; r < ROWS; r++)
    cr_expect_eq(tape_weights(net.tape, 0)[r], r < COUNTED ? row_weights[r] * factor : 0.0F, "row %d", r);
  objective_free(&objective);
  network_destroy(&net);
}

/* Rows are taken 128 at a time, each with its own weight. */
Test(penalty, of_many_rows_is_the_sum_of_all) {
  enum { ROWS = 300, PADDING = 4 };
  layer_settings_t layers[] = {DENSE(2, "identity"), PENALTY(0.5, 0.25)};
  network_t net = network_create(layers, COUNT(layers), 1, ROWS + PADDING);
  float row_weights[ROWS], values[ROWS * 2] = {0};
  double sums[1] = {0}, expected = 0, penalties[ROWS + PADDING];
  settings_t settings = {.losses = &(loss_settings_t){.name = "mse",
                                                      .weight = 1,
                                                      .outputs = SETTINGS_AUTO,
                                                      .head = "auto",
                                                      .targets = {.word = "auto"}},
                         .n_losses = 1};
  objective_t objective;
  for (int r = 0; r < ROWS; r++) row_weights[r] = (float)(r % 5) / 4;
  CHECK(objective_create(&settings, 2, &objective, error));
  const target_t target = {.values = values, .weights = row_weights};
  graph_forward(net.worker, net.vector, net.tape, 0, 1, &net.pass);
  penalties_train(&objective, target, net.tape, 0, ROWS, PADDING, sums);
  for (int r = 0; r < ROWS; r++) {
    const float *y = tape_output(net.tape, r);
    penalties[r] = 0.5 * (fabs((double)y[0]) + fabs((double)y[1])) +
                   0.25 * ((double)y[0] * (double)y[0] + (double)y[1] * (double)y[1]);
    expected += (double)row_weights[r] * penalties[r];
  }
  cr_expect_float_eq(sums[0], expected, 1e-5 * expected, "%.9g, not %.9g", sums[0], expected);
  objective_free(&objective);
  network_destroy(&net);
}

Test(penalty, needs_a_first_head_that_counts) {
  layer_settings_t layers[] = {DENSE(6, "tanh"), PENALTY(0.1, 0), DENSE(2, "identity")};
  network_t net = network_create(layers, COUNT(layers), 3, 2);
  head_t head = {.weight = 0};
  const objective_t objective = {.heads = &head, .n = 1};
  ls_error error = {0};
  cr_expect_eq(penalties_check(&objective, net.graph, &error), LS_BAD_SETTINGS);
  network_destroy(&net);
}

/* ---- the part of a network behind a node ---- */

Test(cut, a_network_goes_on_from_the_values_of_a_node) {
  enum { ROWS = 6 };
  layer_settings_t layers[] = {DENSE(6, "tanh"), SAMPLE(1), DENSE(9, "relu"), DENSE(4, "identity")};
  network_t net = network_create(layers, COUNT(layers), 5, ROWS);
  float whole[ROWS * 4];
  net.pass.training = false;
  graph_forward(net.worker, net.vector, net.tape, 0, 1, &net.pass);
  memcpy(whole, tape_output(net.tape, 0), sizeof whole);
  memset(tape_output(net.tape, 0), 0, sizeof whole);
  CHECK(graph_check_cut(net.graph, 2, error));
  graph_forward_from(net.worker, 2, net.vector, net.tape, 0);
  cr_expect_arr_eq(tape_output(net.tape, 0), whole, sizeof whole);
  tape_node(net.tape, 2, 0)[0] += 1;
  graph_forward_from(net.worker, 2, net.vector, net.tape, 0);
  cr_expect_arr_neq(tape_output(net.tape, 0), whole, 4 * sizeof *whole, "another code, another row");
  cr_expect_arr_eq(tape_output(net.tape, 1), whole + 4, (ROWS - 1) * 4 * sizeof *whole);
  network_destroy(&net);
}

Test(cut, is_refused_within_a_block) {
  layer_settings_t block[] = {DENSE(4, "tanh"), DENSE(5, "tanh")};
  layer_settings_t layers[] = {DENSE(5, "tanh"), RESIDUAL(block), DENSE(2, "identity")};
  network_t net = network_create(layers, COUNT(layers), 3, 2);
  ls_error error = {0};
  cr_expect_eq(graph_check_cut(net.graph, 2, &error), LS_USAGE);
  cr_expect(strstr(error.message, "dense1") != NULL, "%s", error.message);
  cr_expect_eq(graph_check_cut(net.graph, 1, &error), LS_OK, "before the block");
  cr_expect_eq(graph_check_cut(net.graph, 4, &error), LS_OK, "behind it");
  network_destroy(&net);
}
