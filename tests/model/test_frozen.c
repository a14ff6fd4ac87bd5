/* Which parts of the parameter vector are frozen, and the gaps between them. */
#include "model/frozen.h"

#include <criterion/criterion.h>
#include <string.h>

static graph_t *make_graph(void) {
  layer_settings_t layers[] = {
      {.kind = LAYER_DENSE, .units = 40, .bias = true, .init = "auto"},
      {.kind = LAYER_BATCH_NORM, .epsilon = 1e-5, .momentum = 0.1},
      {.kind = LAYER_DENSE, .units = 33, .bias = true, .init = "auto"},
      {.kind = LAYER_DENSE, .units = 3, .bias = true, .init = "auto"},
  };
  graph_t *graph = NULL;
  cr_assert_eq(graph_create(layers, sizeof layers / sizeof layers[0], 29, &graph, NULL), LS_OK);
  return graph;
}

static frozen_t freeze(const graph_t *graph, arena_t *arena, const char *const *names, size_t n) {
  frozen_t frozen;
  const text_list_t layers = {.values = names, .n = n};
  cr_assert_eq(frozen_create(graph, &layers, arena, &frozen, NULL), LS_OK);
  return frozen;
}

/* Marks what the gaps between [first, end) cover, and compares with the extents of the arrays. */
static void expect_gaps(const graph_t *graph, const frozen_t *frozen, const char *const *names, size_t n,
                        size_t first, size_t end) {
  static bool is_open[1 << 16];
  extent_t gap;
  memset(is_open, 0, sizeof is_open);
  for (size_t at = first; frozen_gap(frozen, at, end, &gap); at = gap.offset + gap.floats) {
    cr_assert(gap.offset >= at && gap.floats > 0 && gap.offset + gap.floats <= end);
    for (size_t i = gap.offset; i < gap.offset + gap.floats; i++) is_open[i] = true;
  }
  for (size_t i = first; i < end; i++) {
    bool is_frozen = false;
    for (size_t a = 0; a < graph_parameter_count(graph); a++) {
      const parameter_t *array = graph_parameter(graph, a);
      const extent_t extent = graph_extent(graph, a);
      for (size_t k = 0; k < n; k++)
        is_frozen |= !array->is_statistic && parameter_is_of(array, names[k]) && i >= extent.offset &&
                     i < extent.offset + extent.floats;
    }
    cr_assert_eq(is_open[i], !is_frozen, "float %zu of [%zu, %zu)", i, first, end);
  }
}

Test(frozen, gaps_cover_exactly_what_is_not_frozen) {
  static const char *const names[] = {"dense2", "batch_norm1", "dense1"};
  arena_t arena = {0};
  graph_t *graph = make_graph();
  for (size_t n = 0; n <= 3; n++) {
    frozen_t frozen = freeze(graph, &arena, names, n);
    expect_gaps(graph, &frozen, names, n, 0, graph_floats(graph));
    for (size_t b = 0; b < graph_floats(graph); b += GRAPH_BLOCK)
      expect_gaps(graph, &frozen, names, n, b, b + GRAPH_BLOCK);
    expect_gaps(graph, &frozen, names, n, 48, 4096 - 32);
  }
  graph_destroy(&graph);
  arena_free(&arena);
}

Test(frozen, values_are_set_in_frozen_floats_alone) {
  static const char *const names[] = {"dense2"};
  arena_t arena = {0};
  graph_t *graph = make_graph();
  frozen_t frozen = freeze(graph, &arena, names, 1);
  const extent_t weight = frozen.ranges[0];
  float to[64], from[64];
  for (int i = 0; i < 64; i++) to[i] = 1, from[i] = 2;
  cr_expect_not(frozen_set(&frozen, 0, 16, NULL, to));
  cr_expect(frozen_set(&frozen, weight.offset - 32, 64, from, to));
  for (int i = 0; i < 64; i++) cr_expect_eq(to[i], i < 32 ? 1 : 2);
  cr_expect(frozen_set(&frozen, weight.offset - 48, 64, NULL, to));
  for (int i = 0; i < 64; i++) cr_expect_eq(to[i], i < 32 ? 1 : i < 48 ? 2 : 0);
  graph_destroy(&graph);
  arena_free(&arena);
}

Test(frozen, names_that_no_layer_has_are_refused) {
  static const char *const unknown[] = {"dense1", "dense"}, *const all[] = {"dense1", "dense2", "dense3",
                                                                            "batch_norm1"};
  arena_t arena = {0};
  frozen_t frozen;
  ls_error error = {0};
  graph_t *graph = make_graph();
  cr_expect_eq(frozen_create(graph, &(text_list_t){unknown, 2}, &arena, &frozen, &error), LS_BAD_SETTINGS);
  cr_expect_not_null(strstr(error.message, "model.freeze[1]: the network has no layer 'dense'"), "%s",
                     error.message);
  cr_expect_eq(frozen_create(graph, &(text_list_t){all, 4}, &arena, &frozen, &error), LS_BAD_SETTINGS);
  cr_expect_not_null(strstr(error.message, "nothing is left to train"), "%s", error.message);
  graph_destroy(&graph);
  arena_free(&arena);
}
