/* Parameters are written in pieces of 2^20 numbers: every row of a matrix of more than two pieces is where it
 * belongs. */
#include "score/model_file_impl.h"

#include "base/checksum.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { INPUTS = 1000, OUTPUTS = 2500, PIECE_ROWS = (1 << 20) / INPUTS };

static float weight(int64_t row, int64_t column) {
  return (float)(row * 3 % 1009) + (float)column / 1024;
}

Test(model_pieces, matrices_of_several_pieces_come_back, .timeout = 60) {
  char path[64];
  ls_error error = {0};
  graph_t *graph = NULL;
  store_t *store = NULL;
  layer_settings_t layer = {
      .kind = LAYER_DENSE, .units = OUTPUTS, .activation = "relu", .init = "auto", .bias = false};
  cr_assert_gt(OUTPUTS, 2 * PIECE_ROWS);
  cr_assert_eq(graph_create(&layer, 1, INPUTS, &graph, &error), LS_OK, "%s", error.message);
  float *plain = malloc((size_t)INPUTS * OUTPUTS * sizeof *plain);
  float *vector = aligned_alloc(64, graph_floats(graph) * sizeof *vector);
  for (int64_t r = 0; r < OUTPUTS; r++)
    for (int64_t c = 0; c < INPUTS; c++) plain[r * INPUTS + c] = weight(r, c);
  memset(vector, 0, graph_floats(graph) * sizeof *vector);
  graph_pack(graph, 0, plain, vector);
  snprintf(path, sizeof path, "/tmp/lockstep-pieces-%ld.h5", (long)getpid());
  cr_assert_eq(store_create(path, &store, &error), LS_OK, "%s", error.message);
  cr_assert_eq(vector_write(store, graph, "parameters", vector, &error), LS_OK, "%s", error.message);
  cr_assert_eq(store_publish(&store, &error), LS_OK, "%s", error.message);
  cr_assert_eq(store_open(path, &store, &error), LS_OK, "%s", error.message);
  char name[160];
  snprintf(name, sizeof name, "parameters/%s", graph_parameter(graph, 0)->name);
  memset(plain, 0, (size_t)INPUTS * OUTPUTS * sizeof *plain);
  cr_assert_eq(store_read_rows(store, name, 0, OUTPUTS, STORE_F32, plain, &error), LS_OK, "%s",
               error.message);
  for (int64_t r = 0; r < OUTPUTS; r++)
    for (int64_t c = 0; c < INPUTS; c++)
      cr_assert_eq(plain[r * INPUTS + c], weight(r, c), "row %d, column %d", (int)r, (int)c);
  store_close(&store);
  unlink(path);
  graph_destroy(&graph);
  free(plain);
  free(vector);
}

/* A checksum takes 2^18 numbers at a time, in whole rows. */
Test(model_pieces, the_checksum_of_several_pieces_is_that_of_all_numbers) {
  enum { WIDTH = 700, HEIGHT = 1000 };
  uint64_t found = 0;
  ls_error error = {0};
  graph_t *graph = NULL;
  layer_settings_t layer = {
      .kind = LAYER_DENSE, .units = HEIGHT, .activation = "relu", .init = "auto", .bias = false};
  cr_assert_gt(WIDTH * HEIGHT, 2 << 18);
  cr_assert_eq(graph_create(&layer, 1, WIDTH, &graph, &error), LS_OK, "%s", error.message);
  float *plain = malloc((size_t)WIDTH * HEIGHT * sizeof *plain);
  float *vector = aligned_alloc(64, graph_floats(graph) * sizeof *vector);
  for (int64_t i = 0; i < (int64_t)WIDTH * HEIGHT; i++) plain[i] = weight(i / WIDTH, i % WIDTH);
  memset(vector, 0, graph_floats(graph) * sizeof *vector);
  graph_pack(graph, 0, plain, vector);
  cr_assert_eq(graph_checksum(graph, vector, &found, &error), LS_OK, "%s", error.message);
  checksum_t *sum = checksum_begin();
  checksum_add(sum, plain, (size_t)WIDTH * HEIGHT * sizeof *plain);
  cr_expect_eq(found, checksum_end(&sum));
  graph_destroy(&graph);
  free(plain);
  free(vector);
}
