/* The product of some rows with a panel of columns, in registers: the text of product.c, product_bf16.c and
 * product_emulated.c, each of which defines what a factor is and how one is multiplied (product_vectors.h).
 *
 * For each step of depth a few rows' factors are multiplied with the panel's vectors, and all sums stay in
 * registers until the depth is done: one load of the panel serves six rows, one broadcast factor a whole
 * panel, so that the multipliers are what a step waits for (Goto, van de Geijn: "Anatomy of high-performance
 * matrix multiplication", 2008, section 6). The panels are stored the way they are read, so nothing is packed
 * on the way; but the next panel is asked for while this one is multiplied, since panels come from far and
 * no processor looks ahead beyond a page. These files are compiled with products and sums fused
 * (-ffp-contract=fast), and always optimised: each pair is one instruction everywhere in them. */
#include <stdbool.h>
#include <string.h>

enum {
  MOST_ROWS = 6,
  VECTORS = PRODUCT_VECTORS,
  PANEL = PRODUCT_PANEL,
  LINE = 16,    /* floats of a cache line */
  STRETCH = 32, /* depth between two looks ahead */
};

#ifdef __clang__
#define UNROLL      _Pragma("clang loop unroll(full)")
#define UNROLL_SOME _Pragma("clang loop unroll_count(8)")
#else
#define UNROLL      _Pragma("GCC unroll 16")
#define UNROLL_SOME _Pragma("GCC unroll 8")
#endif

/* ---- some rows of a product ---- */

/* What a block of rows works on, in registers as soon as it is inlined. */
typedef struct {
  int64_t depth, a_stride, c_stride;
  const float *a, *b;
  const float *fetch; /* its share of what is fetched, so many cache lines for each STRETCH of depth */
  int64_t lines;
  float *c;
} block_t;

typedef struct {
  vector_t of[MOST_ROWS][VECTORS];
} sums_t;

/* Some depth of the panel by the block's rows; rows is a constant where this is called, so sums are
 * registers. */
INLINE void multiply_stretch(const int rows, int64_t depth, const float *a, int64_t a_stride, const float *b,
                             sums_t *sums) {
  UNROLL_SOME
  for (int64_t k = 0; k < depth; k++, b += PANEL) {
    vector_t column[VECTORS];
    UNROLL
    for (int v = 0; v < VECTORS; v++) column[v] = *(const loose_t *)(b + v * LANES);
    UNROLL
    for (int r = 0; r < rows; r++) UNROLL
    for (int v = 0; v < VECTORS; v++)
      sums->of[r][v] = multiply_add(sums->of[r][v], a[r * a_stride + k], column[v]);
  }
}

INLINE void multiply(const int rows, const block_t *block, sums_t *sums) {
  const float *fetch = block->fetch;
  for (int64_t k = 0; k < block->depth; k += STRETCH) {
    int64_t left = block->depth - k;
    for (int64_t i = 0; i < block->lines; i++, fetch += LINE) __builtin_prefetch(fetch, 0, 2);
    if (left >= STRETCH) /* a constant, which the compiler unrolls by */
      multiply_stretch(rows, STRETCH, block->a + k, block->a_stride, block->b + k * PANEL, sums);
    else
      multiply_stretch(rows, left, block->a + k, block->a_stride, block->b + k * PANEL, sums);
  }
}

/* Of something that lies like c, from `at` on: vector v of the block's row r. */
INLINE loose_t *vector_at(const block_t *block, int r, int v, const float *at) {
  return (loose_t *)(at + r * block->c_stride + v * LANES);
}

/* x for x > 0, else slope x; adding zero makes -0 a 0, and NaN stays NaN. */
INLINE vector_t rectify(vector_t x, float slope) {
  vector_t low = x * slope;
  mask_t positive = x > 0.0F;
  return (vector_t)(((mask_t)x & positive) | ((mask_t)low & ~positive)) + 0.0F;
}

/* c = g(a b + start), g a function that rectify knows. */
INLINE void block_activate(const int rows, const block_t *block, const float *start, float slope) {
  sums_t sums;
  UNROLL
  for (int r = 0; r < rows; r++) UNROLL
  for (int v = 0; v < VECTORS; v++) sums.of[r][v] = *(const loose_t *)(start + v * LANES);
  multiply(rows, block, &sums);
  UNROLL
  for (int r = 0; r < rows; r++) UNROLL
  for (int v = 0; v < VECTORS; v++) *vector_at(block, r, v, block->c) = rectify(sums.of[r][v], slope);
}

INLINE void add_term(const int rows, const block_t *block, const float *term, sums_t *sums) {
  UNROLL
  for (int r = 0; r < rows; r++) UNROLL
  for (int v = 0; v < VECTORS; v++) sums->of[r][v] += *vector_at(block, r, v, term);
}

/* c = terms[0] + (terms[1] + … (terms[n - 1] + a b)), terms at the block's place, all in registers. */
INLINE void block_add(const int rows, const block_t *block, const float *const *terms, int n, int64_t at) {
  sums_t sums;
  UNROLL
  for (int r = 0; r < rows; r++) UNROLL
  for (int v = 0; v < VECTORS; v++) sums.of[r][v] = (vector_t){0};
  multiply(rows, block, &sums);
  if (n > 0) add_term(rows, block, terms[n - 1] + at, &sums);
  for (int k = n - 1; k-- > 0;) add_term(rows, block, terms[k] + at, &sums);
  UNROLL
  for (int r = 0; r < rows; r++) UNROLL
  for (int v = 0; v < VECTORS; v++) *vector_at(block, r, v, block->c) = sums.of[r][v];
}

/* ---- any number of rows ---- */

/* What becomes of the sums of each block: g(start + sum), or n terms that they are added to. */
typedef struct {
  const float *start;
  float slope;
  const float *const *terms;
  int n;
} ending_t;

/* The next `count` blocks, of so many rows each: a constant where this is called, as is `activates`. */
INLINE void walk_blocks(const int rows, const bool activates, int64_t count, block_t *block, int64_t fetched,
                        const float *c, const ending_t *ending) {
  for (; count > 0; count--) {
    if (activates)
      block_activate(rows, block, ending->start, ending->slope);
    else
      block_add(rows, block, ending->terms, ending->n, block->c - c);
    block->a += rows * block->a_stride;
    block->c += rows * block->c_stride;
    block->fetch += fetched;
  }
}

INLINE void walk_some(uint32_t rows, const bool activates, int64_t count, block_t *block, int64_t fetched,
                      const float *c, const ending_t *ending) {
  switch (rows) {
#define CASE(ROWS)                                                                                           \
  case ROWS:                                                                                                 \
    walk_blocks(ROWS, activates, count, block, fetched, c, ending);                                          \
    break;
    CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6)
#undef CASE
  }
}

/* Blocks are of nearly equal size, the first ones larger by a row where the rows do not divide: two or three
 * rows alone would have too few sums to keep the multipliers busy. Each block fetches its share. */
INLINE void walk(const product_t *product, const bool activates, const ending_t *ending) {
  const uint32_t all = (uint32_t)product->rows, blocks = (all + MOST_ROWS - 1) / MOST_ROWS;
  const uint32_t rows = all / blocks, larger = all % blocks;
  const uint32_t stretches = ((uint32_t)product->depth + STRETCH - 1) / STRETCH;
  const uint32_t shares = blocks * stretches * LINE, floats = (uint32_t)product->fetch_floats;
  block_t block = {.depth = product->depth,
                   .a_stride = product->a_stride,
                   .c_stride = product->c_stride,
                   .a = product->a,
                   .b = product->b,
                   .fetch = product->fetch,
                   .lines = (floats + shares - 1) / shares,
                   .c = product->c};
  const int64_t fetched = stretches * block.lines * LINE;
  if (larger > 0) walk_some(rows + 1, activates, larger, &block, fetched, product->c, ending);
  walk_some(rows, activates, blocks - larger, &block, fetched, product->c, ending);
}

void PRODUCT_ADD(const product_t *product, const float *const *terms, int n) {
  const ending_t ending = {.terms = terms, .n = n};
  walk(product, false, &ending);
}

static void store_panel(const product_t *product, const float *start, float slope) {
  const float zero[PANEL] = {0};
  const ending_t ending = {.start = start == NULL ? zero : start, .slope = slope};
  if (start == NULL && slope == 1.0F)
    PRODUCT_ADD(product, NULL, 0);
  else
    walk(product, true, &ending);
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
    store_panel(&few, start == NULL ? NULL : padded, slope);
    for (int64_t r = 0; r < few.rows; r++)
      memcpy(product->c + (first + r) * product->c_stride, whole + r * PANEL,
             (size_t)columns * sizeof *whole);
  }
}

void PRODUCT_STORE(const product_t *product, const float *start, float slope, int64_t columns) {
  if (columns == PANEL)
    store_panel(product, start, slope);
  else
    store_part(product, start, slope, columns);
}
