/* Layers that draw numbers in training: what they draw, and that nothing but seed, step, shard, row, op and
 * column decides it. Dropout is tested in test_graph.c. */
#include "fixture.h"

enum { ROWS = 300, WIDTH = 201, N = ROWS * WIDTH };

/* What comes to a layer behind these two: values that are not zero. */
static float clean[N];

static const pass_t off;

static void run(network_t *net, pass_t pass, float *out) {
  graph_forward(net->worker, net->vector, net->tape, 0, 1, &pass);
  memcpy(out, tape_output(net->tape, 0), (size_t)(net->rows * net->outputs) * sizeof *out);
}

/* The moments of a standard normal distribution, within five of their own deviations. */
static void expect_normal(const double *e, int64_t n) {
  double mean = 0, square = 0, cube = 0, fourth = 0, beyond = 0;
  for (int64_t i = 0; i < n; i++) {
    mean += e[i] / (double)n;
    square += e[i] * e[i] / (double)n;
    cube += e[i] * e[i] * e[i] / (double)n;
    fourth += e[i] * e[i] * e[i] * e[i] / (double)n;
    beyond += fabs(e[i]) > 1.959963984540054 ? 1 / (double)n : 0;
  }
  const double five = 5 / sqrt((double)n);
  cr_expect_float_eq(mean, 0, five);
  cr_expect_float_eq(square, 1, five * sqrt(2));
  cr_expect_float_eq(cube, 0, five * sqrt(15));
  cr_expect_float_eq(fourth, 3, five * sqrt(96));
  cr_expect_float_eq(beyond, 0.05, five * sqrt(0.05 * 0.95), "%g beyond 1.96", beyond);
}

Test(noise, is_normal_in_training_and_nothing_else) {
  static float y[N];
  static double e[N];
  layer_settings_t layers[] = {DENSE(WIDTH, "tanh"), NOISE(0.5, 0)};
  network_t net = network_create(layers, COUNT(layers), 5, ROWS);
  run(&net, off, clean);
  run(&net, net.pass, y);
  double product = 0;
  for (int i = 0; i < N; i++) e[i] = ((double)y[i] - (double)clean[i]) / 0.5;
  expect_normal(e, N);
  for (int i = 0; i + 1 < N; i++) product += e[i] * e[i + 1] / N;
  cr_expect_float_eq(product, 0, 5 / sqrt(N), "neighbours have nothing to do with each other");
  pass_t pass = net.pass;
  pass.training = false;
  for (int sampling = 0; sampling < 2; sampling++) {
    pass.sampling = sampling == 1;
    run(&net, pass, y);
    for (int i = 0; i < N; i++) cr_assert_eq(y[i], clean[i], "inference is without noise");
  }
  network_destroy(&net);
}

Test(noise, masks_its_share_and_leaves_the_rest) {
  static float y[N];
  layer_settings_t layers[] = {DENSE(WIDTH, "tanh"), NOISE(0, 0.3)};
  network_t net = network_create(layers, COUNT(layers), 5, ROWS);
  run(&net, off, clean);
  run(&net, net.pass, y);
  int masked = 0;
  for (int i = 0; i < N; i++) {
    masked += y[i] == 0;
    cr_assert(y[i] == 0 || y[i] == clean[i]);
  }
  cr_expect_float_eq((double)masked / N, 0.3, 5 * sqrt(0.3 * 0.7 / N));
  network_destroy(&net);
}

Test(noise, is_the_same_however_rows_are_cut_and_differs_by_seed_step_shard_and_op) {
  static float whole[N], other[N];
  layer_settings_t layers[] = {DENSE(WIDTH, "tanh"), NOISE(1, 0.2)};
  layer_settings_t later[] = {DENSE(WIDTH, "tanh"), NOISE(0, 0), NOISE(1, 0.2)};
  network_t net = network_create(layers, COUNT(layers), 5, ROWS);
  network_t net_later = network_create(later, COUNT(later), 5, ROWS);
  run(&net, net.pass, whole);
  for (int64_t rows = 1; rows < ROWS; rows *= 5) {
    graph_worker_t *worker = NULL;
    CHECK(graph_worker_create(net.graph, rows, 1, true, &worker, error));
    for (int64_t row = 0; row + rows <= ROWS; row += rows) {
      pass_t pass = net.pass;
      pass.row = row;
      graph_forward(worker, net.vector, net.tape, row, 1, &pass);
    }
    const size_t done = (size_t)(ROWS / rows * rows * WIDTH);
    cr_assert_arr_eq(tape_output(net.tape, 0), whole, done * sizeof *whole, "calls of %d rows", (int)rows);
    graph_worker_destroy(&worker);
  }
  pass_t passes[] = {net.pass, net.pass, net.pass};
  passes[0].seed++, passes[1].step++, passes[2].shard++;
  for (int i = 0; i < 3; i++) {
    run(&net, passes[i], other);
    cr_assert_arr_neq(other, whole, sizeof whole, "change %d", i);
  }
  run(&net_later, net.pass, other);
  cr_assert_arr_neq(other, whole, sizeof whole, "another op");
  network_destroy(&net);
  network_destroy(&net_later);
}

/* Columns are drawn 256 at a time. */
Test(noise, of_many_columns_is_that_of_its_definition) {
  layer_settings_t noise[] = {NOISE(0.5, 0.2), DENSE(1, "identity")};
  layer_settings_t dropout[] = {DENSE(600, "tanh"), DROPOUT(0.4), DENSE(1, "identity")};
  network_t net = network_create(noise, COUNT(noise), 600, 3);
  network_check_gradient(&net, "mse", "noise of 600 columns");
  network_destroy(&net);
  net = network_create(dropout, COUNT(dropout), 1, 3);
  network_check_gradient(&net, "mse", "dropout of 600 columns");
  network_destroy(&net);
}

Test(noise, has_the_gradient_of_its_definition) {
  layer_settings_t layers[] = {NOISE(0.5, 0.2), DENSE(20, "tanh"), NOISE(0.3, 0.1), DENSE(4, "identity"),
                               NOISE(0.1, 0.4)};
  network_t net = network_create(layers, COUNT(layers), 11, 8);
  network_check_gradient(&net, "mse", "noise");
  net.pass.training = false;
  network_check_gradient(&net, "mse", "noise that is off");
  network_destroy(&net);
}
