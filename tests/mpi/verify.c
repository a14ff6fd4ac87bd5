/* Checksums of the copies of the parameters: the same on any node that holds the same bits, however many
 * ranks share a copy, and different on the node where one bit differs. */
#include "health/copies.h"

#include "mpi/check.h"

#include "store/store.h"
#include "train/choices.h"
#include "train/training.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROWS = 64, WIDTH = 300 };

static void write_data(const char *path) {
  static float x[ROWS * WIDTH], y[ROWS];
  ls_error error = {0};
  store_t *store = NULL;
  const int64_t shape[] = {ROWS, WIDTH}, one[] = {ROWS, 1};
  for (int i = 0; i < ROWS * WIDTH; i++) x[i] = (float)(i % 101) / 101;
  for (int i = 0; i < ROWS; i++) y[i] = x[i * WIDTH];
  CHECK_OK(store_create(path, &store, &error));
  CHECK_OK(store_write(store, "train/x", STORE_F32, 2, shape, x, &error));
  CHECK_OK(store_write(store, "train/y", STORE_F32, 2, one, y, &error));
  CHECK_OK(store_publish(&store, &error));
}

/* A number of copies, of which all agree, or one has another bit at a place of the vector. */
static void check_copies(world_t *world, const training_t *training, bool ranks) {
  ls_error error = {0};
  engine_t *engine = training->engine;
  const int copies = copies_count(engine);
  uint64_t *sums = calloc((size_t)world_size(world), sizeof *sums);
  char text[512] = "", expected[64];
  CHECK(sums != NULL, "no memory");
  CHECK_OK(copies_sum(engine, sums, &error));
  for (int c = 1; c < copies; c++) CHECK(sums[c] == sums[0], "copy %d of %d", c, copies);
  CHECK(!copies_describe(engine, sums, text, sizeof text), "%s", text);
  const size_t floats = graph_floats(training->graph), places[] = {0, 1023, floats / 2, floats - 1};
  uint32_t *bits = (uint32_t *)(void *)(float *)engine_parameters(engine);
  for (int c = 0; c < copies && copies > 1; c++)
    for (size_t i = 0; i < 4; i++)
      for (int bit = 0; bit < 32; bit += 31) {
        bool mine = ranks ? world_rank(world) == c : world_node(world) == c && world_place(world) == 0;
        if (mine) bits[places[i]] ^= (uint32_t)1 << bit;
        CHECK_OK(world_barrier(world, &error));
        CHECK_OK(copies_sum(engine, sums, &error));
        CHECK(copies_describe(engine, sums, text, sizeof text), "copy %d, float %zu", c, places[i]);
        snprintf(expected, sizeof expected, copies > 2 ? "%s %d (" : "%s 0 (", ranks ? "rank" : "node", c);
        CHECK(strstr(text, expected) == text, "copy %d of %d: %s", c, copies, text);
        CHECK((copies > 2) == (strstr(text, "no majority") == NULL), "%s", text);
        CHECK_OK(world_barrier(world, &error));
        if (mine) bits[places[i]] ^= (uint32_t)1 << bit;
      }
  free(sums);
}

static uint64_t check_layout(world_t *world, const char *file, int ranks_per_node, const char *reduce) {
  ls_error error = {0};
  char text[512];
  settings_t *settings = NULL;
  training_t training = {0};
  int ranks = world_size(world);
  uint64_t sums[64] = {0};
  snprintf(
      text, sizeof text,
      "data: {file: %s}\nmodel: {layers: [{dense: 400}, {dense: 1}]}\nloss: mse\n"
      "train: {global_batch_size: 64}\nparallel: {shards: 8, threads: 2, ranks_per_node: %d, reduce: %s}\n",
      file, ranks_per_node, reduce);
  CHECK_OK(settings_parse(text, strlen(text), "test", NULL, 0, settings_choices(), &settings, &error));
  CHECK_OK(training_open(world, settings, &training, &error));
  bool mpi = strcmp(reduce, "mpi") == 0;
  check_copies(world, &training, mpi);
  const int copies = copies_count(training.engine);
  CHECK(copies == (mpi ? ranks : (ranks + ranks_per_node - 1) / ranks_per_node), "%d copies", copies);
  CHECK_OK(copies_sum(training.engine, sums, &error));
  training_close(&training);
  settings_destroy(&settings);
  return sums[0];
}

int main(int argc, char **argv) {
  ls_error error = {0};
  world_t *world = NULL;
  char file[] = "/tmp/lockstep-verify-XXXXXX";
  if (world_create(&argc, &argv, &world, &error) != LS_OK) return 1;
  if (world_rank(world) == 0) {
    int handle = mkstemp(file);
    CHECK(handle >= 0, "no temporary file");
    close(handle);
    write_data(file);
  }
  CHECK_OK(world_broadcast(world, file, sizeof file, 0, &error));
  uint64_t one = check_layout(world, file, 1, "shared"), two = check_layout(world, file, 2, "shared"),
           all = check_layout(world, file, 5, "shared");
  CHECK(one == two && one == all, "the checksum depends on the ranks that share a copy");
  check_layout(world, file, 1, "mpi");
  if (world_rank(world) == 0) unlink(file);
  world_destroy(&world);
  return failures != 0;
}
