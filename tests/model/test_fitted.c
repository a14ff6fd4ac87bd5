/* The layers centres and gaussians: scores against their definitions in double, also far from the origin,
 * densities against closed forms, and deltas of the inputs against differences. */
#include "fixture.h"

#include "base/isa.h"
#include "math/kernels.h"
#include "math/squares.h"

#define CENTRES(n)                                                                                           \
  { .kind = LAYER_CENTRES, .units = (n) }
#define GAUSSIANS(n, form)                                                                                   \
  { .kind = LAYER_GAUSSIANS, .units = (n), .covariance = (form) }

/* Factors of matrices are lower triangular. */
static void make_triangular(network_t *net) {
  for (size_t i = 0; i < graph_parameter_count(net->graph); i++) {
    const parameter_t *parameter = graph_parameter(net->graph, i);
    const int64_t d = parameter->shape[1];
    const char *form = strrchr(parameter->name, '/');
    if (strcmp(form, "/factor") != 0 || parameter->dims != 2 || parameter->shape[0] % d != 0) continue;
    float *array = calloc(parameter_values(parameter), sizeof *array);
    graph_unpack(net->graph, i, net->vector, array);
    for (int64_t r = 0; r < parameter->shape[0]; r++)
      for (int64_t j = r % d + 1; j < d; j++) array[r * d + j] = 0;
    graph_pack(net->graph, i, array, net->vector);
    free(array);
  }
  network_unpack(net->graph, net->vector, net->plain);
}

/* Moves rows and means or centres by `far`. */
static void move(network_t *net, float far) {
  const parameter_t *parameter = graph_parameter(net->graph, 0);
  float *array = calloc(parameter_values(parameter), sizeof *array);
  graph_unpack(net->graph, 0, net->vector, array);
  for (size_t i = 0; i < parameter_values(parameter); i++) array[i] += far;
  graph_pack(net->graph, 0, array, net->vector);
  free(array);
  for (int64_t i = 0; i < net->rows * net->inputs; i++) {
    tape_input(net->tape, 0)[i] += far;
    net->x[i] = (double)tape_input(net->tape, 0)[i];
  }
  network_unpack(net->graph, net->vector, net->plain);
}

static network_t network_of(layer_settings_t layer, int64_t inputs, int64_t rows) {
  network_t net = network_create(&layer, 1, inputs, rows);
  bool is_matrix = layer.covariance != NULL &&
                   (strcmp(layer.covariance, "full") == 0 || strcmp(layer.covariance, "tied") == 0);
  if (is_matrix) make_triangular(&net);
  return net;
}

static void expect_scores(network_t *net, const char *what, double tolerance) {
  size_t n = (size_t)(net->rows * net->outputs);
  double *expected = calloc(n, sizeof *expected);
  graph_forward(net->worker, net->vector, net->tape, 0, 1, &net->pass);
  CHECK(graph_reference(net->graph, net->plain, net->rows, net->x, &net->pass, expected, NULL, error));
  for (size_t i = 0; i < n; i++) {
    double found = (double)tape_output(net->tape, 0)[i];
    cr_assert(fabs(found - expected[i]) <= tolerance * (1 + fabs(expected[i])), "%s (%d, %d): %.9g, not %.9g",
              what, (int)net->inputs, (int)net->outputs, found, expected[i]);
  }
  free(expected);
}

static const char *const forms[] = {"full", "tied", "diagonal", "spherical"};
static const int64_t widths[] = {1, 2, 15, 16, 33, 70}, units[] = {1, 3, 17, 70};

Test(fitted, scores_are_those_of_the_definition) {
  for (size_t w = 0; w < COUNT(widths); w++)
    for (size_t k = 0; k < COUNT(units); k++) {
      network_t net = network_of((layer_settings_t)CENTRES(units[k]), widths[w], 19);
      expect_scores(&net, "centres", 2e-6);
      network_destroy(&net);
      for (size_t f = 0; f < COUNT(forms); f++) {
        net = network_of((layer_settings_t)GAUSSIANS(units[k], forms[f]), widths[w], 19);
        expect_scores(&net, forms[f], 2e-6);
        network_destroy(&net);
      }
    }
}

/* At 1,000 deviations from the origin a product of rows and centres would keep one digit. */
Test(fitted, scores_keep_their_digits_far_from_the_origin) {
  network_t net = network_of((layer_settings_t)CENTRES(9), 20, 30);
  move(&net, 1000);
  expect_scores(&net, "centres", 2e-6);
  network_destroy(&net);
  for (size_t f = 0; f < COUNT(forms); f++) {
    net = network_of((layer_settings_t)GAUSSIANS(9, forms[f]), 20, 30);
    move(&net, 1000);
    expect_scores(&net, forms[f], 2e-6);
    network_destroy(&net);
  }
}

/* N(x; m, C) in two dimensions with C = ((4, 1), (1, 2)), m = (1, -1), x = (2, 0): det C = 7,
 * (x - m)' C^-1 (x - m) = (2 - 2 + 4) / 7. C^-1 = U'U for the U below. */
Test(fitted, a_density_is_that_of_the_normal_distribution) {
  layer_settings_t layer = GAUSSIANS(1, "full");
  network_t net = network_create(&layer, 1, 2, 1);
  const double pi = 3.14159265358979323846;
  const double u11 = sqrt(1.0 / 7 * 2 - 1.0 / 7 / 4), u22 = sqrt(4.0 / 7), u21 = -1.0 / 7 / u22;
  const float mean[] = {1, -1}, x[] = {2, 0};
  const float factor[] = {(float)u11, 0, (float)u21, (float)u22};
  const float offset = (float)(log(u11 * u22) - log(2 * pi));
  graph_pack(net.graph, 0, mean, net.vector);
  graph_pack(net.graph, 1, factor, net.vector);
  graph_pack(net.graph, 2, &offset, net.vector);
  memcpy(tape_input(net.tape, 0), x, sizeof x);
  graph_forward(net.worker, net.vector, net.tape, 0, 1, &net.pass);
  double expected = log(2 * pi) + log(7.0) / 2 + 4.0 / 7 / 2;
  double found =
      loss_find("density")->evaluate(&any_params, 1, 1, tape_output(net.tape, 0), (target_t){0}, NULL);
  cr_expect_float_eq(found, expected, 1e-6, "%.9g, not %.9g", found, expected);
  network_destroy(&net);
}

/* ---- backward ---- */

/* The loss of one row from its inputs in double. */
static double loss_at(const graph_t *graph, const double *plain, const double *x, const loss_t *loss) {
  double z[8];
  const pass_t pass = {0};
  CHECK(graph_reference(graph, plain, 1, x, &pass, z, NULL, error));
  return loss->reference(&any_params, graph_outputs(graph), z, NULL);
}

static void expect_deltas(const layer_settings_t *layers, size_t n_layers, const char *name,
                          const char *what) {
  enum { IN = 6, ROWS = 5 };
  const loss_t *loss = loss_find(name);
  network_t net = {.rows = ROWS, .inputs = IN};
  CHECK(graph_create_for_inputs(layers, n_layers, IN, NULL, 0, &net.graph, error));
  CHECK(graph_worker_create(net.graph, ROWS, 1, true, &net.worker, error));
  CHECK(tape_create(net.graph, ROWS, ROWS, &net.tape, error));
  net.vector = calloc(graph_buffer_floats(net.graph) + 16, sizeof(float));
  net.plain = calloc(graph_plain_floats(net.graph), sizeof(double));
  net.x = calloc(ROWS * IN, sizeof(double));
  network_randomise(&net);
  make_triangular(&net);
  random_normal(&(random_stream_t){.seed = 11, .purpose = RANDOM_INIT}, ROWS * IN, net.x);
  for (int i = 0; i < ROWS * IN; i++) tape_input(net.tape, 0)[i] = (float)net.x[i];
  for (int i = 0; i < ROWS * IN; i++) net.x[i] = (double)tape_input(net.tape, 0)[i];
  graph_forward(net.worker, net.vector, net.tape, 0, 1, &net.pass);
  loss->evaluate(&any_params, ROWS, graph_outputs(net.graph), tape_output(net.tape, 0), (target_t){0},
                 tape_output_delta(net.tape, 0));
  graph_backward(net.worker, net.vector, net.tape, 0, 1);
  for (int i = 0; i < ROWS * IN; i++) {
    const double x = net.x[i], h = 1e-5, *row = net.x + i / IN * IN;
    net.x[i] = x + h;
    double above = loss_at(net.graph, net.plain, row, loss);
    net.x[i] = x - h;
    double expected = (above - loss_at(net.graph, net.plain, row, loss)) / (2 * h);
    net.x[i] = x;
    double found = (double)tape_input_delta(net.tape, 0)[i];
    cr_expect(fabs(found - expected) <= 1e-4 * (0.1 + fabs(expected)), "%s: %.7g, not %.7g", what, found,
              expected);
  }
  network_destroy(&net);
}

Test(fitted, deltas_of_the_inputs_are_those_of_differences) {
  const layer_settings_t centres[] = {CENTRES(7)}, behind[] = {DENSE(4, "tanh"), GAUSSIANS(5, "full")};
  expect_deltas(centres, 1, "distortion", "centres");
  for (size_t f = 0; f < COUNT(forms); f++) {
    const layer_settings_t layer[] = {GAUSSIANS(7, forms[f])};
    expect_deltas(layer, 1, "density", forms[f]);
  }
  expect_deltas(behind, 2, "density", "behind a dense layer");
}

/* ---- structure ---- */

Test(fitted, arrays_have_their_names_and_come_back_as_they_were) {
  for (size_t f = 0; f < COUNT(forms); f++) {
    network_t net = network_of((layer_settings_t)GAUSSIANS(5, forms[f]), 18, 2);
    const char *const names[] = {"gaussians1/mean", "gaussians1/factor", "gaussians1/offset"};
    size_t all = 0;
    cr_assert_eq(graph_parameter_count(net.graph), 3);
    for (size_t i = 0; i < 3; i++) {
      const parameter_t *parameter = graph_parameter(net.graph, i);
      size_t n = parameter_values(parameter);
      float *array = calloc(n, sizeof *array), *again = calloc(n, sizeof *again);
      cr_expect_str_eq(parameter->name, names[i]);
      for (size_t k = 0; k < n; k++) array[k] = (float)(k + 1);
      graph_pack(net.graph, i, array, net.vector);
      graph_unpack(net.graph, i, net.vector, again);
      cr_expect_arr_eq(array, again, n * sizeof *array, "%s %s", forms[f], names[i]);
      graph_unpack_rows(net.graph, i, net.vector, 1, parameter->shape[0] - 1, again);
      cr_expect_arr_eq(array + n / (size_t)parameter->shape[0], again,
                       (n - n / (size_t)parameter->shape[0]) * sizeof *array);
      all += n;
      free(array);
      free(again);
    }
    cr_expect_eq((int64_t)all, graph_parameters(net.graph));
    network_destroy(&net);
  }
}

Test(fitted, stands_last_and_is_not_trained) {
  const layer_settings_t not_last[] = {CENTRES(3), DENSE(2, NULL)}, unknown[] = {GAUSSIANS(3, "round")};
  layer_settings_t inner[] = {CENTRES(3)}, nested[] = {RESIDUAL(inner)}, alone[] = {CENTRES(3)};
  graph_t *graph = NULL;
  ls_error error = {0};
  cr_expect_eq(graph_create(not_last, 2, 3, &graph, &error), LS_BAD_SETTINGS);
  cr_expect_not_null(strstr(error.message, "centres1"), "%s", error.message);
  cr_expect_eq(graph_create(nested, 1, 3, &graph, &error), LS_BAD_SETTINGS);
  cr_expect_eq(graph_create(unknown, 1, 3, &graph, &error), LS_BAD_SETTINGS);
  cr_assert_eq(graph_create(alone, 1, 3, &graph, &error), LS_OK, "%s", error.message);
  cr_expect_eq(graph_check_trained(graph, &error), LS_BAD_SETTINGS);
  cr_expect_not_null(strstr(error.message, "lockstep cluster"), "%s", error.message);
  graph_destroy(&graph);
}
