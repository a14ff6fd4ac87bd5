/* The product of pairs of bf16 numbers on tiles (tiles.h): AMX, or its emulation.
 *
 * Two tiles of rows and two panels are multiplied at a time. This uses all eight tiles: four of sums, two of
 * rows, two of panels. Each loaded tile is used twice.
 *
 *                panel 6   panel 7
 *     rows 4  →   sums 0    sums 1
 *     rows 5  →   sums 2    sums 3 */
#include "math/product.h"
#include "math/tiles.h"
#include "math/variant.h"

#include <stdbool.h>
#include <string.h>

enum { TILE = PRODUCT_TILE, LINE = 16 };

/* What to do with the sums: g(start + sum), or n terms to add. */
typedef struct {
  bool activates;
  const float *start; /* for the columns of the group, whole panels */
  float slope;
  const product_sum_t *terms;
  int n;
} tile_ending_t;

/* Up to two tiles of rows by up to two panels. */
typedef struct {
  int64_t row, rows, panel, panels, columns;
  const float *fetch; /* `lines` cache lines per tile of depth */
  int64_t lines;
} tile_group_t;

static int64_t least(int64_t a, int64_t b) {
  return a < b ? a : b;
}

/* ---- factors ---- */

/* Buffer for a tile that has fewer than 16 rows, padded with zeros, so nothing beyond the rows is read. */
typedef struct {
  float of[TILE * TILE];
} spare_t;

INLINE const float *whole_rows(const float *a, int64_t stride, int64_t rows, spare_t *spare,
                               int64_t *out_stride) {
  *out_stride = stride;
  if (rows >= TILE) return a;
  for (int64_t r = 0; r < rows; r++) memcpy(spare->of + r * TILE, a + r * stride, TILE * sizeof *a);
  *out_stride = TILE;
  return spare->of;
}

/* ---- sums ---- */

INLINE void begin_sums(tiles_t *tiles, const tile_ending_t *ending) {
  (void)tiles;
  if (!ending->activates) {
    TILE_ZERO(tiles, 0);
    TILE_ZERO(tiles, 1);
    TILE_ZERO(tiles, 2);
    TILE_ZERO(tiles, 3);
    return;
  }
  TILE_LOAD(tiles, 0, ending->start, 0);
  TILE_LOAD(tiles, 1, ending->start + TILE, 0);
  TILE_LOAD(tiles, 2, ending->start, 0);
  TILE_LOAD(tiles, 3, ending->start + TILE, 0);
}

INLINE void add_depth(tiles_t *tiles, const product_t *product, const tile_group_t *group) {
  (void)tiles;
  const float *a = product->a + group->row * product->a_stride;
  const float *b = product->b + group->panel * product->b_panel, *fetch = group->fetch;
  const bool two_rows = group->rows > TILE, two_panels = group->panels > 1;
  spare_t spare[2] = {0};
  for (int64_t k = 0; k < product->depth; k += TILE) {
    for (int64_t i = 0; i < group->lines; i++, fetch += LINE) __builtin_prefetch(fetch, 0, 2);
    int64_t stride = 0;
    const float *rows = whole_rows(a + k, product->a_stride, group->rows, &spare[0], &stride);
    TILE_LOAD(tiles, 4, rows, stride);
    TILE_LOAD(tiles, 6, b + k * TILE, TILE);
    TILE_MULTIPLY(tiles, 0, 4, 6);
    if (two_panels) {
      TILE_LOAD(tiles, 7, b + product->b_panel + k * TILE, TILE);
      TILE_MULTIPLY(tiles, 1, 4, 7);
    }
    if (!two_rows) continue;
    rows = whole_rows(a + TILE * product->a_stride + k, product->a_stride, group->rows - TILE, &spare[1],
                      &stride);
    TILE_LOAD(tiles, 5, rows, stride);
    TILE_MULTIPLY(tiles, 2, 5, 6);
    if (two_panels) TILE_MULTIPLY(tiles, 3, 5, 7);
  }
}

/* ---- results ---- */

/* Stores one tile of sums in c. */
INLINE void end_tile(const product_t *product, const tile_ending_t *ending, int64_t row, int64_t rows,
                     int64_t panel, int64_t columns, const float *sums) {
  float *c = product->c + panel * product->c_panel + row * product->c_stride;
  for (int64_t r = 0; r < rows; r++, c += product->c_stride, sums += TILE) {
    vector_t sum = *(const loose_t *)sums;
    if (ending->activates) sum = rectify(sum, ending->slope);
    for (int k = ending->n; k-- > 0;)
      sum += *(const loose_t *)(ending->terms[k].floats + panel * ending->terms[k].panel +
                                (row + r) * product->c_stride);
    if (columns >= TILE)
      *(loose_t *)c = sum;
    else
      memcpy(c, &sum, (size_t)columns * sizeof *c);
  }
}

INLINE void end_sums(tiles_t *tiles, const product_t *product, const tile_group_t *group,
                     const tile_ending_t *ending) {
  (void)tiles;
  float sums[4][TILE * TILE];
  const int64_t row = group->row, upper = least(group->rows, TILE), lower = group->rows - upper;
  const int64_t panel = group->panel, first = least(group->columns, TILE), second = group->columns - first;
  TILE_STORE(tiles, 0, sums[0], TILE);
  end_tile(product, ending, row, upper, panel, first, sums[0]);
  if (second > 0) {
    TILE_STORE(tiles, 1, sums[1], TILE);
    end_tile(product, ending, row, upper, panel + 1, second, sums[1]);
  }
  if (lower > 0) {
    TILE_STORE(tiles, 2, sums[2], TILE);
    end_tile(product, ending, row + TILE, lower, panel, first, sums[2]);
  }
  if (lower > 0 && second > 0) {
    TILE_STORE(tiles, 3, sums[3], TILE);
    end_tile(product, ending, row + TILE, lower, panel + 1, second, sums[3]);
  }
}

/* ---- all rows of two panels ---- */

static void walk_rows(const product_t *product, int64_t panel, int64_t panels, int64_t columns,
                      const float *fetch, int64_t fetch_floats, const tile_ending_t *ending) {
  const int64_t blocks = (product->rows + 2 * TILE - 1) / (2 * TILE), depth = product->depth / TILE;
  const int64_t shares = blocks * (depth > 0 ? depth : 1) * LINE;
  tile_group_t group = {.panel = panel,
                        .panels = panels,
                        .columns = columns,
                        .fetch = fetch,
                        .lines = (fetch_floats + shares - 1) / shares};
  tiles_t tiles;
  tiles_begin(&tiles);
  for (group.row = 0; group.row < product->rows; group.row += 2 * TILE) {
    group.rows = least(product->rows - group.row, 2 * TILE);
    begin_sums(&tiles, ending);
    add_depth(&tiles, product, &group);
    end_sums(&tiles, product, &group, ending);
    group.fetch += depth * group.lines * LINE;
  }
}

static void store(const product_t *product, const float *start, float slope) {
  tile_ending_t ending = {.activates = start != NULL || slope != 1.0F, .slope = slope};
  for (int64_t first = 0; first < product->columns; first += 2 * TILE) {
    const int64_t columns = least(product->columns - first, 2 * TILE), panel = first / TILE;
    const int64_t following = least((product->columns - first - columns + TILE - 1) / TILE, 2);
    float padded[2 * TILE] = {0};
    if (start != NULL) memcpy(padded, start + first, (size_t)columns * sizeof *start);
    ending.start = padded;
    walk_rows(product, panel, (columns + TILE - 1) / TILE, columns,
              product->b + (panel + 2) * product->b_panel, following * product->b_panel, &ending);
  }
}

/* During the first group, prefetches b of the next call; during the others, shares of a of the next call. */
static void add(const product_t *product, const product_sum_t *terms, int n) {
  const tile_ending_t ending = {.terms = terms, .n = n};
  const int64_t panels = product->columns / TILE, groups = (panels + 1) / 2;
  const int64_t share = groups > 1 ? product->next_a_floats / (groups - 1) : 0;
  for (int64_t g = 0; g < groups; g++) {
    const int64_t some = least(panels - 2 * g, 2);
    const float *fetch = g == 0 ? product->next_b : product->next_a + (g - 1) * share;
    walk_rows(product, 2 * g, some, some * TILE, fetch, g == 0 ? product->next_b_floats : share, &ending);
  }
}

const product_kernels_t VARIANT(product_tiles) = {store, add};
