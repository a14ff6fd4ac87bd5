/* Names of single parameters: found, printed the same, and refused with what would be right. Ranges of
 * coordinates. */
#include "landscape/weight_name.h"

#include "landscape/plane.h"

#include <criterion/criterion.h>
#include <string.h>

static graph_t *make_graph(void) {
  static layer_settings_t layers[] = {
      {.kind = LAYER_DENSE, .units = 3, .activation = "relu", .init = "auto", .bias = true},
      {.kind = LAYER_DENSE, .units = 1, .activation = "identity", .init = "auto", .bias = true}};
  graph_t *graph = NULL;
  ls_error error = {0};
  cr_assert_eq(graph_create(layers, 2, 4, &graph, &error), LS_OK, "%s", error.message);
  return graph;
}

Test(weight_name, names_lead_to_places_and_back) {
  static const struct {
    const char *word, *name;
    size_t array, element;
  } cases[] = {{"dense1.weight[0,0]", "dense1.weight[0,0]", 0, 0},
               {"dense1.weight[2,3]", "dense1.weight[2,3]", 0, 11},
               {"dense1/weight[1, 2]", "dense1.weight[1,2]", 0, 6},
               {"dense1.bias[2]", "dense1.bias[2]", 1, 2},
               {"dense2.bias", "dense2.bias[0]", 3, 0},
               {"dense2.bias[0]", "dense2.bias[0]", 3, 0}};
  graph_t *graph = make_graph();
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    weight_place_t place = {9, 9};
    ls_error error = {0};
    char name[WEIGHT_NAME_SIZE];
    cr_assert_eq(weight_find(graph, cases[i].word, &place, &error), LS_OK, "%s: %s", cases[i].word,
                 error.message);
    cr_expect(place.array == cases[i].array && place.element == cases[i].element, "%s", cases[i].word);
    weight_name(graph, place, name);
    cr_expect_str_eq(name, cases[i].name);
  }
  graph_destroy(&graph);
}

Test(weight_name, wrong_names_are_answered_with_right_ones) {
  static const struct {
    const char *word, *says;
  } cases[] = {{"dense3.weight[0,0]", "did you mean dense"},
               {"dens1.wieght[0,0]", "did you mean dense1.weight?"},
               {"", "did you mean"},
               {"dense1.weight", "output I from 0 to 2, input J from 0 to 3"},
               {"dense1.weight[3,0]", "output I from 0 to 2"},
               {"dense1.weight[0,-1]", "input J from 0 to 3"},
               {"dense1.weight[0]", "dense1.weight[I,J]"},
               {"dense1.weight[0,0]x", "dense1.weight[I,J]"},
               {"dense1.bias[0,0]", "dense1.bias[I], I from 0 to 2"},
               {"dense1.bias[3]", "dense1.bias[I], I from 0 to 2"}};
  graph_t *graph = make_graph();
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    weight_place_t place = {9, 9};
    ls_error error = {0};
    cr_expect_eq(weight_find(graph, cases[i].word, &place, &error), LS_USAGE, "%s", cases[i].word);
    cr_expect_not_null(strstr(error.message, cases[i].says), "%s: %s", cases[i].word, error.message);
    cr_expect_eq(place.array, 9, "%s: the place has changed", cases[i].word);
  }
  graph_destroy(&graph);
}

Test(axis, ranges_are_read_and_end_where_they_say) {
  axis_t axis = {0};
  ls_error error = {0};
  cr_assert_eq(axis_parse("--x", "-1:1:51", &axis, &error), LS_OK, "%s", error.message);
  cr_expect(axis.low == -1 && axis.high == 1 && axis.n == 51);
  cr_expect_eq(axis_at(&axis, 0), -1);
  cr_expect_eq(axis_at(&axis, 50), 1);
  cr_expect_float_eq(axis_at(&axis, 25), 0, 1e-15);
  cr_assert_eq(axis_parse("--x", "0.1:0.7:7", &axis, &error), LS_OK, "%s", error.message);
  cr_expect_eq(axis_at(&axis, 6), 0.7, "the end exactly");
  static const char *const wrong[] = {"",        "1",        "0:1",     "1:0:5",     "0:0:5",
                                      "0:1:1",   "0:1:0",    "0:1:5:6", "a:1:5",     "0:nan:5",
                                      "0:inf:5", "0:1:5.5",  "0:1:x",   "0:1:99999", ":1:5",
                                      "0:1:5 x", "-inf:0:5", "0::5",    "0:1:",      "0:1:-5"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    ls_error reason = {0};
    cr_expect_eq(axis_parse("--x", wrong[i], &axis, &reason), LS_USAGE, "'%s'", wrong[i]);
    cr_expect_eq(strncmp(reason.message, "--x: ", 5), 0, "'%s': %s", wrong[i], reason.message);
  }
  cr_expect_eq(axis.high, 0.7, "a failure has changed the axis");
}
