/* Names of single weights: what they mean, and what is refused. */
#include "score/weight_name.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static graph_t *make_graph(void) {
  static const layer_settings_t layers[] = {
      {.kind = LAYER_DENSE, .units = 37, .bias = true, .activation = "tanh", .init = "auto"},
      {.kind = LAYER_LAYER_NORM, .epsilon = 1e-5},
      {.kind = LAYER_DENSE, .units = 2, .bias = true, .activation = "identity", .init = "auto"}};
  static const graph_table_t tables[] = {{.vectors = 5, .width = 3}};
  graph_t *graph = NULL;
  ls_error error = {0};
  ls_status status = graph_create_with_tables(layers, 3, 19, tables, 1, &graph, &error);
  cr_assert_eq(status, LS_OK, "%s", error.message);
  return graph;
}

/* The plain array packed with one 1 says where the weight is in the vector. */
Test(weight_name, every_weight_is_found_where_it_is_packed) {
  graph_t *graph = make_graph();
  size_t floats = graph_floats(graph);
  float *vector = malloc(floats * sizeof *vector);
  for (size_t i = 0; i < graph_parameter_count(graph); i++) {
    size_t n = parameter_values(graph_parameter(graph, i));
    float *plain = calloc(n, sizeof *plain);
    for (size_t at = 0; at < n; at++) {
      char text[WEIGHT_NAME_SIZE];
      weight_name_t name = {0};
      ls_error error = {0};
      weight_name_write(graph, i, at, text);
      cr_assert_eq(weight_name_read(graph, text, &name, &error), LS_OK, "%s", error.message);
      cr_assert(name.array == i && name.at == at && !name.is_whole, "%s", text);
      memset(vector, 0, floats * sizeof *vector);
      plain[at] = 1;
      graph_pack(graph, i, plain, vector);
      plain[at] = 0;
      cr_assert_eq(vector[weight_name_place(graph, &name)], 1.0F, "%s", text);
    }
    free(plain);
  }
  free(vector);
  graph_destroy(&graph);
}

Test(weight_name, a_slash_and_a_point_mean_the_same) {
  graph_t *graph = make_graph();
  weight_name_t a = {0}, b = {0}, whole = {0};
  cr_assert_eq(weight_name_read(graph, "dense2.weight[1,36]", &a, NULL), LS_OK);
  cr_assert_eq(weight_name_read(graph, "dense2/weight[1, 36]", &b, NULL), LS_OK);
  cr_assert_eq(weight_name_read(graph, "layer_norm1.scale", &whole, NULL), LS_OK);
  cr_expect(a.array == b.array && a.row == 1 && a.column == 36 && a.at == 73 && b.at == 73);
  cr_expect(whole.is_whole && strcmp(graph_parameter(graph, whole.array)->name, "layer_norm1/scale") == 0);
  graph_destroy(&graph);
}

Test(weight_name, what_no_weight_has_is_refused) {
  static const struct {
    const char *text, *part;
  } cases[] = {
      {"dense3.weight[0,0]", "the network has no array 'dense3.weight'; did you mean dense"},
      {"dens1.wieght[0,0]",
       "did you mean dense1.weight? It has embedding1.weight (3, 5), dense1.weight (37, 21)"},
      {"dense1", "no array 'dense1'"},
      {"", "no array ''"},
      {"dense1.weights[0,0]", "no array 'dense1.weights'"},
      {"dense1.weight[0]", "shape (37, 21) as dense1.weight[UNIT,INPUT]"},
      {"dense1.weight[0,0", "as dense1.weight[UNIT,INPUT]"},
      {"dense1.weight[0,0]]", "as dense1.weight[UNIT,INPUT]"},
      {"dense1.weight[-1,0]", "as dense1.weight[UNIT,INPUT]"},
      {"dense1.weight[0,21]", "no such weight: the array has the shape (37, 21)"},
      {"dense1.weight[37,0]", "no such weight"},
      {"dense1.weight[99999999999999999999,0]", "as dense1.weight[UNIT,INPUT]"},
      {"dense1.bias[0,0]", "shape (37) as dense1.bias[UNIT]"},
      {"dense1.bias[37]", "no such weight"},
      {"dense1.bias[]", "as dense1.bias[UNIT]"},
  };
  graph_t *graph = make_graph();
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    weight_name_t name = {.row = 77};
    ls_error error = {0};
    cr_expect_eq(weight_name_read(graph, cases[i].text, &name, &error), LS_BAD_SETTINGS, "%s", cases[i].text);
    cr_expect_not_null(strstr(error.message, cases[i].part), "'%s': %s", cases[i].text, error.message);
    cr_expect_eq(name.row, 77, "untouched");
  }
  graph_destroy(&graph);
}

/* An array of one value needs no number; any other name means one weight. */
Test(weight_name, a_single_weight_is_asked_for) {
  static const layer_settings_t layers[] = {
      {.kind = LAYER_DENSE, .units = 1, .bias = true, .activation = "identity", .init = "auto"}};
  graph_t *graph = NULL;
  weight_name_t name = {.row = 77};
  ls_error error = {0};
  cr_assert_eq(graph_create(layers, 1, 4, &graph, NULL), LS_OK);
  cr_assert_eq(weight_name_single(graph, "dense1.bias", &name, &error), LS_OK, "%s", error.message);
  cr_expect(name.array == 1 && name.at == 0);
  cr_assert_eq(weight_name_single(graph, "dense1.weight[0,3]", &name, &error), LS_OK, "%s", error.message);
  cr_expect(name.array == 0 && name.at == 3);
  cr_expect_eq(weight_name_single(graph, "dense1.weight", &name, &error), LS_USAGE);
  cr_expect_not_null(
      strstr(error.message, "name one weight of this array of shape (1, 4), as in dense1.weight[0,0]"));
  cr_expect_eq(weight_name_single(graph, "dense1.weight[0,4]", &name, &error), LS_USAGE);
  cr_expect_eq(error.status, LS_USAGE);
  graph_destroy(&graph);
}
