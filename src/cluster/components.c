/* Vectors of eight doubles are two registers of the baseline. The compiler may fuse each product with its sum
 * (-ffp-contract=fast for this file): every product here has one sum that it can be fused with, so the bits
 * are the same with every compiler, and on every CPU. */
#include "cluster/components.h"

#include "cluster/gaussians.h"
#include "math/panels.h"

#include <string.h>

typedef double vector_t __attribute__((vector_size(GAUSSIANS_PANEL * sizeof(double)), may_alias));

enum { ROWS_AT_ONCE = 4 };

#define VECTOR(at)                                                                                           \
  (*(const vector_t *)(at)) /* a function would pass vectors in ways that depend on the CPU */

static double add_lanes(const vector_t *sum) {
  const double *s = (const double *)sum;
  return ((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7]));
}

/* Eight floats as doubles. */
static inline void widen(const float *x, vector_t *out) {
  double *to = (double *)out;
  for (int i = 0; i < GAUSSIANS_PANEL; i++) to[i] = (double)x[i];
}

/* ---- squares of differences ---- */

void component_distances(int64_t width, int64_t rows, const double *y, const double *m, int64_t stride,
                         double *z) {
  for (int64_t r = 0; r < rows; r++, y += width) {
    vector_t sum = {0};
    for (int64_t c = 0; c < width; c += GAUSSIANS_PANEL) {
      const vector_t t = VECTOR(y + c) - VECTOR(m + c);
      sum += t * t;
    }
    z[r * stride] = add_lanes(&sum);
  }
}

/* ---- products with a triangle ---- */

enum { SIDE = PANEL_SIDE, TILE = SIDE * SIDE, PANELS_AT_ONCE = 2 };

_Static_assert((int)PANEL_SIDE == (int)GAUSSIANS_PANEL, "rows are padded for both");

static int64_t groups_of(int64_t rows) {
  return (rows + SIDE - 1) / SIDE;
}

int64_t component_turn_scratch(int64_t width, int64_t rows) {
  return groups_of(rows) * SIDE * width;
}

/* Eight rows side by side: differences (width, 8). Rows that are not there are zero. */
static void difference_of(int64_t width, int64_t rows, const float *x, const double *m, double *out) {
  for (int64_t c = 0; c < width; c++)
    for (int64_t r = 0; r < SIDE; r++) out[c * SIDE + r] = r < rows ? (double)x[r * width + c] - m[c] : 0;
}

/* Outputs [first, first + 8 panels) of a group of rows: what is right of the diagonal of U is zero. */
static void turn_group(int64_t width, int64_t first, int64_t panels, const double *u, int64_t rows,
                       const double *differences, double *y) {
  _Alignas(64) double tiles[PANELS_AT_ONCE * TILE] = {0};
  outer_add(first + panels * SIDE, differences, panels, u + first * width, width * SIDE, tiles);
  for (int64_t p = 0; p < panels; p++)
    for (int64_t r = 0; r < rows; r++)
      memcpy(y + r * width + first + p * SIDE, tiles + p * TILE + r * SIDE, SIDE * sizeof *y);
}

/* Panels of U are read once for all rows. */
void component_turn(int64_t width, const double *u, int64_t rows, const float *x, const double *m,
                    double *differences, double *y) {
  for (int64_t r = 0; r < rows; r += SIDE)
    difference_of(width, rows - r, x + r * width, m, differences + r * width);
  for (int64_t first = 0; first < width; first += PANELS_AT_ONCE * SIDE) {
    const int64_t left = (width - first) / SIDE, panels = left < PANELS_AT_ONCE ? left : PANELS_AT_ONCE;
    for (int64_t r = 0; r < rows; r += SIDE)
      turn_group(width, first, panels, u, rows - r < SIDE ? rows - r : SIDE, differences + r * width,
                 y + r * width);
  }
}

/* ---- sums of a component ---- */

/* Some rows share the loads and stores of the sums. The rows still come one after the other. */
static void share_some(int64_t width, int64_t n, const share_t *shares, const float *x, const double *m,
                       double *sums, double *squares) {
  for (int64_t c = 0; c < width; c += GAUSSIANS_PANEL) {
    const vector_t mean = VECTOR(m + c);
    vector_t sum = VECTOR(sums + c), square = VECTOR(squares + c);
    for (int64_t i = 0; i < n; i++) {
      vector_t difference;
      widen(x + shares[i].row * width + c, &difference);
      difference -= mean;
      sum += difference * shares[i].share;
      square += difference * difference * shares[i].share;
    }
    *(vector_t *)(sums + c) = sum;
    *(vector_t *)(squares + c) = square;
  }
}

void component_share(int64_t width, int64_t n, const share_t *shares, const float *x, const double *m,
                     double *sums, double *squares) {
  int64_t i = 0;
  for (; i + ROWS_AT_ONCE <= n; i += ROWS_AT_ONCE)
    share_some(width, ROWS_AT_ONCE, shares + i, x, m, sums, squares);
  if (i < n) share_some(width, n - i, shares + i, x, m, sums, squares);
}

void component_scale(int64_t width, int64_t n, int64_t capacity, const share_t *shares, const float *x,
                     const double *m, double *sums, double *rows) {
  for (int64_t i = 0; i < n; i++)
    for (int64_t c = 0; c < width; c += GAUSSIANS_PANEL) {
      vector_t difference;
      widen(x + shares[i].row * width + c, &difference);
      difference -= VECTOR(m + c);
      *(vector_t *)(sums + c) += difference * shares[i].share;
      *(vector_t *)(rows + c * capacity + i * GAUSSIANS_PANEL) = difference * shares[i].root;
    }
}
