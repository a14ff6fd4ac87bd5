/* Embeddings: bit by bit a dense layer without a bias on one-hot rows, in forward, gradient and sums over
 * shards, whatever the tiles and panels; their gradient; and what stands for no vector. */
#include "fixture.h"

#include "model/graph_impl.h"

enum { NUMBERS = 3, SLICES = 3 };

typedef struct {
  int64_t vectors, width, rows; /* rows of a slice */
} size_of_t;

/* The plain weights of an array by its name, in either network. */
static size_t find_array(const graph_t *graph, const char *name) {
  for (size_t i = 0; i < graph_parameter_count(graph); i++)
    if (strcmp(graph_parameter(graph, i)->name, name) == 0) return i;
  cr_assert_fail("no array %s", name);
  return 0;
}

typedef struct {
  graph_t *graph;
  graph_worker_t *worker;
  tape_t *tape;
  float *vector, *gradient;
} side_t;

static side_t make_side(graph_t *graph, int64_t rows) {
  side_t side = {.graph = graph};
  CHECK(graph_worker_create(graph, rows, 1, true, &side.worker, error));
  CHECK(tape_create(graph, SLICES * rows, rows, &side.tape, error));
  side.vector = aligned_alloc(64, graph_buffer_floats(graph) * sizeof(float));
  side.gradient = aligned_alloc(64, graph_floats(graph) * sizeof(float));
  memset(side.vector, 0, graph_buffer_floats(graph) * sizeof(float));
  memset(side.gradient, 0, graph_floats(graph) * sizeof(float));
  return side;
}

static void free_side(side_t *side) {
  graph_worker_destroy(&side->worker);
  tape_destroy(&side->tape);
  graph_destroy(&side->graph);
  free(side->vector);
  free(side->gradient);
}

/* Which vector row r has; every seventh has none. */
static int64_t vector_of(int64_t r, int64_t vectors) {
  return r % 7 == 3 ? -1 : (r * 5 + r / 3) % vectors;
}

/* Forward, backward, and the sum over three slices, the last two added first, as a rank with three shards
 * does it. */
static void run_side(side_t *side, int64_t rows) {
  const graph_t *graph = side->graph;
  size_t floats = graph_floats(graph);
  float *waiting = calloc(floats, sizeof *waiting);
  for (int64_t s = 0; s < SLICES; s++) {
    pass_t pass = {.training = true, .seed = 1};
    graph_forward(side->worker, side->vector, side->tape, s * rows, 1, &pass);
    float *delta = tape_output_delta(side->tape, s * rows);
    const float *y = tape_output(side->tape, s * rows);
    for (int64_t i = 0; i < rows * graph_outputs(graph); i++)
      delta[i] = y[i] - 0.173F * (float)((i + s) * 37 % 101); /* other targets in each row */
    graph_backward(side->worker, side->vector, side->tape, s * rows, 1);
  }
  for (size_t i = 0; i < graph_tiles(graph); i++) {
    tile_t tile = graph_tile(graph, i);
    const dense_sum_t sums[] = {{side->gradient + tile.offset, (int64_t)tile.stride},
                                {waiting + tile.offset, (int64_t)tile.stride}};
    graph_tile_gradient(side->worker, side->tape, 0, i, &sums[0], 0);
    graph_tile_gradient(side->worker, side->tape, rows, i, &sums[1], 0);
    graph_tile_gradient(side->worker, side->tape, 2 * rows, i, sums, 2);
  }
  free(waiting);
}

/* Drawn weights for both; the vectors of the table are those of the layer that stands in for it. */
static void copy_weights(side_t *table, side_t *dense, const char *const names[][2], size_t n) {
  for (size_t i = 0; i < n; i++) {
    size_t from = find_array(table->graph, names[i][0]), to = find_array(dense->graph, names[i][1]);
    const parameter_t *about = graph_parameter(table->graph, from);
    size_t count = (size_t)(about->shape[0] * (about->dims == 2 ? about->shape[1] : 1));
    double *drawn = calloc(count, sizeof *drawn);
    float *plain = calloc(count, sizeof *plain);
    random_stream_t stream = {.seed = 5, .purpose = RANDOM_INIT, .shard = i};
    random_normal(&stream, count, drawn);
    for (size_t k = 0; k < count; k++) plain[k] = k % 11 == 5 ? -0.0F : (float)drawn[k];
    graph_pack(table->graph, from, plain, table->vector);
    graph_pack(dense->graph, to, plain, dense->vector);
    free(plain);
    free(drawn);
  }
  graph_transpose(table->graph, table->vector, 0, graph_floats(table->graph));
  graph_transpose(dense->graph, dense->vector, 0, graph_floats(dense->graph));
}

static void expect_same_arrays(const side_t *table, const side_t *dense, const char *const names[2],
                               const char *what) {
  size_t a = find_array(table->graph, names[0]), b = find_array(dense->graph, names[1]);
  const parameter_t *about = graph_parameter(table->graph, a);
  size_t count = (size_t)(about->shape[0] * (about->dims == 2 ? about->shape[1] : 1));
  float *of_table = calloc(count, sizeof *of_table), *of_dense = calloc(count, sizeof *of_dense);
  graph_unpack(table->graph, a, table->gradient, of_table);
  graph_unpack(dense->graph, b, dense->gradient, of_dense);
  cr_expect_eq(memcmp(of_table, of_dense, count * sizeof *of_table), 0, "%s: gradient of %s", what, names[0]);
  free(of_table);
  free(of_dense);
}

/* The dense network: branches that pick columns are not there, so the table comes alone, without numbers. */
static void compare(size_of_t size, const char *what) {
  layer_settings_t tail[] = {DENSE(9, "tanh"), DENSE(4, "identity")};
  layer_settings_t layers[] = {DENSE_WITHOUT_BIAS(size.width, "identity"), tail[0], tail[1]};
  const graph_table_t table_size = {size.vectors, size.width};
  static const char *const names[][2] = {{"embedding1/weight", "dense1/weight"},
                                         {"dense1/weight", "dense2/weight"},
                                         {"dense1/bias", "dense2/bias"},
                                         {"dense2/weight", "dense3/weight"},
                                         {"dense2/bias", "dense3/bias"}};
  graph_t *graphs[2] = {NULL, NULL};
  CHECK(graph_create_with_tables(tail, COUNT(tail), 1, &table_size, 1, &graphs[0], error));
  CHECK(graph_create(layers, COUNT(layers), size.vectors, &graphs[1], error));
  side_t table = make_side(graphs[0], size.rows), dense = make_side(graphs[1], size.rows);
  copy_weights(&table, &dense, names, COUNT(names));
  for (int64_t r = 0; r < SLICES * size.rows; r++) {
    int64_t k = vector_of(r, size.vectors);
    *tape_input(table.tape, r) = (float)k;
    memset(tape_input(dense.tape, r), 0, (size_t)size.vectors * sizeof(float));
    if (k >= 0) tape_input(dense.tape, r)[k] = 1;
  }
  run_side(&table, size.rows);
  run_side(&dense, size.rows);
  size_t bytes = (size_t)(SLICES * size.rows * 4) * sizeof(float);
  cr_expect_eq(memcmp(tape_output(table.tape, 0), tape_output(dense.tape, 0), bytes), 0, "%s: outputs", what);
  bytes = (size_t)(SLICES * size.rows * size.width) * sizeof(float); /* node 1: the table, or its stand-in */
  cr_expect_eq(memcmp(table.tape->values[1], dense.tape->values[1], bytes), 0, "%s: vectors", what);
  for (size_t i = 0; i < COUNT(names); i++) expect_same_arrays(&table, &dense, names[i], what);
  free_side(&table);
  free_side(&dense);
}

Test(table, is_a_dense_layer_on_one_hot_rows_bit_by_bit) {
  compare((size_of_t){5, 3, 64}, "part of a panel");
  compare((size_of_t){1, 1, 4}, "one vector of one value");
  compare((size_of_t){40, 16, 13}, "a panel");
  compare((size_of_t){700, 70, 24}, "many tiles");
  compare((size_of_t){97, 131, 16}, "many panels");
}

/* Two tables and numbers: codes are no numbers that one could differentiate by, so x is set anew. */
Test(table, has_the_gradient_of_its_definition) {
  static const graph_table_t tables[] = {{6, 5}, {4, 3}, {3, 17}};
  enum { ROWS = 9, TABLES = 3, INPUTS = NUMBERS + TABLES };
  layer_settings_t layers[] = {DENSE(9, "tanh"), DENSE(2, "identity")};
  for (int64_t numbers = 0; numbers <= NUMBERS; numbers += NUMBERS) {
    network_t net = network_create_with_tables(layers, COUNT(layers), numbers + TABLES, tables, TABLES, ROWS);
    for (int64_t r = 0; r < ROWS; r++)
      for (int64_t t = 0; t < TABLES; t++) {
        int64_t at = r * (numbers + TABLES) + numbers + t;
        tape_input(net.tape, 0)[at] = (float)vector_of(r + t, tables[t].vectors);
        net.x[at] = (double)tape_input(net.tape, 0)[at];
      }
    network_check_gradient(&net, "mse", numbers > 0 ? "tables and numbers" : "tables alone");
    network_destroy(&net);
  }
}

Test(table, stands_between_the_inputs_and_the_first_layer) {
  static const graph_table_t tables[] = {{6, 5}, {4, 3}};
  layer_settings_t layers[] = {DENSE(2, "identity")};
  graph_t *graph = NULL;
  CHECK(graph_create_with_tables(layers, 1, NUMBERS + 2, tables, 2, &graph, error));
  cr_expect_eq(graph_inputs(graph), NUMBERS + 2);
  const parameter_t *weight = graph_parameter(graph, find_array(graph, "dense1/weight"));
  cr_expect_eq(weight->shape[1], NUMBERS + 5 + 3);
  const parameter_t *second = graph_parameter(graph, find_array(graph, "embedding2/weight"));
  cr_expect(second->shape[0] == 3 && second->shape[1] == 4 && second->is_weight && second->is_table);
  graph_destroy(&graph);
}

Test(table, too_large_to_number_is_refused) {
  static const graph_table_t tables[] = {{(1 << 24) + 1, 1}};
  layer_settings_t layers[] = {DENSE(2, "identity")};
  graph_t *graph = NULL;
  ls_error error = {0};
  cr_expect_eq(graph_create_with_tables(layers, 1, 1, tables, 1, &graph, &error), LS_BAD_SETTINGS);
  cr_expect_not_null(strstr(error.message, "model.embeddings"), "%s", error.message);
}
