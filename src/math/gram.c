/* A tile of 4 x 8 sums stays in registers during the loop over rows. The compiler may fuse each product with
 * its sum (-ffp-contract=fast); the bits still agree, because one loop computes all elements. */
#include "math/gram.h"

enum { HALF = GRAM_TILE / 2 };

typedef double vector_t __attribute__((vector_size(GRAM_TILE * sizeof(double)), may_alias));

int64_t gram_width(int64_t n) {
  return (n + GRAM_TILE - 1) / GRAM_TILE * GRAM_TILE;
}

/* g[a][b] += sum over r of z[r][i + a] z[r][j + b], a < 4, b < 8 */
static inline void half_tile(int64_t rows, int64_t width, const double *z, int64_t i, int64_t j, double *g) {
  vector_t sum0 = {0}, sum1 = {0}, sum2 = {0}, sum3 = {0};
  for (int64_t r = 0; r < rows; r++, z += width) {
    const vector_t right = *(const vector_t *)(z + j);
    const double *left = z + i;
    sum0 += left[0] * right;
    sum1 += left[1] * right;
    sum2 += left[2] * right;
    sum3 += left[3] * right;
  }
  g += i * width + j;
  *(vector_t *)g += sum0;
  *(vector_t *)(g + width) += sum1;
  *(vector_t *)(g + 2 * width) += sum2;
  *(vector_t *)(g + 3 * width) += sum3;
}

void gram_add(int64_t rows, int64_t width, const double *z, int64_t tile, double *g) {
  for (int64_t j = 0; j <= tile * GRAM_TILE; j += GRAM_TILE) {
    half_tile(rows, width, z, tile * GRAM_TILE, j, g);
    half_tile(rows, width, z, tile * GRAM_TILE + HALF, j, g);
  }
}
