/* Tables of weights (score/weights_csv.h). A table that is accepted gives finite weights, which come back bit
 * by bit from the table that is written of them. */
#include "fuzz/fuzz.h"
#include "math/finite.h"
#include "score/weights_csv.h"

#include <string.h>

static graph_t *make_network(void) {
  static const layer_settings_t layers[] = {
      {.kind = LAYER_DENSE, .units = 3, .bias = true, .activation = "tanh", .init = "auto"},
      {.kind = LAYER_BATCH_NORM, .epsilon = 1e-5, .momentum = 0.1},
      {.kind = LAYER_DENSE, .units = 2, .bias = true, .activation = "identity", .init = "auto"}};
  graph_t *graph = NULL;
  MUST(graph_create(layers, 3, 2, &graph, NULL) == LS_OK);
  return graph;
}

static void check_round_trip(const graph_t *graph, const float *vector) {
  const size_t bytes = graph_floats(graph) * sizeof *vector;
  const char *path = fuzz_path("again.csv");
  float *again = calloc(1, bytes);
  weights_given_t given = {0};
  MUST(floats_are_finite(vector, graph_floats(graph)));
  MUST(weights_csv_write(path, graph, vector, NULL) == LS_OK);
  MUST(weights_csv_read(path, graph, false, again, &given, NULL) == LS_OK);
  MUST(given.given == graph_plain_floats(graph) && memcmp(vector, again, bytes) == 0);
  weights_given_free(&given);
  free(again);
}

/* Whether layers may be there that the network does not have, depends on the size. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  graph_t *graph = make_network();
  const char *path = fuzz_path("weights.csv");
  float *vector = calloc(graph_floats(graph), sizeof *vector);
  weights_given_t given = {0};
  ls_error error = {0};
  fuzz_write(path, data, size);
  ls_status status = weights_csv_read(path, graph, size % 2 == 1, vector, &given, &error);
  fuzz_check_error(status, &error);
  if (status == LS_OK) check_round_trip(graph, vector);
  weights_given_free(&given);
  free(vector);
  graph_destroy(&graph);
  return 0;
}
