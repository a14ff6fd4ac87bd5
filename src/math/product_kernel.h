/* The product of some rows with some panels of columns, in registers: the text of product_fp32.c,
 * product_pairs.c and product_dot.c. Each defines `multiply`, which computes a block's sums.
 *
 * For each step of depth a few rows' factors are multiplied with the panels' vectors, and all sums stay in
 * registers until the depth is done: one load of a panel serves many rows, one broadcast factor all panels,
 * so the multipliers set the pace (Goto, van de Geijn: "Anatomy of high-performance matrix multiplication",
 * 2008, section 6). Panels are stored the way they are read, so nothing is packed. The next panels are
 * fetched while these are multiplied, because processors do not look ahead beyond a page. These files are
 * compiled with products and sums fused (-ffp-contract=fast) and always optimised: each pair is one
 * instruction. */
#include "math/product.h"
#include "math/variant.h"

#include <stdbool.h>
#include <string.h>

#if LOCKSTEP_LANES == 16
enum { MOST_ROWS = 14, GROUP = 2, AHEAD = 8 }; /* 28 sums, 2 vectors of panels, a factor: 32 registers */
#else
enum {
  MOST_ROWS = 6,
  GROUP = 1,
  AHEAD = 0
}; /* 12 sums and what they are made of fill 16 registers of AVX2 */
#endif

enum {
  VECTORS = PRODUCT_PANEL / LANES, /* of a panel */
  LINE = 16,                       /* floats of a cache line */
  STRETCH = 32,                    /* depth between two looks ahead */
};
_Static_assert(VECTORS *LANES == PRODUCT_PANEL && VECTORS >= 1, "a panel is whole vectors");
_Static_assert(PRODUCT_PANEL * sizeof(float) == 64,
               "a step of depth is one cache line, which is fetched alone");
_Static_assert(PRODUCT_PANEL == PRODUCT_TILE, "a panel is as wide as a tile");

/* ---- some rows of some panels ---- */

/* What a block works on, in registers as soon as it is inlined. */
typedef struct {
  int64_t depth, a_stride, b_panel, c_stride, c_panel;
  const float *a, *b;
  const float
      *fetch; /* the block's share of what is fetched: `lines` cache lines for each STRETCH of depth */
  int64_t lines;
  float *c;
} block_t;

typedef struct {
  vector_t of[MOST_ROWS][GROUP * VECTORS];
} sums_t;

/* sums += a b. rows and panels are constants where this is called, so sums are registers. */
INLINE void multiply(const int rows, const int panels, const block_t *block, sums_t *sums);

/* Vector v, counted over all panels, of the block's row r, in something that lies like c. */
INLINE loose_t *vector_at(const block_t *block, int r, int v, float *at, int64_t panel) {
  return (loose_t *)(at + r * block->c_stride + v / VECTORS * panel + v % VECTORS * LANES);
}

INLINE void fetch_lines(const float *fetch, int64_t lines) {
  for (int64_t i = 0; i < lines; i++) __builtin_prefetch(fetch + i * LINE, 0, 2);
}

/* What becomes of the sums of each block: g(start + sum), and n terms that they are added to. */
typedef struct {
  const float *start; /* of the group's columns, whole panels; NULL: zero */
  bool activates;
  float slope;
  product_sum_t terms[PRODUCT_MOST_TERMS];
  int n;
} ending_t;

/* One block from its start to c, all in registers. `done`: rows before it. */
INLINE void block_run(const int rows, const int panels, const block_t *block, const ending_t *ending,
                      int64_t done) {
  sums_t sums;
  if (ending->start == NULL) { /* clearing registers costs nothing, reading them does */
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

/* Where a walk over the rows of a group is. */
typedef struct {
  block_t block;
  int64_t fetched; /* floats between the shares of two blocks */
  int64_t done;    /* rows before the next block */
  const ending_t *ending;
} walk_t;

/* Runs the next `count` blocks. Each has `rows` rows. */
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

#ifdef LOCKSTEP_EMULATED /* vectors that fit in no registers: nothing is gained by constants */
static void walk_blocks(int rows, int panels, int64_t count, walk_t *walk) {
  run_blocks(rows, panels, count, walk);
}
#else
/* A function for each size of a block: as one function they take compilers several times as long. */
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

/* One group of panels, with what is fetched meanwhile. Blocks are of nearly equal size, the first ones larger
 * by a row where the rows do not divide: two or three rows alone would have too few sums to keep the
 * multipliers busy. Each block fetches its share. */
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

/* A panel that is not full: all of it beside, and what there is of it to where it belongs. */
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

/* During the first group b of the next call is fetched, during the others shares of its a. */
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
