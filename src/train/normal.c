/* Two sums over rows: of the columns, for their means, and of products of columns. In both cases a leaf of
 * the tree is one vector of doubles, computed from a shard's rows block by block. Each rank folds the leaves
 * of its shards into subtrees. Rank 0 adds the subtrees of all ranks in the order of the tree, a range of
 * elements at a time. */
#include "train/normal.h"

#include "base/activity.h"
#include "base/float_mode.h"
#include "base/progress.h"
#include "layout/shard.h"
#include "data/stream.h"
#include "math/gram.h"
#include "math/tree.h"
#include "features/row_weights.h"

#include <math.h>
#include <omp.h>
#include <string.h>

enum { BLOCK_ROWS = 128, COLLECT_BYTES = 16 << 20 };

typedef struct normal normal_t;

/* Adds the n rows in normal->z to a leaf. Called by all threads of the team. */
typedef void (*add_t)(const normal_t *normal, int64_t n, double *leaf);

struct normal {
  world_t *world;
  const gather_t *gather;
  const split_t *split;
  int threads;
  int64_t columns, width; /* columns of z: features and targets; padded */
  float *rows;            /* (BLOCK_ROWS, features) */
  float *targets;         /* (BLOCK_ROWS, targets) */
  double *z;              /* (BLOCK_ROWS, width), padding zero */
  double *mean;           /* (columns), initially zero */
  double weight;          /* sum of the weights of all rows */
  bool takes_roots;       /* multiply rows by the square roots of their weights, for sums of products */
  add_t add;
  size_t elements; /* elements of a leaf */
  double *levels;  /* (depth, elements): right subtrees during a fold */
  tree_node_t pieces[TREE_MAX_PIECES];
  int n_pieces;
  double *partials; /* (n_pieces, elements): this rank's subtrees */
  part_t part;      /* the rows that are in memory */
};

static ls_status no_memory(double bytes, ls_error *error) {
  return error_set(error, LS_NO_MEMORY, "no memory for the normal equations (%.1f MB)", bytes / 1e6);
}

/* ---- leaves ---- */

/* The factor of a row: its weight in a plain sum, the square root of its weight in a sum of products. */
static double factor_of(const normal_t *normal, int64_t row) {
  if (normal->split->weights == NULL) return 1;
  double weight = (double)(row_weight(normal->split, row) * normal->split->factors[0]);
  return normal->takes_roots ? sqrt(weight) : weight;
}

/* Fills z with the resident rows [first, first + n), features before targets, minus their means. Called by
 * all threads of the team. */
static void fill_block(const normal_t *normal, int64_t first, int64_t n) {
  const split_t *split = normal->split;
  int64_t targets = split->width, features = normal->columns - targets;
#pragma omp for schedule(static)
  for (int64_t r = 0; r < n; r++) {
    float *x = normal->rows + r * features;
    float *y = normal->targets + r * targets;
    double *z = normal->z + r * normal->width;
    const uint32_t row = (uint32_t)(first + r);
    double factor = factor_of(normal, first + r);
    gather_range(normal->gather, first + r, 1, x);
    gather_targets(normal->gather, &row, 1, y);
    for (int64_t c = 0; c < features; c++) z[c] = factor * ((double)x[c] - normal->mean[c]);
    for (int64_t c = 0; c < targets; c++)
      z[features + c] = factor * ((double)y[c] - normal->mean[features + c]);
  }
}

static void add_columns(const normal_t *normal, int64_t n, double *leaf) {
#pragma omp for schedule(static)
  for (int64_t first = 0; first < normal->width; first += GRAM_TILE) {
    double sum[GRAM_TILE] = {0};
    for (int64_t r = 0; r < n; r++)
      for (int c = 0; c < GRAM_TILE; c++) sum[c] += normal->z[r * normal->width + first + c];
    for (int c = 0; c < GRAM_TILE; c++) leaf[first + c] += sum[c];
  }
}

static void add_products(const normal_t *normal, int64_t n, double *leaf) {
#pragma omp for schedule(dynamic, 1)
  for (int64_t tile = normal->width / GRAM_TILE - 1; tile >= 0; tile--) /* longest first */
    gram_add(n, normal->width, normal->z, tile, leaf);
}

/* Adds a shard's rows to a leaf, block by block; `first` is the index of its first row in memory. */
static void add_blocks(const normal_t *normal, int64_t first, int64_t rows, double *leaf) {
#pragma omp parallel num_threads(normal->threads)
  {
    float_mode_begin();
    for (int64_t at = 0; at < rows; at += BLOCK_ROWS) {
      int64_t n = rows - at < BLOCK_ROWS ? rows - at : BLOCK_ROWS;
      fill_block(normal, first + at, n);
      normal->add(normal, n, leaf);
#pragma omp master
      progress_advance(n);
    }
  }
}

/* Computes the leaf of a shard. Leaves are computed in the order of the rows, so parts are read in sequence.
 * A block never crosses the end of a part (PART_ROWS). */
static ls_status make_leaf(normal_t *normal, int shard, double *leaf, ls_error *error) {
  partition_t partition = normal->split->partition;
  part_t *part = &normal->part;
  int64_t first = shard_first(partition, shard) - shard_first(partition, normal->split->first_shard);
  int64_t end = first + shard_rows(partition, shard);
  memset(leaf, 0, normal->elements * sizeof *leaf);
  while (first < end) {
    if (first == part->first + part->rows) TRY(parts_next(normal->split, part, error));
    int64_t part_end = part->first + part->rows, n = (part_end < end ? part_end : end) - first;
    add_blocks(normal, part->resident + first - part->first, n, leaf);
    first += n;
  }
  return LS_OK;
}

/* ---- the tree ---- */

/* Computes out = sum over the leaves [lo, lo + n). */
static ls_status fold(normal_t *normal, int lo, int n, double *levels, double *restrict out,
                      ls_error *error) {
  if (n == 1) return make_leaf(normal, lo, out, error);
  int left = tree_split(n);
  double *restrict right = levels;
  TRY(fold(normal, lo, left, levels, out, error));
  TRY(fold(normal, lo + left, n - left, levels + normal->elements, right, error));
  for (size_t i = 0; i < normal->elements; i++) out[i] += right[i];
  return LS_OK;
}

/* Computes this rank's subtrees from left to right. */
static ls_status fold_pieces(normal_t *normal, ls_error *error) {
  ls_status status = LS_OK;
  normal->part = (part_t){0};
  parts_begin(normal->split);
  for (int k = 0; k < normal->n_pieces && status == LS_OK; k++)
    status = fold(normal, normal->pieces[k].lo, normal->pieces[k].n, normal->levels,
                  normal->partials + (size_t)k * normal->elements, error);
  parts_end(normal->split);
  return status;
}

/* How rank 0 adds the subtrees of all ranks, `at_once` elements of each at a time. */
typedef struct {
  int *counts;   /* (ranks): number of subtrees */
  size_t *sizes; /* (ranks): bytes to send */
  size_t at_once;
  double *send, *receive, *stack;
  int *plan; /* the postfix program of the additions */
  int length;
} collect_t;

static ls_status plan_collect(const normal_t *normal, arena_t *arena, collect_t *collect, ls_error *error) {
  int ranks = world_size(normal->world), shards = normal->split->partition.shards;
  tree_node_t *all = arena_new(arena, (size_t)ranks * TREE_MAX_PIECES, sizeof *all);
  collect->counts = arena_new(arena, (size_t)ranks, sizeof *collect->counts);
  collect->sizes = arena_new(arena, (size_t)ranks, sizeof *collect->sizes);
  if (all == NULL || collect->counts == NULL || collect->sizes == NULL) return no_memory(0, error);
  int n = 0;
  for (int r = 0; r < ranks; r++)
    n += collect->counts[r] =
        tree_cover(shards, rank_first_shard(shards, ranks, r), rank_shards(shards, ranks, r), all + n);
  collect->length = 2 * n - 1;
  collect->plan = arena_new(arena, (size_t)collect->length, sizeof *collect->plan);
  if (collect->plan == NULL) return no_memory(0, error);
  size_t depth = (size_t)tree_plan(shards, all, n, collect->plan), pieces = (size_t)n;
  size_t most = COLLECT_BYTES / (pieces * sizeof(double));
  collect->at_once = most < 64 ? 64 : most < normal->elements ? most : normal->elements;
  bool is_root = world_rank(normal->world) == 0;
  collect->send = arena_new(arena, (size_t)normal->n_pieces * collect->at_once, sizeof(double));
  collect->receive = arena_new(arena, is_root ? pieces * collect->at_once : 0, sizeof(double));
  collect->stack = arena_new(arena, is_root ? depth * collect->at_once : 0, sizeof(double));
  bool all_there = collect->send != NULL && collect->receive != NULL && collect->stack != NULL;
  return all_there ? LS_OK : no_memory((double)(pieces + depth) * (double)collect->at_once * 8, error);
}

/* Runs the postfix program over `n` elements of each piece. */
static void add_pieces(const collect_t *collect, size_t n, double *out) {
  const double *top[TREE_MAX_PIECES + 2];
  int depth = 0;
  for (int i = 0; i < collect->length; i++) {
    if (collect->plan[i] != TREE_ADD) {
      top[depth++] = collect->receive + (size_t)collect->plan[i] * n;
      continue;
    }
    const double *a = top[depth - 2], *b = top[depth - 1];
    double *sum = collect->stack + (size_t)(depth - 2) * n;
    for (size_t k = 0; k < n; k++) sum[k] = a[k] + b[k];
    top[--depth - 1] = sum;
  }
  memcpy(out, top[0], n * sizeof *out);
}

/* Computes total (elements, on rank 0) = sum over all leaves. */
static ls_status collect_pieces(const normal_t *normal, collect_t *collect, double *total, ls_error *error) {
  int ranks = world_size(normal->world);
  for (size_t at = 0, n = 0; at < normal->elements; at += n) {
    size_t left = normal->elements - at;
    n = left < collect->at_once ? left : collect->at_once;
    for (int r = 0; r < ranks; r++) collect->sizes[r] = (size_t)collect->counts[r] * n * sizeof(double);
    for (int k = 0; k < normal->n_pieces; k++)
      memcpy(collect->send + (size_t)k * n, normal->partials + (size_t)k * normal->elements + at,
             n * sizeof(double));
    TRY(world_gather_pieces(normal->world, collect->send, collect->sizes, collect->receive, 0, error));
    if (total != NULL) add_pieces(collect, n, total + at);
  }
  return LS_OK;
}

/* Computes total = sum over all rows of what `add` adds. total: (elements) on rank 0, NULL elsewhere.
 * Collective. */
static ls_status sum_rows(normal_t *normal, add_t add, size_t elements, double *total, ls_error *error) {
  arena_t arena = {0};
  collect_t collect = {.length = 0};
  size_t levels = (size_t)tree_depth(normal->split->shards);
  normal->add = add;
  normal->elements = elements;
  normal->partials = arena_new(&arena, (size_t)normal->n_pieces * elements, sizeof(double));
  normal->levels = arena_new(&arena, levels * elements, sizeof(double));
  ls_status status =
      normal->partials == NULL || normal->levels == NULL
          ? no_memory((double)(levels + (size_t)normal->n_pieces) * (double)elements * 8, error)
          : plan_collect(normal, &arena, &collect, error);
  TRY_OR_DONE(world_agree(normal->world, status, error));
  TRY_OR_DONE(world_agree(normal->world, fold_pieces(normal, error), error));
  status = collect_pieces(normal, &collect, total, error);
done:
  arena_free(&arena);
  return status;
}

/* ---- both passes ---- */

enum { SUM_WEIGHT, SUM_LOGARITHM, SUM_ROWS, WEIGHT_SUMS };

/* Rows of weight 0 do not count. */
static void add_weight(double weight, double *sums) {
  if (!(weight > 0)) return;
  sums[SUM_WEIGHT] += weight;
  sums[SUM_LOGARITHM] += log(weight);
  sums[SUM_ROWS] += 1;
}

/* Computes the sums of the weights and of their logarithms, and the number of rows. Collective. */
static ls_status sum_weights(const normal_t *normal, normal_equations_t *equations, ls_error *error) {
  const split_t *split = normal->split;
  double rows = (double)split->partition.rows;
  double sums[WEIGHT_SUMS] = {[SUM_WEIGHT] = rows, [SUM_ROWS] = rows};
  if (split->weights != NULL)
    TRY(row_weights_sum(normal->world, split, WEIGHT_SUMS, add_weight, sums, error));
  equations->weight = sums[SUM_WEIGHT];
  equations->log_weights = sums[SUM_LOGARITHM];
  equations->rows = (int64_t)sums[SUM_ROWS];
  return LS_OK;
}

static ls_status find_mean(normal_t *normal, double *sums, ls_error *error) {
  TRY(sum_rows(normal, add_columns, (size_t)normal->width, sums, error));
  if (sums != NULL)
    for (int64_t c = 0; c < normal->columns; c++) normal->mean[c] = sums[c] / normal->weight;
  return world_broadcast(normal->world, normal->mean, (size_t)normal->columns * sizeof(double), 0, error);
}

static ls_status make_buffers(normal_t *normal, arena_t *arena, double **products, ls_error *error) {
  size_t width = (size_t)normal->width;
  bool is_root = world_rank(normal->world) == 0;
  normal->rows = arena_new(arena, BLOCK_ROWS * width, sizeof(float));
  normal->targets = arena_new(arena, BLOCK_ROWS * width, sizeof(float));
  normal->z = arena_new(arena, BLOCK_ROWS * width, sizeof(double));
  normal->mean = arena_new(arena, width, sizeof(double));
  *products = is_root ? arena_new(arena, width * width, sizeof(double)) : NULL;
  bool all = normal->rows != NULL && normal->targets != NULL && normal->z != NULL && normal->mean != NULL &&
             (*products != NULL || !is_root);
  return all ? LS_OK : no_memory((double)(width * width) * sizeof(double), error);
}

ls_status normal_equations(world_t *world, const gather_t *gather, int threads, bool has_bias, arena_t *arena,
                           normal_equations_t *out, ls_error *error) {
  const split_t *split = gather->split;
  activity_set("adding up the normal equations");
  normal_t normal = {.world = world,
                     .gather = gather,
                     .split = split,
                     .threads = threads,
                     .columns = gather->features->inputs + split->width,
                     .width = gram_width(gather->features->inputs + split->width)};
  double *products = NULL;
  normal_equations_t equations = {.inputs = gather->features->inputs,
                                  .outputs = split->width,
                                  .has_bias = has_bias,
                                  .width = normal.width};
  normal.n_pieces = tree_cover(split->partition.shards, split->first_shard, split->shards, normal.pieces);
  TRY(world_agree(world, make_buffers(&normal, arena, &products, error), error));
  TRY(sum_weights(&normal, &equations, error));
  normal.weight = equations.weight;
  progress_begin((has_bias ? 2 : 1) * split->rows, NULL, "adding up products of columns");
  if (has_bias) TRY(find_mean(&normal, products, error));
  normal.takes_roots = true;
  TRY(sum_rows(&normal, add_products, (size_t)(normal.width * normal.width), products, error));
  progress_end();
  equations.mean = normal.mean;
  equations.products = products;
  *out = equations;
  return LS_OK;
}
