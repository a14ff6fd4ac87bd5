#include "cluster/kernels.h"

#include "base/random.h"
#include "layout/shard.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LOG_NOTHING (-1e30) /* of a weight 0: a finite number whose exponential is 0 */

/* One pass over the rows copies the chosen ones. */
typedef struct {
  int64_t inputs;
  const bool *chosen;    /* (training rows) */
  const int64_t *places; /* (own rows): where a chosen row goes among those of this rank */
  float *rows, *weights; /* of this rank */
} copying_t;

static void copy_block(void *context, const sums_block_t *block, double *leaf) {
  const copying_t *copying = context;
  for (int64_t r = 0; r < block->rows; r++) {
    const float weight = block->weights != NULL ? block->weights[r] : 1;
    if (!copying->chosen[block->number + r]) continue;
    const int64_t place = copying->places[block->row + r];
    memcpy(copying->rows + place * copying->inputs, block->x + r * copying->inputs,
           (size_t)copying->inputs * sizeof *block->x);
    copying->weights[place] = weight;
    leaf[0] += (double)weight;
  }
}

/* What collecting needs beside the result. */
typedef struct {
  world_t *world;
  const gather_t *gather;
  const split_t *split;
  int threads;
  bool *chosen;    /* (training rows) */
  int64_t *places; /* (own rows) */
  size_t *counts;  /* (ranks): chosen rows */
  size_t *sizes;   /* (ranks): bytes */
  float *rows, *weights;
  float *all_weights; /* (n) */
  arena_t arena;
} kernel_collection_t;

/* The first row of a rank among all training rows. */
static int64_t first_row(const split_t *split, int ranks, int rank) {
  return shard_first(split->partition, rank_first_shard(split->partition.shards, ranks, rank));
}

static ls_status prepare(kernel_collection_t *c, int64_t n, uint64_t seed, kernel_rows_t *out,
                         ls_error *error) {
  const split_t *split = c->split;
  const int ranks = world_size(c->world);
  const int64_t all = split->partition.rows, inputs = c->gather->features->inputs;
  const random_stream_t stream = {.seed = seed, .purpose = RANDOM_KERNELS};
  int64_t own = 0;
  if (n > all)
    return error_set(error, LS_BAD_DATA,
                     "density.rows: %" PRId64 " kernels are asked for, but there are only %" PRId64
                     " training rows",
                     n, all);
  out->n = n;
  out->inputs = inputs;
  c->chosen = arena_new(&c->arena, (size_t)all, sizeof *c->chosen);
  c->places = arena_new(&c->arena, (size_t)split->rows + 1, sizeof *c->places);
  c->counts = arena_new(&c->arena, (size_t)ranks, sizeof *c->counts);
  c->sizes = arena_new(&c->arena, (size_t)ranks, sizeof *c->sizes);
  out->rows = arena_new(&out->arena, (size_t)(n * inputs), sizeof *out->rows);
  out->logs = arena_new(&out->arena, (size_t)n, sizeof *out->logs);
  out->numbers = arena_new(&out->arena, (size_t)n, sizeof *out->numbers);
  c->all_weights = arena_new(&c->arena, (size_t)n, sizeof *c->all_weights);
  if (c->chosen == NULL || c->places == NULL || c->counts == NULL || c->sizes == NULL || out->rows == NULL ||
      out->logs == NULL || out->numbers == NULL || c->all_weights == NULL)
    return error_set(error, LS_NO_MEMORY, "no memory for %" PRId64 " kernels", n);
  random_subset(&stream, all, n, c->chosen);
  for (int64_t i = 0, k = 0; i < all; i++)
    if (c->chosen[i]) out->numbers[k++] = i;
  for (int r = 0; r < ranks; r++)
    for (int64_t i = first_row(split, ranks, r); i < first_row(split, ranks, r + 1); i++)
      c->counts[r] += c->chosen[i];
  const int64_t first = first_row(split, ranks, world_rank(c->world));
  for (int64_t i = 0; i < split->rows; i++) {
    c->places[i] = own;
    own += c->chosen[first + i];
  }
  c->rows = arena_new(&c->arena, (size_t)(own * inputs) + 1, sizeof *c->rows);
  c->weights = arena_new(&c->arena, (size_t)own + 1, sizeof *c->weights);
  if (c->rows == NULL || c->weights == NULL)
    return error_set(error, LS_NO_MEMORY, "no memory for %" PRId64 " rows", own);
  return LS_OK;
}

static ls_status copy_own(kernel_collection_t *c, const sums_inputs_t *asked, double *weight,
                          ls_error *error) {
  copying_t copying = {.inputs = c->gather->features->inputs,
                       .chosen = c->chosen,
                       .places = c->places,
                       .rows = c->rows,
                       .weights = c->weights};
  sums_t *sums = NULL;
  TRY(sums_create(asked, &sums, error));
  ls_status status = sums_run(sums, copy_block, &copying, weight, error);
  sums_destroy(&sums);
  return status;
}

static ls_status gather_all(kernel_collection_t *c, const float *mine, int64_t width, float *all,
                            ls_error *error) {
  for (int r = 0; r < world_size(c->world); r++) c->sizes[r] = c->counts[r] * (size_t)width * sizeof *mine;
  return world_gather_pieces(c->world, mine, c->sizes, all, -1, error);
}

static ls_status collect(kernel_collection_t *c, kernel_rows_t *out, ls_error *error) {
  double weight = 0;
  const sums_inputs_t asked = {
      .world = c->world, .gather = c->gather, .threads = c->threads, .elements = 1, .everywhere = true};
  TRY(copy_own(c, &asked, &weight, error));
  TRY(gather_all(c, c->rows, out->inputs, out->rows, error));
  TRY(gather_all(c, c->weights, 1, c->all_weights, error));
  if (!(weight > 0))
    return error_set(error, LS_BAD_DATA, "all rows that kernels are made of have the weight 0");
  for (int64_t k = 0; k < out->n; k++)
    out->logs[k] = fmax(log((double)c->all_weights[k]) - log(weight), LOG_NOTHING);
  return LS_OK;
}

ls_status kernels_collect(world_t *world, const gather_t *gather, int threads, int64_t n, uint64_t seed,
                          kernel_rows_t *out, ls_error *error) {
  kernel_collection_t collecting = {
      .world = world, .gather = gather, .split = gather->split, .threads = threads};
  kernel_rows_t kernels = {0};
  ls_status status = world_agree(world, prepare(&collecting, n, seed, &kernels, error), error);
  if (status == LS_OK) status = collect(&collecting, &kernels, error);
  arena_free(&collecting.arena);
  if (status == LS_OK)
    *out = kernels;
  else
    arena_free(&kernels.arena);
  return status;
}

void kernels_free(kernel_rows_t *kernels) {
  arena_free(&kernels->arena);
  *kernels = (kernel_rows_t){0};
}

float kernels_factor(double h) {
  return (float)(1 / h);
}

void kernels_layer(const kernel_rows_t *kernels, double h, float *factor, float *offset) {
  const double pi = 3.14159265358979323846, d = (double)kernels->inputs;
  const float inverse = kernels_factor(h);
  for (int64_t k = 0; k < kernels->n; k++) {
    factor[k] = inverse;
    offset[k] = (float)(kernels->logs[k] + d * log((double)inverse) - d / 2 * log(2 * pi));
  }
}
