/* The product of some rows with a panel of columns, in registers.
 *
 * For each step of depth a few rows' factors are multiplied with the panel's vectors, and all sums stay in
 * registers until the depth is done: one load of the panel serves six rows, one broadcast factor a whole
 * panel, so that the multipliers are what a step waits for (Goto, van de Geijn: "Anatomy of high-performance
 * matrix multiplication", 2008, section 6). The panels are stored the way they are read, so nothing is packed
 * on the way; but the next panel is asked for while this one is multiplied, since panels come from far and
 * no processor looks ahead beyond a page. This file is compiled with products and sums fused
 * (-ffp-contract=fast), and always optimised: each pair is one instruction everywhere in it. */
#include "math/product.h"

#include <string.h>

enum {
  MOST_ROWS = 6,
  LANES = PRODUCT_LANES,
  VECTORS = PRODUCT_VECTORS,
  PANEL = PRODUCT_PANEL,
  LINE = 16,    /* floats of a cache line */
  STRETCH = 32, /* depth between two looks ahead */
};

typedef float vector_t __attribute__((vector_size(LANES * sizeof(float))));
typedef float loose_t __attribute__((vector_size(LANES * sizeof(float)), aligned(4), may_alias));
typedef int32_t mask_t __attribute__((vector_size(LANES * sizeof(float))));

#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif
#define INLINE static inline __attribute__((always_inline))

/* ---- some rows of a product ---- */

/* What a block of rows works on, in registers as soon as it is inlined. */
typedef struct {
  int64_t depth, a_stride, c_stride;
  const float *a, *b;
  const float *fetch; /* its share of the next panel, `lines` cache lines for each STRETCH of depth */
  int64_t lines;
  int64_t ahead; /* floats from a to what is fetched of it; 0: nothing */
  float *c;
} block_t;

typedef struct {
  vector_t of[MOST_ROWS][VECTORS];
} sums_t;

/* Some depth of the panel by the block's rows; rows is a constant where this is called, so sums are
 * registers. */
INLINE void multiply_stretch(const int rows, int64_t depth, const float *a, int64_t a_stride, const float *b,
                             sums_t *sums) {
  for (int64_t k = 0; k < depth; k++, b += PANEL) {
    vector_t column[VECTORS];
    UNROLL
    for (int v = 0; v < VECTORS; v++) column[v] = *(const loose_t *)(b + v * LANES);
    UNROLL
    for (int r = 0; r < rows; r++) UNROLL
    for (int v = 0; v < VECTORS; v++) sums->of[r][v] += a[r * a_stride + k] * column[v];
  }
}

INLINE void multiply(const int rows, const block_t *block, sums_t *sums) {
  for (int64_t k = 0; k < block->depth; k += STRETCH) {
    int64_t left = block->depth - k, lines = block->lines;
    for (int64_t i = 0; i < lines; i++)
      __builtin_prefetch(block->fetch + (k / STRETCH * lines + i) * LINE, 0, 2);
    for (int r = 0; r < rows && block->ahead > 0; r++)
      for (int64_t i = 0; i < STRETCH; i += LINE)
        __builtin_prefetch(block->a + block->ahead + r * block->a_stride + k + i, 0, 2);
    multiply_stretch(rows, left < STRETCH ? left : STRETCH, block->a + k, block->a_stride,
                     block->b + k * PANEL, sums);
  }
}

/* x for x > 0, else slope x; adding zero makes -0 a 0, and NaN stays NaN. */
INLINE vector_t rectify(vector_t x, float slope) {
  vector_t low = x * slope;
  mask_t positive = x > 0.0F;
  return (vector_t)(((mask_t)x & positive) | ((mask_t)low & ~positive)) + 0.0F;
}

INLINE void block_store(const int rows, const block_t *block, const float *start, float slope) {
  sums_t sums;
  UNROLL
  for (int r = 0; r < rows; r++) UNROLL
  for (int v = 0; v < VECTORS; v++)
    sums.of[r][v] = start == NULL ? (vector_t){0} : (vector_t) * (const loose_t *)(start + v * LANES);
  multiply(rows, block, &sums);
  UNROLL
  for (int r = 0; r < rows; r++) UNROLL
  for (int v = 0; v < VECTORS; v++)
    *(loose_t *)(block->c + r * block->c_stride + v * LANES) = rectify(sums.of[r][v], slope);
}

INLINE void block_add(const int rows, const block_t *block) {
  sums_t sums;
  UNROLL
  for (int r = 0; r < rows; r++) UNROLL
  for (int v = 0; v < VECTORS; v++) sums.of[r][v] = (vector_t){0};
  multiply(rows, block, &sums);
  UNROLL
  for (int r = 0; r < rows; r++) UNROLL
  for (int v = 0; v < VECTORS; v++) *(loose_t *)(block->c + r * block->c_stride + v * LANES) += sums.of[r][v];
}

/* ---- any number of rows ---- */

/* Walks over blocks of nearly equal size: two or three rows alone would have too few sums to keep the
 * multipliers busy. Each block fetches as much of the next panel as it has a share in this one. */
typedef struct {
  block_t block;
  int64_t left;            /* blocks, this one included */
  int64_t rows, remainder; /* the first `remainder` blocks have one row more */
} walk_t;

INLINE walk_t walk_begin(const product_t *product) {
  int64_t blocks = (product->rows + MOST_ROWS - 1) / MOST_ROWS;
  walk_t walk = {.block = {.depth = product->depth,
                           .a_stride = product->a_stride,
                           .c_stride = product->c_stride,
                           .a = product->a,
                           .b = product->b,
                           .fetch = product->next,
                           .ahead = product->ahead * product->a_stride,
                           .c = product->c},
                 .left = blocks,
                 .rows = product->rows / blocks,
                 .remainder = product->rows % blocks};
  if (product->next != NULL) walk.block.lines = (STRETCH * PANEL / LINE + blocks - 1) / blocks;
  return walk;
}

INLINE int64_t walk_rows(const walk_t *walk) {
  return walk->rows + (walk->remainder > 0);
}

INLINE void walk_on(walk_t *walk) {
  int64_t rows = walk_rows(walk);
  walk->block.a += rows * walk->block.a_stride;
  walk->block.c += rows * walk->block.c_stride;
  walk->block.fetch += walk->block.depth / STRETCH * walk->block.lines * LINE;
  walk->remainder--;
  walk->left--;
}

#define FOR_EACH_ROW_COUNT(X) X(1) X(2) X(3) X(4) X(5) X(6)

static void store_panel(const product_t *product, const float *start, float slope) {
  for (walk_t walk = walk_begin(product); walk.left > 0; walk_on(&walk)) switch (walk_rows(&walk)) {
#define CASE(ROWS)                                                                                           \
  case ROWS:                                                                                                 \
    block_store(ROWS, &walk.block, start, slope);                                                            \
    break;
      FOR_EACH_ROW_COUNT(CASE)
#undef CASE
    }
}

void product_add(const product_t *product) {
  for (walk_t walk = walk_begin(product); walk.left > 0; walk_on(&walk)) switch (walk_rows(&walk)) {
#define CASE(ROWS)                                                                                           \
  case ROWS:                                                                                                 \
    block_add(ROWS, &walk.block);                                                                            \
    break;
      FOR_EACH_ROW_COUNT(CASE)
#undef CASE
    }
}

/* A panel that is not full: all of it beside, and what there is of it to where it belongs. */
static void store_part(const product_t *product, const float *start, float slope, int64_t columns) {
  float whole[MOST_ROWS * PANEL], padded[PANEL] = {0};
  if (start != NULL) memcpy(padded, start, (size_t)columns * sizeof *start);
  product_t few = *product;
  few.c = whole;
  few.c_stride = PANEL;
  for (int64_t first = 0; first < product->rows; first += MOST_ROWS) {
    int64_t left = product->rows - first;
    few.rows = left < MOST_ROWS ? left : MOST_ROWS;
    few.a = product->a + first * product->a_stride;
    store_panel(&few, padded, slope);
    for (int64_t r = 0; r < few.rows; r++)
      memcpy(product->c + (first + r) * product->c_stride, whole + r * PANEL,
             (size_t)columns * sizeof *whole);
  }
}

void product_store(const product_t *product, const float *start, float slope, int64_t columns) {
  if (columns == PANEL)
    store_panel(product, start, slope);
  else
    store_part(product, start, slope, columns);
}

/* ---- transposing ---- */

enum { SIDE = 8 };
typedef float side_t __attribute__((vector_size(SIDE * sizeof(float))));
typedef float loose_side_t __attribute__((vector_size(SIDE * sizeof(float)), aligned(4), may_alias));

/* Eight by eight in three rounds: pairs of rows exchange single columns, then pairs of columns, then halves.
 */
INLINE void transpose_square(const float *in, int64_t in_stride, float *out, int64_t out_stride) {
  side_t x[SIDE], y[SIDE];
  UNROLL
  for (int i = 0; i < SIDE; i++) x[i] = *(const loose_side_t *)(in + i * in_stride);
  UNROLL
  for (int i = 0; i < SIDE; i += 2) {
    y[i] = __builtin_shufflevector(x[i], x[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
    y[i + 1] = __builtin_shufflevector(x[i], x[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
  }
  UNROLL
  for (int i = 0; i < SIDE; i += 4) UNROLL
  for (int k = 0; k < 2; k++) {
    x[i + 2 * k] = __builtin_shufflevector(y[i + k], y[i + k + 2], 0, 1, 8, 9, 4, 5, 12, 13);
    x[i + 2 * k + 1] = __builtin_shufflevector(y[i + k], y[i + k + 2], 2, 3, 10, 11, 6, 7, 14, 15);
  }
  UNROLL
  for (int i = 0; i < SIDE / 2; i++) {
    *(loose_side_t *)(out + i * out_stride) =
        __builtin_shufflevector(x[i], x[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
    *(loose_side_t *)(out + (i + 4) * out_stride) =
        __builtin_shufflevector(x[i], x[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
  }
}

void transpose(int64_t rows, int64_t columns, const float *in, int64_t in_stride, float *out,
               int64_t out_stride) {
  int64_t squares = columns / SIDE * SIDE, r = 0;
  for (; r + SIDE <= rows; r += SIDE)
    for (int64_t c = 0; c < squares; c += SIDE)
      transpose_square(in + r * in_stride + c, in_stride, out + c * out_stride + r, out_stride);
  for (int64_t i = 0; i < rows; i++)
    for (int64_t c = i < r ? squares : 0; c < columns; c++) out[c * out_stride + i] = in[i * in_stride + c];
}
