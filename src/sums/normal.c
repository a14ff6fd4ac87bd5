/* Two sums over rows: of the columns, for their means, and of products of columns. A leaf is one vector of
 * doubles; all threads work on it together, because it may be large. */
#include "sums/normal.h"

#include "base/activity.h"
#include "base/progress.h"
#include "features/row_weights.h"
#include "math/panels.h"
#include "sums/sums.h"

#include <math.h>

/* What both passes need. */
typedef struct {
  world_t *world;
  const gather_t *gather;
  int threads;
  int64_t features, targets, columns; /* columns: of both */
  int64_t width;                      /* columns, padded */
  double *z;        /* rows in panels (math/panels.h), features before targets; padding zero */
  double *mean;     /* (columns), initially zero */
  bool takes_roots; /* multiply rows by the square roots of their weights, for sums of products */
} normal_t;

/* ---- leaves ---- */

/* Fills z with the rows of a block minus the means, times their weights in a plain sum, or times the roots of
 * these in a sum of products. Called by all threads of the team. */
static void fill_block(const normal_t *normal, const sums_block_t *block) {
  const int64_t features = normal->features, targets = normal->targets;
#pragma omp for schedule(static)
  for (int64_t r = 0; r < block->rows; r++) {
    const float *x = block->x + r * features, *y = block->targets + r * targets;
    double factor = block->weights != NULL ? (double)block->weights[r] : 1;
    if (normal->takes_roots) factor = sqrt(factor);
    for (int64_t c = 0; c < features; c++)
      normal->z[panels_at(SUMS_BLOCK, r, c)] = factor * ((double)x[c] - normal->mean[c]);
    for (int64_t c = 0; c < targets; c++)
      normal->z[panels_at(SUMS_BLOCK, r, features + c)] =
          factor * ((double)y[c] - normal->mean[features + c]);
  }
}

static void add_columns(void *context, const sums_block_t *block, double *leaf) {
  const normal_t *normal = context;
  fill_block(normal, block);
#pragma omp for schedule(static)
  for (int64_t first = 0; first < normal->width; first += PANEL_SIDE) {
    double sum[PANEL_SIDE] = {0};
    for (int64_t r = 0; r < block->rows; r++)
      for (int c = 0; c < PANEL_SIDE; c++) sum[c] += normal->z[first * SUMS_BLOCK + r * PANEL_SIDE + c];
    for (int c = 0; c < PANEL_SIDE; c++) leaf[first + c] += sum[c];
  }
}

static void add_products(void *context, const sums_block_t *block, double *leaf) {
  const normal_t *normal = context;
  fill_block(normal, block);
#pragma omp for schedule(dynamic, 1)
  for (int64_t tile = normal->width / PANEL_SIDE - 1; tile >= 0; tile--) /* longest first */
    triangle_add(block->rows, SUMS_BLOCK, normal->z, tile, leaf);
}

/* Computes total (elements, on rank 0) = sum over all rows of what `add` adds. Collective. */
static ls_status sum_rows(normal_t *normal, sums_add_t *add, size_t elements, double *total,
                          ls_error *error) {
  const sums_inputs_t inputs = {.world = normal->world,
                                .gather = normal->gather,
                                .threads = normal->threads,
                                .elements = elements,
                                .together = true,
                                .wants_targets = true};
  sums_t *sums = NULL;
  TRY(sums_create(&inputs, &sums, error));
  ls_status status = sums_run(sums, add, normal, total, error);
  sums_destroy(&sums);
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
  const split_t *split = normal->gather->split;
  double rows = (double)split->partition.rows;
  double sums[WEIGHT_SUMS] = {[SUM_WEIGHT] = rows, [SUM_ROWS] = rows};
  if (split->weights != NULL)
    TRY(row_weights_sum(normal->world, split, WEIGHT_SUMS, add_weight, sums, error));
  equations->weight = sums[SUM_WEIGHT];
  equations->log_weights = sums[SUM_LOGARITHM];
  equations->rows = (int64_t)sums[SUM_ROWS];
  return LS_OK;
}

static ls_status find_mean(normal_t *normal, double weight, double *sums, ls_error *error) {
  TRY(sum_rows(normal, add_columns, (size_t)normal->width, sums, error));
  if (sums != NULL)
    for (int64_t c = 0; c < normal->columns; c++) normal->mean[c] = sums[c] / weight;
  return world_broadcast(normal->world, normal->mean, (size_t)normal->columns * sizeof(double), 0, error);
}

/* sums: tiles of products, on rank 0. */
static ls_status make_buffers(normal_t *normal, arena_t *arena, double **sums, double **products,
                              ls_error *error) {
  size_t width = (size_t)normal->width;
  bool is_root = world_rank(normal->world) == 0;
  normal->z = arena_new(arena, SUMS_BLOCK * width, sizeof(double));
  normal->mean = arena_new(arena, width, sizeof(double));
  *sums = is_root ? arena_new(arena, triangle_elements(normal->width), sizeof(double)) : NULL;
  *products = is_root ? arena_new(arena, width * width, sizeof(double)) : NULL;
  const bool is_there = *sums != NULL && *products != NULL;
  if (normal->z != NULL && normal->mean != NULL && (is_there || !is_root)) return LS_OK;
  return error_set(error, LS_NO_MEMORY, "no memory for the normal equations (%.1f MB)",
                   (double)(width * width) * sizeof(double) / 1e6);
}

ls_status normal_equations(world_t *world, const gather_t *gather, int threads, bool has_bias, arena_t *arena,
                           normal_equations_t *out, ls_error *error) {
  const split_t *split = gather->split;
  const int64_t features = gather->features->inputs, columns = features + split->width;
  activity_set("adding up the normal equations");
  normal_t normal = {.world = world,
                     .gather = gather,
                     .threads = threads,
                     .features = features,
                     .targets = split->width,
                     .columns = columns,
                     .width = panels_width(columns)};
  double *sums = NULL, *products = NULL;
  normal_equations_t equations = {
      .inputs = features, .outputs = split->width, .has_bias = has_bias, .width = normal.width};
  TRY(world_agree(world, make_buffers(&normal, arena, &sums, &products, error), error));
  TRY(sum_weights(&normal, &equations, error));
  progress_begin((has_bias ? 2 : 1) * split->rows, NULL, "adding up products of columns");
  if (has_bias) TRY(find_mean(&normal, equations.weight, sums, error));
  normal.takes_roots = true;
  TRY(sum_rows(&normal, add_products, triangle_elements(normal.width), sums, error));
  if (products != NULL) triangle_unpack(normal.width, sums, products);
  progress_end();
  equations.mean = normal.mean;
  equations.products = products;
  *out = equations;
  return LS_OK;
}
