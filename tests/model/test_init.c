/* Initial weights: their variance, their distribution, what "auto" means, and that they depend on the seed
 * alone. */
#include "fixture.h"

#include "math/activation.h"
#include "model/init.h"

enum { IN = 300, OUT = 200 };

/* Variance and largest |w| of a layer's weights by a rule. */
static void measure(const char *rule, double *mean, double *variance, double *largest) {
  layer_settings_t layers[] = {DENSE(OUT, "tanh")};
  layers[0].init = rule;
  graph_t *graph = NULL;
  CHECK(graph_create(layers, 1, IN, &graph, error));
  float *vector = aligned_alloc(64, graph_floats(graph) * sizeof *vector);
  double *plain = calloc((size_t)graph_parameters(graph), sizeof *plain);
  CHECK(init_parameters(graph, 1, vector, error));
  network_unpack(graph, vector, plain);
  double sum = 0, squares = 0;
  *largest = 0;
  for (size_t i = 0; i < IN * OUT; i++) {
    sum += plain[i];
    squares += plain[i] * plain[i];
    *largest = fmax(*largest, fabs(plain[i]));
  }
  *mean = sum / (IN * OUT);
  *variance = squares / (IN * OUT) - *mean * *mean;
  for (size_t i = IN * OUT; i < IN * OUT + OUT; i++) cr_assert_eq(plain[i], 0.0, "biases start at zero");
  free(plain);
  free(vector);
  graph_destroy(&graph);
}

Test(init, rules_have_their_variance) {
  const struct {
    const char *rule;
    double variance;
    bool is_uniform;
  } expected[] = {{"glorot_uniform", 2.0 / (IN + OUT), true},
                  {"glorot_normal", 2.0 / (IN + OUT), false},
                  {"he_uniform", 2.0 / IN, true},
                  {"he_normal", 2.0 / IN, false},
                  {"lecun_uniform", 1.0 / IN, true},
                  {"lecun_normal", 1.0 / IN, false}};
  for (size_t i = 0; i < COUNT(expected); i++) {
    double mean = 0, variance = 0, largest = 0, deviation = sqrt(expected[i].variance);
    measure(expected[i].rule, &mean, &variance, &largest);
    cr_expect_float_eq(mean, 0, 0.02 * deviation, "%s: mean %g", expected[i].rule, mean);
    cr_expect_float_eq(variance, expected[i].variance, 0.03 * expected[i].variance, "%s: variance %g",
                       expected[i].rule, variance);
    double bound = sqrt(3.0) * deviation * (1 + 1e-6);
    cr_expect_eq(largest <= bound, expected[i].is_uniform, "%s: largest %g", expected[i].rule, largest);
  }
  double mean = 1, variance = 1, largest = 1;
  measure("zeros", &mean, &variance, &largest);
  cr_assert_eq(largest, 0.0);
}

Test(init, auto_goes_by_the_function_that_the_outputs_meet) {
  layer_settings_t layers[] = {DENSE(4, "tanh"),   DENSE(4, "gelu"), DENSE(4, "identity"),
                               ACTIVATION("selu"), DENSE(4, "relu"), DENSE(4, "identity")};
  layers[4].init = "lecun_uniform";
  graph_t *graph = NULL;
  CHECK(graph_create(layers, COUNT(layers), 4, &graph, error));
  const char *expected[] = {activation_find("tanh")->init, activation_find("gelu")->init,
                            activation_find("selu")->init, "lecun_uniform",
                            activation_find("identity")->init};
  for (size_t i = 0; i < COUNT(expected); i++)
    cr_assert_str_eq(graph_parameter(graph, 2 * i)->init, expected[i], "layer %zu", i);
  graph_destroy(&graph);
}

Test(init, every_activation_names_a_rule_that_exists) {
  choice_t row;
  for (size_t i = 0; activation_choice(i, &row); i++)
    cr_expect_geq(choice_find(init_choice, activation_find(row.name)->init), 0, "%s", row.name);
}

static uint64_t initial_checksum(uint64_t seed) {
  layer_settings_t layers[] = {DENSE(67, "relu"), DENSE(67, "relu"), DENSE(5, "identity")};
  graph_t *graph = NULL;
  CHECK(graph_create(layers, COUNT(layers), 67, &graph, error));
  float *vector = aligned_alloc(64, graph_floats(graph) * sizeof *vector);
  uint64_t sum = 0;
  CHECK(init_parameters(graph, seed, vector, error));
  CHECK(graph_checksum(graph, vector, &sum, error));
  free(vector);
  graph_destroy(&graph);
  return sum;
}

Test(init, depends_on_the_seed_alone) {
  cr_assert_eq(initial_checksum(4), initial_checksum(4));
  cr_assert_neq(initial_checksum(4), initial_checksum(5));
}

Test(init, layers_of_the_same_shape_differ) {
  layer_settings_t layers[] = {DENSE(20, "relu"), DENSE(20, "relu")};
  network_t net = network_create(layers, COUNT(layers), 20, 8);
  CHECK(init_parameters(net.graph, 1, net.vector, error));
  network_unpack(net.graph, net.vector, net.plain);
  cr_assert_arr_neq(net.plain, net.plain + 420, 400 * sizeof(double));
  network_destroy(&net);
}
