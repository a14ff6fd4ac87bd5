/* Rows and their nearest centres, found by bounds, sketches and few distances, against the definition: in
 * every pass the nearest centre in double, of equal ones the first, and the sums of each cluster. Rows near a
 * space of few dimensions, where sketches tell nearly all; rows that fill the space, where they tell nothing;
 * rows that are equally far from several centres; very large and very small rows. */
#include "cluster/assign.h"

#include "mpi/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 1500, SHARDS = 11, COLUMNS = 256, MOST_K = 40, PASSES = 9, DIMENSIONS = 6 };

typedef struct {
  const char *name;
  int64_t k;
  float noise; /* beside the space of few dimensions */
  float scale, offset;
  bool is_coarse;   /* values are rounded, so that rows have equal distances */
  bool is_told;     /* sketches tell nearly all */
  bool is_given_up; /* sketches tell too little */
} case_t;

static float *make_rows(const case_t *a) {
  float *rows = malloc((size_t)ROWS * COLUMNS * sizeof *rows);
  double *normal = malloc((size_t)(ROWS + DIMENSIONS) * (COLUMNS + DIMENSIONS) * sizeof *normal);
  const random_stream_t stream = {.seed = 1, .purpose = RANDOM_SYNTHETIC};
  random_normal(&stream, (size_t)(ROWS + DIMENSIONS) * (COLUMNS + DIMENSIONS), normal);
  const double *space = normal, *place = space + DIMENSIONS * COLUMNS, *noise = place + ROWS * DIMENSIONS;
  for (int64_t r = 0; r < ROWS; r++)
    for (int c = 0; c < COLUMNS; c++) {
      double value = (double)a->noise * noise[r * COLUMNS + c];
      for (int d = 0; d < DIMENSIONS; d++) value += place[r * DIMENSIONS + d] * space[d * COLUMNS + c];
      if (a->is_coarse) value = c < 4 ? round(value / 3) : 0;
      rows[r * COLUMNS + c] = a->scale * (float)value + a->offset;
    }
  free(normal);
  return rows;
}

static double distance(const float *x, const float *c) {
  return squared_distance(COLUMNS, x, c);
}

static int32_t nearest(const float *x, const float *centres, int64_t k) {
  int32_t best = 0;
  for (int32_t j = 1; j < k; j++)
    if (distance(x, centres + j * COLUMNS) < distance(x, centres + best * COLUMNS)) best = j;
  return best;
}

/* The means of the rows of each centre; a centre without rows stays. own (ROWS): the nearest centres. */
static void move_centres(const float *rows, int64_t k, float *centres, int32_t *own) {
  static double sum[MOST_K][COLUMNS], n[MOST_K];
  memset(sum, 0, sizeof sum);
  memset(n, 0, sizeof n);
  for (int64_t r = 0; r < ROWS; r++) {
    own[r] = nearest(rows + r * COLUMNS, centres, k);
    n[own[r]]++;
    for (int c = 0; c < COLUMNS; c++) sum[own[r]][c] += (double)rows[r * COLUMNS + c];
  }
  for (int64_t j = 0; j < k; j++)
    for (int c = 0; c < COLUMNS && n[j] > 0; c++) centres[j * COLUMNS + c] = (float)(sum[j][c] / n[j]);
}

typedef struct {
  split_t split;
  features_t features;
  gather_t gather;
  exact_t exact;
  assign_t assign;
  sums_t *scan, *some;
  arena_t arena;
} problem_t;

static void deal(world_t *world, const case_t *a, const float *rows, int threads, problem_t *out) {
  ls_error error = {0};
  double mean[COLUMNS] = {0};
  float most[COLUMNS] = {0};
  *out = (problem_t){0};
  split_t *split = &out->split;
  *split = (split_t){.partition = {ROWS, SHARDS},
                     .first_shard = rank_first_shard(SHARDS, world_size(world), world_rank(world)),
                     .shards = rank_shards(SHARDS, world_size(world), world_rank(world)),
                     .features = COLUMNS,
                     .type = ELEMENT_F32};
  const int64_t first = shard_first(split->partition, split->first_shard);
  split->rows = shard_first(split->partition, split->first_shard + split->shards) - first;
  split->x = (void *)(uintptr_t)(rows + first * COLUMNS);
  out->features = (features_t){.columns = COLUMNS, .encoded = COLUMNS, .inputs = COLUMNS};
  CHECK_OK(gather_create(split, &out->features, &out->gather, &error));
  for (int64_t i = 0; i < (int64_t)ROWS * COLUMNS; i++) {
    mean[i % COLUMNS] += (double)rows[i] / ROWS;
    most[i % COLUMNS] = fmaxf(most[i % COLUMNS], fabsf(rows[i]));
  }
  for (int c = 0; c < COLUMNS; c++) mean[c] = (double)(float)mean[c];
  CHECK_OK(exact_create(a->k, COLUMNS, threads, &out->arena, &out->exact, &error));
  exact_scale(&out->exact, ROWS, mean, most, 0);
  const fit_inputs_t inputs = {.world = world, .gather = &out->gather, .threads = threads};
  CHECK_OK(assign_create(&inputs, &out->exact, &out->arena, &out->assign, &error));
  sums_inputs_t passes = {
      .world = world, .gather = &out->gather, .threads = threads, .elements = 1, .everywhere = true};
  CHECK_OK(sums_create(&passes, &out->scan, &error));
  passes.gathers_some = true;
  CHECK_OK(sums_create(&passes, &out->some, &error));
}

static void end(problem_t *problem) {
  sums_destroy(&problem->scan);
  sums_destroy(&problem->some);
  gather_free(&problem->gather);
  arena_free(&problem->arena);
}

/* The sums of all clusters are those of rows that are added to their own ones alone. */
static void check_sums(world_t *world, const problem_t *problem, const float *rows, const int32_t *own) {
  const exact_t *found = &problem->exact;
  exact_t fresh = *found;
  ls_error error = {0};
  arena_t arena = {0};
  CHECK_OK(exact_create(found->k, COLUMNS, 1, &arena, &fresh, &error));
  memcpy(fresh.mean, found->mean, COLUMNS * sizeof *fresh.mean);
  memcpy(fresh.scale, found->scale, COLUMNS * sizeof *fresh.scale);
  fresh.weights = found->weights;
  exact_begin(&fresh);
  const int64_t first = shard_first(problem->split.partition, problem->split.first_shard);
  for (int64_t r = first; r < first + problem->split.rows; r++)
    exact_add(&fresh, 0, own[r], rows + r * COLUMNS, 1, 0, COLUMNS);
  CHECK_OK(exact_end(&fresh, world, false, &error));
  CHECK(memcmp(fresh.total, found->total, (size_t)(found->k * (COLUMNS + 1)) * sizeof *found->total) == 0,
        "sums of clusters");
  arena_free(&arena);
}

static void check_passes(world_t *world, const case_t *a, int threads) {
  static int32_t own[ROWS];
  float *rows = make_rows(a), *centres = malloc((size_t)a->k * COLUMNS * sizeof *centres);
  float *next = malloc((size_t)a->k * COLUMNS * sizeof *next);
  const size_t bytes = (size_t)a->k * COLUMNS * sizeof *centres;
  problem_t problem;
  ls_error error = {0};
  int64_t asked = 0, measured = 0, vague = 0;
  deal(world, a, rows, threads, &problem);
  const int64_t first = shard_first(problem.split.partition, problem.split.first_shard);
  memcpy(next, rows, bytes);
  for (int pass = 0; pass < PASSES && failures == 0; pass++) {
    double squares = 0;
    int64_t wrong = 0;
    memcpy(centres, next, bytes);
    move_centres(rows, a->k, next, own);
    const assign_pass_t kind = assign_begin(&problem.assign, centres, pass == 0);
    exact_begin(&problem.exact);
    CHECK_OK(sums_run(kind == ASSIGN_SOME ? problem.some : problem.scan, assign_blocks[kind], &problem.assign,
                      &squares, &error));
    CHECK_OK(exact_end(&problem.exact, world, pass > 0, &error));
    for (int t = 0; t < threads; t++) {
      asked += problem.assign.desks[t].cost.asked;
      vague += problem.assign.desks[t].cost.vague;
      measured += problem.assign.desks[t].cost.measured;
    }
    assign_end(&problem.assign);
    for (int64_t r = 0; r < problem.split.rows; r++)
      wrong += problem.assign.bounds.rows[r].cluster != own[first + r];
    CHECK(wrong == 0, "%s, pass %d: %d rows", a->name, pass, (int)wrong);
    check_sums(world, &problem, rows, own);
  }
  CHECK((problem.assign.sketch.most == 0) == a->is_given_up, "%s: sketches are %sgiven up", a->name,
        a->is_given_up ? "not " : "");
  if (a->is_told)
    CHECK(asked > 0 && 10 * (measured + vague) < asked, "%s: %d of %d", a->name, (int)measured, (int)asked);
  end(&problem);
  free(rows);
  free(centres);
  free(next);
}

int main(int argc, char **argv) {
  static const case_t cases[] = {
      {.name = "near a space", .k = 20, .noise = 0.01F, .scale = 1, .is_told = true},
      {.name = "more centres than axes", .k = 40, .noise = 0.01F, .scale = 1, .is_told = true},
      {.name = "far from 0", .k = 20, .noise = 0.1F, .scale = 1, .offset = 100},
      {.name = "all over the space", .k = 40, .noise = 30, .scale = 1, .is_given_up = true},
      {.name = "equal distances", .k = 33, .scale = 1, .is_coarse = true},
      {.name = "very large", .k = 20, .noise = 0.1F, .scale = 1e18F, .is_given_up = true},
      {.name = "very small", .k = 20, .noise = 0.1F, .scale = 1e-20F, .is_given_up = true},
      {.name = "two centres", .k = 2, .noise = 1, .scale = 1},
  };
  world_t *world = NULL;
  ls_error error = {0};
  CHECK_OK(world_create(&argc, &argv, &world, &error));
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) check_passes(world, &cases[i], 1 + (int)i % 3);
  world_destroy(&world);
  return failures;
}
