/* Vectors of eight doubles are two registers of the baseline. The compiler may fuse each product with its sum
 * (-ffp-contract=fast for this file): every product here has one sum that it can be fused with, so the bits
 * are the same with every compiler, and on every CPU. */
#include "cluster/components.h"

#include "cluster/gaussians.h"

#include <string.h>

typedef double vector_t __attribute__((vector_size(GAUSSIANS_PANEL * sizeof(double)), may_alias));

enum { ROWS_AT_ONCE = 4 };

#define VECTOR(at)                                                                                           \
  (*(const vector_t *)(at)) /* a function would pass vectors in ways that depend on the CPU */

static double add_lanes(const vector_t *sum) {
  const double *s = (const double *)sum;
  return ((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7]));
}

/* ---- squares of differences ---- */

/* Four rows share the loads of m and u. */
static void add_four(int64_t width, const double *x, const double *m, const double *u, double out[4]) {
  vector_t sum0 = {0}, sum1 = {0}, sum2 = {0}, sum3 = {0};
  for (int64_t c = 0; c < width; c += GAUSSIANS_PANEL) {
    const vector_t mean = VECTOR(m + c), factor = VECTOR(u + c);
    const vector_t t0 = (VECTOR(x + c) - mean) * factor;
    const vector_t t1 = (VECTOR(x + width + c) - mean) * factor;
    const vector_t t2 = (VECTOR(x + 2 * width + c) - mean) * factor;
    const vector_t t3 = (VECTOR(x + 3 * width + c) - mean) * factor;
    sum0 += t0 * t0;
    sum1 += t1 * t1;
    sum2 += t2 * t2;
    sum3 += t3 * t3;
  }
  out[0] = add_lanes(&sum0);
  out[1] = add_lanes(&sum1);
  out[2] = add_lanes(&sum2);
  out[3] = add_lanes(&sum3);
}

static double add_one(int64_t width, const double *x, const double *m, const double *u) {
  vector_t sum = {0};
  for (int64_t c = 0; c < width; c += GAUSSIANS_PANEL) {
    const vector_t t = (VECTOR(x + c) - VECTOR(m + c)) * VECTOR(u + c);
    sum += t * t;
  }
  return add_lanes(&sum);
}

void component_squares(int64_t width, int64_t rows, const double *x, const double *m, const double *u,
                       int64_t stride, double *z) {
  int64_t r = 0;
  for (; r + ROWS_AT_ONCE <= rows; r += ROWS_AT_ONCE) {
    double four[ROWS_AT_ONCE];
    add_four(width, x + r * width, m, u, four);
    for (int64_t i = 0; i < ROWS_AT_ONCE; i++) z[(r + i) * stride] = four[i];
  }
  for (; r < rows; r++) z[r * stride] = add_one(width, x + r * width, m, u);
}

/* ---- products with a triangle ---- */

/* y_p = sum over j < depth of x_j u_pj, for the eight outputs of a panel and four rows. */
static void turn_four(int64_t width, int64_t depth, const double *panel, const double *x, double *y) {
  vector_t sum0 = {0}, sum1 = {0}, sum2 = {0}, sum3 = {0};
  for (int64_t j = 0; j < depth; j++) {
    const vector_t column = VECTOR(panel + j * GAUSSIANS_PANEL);
    sum0 += x[j] * column;
    sum1 += x[width + j] * column;
    sum2 += x[2 * width + j] * column;
    sum3 += x[3 * width + j] * column;
  }
  *(vector_t *)y = sum0;
  *(vector_t *)(y + width) = sum1;
  *(vector_t *)(y + 2 * width) = sum2;
  *(vector_t *)(y + 3 * width) = sum3;
}

static void turn_one(int64_t depth, const double *panel, const double *x, double *y) {
  vector_t sum = {0};
  for (int64_t j = 0; j < depth; j++) sum += x[j] * VECTOR(panel + j * GAUSSIANS_PANEL);
  *(vector_t *)y = sum;
}

static void turn_panel(int64_t width, int64_t first, const double *panel, int64_t rows, const double *x,
                       double *y) {
  const int64_t depth = first + GAUSSIANS_PANEL; /* what is right of the diagonal is zero */
  int64_t r = 0;
  for (; r + ROWS_AT_ONCE <= rows; r += ROWS_AT_ONCE)
    turn_four(width, depth, panel, x + r * width, y + r * width + first);
  for (; r < rows; r++) turn_one(depth, panel, x + r * width, y + r * width + first);
}

/* Panels from the last to the first: a panel reads columns up to its own, so y may overwrite x. */
void component_turn(int64_t width, const double *u, int64_t rows, const double *x, const double *m,
                    double *differences, double *y) {
  for (int64_t r = 0; r < rows; r++)
    for (int64_t c = 0; c < width; c++) differences[r * width + c] = x[r * width + c] - m[c];
  for (int64_t first = width - GAUSSIANS_PANEL; first >= 0; first -= GAUSSIANS_PANEL)
    turn_panel(width, first, u + first * width, rows, differences, y);
}

/* ---- sums of a component ---- */

void component_share(int64_t width, int64_t n, const share_t *shares, const double *x, const double *m,
                     double *sums, double *squares) {
  for (int64_t c = 0; c < width; c += GAUSSIANS_PANEL) {
    const vector_t mean = VECTOR(m + c);
    vector_t sum = {0}, square = {0};
    for (int64_t i = 0; i < n; i++) {
      const vector_t difference = VECTOR(x + shares[i].row * width + c) - mean;
      sum += difference * shares[i].share;
      square += difference * difference * shares[i].share;
    }
    *(vector_t *)(sums + c) += sum;
    *(vector_t *)(squares + c) += square;
  }
}

void component_scale(int64_t width, int64_t n, const share_t *shares, const double *x, const double *m,
                     double *sums, double *rows) {
  for (int64_t c = 0; c < width; c += GAUSSIANS_PANEL) {
    const vector_t mean = VECTOR(m + c);
    vector_t sum = {0};
    for (int64_t i = 0; i < n; i++) {
      const vector_t difference = VECTOR(x + shares[i].row * width + c) - mean;
      sum += difference * shares[i].share;
      *(vector_t *)(rows + i * width + c) = difference * shares[i].root;
    }
    *(vector_t *)(sums + c) += sum;
  }
}
