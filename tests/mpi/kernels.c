/* Kernel densities over ranks with different numbers of rows: cross-validated scores, without a row or
 * without a fold, and rules for bandwidths against scikit-learn's (tests/figures/kernel_density.py), and the
 * same bits for any threads. */
#include "cluster/bandwidth.h"
#include "cluster/cross.h"

#include "figures/kernel_density.h"
#include "mpi/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 601, COLUMNS = 3, SHARDS = 7, BANDWIDTHS_TRIED = sizeof kernel_bandwidths / sizeof(double) };

static float value(int64_t r, int64_t c) {
  return (float)((double)((r * 7919 + c * c * 104729 + r * r * 31) % 10007) / 4001.0);
}

/* The rows of this rank. */
typedef struct {
  split_t split;
  float *x;
  features_t features;
  gather_t gather;
} rows_t;

static void deal(const world_t *world, bool is_weighted, rows_t *rows) {
  static const float one = 1;
  ls_error error = {0};
  const int ranks = world_size(world), rank = world_rank(world);
  *rows = (rows_t){.split = {.partition = {ROWS, SHARDS},
                             .first_shard = rank_first_shard(SHARDS, ranks, rank),
                             .shards = rank_shards(SHARDS, ranks, rank),
                             .features = COLUMNS,
                             .type = ELEMENT_F32,
                             .factors = &one},
                   .features = {.columns = COLUMNS, .encoded = COLUMNS, .inputs = COLUMNS}};
  split_t *split = &rows->split;
  const int64_t first = shard_first(split->partition, split->first_shard);
  split->rows = shard_first(split->partition, split->first_shard + split->shards) - first;
  rows->x = malloc((size_t)split->rows * COLUMNS * sizeof(float) + 1);
  split->x = rows->x;
  if (is_weighted) split->weights = malloc((size_t)split->rows * sizeof(float) + 1);
  for (int64_t r = 0; r < split->rows; r++) {
    for (int c = 0; c < COLUMNS; c++) rows->x[r * COLUMNS + c] = value(first + r, c);
    if (is_weighted) split->weights[r] = 0.5F + (float)((first + r) % 4);
  }
  CHECK_OK(gather_create(split, &rows->features, &rows->gather, &error));
}

static void release(rows_t *rows) {
  gather_free(&rows->gather);
  free(rows->split.weights);
  free(rows->x);
}

static void check_scores(world_t *world, bool is_weighted, const uint16_t *folds, const double *expected) {
  ls_error error = {0};
  double one[BANDWIDTHS_TRIED], found[BANDWIDTHS_TRIED];
  rows_t rows;
  deal(world, is_weighted, &rows);
  for (int threads = 1; threads <= 3; threads++) {
    kernel_rows_t kernels = {0};
    CHECK_OK(kernels_collect(world, &rows.gather, threads, ROWS, 1, &kernels, &error));
    CHECK_OK(cross_validate(world, &rows.gather, threads, &kernels, folds, NULL, kernel_bandwidths,
                            BANDWIDTHS_TRIED, found, &error));
    if (threads == 1) memcpy(one, found, sizeof one);
    CHECK(memcmp(one, found, sizeof one) == 0, "%d threads have other bits", threads);
    for (int i = 0; i < BANDWIDTHS_TRIED; i++)
      CHECK(fabs(found[i] - expected[i]) < 1e-7 * fabs(expected[i]), "h %g: %.9g, not %.9g",
            kernel_bandwidths[i], found[i], expected[i]);
    kernels_free(&kernels);
  }
  release(&rows);
}

static void check_rules(world_t *world) {
  ls_error error = {0};
  spread_t spread = {0};
  rows_t rows;
  double h[BANDWIDTHS];
  deal(world, false, &rows);
  CHECK_OK(spread_find(world, &rows.gather, 2, &spread, &error));
  CHECK(spread.rows == ROWS && spread.inputs == COLUMNS, "%g rows", spread.rows);
  CHECK(fabs(spread.deviation - kernel_deviation) < 1e-12, "deviation %.17g", spread.deviation);
  CHECK(fabs(bandwidth_rule("scott", &spread) - kernel_scott * kernel_deviation) < 1e-12, "Scott");
  CHECK(fabs(bandwidth_rule("silverman", &spread) - kernel_silverman * kernel_deviation) < 1e-12,
        "Silverman");
  bandwidth_candidates(&spread, h);
  CHECK(fabs(h[BANDWIDTHS - 1] / h[0] - 20) < 1e-12 && h[1] > h[0], "%g to %g", h[0], h[BANDWIDTHS - 1]);
  release(&rows);
}

/* Some of the rows: in order, each once, the same for every layout; and their density integrates to 1. */
static void check_choice(world_t *world) {
  enum { SOME = 40 };
  static const int64_t few[] = {3, 5, 8}; /* of seed 5, found once */
  ls_error error = {0};
  kernel_rows_t kernels = {0};
  rows_t rows;
  float factor[SOME], offset[SOME];
  double sum = 0;
  deal(world, true, &rows);
  CHECK_OK(kernels_collect(world, &rows.gather, 2, SOME, 5, &kernels, &error));
  for (int64_t k = 0; k < SOME; k++) {
    CHECK(k == 0 || kernels.numbers[k] > kernels.numbers[k - 1], "kernel %d is out of order", (int)k);
    for (int c = 0; c < COLUMNS; c++)
      CHECK(kernels.rows[k * COLUMNS + c] == value(kernels.numbers[k], c), "row of kernel %d", (int)k);
    sum += exp(kernels.logs[k]);
  }
  for (int k = 0; k < 3; k++) CHECK(kernels.numbers[k] == few[k], "%d", (int)kernels.numbers[k]);
  CHECK(fabs(sum - 1) < 1e-12, "weights add up to %g", sum);
  kernels_layer(&kernels, 0.25, factor, offset);
  CHECK(factor[0] == 4 && factor[SOME - 1] == 4, "%g", (double)factor[0]);
  const double expected = kernels.logs[7] + 3 * log(4) - 1.5 * log(2 * acos(-1));
  CHECK(fabs((double)offset[7] - expected) < 1e-6, "%g, not %g", (double)offset[7], expected);
  kernels_free(&kernels);
  CHECK(kernels_collect(world, &rows.gather, 1, ROWS + 1, 5, &kernels, &error) == LS_BAD_DATA, "too many");
  release(&rows);
}

int main(int argc, char **argv) {
  world_t *world = NULL;
  ls_error error = {0};
  if (world_create(&argc, &argv, &world, &error) != LS_OK) {
    fprintf(stderr, "%s\n", error.message);
    return EXIT_FAILURE;
  }
  uint16_t folds[ROWS], alone[ROWS];
  for (int i = 0; i < ROWS; i++) {
    folds[i] = (uint16_t)(i % KERNEL_FOLDS + 1);
    alone[i] = (uint16_t)(i + 1);
  }
  check_scores(world, false, NULL, kernel_scores_plain);
  check_scores(world, true, NULL, kernel_scores_weighted);
  check_scores(world, true, alone, kernel_scores_weighted); /* each row is a fold */
  check_scores(world, false, folds, kernel_scores_folds);
  check_rules(world);
  check_choice(world);
  world_destroy(&world);
  return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
