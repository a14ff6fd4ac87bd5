/* k-means on any number of ranks against the definition, bit for bit: nearest centres in double, sums of a
 * shard's rows in order, shards by the tree. Also what it begins with, empty clusters and too few rows.
 * Mini-batches against Sculley's algorithm, row by row. */
#include "cluster/fit.h"
#include "cluster/picks.h"
#include "math/tree.h"

#include "mpi/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#ifndef SHAPE /* kmeans_wide.c has others */
#define SHAPE ROWS = 2000, SHARDS = 37, COLUMNS = 5, K = 7, BATCH = 300
#endif
enum { SHAPE };

typedef struct {
  settings_t settings;
  split_t split;
  features_t features;
  gather_t gather;
  cluster_fit_t fit;
  const float *all; /* (rows, COLUMNS), of all ranks */
} problem_t;

static void deal(const world_t *world, const float *rows, int64_t n, int shards, int64_t k,
                 const char *method, const char *init, int threads, problem_t *out) {
  ls_error error = {0};
  *out = (problem_t){.all = rows};
  out->settings.cluster = (cluster_settings_t){
      .method = method, .k = k, .starts = 1, .init = init, .tolerance = 0, .covariance = "full"};
  out->settings.train.seed = 3;
  out->settings.train.global_batch_size = BATCH;
  out->settings.data.file = "rows.h5";
  out->settings.data.shuffle = "full";
  split_t *split = &out->split;
  *split = (split_t){.partition = {n, shards},
                     .first_shard = rank_first_shard(shards, world_size(world), world_rank(world)),
                     .shards = rank_shards(shards, world_size(world), world_rank(world)),
                     .features = COLUMNS,
                     .type = ELEMENT_F32};
  const int64_t first = shard_first(split->partition, split->first_shard);
  split->rows = shard_first(split->partition, split->first_shard + split->shards) - first;
  split->x = (void *)(uintptr_t)(rows + first * COLUMNS);
  out->features = (features_t){.columns = COLUMNS, .encoded = COLUMNS, .inputs = COLUMNS};
  CHECK_OK(gather_create(split, &out->features, &out->gather, &error));
  const fit_inputs_t inputs = {.world = (world_t *)(uintptr_t)world,
                               .settings = &out->settings,
                               .gather = &out->gather,
                               .threads = threads};
  CHECK_OK(fit_create(&inputs, &out->fit, &error));
}

static void end(problem_t *problem) {
  fit_destroy(&problem->fit);
  gather_free(&problem->gather);
}

static double distance(const float *x, const float *c) {
  double sum = 0;
  for (int i = 0; i < COLUMNS; i++) sum += ((double)x[i] - (double)c[i]) * ((double)x[i] - (double)c[i]);
  return sum;
}

static int64_t nearest(const float *x, const float *centres, int64_t k) {
  int64_t best = 0;
  double least = INFINITY;
  for (int64_t j = 0; j < k; j++) {
    const double found = distance(x, centres + j * COLUMNS);
    if (found < least) best = j;
    if (found < least) least = found;
  }
  return best;
}

/* One iteration by the definition: the objective of the centres, and the next ones. */
static double iterate(const float *rows, float *centres) {
  enum { ELEMENTS = K * (COLUMNS + 1) };
  const partition_t partition = {ROWS, SHARDS};
  double *leaves = calloc(SHARDS * ELEMENTS, sizeof *leaves), objective = 0;
  for (int s = 0; s < SHARDS; s++)
    for (int64_t r = shard_first(partition, s); r < shard_first(partition, s + 1); r++) {
      const int64_t j = nearest(rows + r * COLUMNS, centres, K);
      objective += distance(rows + r * COLUMNS, centres + j * COLUMNS);
      leaves[s * ELEMENTS + j] += 1;
      for (int i = 0; i < COLUMNS; i++)
        leaves[s * ELEMENTS + K + j * COLUMNS + i] += (double)rows[r * COLUMNS + i];
    }
  tree_sum_vectors(leaves, SHARDS, ELEMENTS);
  for (int64_t j = 0; j < K; j++)
    for (int i = 0; i < COLUMNS && leaves[j] > 0; i++)
      centres[j * COLUMNS + i] = (float)(leaves[K + j * COLUMNS + i] / leaves[j]);
  free(leaves);
  return objective;
}

/* `groups` clouds, some way off 0. */
static float *clouds(int64_t n, int groups) {
  float *rows = malloc((size_t)(n * COLUMNS) * sizeof *rows);
  const random_stream_t stream = {.seed = 1, .purpose = RANDOM_SYNTHETIC};
  double *normal = malloc((size_t)(n * COLUMNS) * sizeof *normal);
  random_normal(&stream, (size_t)(n * COLUMNS), normal);
  for (int64_t r = 0; r < n; r++)
    for (int c = 0; c < COLUMNS; c++)
      rows[r * COLUMNS + c] =
          (float)(30 + 3 * (double)((r % groups * (c + 2) * 7) % 11) + normal[r * COLUMNS + c]);
  free(normal);
  return rows;
}

static void check_iterations(world_t *world, const float *rows, const char *init, int threads) {
  problem_t problem;
  ls_error error = {0};
  float values[K * COLUMNS], expected[K * COLUMNS];
  deal(world, rows, ROWS, SHARDS, K, "kmeans", init, threads, &problem);
  CHECK_OK(problem.fit.method->seed(problem.fit.own, 0, values, &error));
  memcpy(expected, values, sizeof expected);
  for (int64_t epoch = 0; epoch < 12 && failures == 0; epoch++) {
    float before[K * COLUMNS];
    double objective = 0;
    memcpy(before, expected, sizeof before);
    CHECK_OK(fit_epoch(&problem.fit, (fit_place_t){0, epoch}, epoch, values, &objective, &error));
    CHECK(memcmp(values, expected, sizeof values) == 0, "%s, %d threads, epoch %d", init, threads,
          (int)epoch);
    const double defined = iterate(rows, expected);
    CHECK(fabs(objective - defined) < 1e-9 * defined, "%s: %.12g, not %.12g", init, objective, defined);
  }
  end(&problem);
}

/* Every draw takes rows of the data, all different, the same on every rank. */
static void check_seeds(world_t *world, const float *rows, const char *init) {
  problem_t problem;
  ls_error error = {0};
  float values[2][K * COLUMNS], theirs[K * COLUMNS];
  deal(world, rows, ROWS, SHARDS, K, "kmeans", init, 2, &problem);
  for (int start = 0; start < 2; start++) {
    CHECK_OK(problem.fit.method->seed(problem.fit.own, start, values[start], &error));
    memcpy(theirs, values[start], sizeof theirs);
    CHECK_OK(world_broadcast(world, theirs, sizeof theirs, 0, &error));
    CHECK(memcmp(theirs, values[start], sizeof theirs) == 0, "%s differs between ranks", init);
    for (int j = 0; j < K; j++) {
      bool found = false;
      for (int64_t r = 0; r < ROWS && !found; r++)
        found = memcmp(rows + r * COLUMNS, values[start] + j * COLUMNS, COLUMNS * sizeof *rows) == 0;
      CHECK(found, "%s: centre %d is no row", init, j);
      for (int i = 0; i < j; i++)
        CHECK(memcmp(values[start] + i * COLUMNS, values[start] + j * COLUMNS, COLUMNS * sizeof *rows) != 0,
              "%s: centres %d and %d", init, i, j);
    }
  }
  CHECK((memcmp(values[0], values[1], sizeof values[0]) == 0) == (strcmp(init, "rows") == 0),
        "%s: two starts", init);
  end(&problem);
}

/* Far from each other, the clouds get a centre each from the draws that look at distances. */
static void check_spread(world_t *world, const char *init) {
  problem_t problem;
  ls_error error = {0};
  float values[K * COLUMNS], *rows = clouds(ROWS, K);
  bool has[K] = {0};
  for (int64_t r = 0; r < ROWS; r++) rows[r * COLUMNS] += 1000.0F * (float)(r % K);
  deal(world, rows, ROWS, SHARDS, K, "kmeans", init, 2, &problem);
  CHECK_OK(problem.fit.method->seed(problem.fit.own, 0, values, &error));
  for (int j = 0; j < K; j++) has[((int)values[j * COLUMNS] + 300) / 1000 % K] = true;
  for (int j = 0; j < K; j++) CHECK(has[j], "%s: no centre in cloud %d", init, j);
  end(&problem);
  free(rows);
}

/* The sum of the squared distances of all rows to the nearest centre. */
static double potential_of(const float *rows, const float *values) {
  double sum = 0;
  for (int64_t r = 0; r < ROWS; r++)
    sum += distance(rows + r * COLUMNS, values + nearest(rows + r * COLUMNS, values, K) * COLUMNS);
  return sum;
}

/* The best of a few candidates leads to less distortion than any of them, on average over many starts. In
 * many dimensions all candidates are nearly as good, so there the difference is small. */
static void check_greedy(world_t *world, const float *rows) {
  enum { STARTS = 40 };
  double sums[2] = {0};
  for (int i = 0; i < 2; i++) {
    problem_t problem;
    ls_error error = {0};
    float values[K * COLUMNS];
    deal(world, rows, ROWS, SHARDS, K, "kmeans", i == 0 ? "k-means++" : "greedy", 2, &problem);
    for (int start = 0; start < STARTS; start++) {
      CHECK_OK(problem.fit.method->seed(problem.fit.own, start, values, &error));
      sums[i] += potential_of(rows, values) / STARTS;
    }
    end(&problem);
  }
  const double most = COLUMNS < 10 ? 0.9 : 0.98;
  CHECK(sums[1] < most * sums[0], "greedy %g, k-means++ %g", sums[1], sums[0]);
}

/* A centre far from all rows has none: it moves to the row farthest from the others. */
static void check_empty(world_t *world, const float *rows) {
  problem_t problem;
  ls_error error = {0};
  float values[K * COLUMNS];
  double objective = 0;
  deal(world, rows, ROWS, SHARDS, K, "kmeans", "random", 2, &problem);
  CHECK_OK(problem.fit.method->seed(problem.fit.own, 0, values, &error));
  for (int j = 5; j < K; j++) values[j * COLUMNS] = 1e6F;
  int64_t farthest = 0;
  double most = 0;
  for (int64_t r = 0; r < ROWS; r++) {
    const double own =
        distance(rows + r * COLUMNS, values + nearest(rows + r * COLUMNS, values, K) * COLUMNS);
    if (own > most) farthest = r;
    if (own > most) most = own;
  }
  CHECK_OK(fit_epoch(&problem.fit, (fit_place_t){0, 1}, 1, values, &objective, &error));
  CHECK(memcmp(values + 5 * COLUMNS, rows + farthest * COLUMNS, COLUMNS * sizeof *rows) == 0,
        "the farthest row");
  CHECK(memcmp(values + 5 * COLUMNS, values + 6 * COLUMNS, COLUMNS * sizeof *rows) != 0, "the next one");
  end(&problem);
}

/* Six different rows, each many times, cannot be seven clusters. */
static void check_too_few(world_t *world, const char *init) {
  problem_t problem;
  ls_error error = {0};
  float values[K * COLUMNS], *rows = malloc(ROWS * COLUMNS * sizeof *rows);
  double objective = 0;
  for (int64_t i = 0; i < ROWS * COLUMNS; i++) rows[i] = (float)(i / COLUMNS % 6);
  deal(world, rows, ROWS, SHARDS, K, "kmeans", init, 2, &problem);
  ls_status status = problem.fit.method->seed(problem.fit.own, 0, values, &error);
  for (int64_t epoch = 0; epoch < 9 && status == LS_OK; epoch++)
    status = fit_epoch(&problem.fit, (fit_place_t){0, epoch}, epoch, values, &objective, &error);
  CHECK(status == LS_BAD_DATA, "%s: status %d", init, (int)status);
  CHECK(strstr(error.message, "only 6 training rows differ") != NULL, "%s: %s", init, error.message);
  end(&problem);
  deal(world, rows, 5, 5, K, "kmeans", init, 1, &problem);
  status = problem.fit.method->seed(problem.fit.own, 0, values, &error);
  CHECK(status == LS_BAD_DATA, "%s: status %d of 5 rows", init, (int)status);
  end(&problem);
  free(rows);
}

/* ---- mini-batches ---- */

/* The rows of step `step` of an epoch: their number. */
static int64_t rows_of_step(int64_t epoch, int64_t step, int64_t *rows) {
  const partition_t partition = {ROWS, SHARDS};
  uint32_t order[ROWS];
  int64_t n = 0;
  for (int s = 0; s < SHARDS; s++) {
    order_fill(ORDER_FULL, 3, epoch, s, shard_rows(partition, s), order);
    for (int64_t at = slice_begin(partition, BATCH, s, step); at < slice_begin(partition, BATCH, s, step + 1);
         at++)
      rows[n++] = shard_first(partition, s) + order[at];
  }
  return n;
}

/* A step by the definition (Sculley, 2010, algorithm 1): centres are kept for the batch, then each row takes
 * its centre a part 1 / n of the way. Returns the sum of distances. */
static double step_by_rows(const float *rows, const int64_t *batch, int64_t n, bool begins, bool is_first,
                           double *counts, double *centres) {
  float kept[K * COLUMNS];
  int64_t own[BATCH], size[K] = {0};
  double objective = 0;
  for (int i = 0; i < K * COLUMNS; i++) kept[i] = (float)centres[i];
  for (int64_t i = 0; i < n; i++) {
    own[i] = nearest(rows + batch[i] * COLUMNS, kept, K);
    size[own[i]]++;
    objective += distance(rows + batch[i] * COLUMNS, kept + own[i] * COLUMNS);
  }
  for (int j = 0; j < K && begins; j++)
    counts[j] = is_first ? 0 : (double)ROWS * (double)(size[j] + 1) / (double)(n + K);
  for (int64_t i = 0; i < n; i++) {
    double *centre = centres + own[i] * COLUMNS;
    const double rate = 1 / ++counts[own[i]];
    for (int c = 0; c < COLUMNS; c++) centre[c] += rate * ((double)rows[batch[i] * COLUMNS + c] - centre[c]);
  }
  return objective;
}

static void check_batches(world_t *world, const float *rows, int threads) {
  problem_t problem;
  ls_error error = {0};
  float values[K * COLUMNS];
  double centres[K * COLUMNS], counts[K], last = 0;
  int64_t batch[BATCH];
  deal(world, rows, ROWS, SHARDS, K, "minibatch", "k-means++", threads, &problem);
  CHECK_OK(problem.fit.method->seed(problem.fit.own, 0, values, &error));
  for (int i = 0; i < K * COLUMNS; i++) centres[i] = (double)values[i];
  for (int64_t epoch = 0; epoch < 4; epoch++) {
    double objective = 0, defined = 0;
    for (int64_t step = 0; step < (ROWS + BATCH - 1) / BATCH; step++) {
      const int64_t n = rows_of_step(epoch, step, batch);
      defined += step_by_rows(rows, batch, n, step == 0, epoch == 0, counts, centres);
    }
    CHECK_OK(fit_epoch(&problem.fit, (fit_place_t){0, epoch}, epoch, values, &objective, &error));
    CHECK(fabs(objective - defined) < 1e-6 * defined, "epoch %d: %.12g, not %.12g", (int)epoch, objective,
          defined);
    for (int i = 0; i < K * COLUMNS; i++) {
      CHECK(fabs((double)values[i] - centres[i]) < 1e-5 * fabs(centres[i]), "epoch %d, number %d: %g, not %g",
            (int)epoch, i, (double)values[i], centres[i]);
      centres[i] = (double)values[i];
    }
    last = objective;
  }
  double lloyd = 0;
  for (int i = 0; i < 30; i++) lloyd = iterate(rows, values);
  CHECK(last < 1.02 * lloyd, "%.12g per row of batches, %.12g of Lloyd's", last / ROWS, lloyd / ROWS);
  end(&problem);
}

/* A centre far from all rows has none in an epoch: it moves to a row. */
static void check_empty_batches(world_t *world, const float *rows) {
  problem_t problem;
  ls_error error = {0};
  float values[K * COLUMNS];
  double objective = 0;
  bool found = false;
  deal(world, rows, ROWS, SHARDS, K, "minibatch", "random", 2, &problem);
  CHECK_OK(problem.fit.method->seed(problem.fit.own, 0, values, &error));
  values[5 * COLUMNS] = 1e6F;
  CHECK_OK(fit_epoch(&problem.fit, (fit_place_t){0, 1}, 1, values, &objective, &error));
  for (int64_t r = 0; r < ROWS && !found; r++)
    found = memcmp(rows + r * COLUMNS, values + 5 * COLUMNS, COLUMNS * sizeof *rows) == 0;
  CHECK(found, "the empty centre is no row");
  end(&problem);
}

/* Of rows that come in any order, to threads of all ranks, those with the smallest keys; of equal keys the
 * smaller number. */
static void check_picks(world_t *world, const float *rows, int64_t wanted) {
  enum { MOST = 60, THREADS = 2, FACTOR = 7919 };
  const int size = world_size(world);
  ls_error error = {0};
  picks_t *picks = NULL;
  float found[MOST * COLUMNS];
  pick_t keys[MOST];
  int64_t n = 0, at = 0;
  CHECK_OK(picks_create(world, MOST, COLUMNS, THREADS, &picks, &error));
  picks_begin(picks, wanted);
  for (int64_t r = world_rank(world); r < ROWS; r += size)
    picks_offer(picks, (int)(r / size % THREADS), (double)(r * FACTOR % ROWS / 2), r, rows + r * COLUMNS);
  CHECK_OK(picks_collect(picks, found, keys, &n, &error));
  CHECK(n == wanted, "%d rows", (int)n);
  for (int key = 0; at < n; key++)
    for (int64_t r = 0; r < ROWS && at < n; r++) {
      if (r * FACTOR % ROWS / 2 != key) continue;
      CHECK(keys[at].number == r, "place %d has row %d, not %d", (int)at, (int)keys[at].number, (int)r);
      CHECK(memcmp(found + at * COLUMNS, rows + r * COLUMNS, COLUMNS * sizeof *rows) == 0, "row %d", (int)r);
      at++;
    }
  picks_destroy(&picks);
}

/* The number of a row is the same wherever a block begins, and differs from row to row. */
static void check_uniform(void) {
  enum { NUMBERS = 40 };
  const random_stream_t stream = {.seed = 8, .purpose = RANDOM_CLUSTER};
  double numbers[NUMBERS];
  for (int64_t first = 0; first < 5; first++) {
    picks_uniform(&stream, first, NUMBERS, numbers);
    for (int64_t i = 0; i < NUMBERS; i++) {
      double one = 0;
      picks_uniform(&stream, first + i, 1, &one);
      CHECK(numbers[i] == one && one > 0 && one <= 1, "number %d: %g, not %g", (int)(first + i), numbers[i],
            one);
      for (int64_t k = 0; k < i; k++) CHECK(numbers[k] != numbers[i], "numbers %d and %d", (int)k, (int)i);
    }
  }
}

int main(int argc, char **argv) {
  static const char *const inits[] = {"k-means++", "k-means||", "random", "rows", "greedy"};
  world_t *world = NULL;
  ls_error error = {0};
  CHECK_OK(world_create(&argc, &argv, &world, &error));
  float *rows = clouds(ROWS, 9);
  for (int i = 0; i < 5; i++) {
    check_seeds(world, rows, inits[i]);
    check_iterations(world, rows, inits[i], 1 + i % 3);
    check_too_few(world, inits[i]);
  }
  check_picks(world, rows, 1);
  check_picks(world, rows, 60);
  check_uniform();
  check_spread(world, "k-means++");
  check_spread(world, "k-means||");
  check_spread(world, "greedy");
  if (world_size(world) == 1) check_greedy(world, rows);
  check_empty(world, rows);
  check_batches(world, rows, 1);
  check_batches(world, rows, 3);
  check_empty_batches(world, rows);
  free(rows);
  world_destroy(&world);
  return failures;
}
