/* The product of rows with panels of columns, in registers: shared source of product_fp32.c, product_pairs.c,
 * product_dot.c and product_squares.c. Each defines `multiply`, which computes the sums of a block.
 *
 * For each step of depth, the factors of a few rows are multiplied with the vectors of the panels. All sums
 * stay in registers until the depth is done. One load of a panel serves many rows and one broadcast factor
 * serves all panels, so the multipliers set the pace (Goto, van de Geijn: "Anatomy of high-performance matrix
 * multiplication", 2008, section 6). Panels are stored as they are read, so nothing is packed. The next
 * panels are prefetched, because hardware prefetchers stop at page boundaries. These files are compiled with
 * fused multiply-add (-ffp-contract=fast) and always optimised, so each product and its sum are one
 * instruction. */
#include "math/product.h"
#include "math/variant.h"

#include <stdbool.h>
#include <string.h>

#if LOCKSTEP_LANES == 16
/* 28 sums, 2 vectors of panels and 1 factor: 31 of 32 registers */
enum { MOST_ROWS = 14, GROUP = 2, AHEAD = 8 };
#else
/* 12 sums, 2 vectors of panels and 1 factor: 15 of 16 registers (AVX2) */
enum { MOST_ROWS = 6, GROUP = 1, AHEAD = 0 };
#endif

enum {
  VECTORS = PRODUCT_PANEL / LANES, /* vectors per panel */
  LINE = 16,                       /* floats per cache line */
  STRETCH = 32,                    /* depth between two prefetches */
};
_Static_assert(VECTORS *LANES == PRODUCT_PANEL && VECTORS >= 1, "a panel is whole vectors");
_Static_assert(PRODUCT_PANEL * sizeof(float) == 64,
               "a step of depth is one cache line, which is fetched alone");
_Static_assert(PRODUCT_PANEL == PRODUCT_TILE, "a panel is as wide as a tile");

/* ---- some rows of some panels ---- */

/* A block of rows and panels. Its members are in registers after inlining. */
typedef struct {
  int64_t depth, a_stride, b_panel, c_stride, c_panel;
  const float *a, *b, *scales;
  const float *fetch; /* what this block prefetches: `lines` cache lines per STRETCH of depth */
  int64_t lines;
  float *c;
} block_t;

typedef struct {
  vector_t of[MOST_ROWS][GROUP * VECTORS];
} sums_t;

/* sums += a b. rows and panels are constants at each call, so the sums stay in registers. */
INLINE void multiply(const int rows, const int panels, const block_t *block, sums_t *sums);

/* The address of vector v (counted over all panels) of row r of the block, in a buffer laid out like c. */
INLINE loose_t *vector_at(const block_t *block, int r, int v, float *at, int64_t panel) {
  return (loose_t *)(at + r * block->c_stride + v / VECTORS * panel + v % VECTORS * LANES);
}

INLINE void fetch_lines(const float *fetch, int64_t lines) {
  for (int64_t i = 0; i < lines; i++) __builtin_prefetch(fetch + i * LINE, 0, 2);
}

/* What to do with the sums of a block: g(start + sum), and n terms to add. */
typedef struct {
  const float *start; /* for the columns of the group, whole panels; NULL: zero */
  bool activates;
  float slope;
  product_sum_t terms[PRODUCT_MOST_TERMS];
  int n;
} ending_t;

/* Computes one block from its start to c, in registers. `done`: rows before the block. */
INLINE void block_run(const int rows, const int panels, const block_t *block, const ending_t *ending,
                      int64_t done) {
  sums_t sums;
  if (ending->start == NULL) { /* clearing registers is free, loading them is not */
    UNROLL
    for (int r = 0; r < rows; r++) UNROLL
    for (int v = 0; v < panels * VECTORS; v++) sums.of[r][v] = (vector_t){0};
  } else {
    UNROLL
    for (int r = 0; r < rows; r++) UNROLL
    for (int v = 0; v < panels * VECTORS; v++) sums.of[r][v] = *(const loose_t *)(ending->start + v * LANES);
  }
  multiply(rows, panels, block, &sums);
  if (ending->activates) {
    UNROLL
    for (int r = 0; r < rows; r++) UNROLL
    for (int v = 0; v < panels * VECTORS; v++) sums.of[r][v] = rectify(sums.of[r][v], ending->slope);
  }
  for (int k = ending->n; k-- > 0;) {
    float *term = ending->terms[k].floats + done * block->c_stride;
    UNROLL
    for (int r = 0; r < rows; r++) UNROLL
    for (int v = 0; v < panels * VECTORS; v++)
      sums.of[r][v] += *vector_at(block, r, v, term, ending->terms[k].panel);
  }
  UNROLL
  for (int r = 0; r < rows; r++) UNROLL
  for (int v = 0; v < panels * VECTORS; v++)
    *vector_at(block, r, v, block->c, block->c_panel) = sums.of[r][v];
}

/* ---- any number of rows ---- */

/* The position of a walk over the rows of a group. */
typedef struct {
  block_t block;
  int64_t fetched; /* floats that each block prefetches */
  int64_t done;    /* rows before the next block */
  const ending_t *ending;
} walk_t;

/* Runs the next `count` blocks of `rows` rows each. */
INLINE void run_blocks(const int rows, const int panels, int64_t count, walk_t *walk) {
  block_t block = walk->block;
  for (; count > 0; count--) {
    block_run(rows, panels, &block, walk->ending, walk->done);
    block.a += rows * block.a_stride;
    block.c += rows * block.c_stride;
    block.fetch += walk->fetched;
    walk->done += rows;
  }
  walk->block = block;
}

#ifdef LOCKSTEP_EMULATED /* emulated vectors do not fit in registers, so constant sizes gain nothing */
static void walk_blocks(int rows, int panels, int64_t count, walk_t *walk) {
  run_blocks(rows, panels, count, walk);
}
#else
/* One function for each block size. As a single function, compilation takes several times as long. */
/* clang-format off */
#define UP_TO_6(SIZE, PANELS)                                                                                \
  SIZE(1, PANELS) SIZE(2, PANELS) SIZE(3, PANELS) SIZE(4, PANELS) SIZE(5, PANELS) SIZE(6, PANELS)
#define UP_TO_14(SIZE, PANELS)                                                                               \
  UP_TO_6(SIZE, PANELS) SIZE(7, PANELS) SIZE(8, PANELS) SIZE(9, PANELS) SIZE(10, PANELS)                     \
  SIZE(11, PANELS) SIZE(12, PANELS) SIZE(13, PANELS) SIZE(14, PANELS)
/* clang-format on */
#if LOCKSTEP_LANES == 16
#define SIZES UP_TO_14
#else
#define SIZES UP_TO_6
#endif
#define NAME(ROWS, PANELS) run_##ROWS##_rows_of_##PANELS
#define FUNCTION(ROWS, PANELS)                                                                               \
  static __attribute__((noinline)) void NAME(ROWS, PANELS)(int64_t count, walk_t * walk) {                   \
    run_blocks(ROWS, PANELS, count, walk);                                                                   \
  }
SIZES(FUNCTION, 1)
#if LOCKSTEP_LANES == 16
SIZES(FUNCTION, GROUP)
#endif

static void walk_blocks(int rows, int panels, int64_t count, walk_t *walk) {
  typedef void run_t(int64_t, walk_t *);
#define ENTRY(ROWS, PANELS) [ROWS] = NAME(ROWS, PANELS),
  static run_t *const runs[GROUP][MOST_ROWS + 1] = {
    {SIZES(ENTRY, 1)},
#if LOCKSTEP_LANES == 16
    {SIZES(ENTRY, GROUP)},
#endif
  };
  runs[panels - 1][rows](count, walk);
}
#endif

/* Computes one group of panels and prefetches `fetch`. Blocks have nearly equal sizes; if the rows do not
 * divide evenly, the first blocks have one row more. A block of only two or three rows would have too few
 * sums to keep the multipliers busy. Each block prefetches its share. */
static void walk_group(const product_t *group, int panels, const float *fetch, int64_t fetch_floats,
                       const ending_t *ending) {
  const uint32_t all = (uint32_t)group->rows, blocks = (all + MOST_ROWS - 1) / MOST_ROWS;
  const uint32_t rows = all / blocks, larger = all % blocks;
  const uint32_t stretches = ((uint32_t)group->depth + STRETCH - 1) / STRETCH;
  const uint32_t shares = blocks * stretches * LINE, floats = (uint32_t)fetch_floats;
  walk_t walk = {.block = {.depth = group->depth,
                           .a_stride = group->a_stride,
                           .b_panel = group->b_panel,
                           .c_stride = group->c_stride,
                           .c_panel = group->c_panel,
                           .a = group->a,
                           .b = group->b,
                           .scales = group->scales,
                           .fetch = fetch,
                           .lines = (floats + shares - 1) / shares,
                           .c = group->c},
                 .ending = ending};
  walk.fetched = stretches * walk.block.lines * LINE;
  if (larger > 0) walk_blocks((int)rows + 1, panels, larger, &walk);
  walk_blocks((int)rows, panels, blocks - larger, &walk);
}

/* ---- any number of panels ---- */

static int64_t least(int64_t a, int64_t b) {
  return a < b ? a : b;
}

/* Computes a panel that is not full: the whole panel into a buffer, then copies the used columns to c. */
static void store_part(const product_t *group, int64_t columns, const ending_t *ending) {
  float whole[MOST_ROWS * PRODUCT_PANEL];
  product_t few = *group;
  few.c = whole;
  few.c_stride = PRODUCT_PANEL;
  for (int64_t first = 0; first < group->rows; first += MOST_ROWS) {
    few.rows = least(group->rows - first, MOST_ROWS);
    few.a = group->a + first * group->a_stride;
    walk_group(&few, 1, NULL, 0, ending);
    for (int64_t r = 0; r < few.rows; r++)
      memcpy(group->c + (first + r) * group->c_stride, whole + r * PRODUCT_PANEL,
             (size_t)columns * sizeof *whole);
  }
}

static void store(const product_t *product, const float *start, float slope) {
  const int64_t panels = (product->columns + PRODUCT_PANEL - 1) / PRODUCT_PANEL;
  product_t group = *product;
  ending_t ending = {.activates = start != NULL || slope != 1.0F, .slope = slope};
  for (int64_t p = 0, n = 0; p < panels;
       p += n, group.b += n * product->b_panel, group.c += n * product->c_panel) {
    if (product->scales != NULL) group.scales = product->scales + p * product->b_panel;
    const int64_t left = product->columns - p * PRODUCT_PANEL, full = left / PRODUCT_PANEL;
    n = full == 0 ? 1 : full < GROUP ? 1 : GROUP;
    float padded[GROUP * PRODUCT_PANEL] = {0};
    if (start != NULL)
      memcpy(padded, start + p * PRODUCT_PANEL, (size_t)least(left, n * PRODUCT_PANEL) * sizeof *start);
    if (start != NULL) ending.start = padded;
    const int64_t following = least(panels - p - n, GROUP);
    if (full == 0)
      store_part(&group, left, &ending);
    else
      walk_group(&group, (int)n, group.b + n * product->b_panel, following * product->b_panel, &ending);
  }
}

/* During the first group, prefetches b of the next call; during the others, shares of a of the next call. */
static void add(const product_t *product, const product_sum_t *terms, int n_terms) {
  const int64_t panels = product->columns / PRODUCT_PANEL, groups = (panels + GROUP - 1) / GROUP;
  product_t group = *product;
  ending_t ending = {.n = n_terms};
  for (int k = 0; k < n_terms; k++) ending.terms[k] = terms[k];
  for (int64_t g = 0; g < groups; g++) {
    const int64_t n = least(panels - g * GROUP, GROUP);
    const int64_t share = groups > 1 ? product->next_a_floats / (groups - 1) : 0;
    const float *fetch = g == 0 ? product->next_b : product->next_a + (g - 1) * share;
    walk_group(&group, (int)n, fetch, g == 0 ? product->next_b_floats : share, &ending);
    group.b += n * product->b_panel;
    group.c += n * product->c_panel;
    for (int k = 0; k < n_terms; k++) ending.terms[k].floats += n * ending.terms[k].panel;
  }
}

const product_kernels_t VARIANT(PRODUCT) = {store, add};
