/* Sums over rows against the same sums from the definition: leaves in the order of their rows, added by the
 * tree; for all ways to divide the work. */
#include "sums/sums.h"
#include "math/tree.h"

#include "mpi/check.h"

#include <stdlib.h>
#include <string.h>

enum { COLUMNS = 3, ELEMENTS = COLUMNS + 1 };

/* Column c of row r, and the weight of row r: numbers whose sums depend on the order of additions. */
static float value(int64_t r, int64_t c) {
  return (float)((r * 7919 + c * 104729) % 10007) / 1009.0F;
}

static float weight(int64_t r) {
  return 0.1F + (float)(r % 13);
}

static void add_row(const float *x, float w, double *leaf) {
  for (int c = 0; c < COLUMNS; c++) leaf[c] += (double)w * (double)x[c];
  leaf[COLUMNS] += (double)w;
}

typedef struct {
  int threads;
  int64_t *seen; /* (rows of the rank): the number of each row */
} context_t;

static void add_apart(void *context, const sums_block_t *block, double *leaf) {
  int64_t *seen = ((const context_t *)context)->seen;
  for (int64_t r = 0; r < block->rows; r++) {
    add_row(block->x + r * COLUMNS, block->weights[r], leaf);
    seen[block->row + r] = block->number + r;
  }
}

/* Each thread adds up some elements. */
static void add_together(void *context, const sums_block_t *block, double *leaf) {
  const context_t *own = context;
  for (int e = block->thread; e < ELEMENTS; e += own->threads)
    for (int64_t r = 0; r < block->rows; r++) {
      double row[ELEMENTS] = {0};
      add_row(block->x + r * COLUMNS, block->weights[r], row);
      leaf[e] += row[e];
      if (e == 0) own->seen[block->row + r] = block->number + r;
    }
}

static void define(int64_t rows, int shards, double total[ELEMENTS]) {
  const partition_t partition = {rows, shards};
  double *leaves = calloc((size_t)shards, ELEMENTS * sizeof *leaves);
  for (int s = 0; s < shards; s++)
    for (int64_t r = shard_first(partition, s); r < shard_first(partition, s + 1); r++) {
      float x[COLUMNS];
      for (int c = 0; c < COLUMNS; c++) x[c] = value(r, c);
      add_row(x, weight(r), leaves + s * ELEMENTS);
    }
  tree_sum_vectors(leaves, shards, ELEMENTS);
  memcpy(total, leaves, ELEMENTS * sizeof *total);
  free(leaves);
}

/* How often this rank was asked; at which question all are told to stop; 0: at none. */
typedef struct {
  int asked, stops_at, began;
} asked_t;

static ls_status ask(void *context, bool begins, ls_error *error) {
  asked_t *asked = context;
  asked->began += begins;
  asked->asked++;
  return asked->asked == asked->stops_at ? error_set(error, LS_STOPPED, "enough") : LS_OK;
}

/* A pass is interrupted after the same question on all ranks, and may be repeated. */
static void check_interrupt(world_t *world, sums_inputs_t inputs, void *context, const double *expected) {
  ls_error error = {0};
  asked_t asked = {.stops_at = 0};
  const interrupt_t interrupt = {ask, &asked};
  double found[ELEMENTS] = {0};
  sums_t *sums = NULL;
  inputs.interrupt = &interrupt;
  CHECK_OK(sums_create(&inputs, &sums, &error));
  for (int pass = 0; pass < 3 && sums != NULL; pass++) {
    asked = (asked_t){.stops_at = pass == 1 ? 20 : 0};
    const ls_status status = sums_run(sums, add_apart, context, found, &error);
    CHECK(status == (pass == 1 ? LS_STOPPED : LS_OK), "pass %d: status %d", pass, (int)status);
    CHECK(asked.asked == (pass == 1 ? 20 : INTERRUPT_SHARES), "pass %d: asked %d times", pass, asked.asked);
    CHECK(asked.began == 1, "pass %d begins %d times", pass, asked.began);
    CHECK(memcmp(found, expected, sizeof found) == 0, "pass %d of %d ranks", pass, world_size(world));
  }
  sums_destroy(&sums);
}

static void check(world_t *world, int64_t rows, int shards, int threads, bool together) {
  static const float one = 1;
  ls_error error = {0};
  const int rank = world_rank(world), ranks = world_size(world);
  split_t split = {.partition = {rows, shards},
                   .first_shard = rank_first_shard(shards, ranks, rank),
                   .shards = rank_shards(shards, ranks, rank),
                   .features = COLUMNS,
                   .type = ELEMENT_F32,
                   .factors = &one};
  const int64_t first = shard_first(split.partition, split.first_shard);
  split.rows = shard_first(split.partition, split.first_shard + split.shards) - first;
  float *x = malloc((size_t)split.rows * COLUMNS * sizeof *x + 1);
  int64_t *seen = calloc((size_t)split.rows + 1, sizeof *seen);
  split.x = x;
  split.weights = malloc((size_t)split.rows * sizeof *x + 1);
  for (int64_t r = 0; r < split.rows; r++) {
    for (int c = 0; c < COLUMNS; c++) x[r * COLUMNS + c] = value(first + r, c);
    split.weights[r] = weight(first + r);
  }
  const features_t features = {.columns = COLUMNS, .encoded = COLUMNS, .inputs = COLUMNS};
  gather_t gather = {0};
  sums_t *sums = NULL;
  context_t context = {threads, seen};
  double found[ELEMENTS] = {0}, expected[ELEMENTS];
  CHECK_OK(gather_create(&split, &features, &gather, &error));
  const sums_inputs_t inputs = {.world = world,
                                .gather = &gather,
                                .threads = threads,
                                .elements = ELEMENTS,
                                .together = together,
                                .everywhere = true};
  CHECK_OK(sums_create(&inputs, &sums, &error));
  define(rows, shards, expected);
  for (int pass = 0; pass < 2 && sums != NULL; pass++) {
    CHECK_OK(sums_run(sums, together ? add_together : add_apart, &context, found, &error));
    CHECK(memcmp(found, expected, sizeof found) == 0, "%ld rows, %d shards, %d threads: %.17g, not %.17g",
          (long)rows, shards, threads, found[0], expected[0]);
  }
  if (!together) check_interrupt(world, inputs, &context, expected);
  for (int64_t r = 0; r < split.rows; r++) CHECK(seen[r] == first + r, "row %ld", (long)r);
  sums_destroy(&sums);
  gather_free(&gather);
  free(seen);
  free(split.weights);
  free(x);
}

/* Long vectors: threads add 4,096 elements of their tasks at a time, and rank 0 receives as many elements of
 * all subtrees as fit into 16 MB. Element e of row r is (r + 1)(e mod 1009 + 1), so all sums are exact. */
typedef struct {
  int64_t elements;
  int threads;
} long_t;

static void add_numbers(const sums_block_t *block, int64_t from, int64_t every, int64_t elements,
                        double *leaf) {
  for (int64_t r = block->number; r < block->number + block->rows; r++)
    for (int64_t e = from; e < elements; e += every) leaf[e] += (double)((r + 1) * (e % 1009 + 1));
}
static void add_long_apart(void *context, const sums_block_t *block, double *leaf) {
  add_numbers(block, 0, 1, ((const long_t *)context)->elements, leaf);
}
static void add_long_together(void *context, const sums_block_t *block, double *leaf) {
  const long_t *own = context;
  add_numbers(block, block->thread, own->threads, own->elements, leaf);
}

static void check_long(world_t *world, int64_t rows, int shards, int64_t elements, int threads,
                       bool together) {
  ls_error error = {0};
  const int rank = world_rank(world), ranks = world_size(world);
  split_t split = {.partition = {rows, shards},
                   .first_shard = rank_first_shard(shards, ranks, rank),
                   .shards = rank_shards(shards, ranks, rank),
                   .features = 1,
                   .type = ELEMENT_F32};
  const int64_t first = shard_first(split.partition, split.first_shard);
  split.rows = shard_first(split.partition, split.first_shard + split.shards) - first;
  split.x = calloc((size_t)split.rows + 1, sizeof(float));
  const features_t features = {.columns = 1, .encoded = 1, .inputs = 1};
  gather_t gather = {0};
  sums_t *sums = NULL;
  long_t context = {elements, threads};
  double *found = rank == 0 ? calloc((size_t)elements, sizeof *found) : NULL;
  CHECK_OK(gather_create(&split, &features, &gather, &error));
  const sums_inputs_t inputs = {.world = world,
                                .gather = &gather,
                                .threads = threads,
                                .elements = (size_t)elements,
                                .together = together};
  CHECK_OK(sums_create(&inputs, &sums, &error));
  CHECK_OK(sums_run(sums, together ? add_long_together : add_long_apart, &context, found, &error));
  int64_t wrong = 0;
  for (int64_t e = 0; e < elements && rank == 0; e++)
    wrong += found[e] != (double)(rows * (rows + 1) / 2 * (e % 1009 + 1));
  CHECK(wrong == 0, "%ld rows, %ld elements: %ld are wrong", (long)rows, (long)elements, (long)wrong);
  sums_destroy(&sums);
  gather_free(&gather);
  free(split.x);
  free(found);
}

int main(int argc, char **argv) {
  static const struct {
    int64_t rows;
    int shards;
  } cases[] = {{5, 5}, {700, 6}, {5000, 7}, {3000, 200}, {20, 64}, {1001, 333}};
  world_t *world = NULL;
  ls_error error = {0};
  CHECK_OK(world_create(&argc, &argv, &world, &error));
  for (size_t i = 0; world != NULL && i < sizeof cases / sizeof cases[0]; i++)
    for (int threads = 1; threads <= 3; threads++)
      for (int together = 0; together < 2; together++)
        check(world, cases[i].rows, cases[i].shards, threads, together != 0);
  if (world != NULL) check_long(world, 100, 40, 3 * 4096 - 100, 2, false);
  if (world != NULL) check_long(world, 5, 5, 1100000, 2, true);
  world_destroy(&world);
  return failures;
}
