/* Sums of outer products, compiled once for each instruction set. A tile of sums stays in registers during
 * the loop over rows; each element is one chain of fused products and sums, so no bits depend on how many
 * there are. */
#include "math/variant.h"

#include "math/kernels.h"

enum { SIDE = 8, WIDE = LANES / 2, PARTS = SIDE / WIDE };
/* Rows and tiles at once: as many sums as there are registers. */
enum { AT_ONCE_ROWS = LANES == 8 ? 4 : 8, AT_ONCE_TILES = LANES == 16 ? 2 : 1 };

typedef double doubles_t __attribute__((vector_size(WIDE * sizeof(double)), may_alias));

/* g_t += the first AT_ONCE_ROWS columns of aᵀ b_t, for t < tiles. */
INLINE void add_some(int64_t n, const double *a, int tiles, const double *b, int64_t stride, double *g) {
  doubles_t sum[AT_ONCE_ROWS][AT_ONCE_TILES][PARTS] = {0};
  for (int64_t k = 0; k < n; k++, a += SIDE, b += SIDE) {
    doubles_t right[AT_ONCE_TILES][PARTS];
    UNROLL for (int t = 0; t < tiles; t++) {
      UNROLL for (int p = 0; p < PARTS; p++) right[t][p] = *(const doubles_t *)(b + t * stride + p * WIDE);
    }
    UNROLL for (int i = 0; i < AT_ONCE_ROWS; i++) {
      doubles_t left = a[i] - (doubles_t){0};
      KEEP(left);
      UNROLL for (int t = 0; t < tiles; t++) {
        UNROLL for (int p = 0; p < PARTS; p++) sum[i][t][p] += left * right[t][p];
      }
    }
  }
  for (int i = 0; i < AT_ONCE_ROWS; i++)
    for (int t = 0; t < tiles; t++)
      for (int p = 0; p < PARTS; p++)
        *(doubles_t *)(g + t * SIDE * SIDE + i * SIDE + p * WIDE) += sum[i][t][p];
}

outer_add_t VARIANT(outer_add);
void VARIANT(outer_add)(int64_t n, const double *a, int64_t tiles, const double *b, int64_t stride,
                        double *g) {
  int64_t t = 0;
  for (; t + AT_ONCE_TILES <= tiles; t += AT_ONCE_TILES)
    for (int i = 0; i < SIDE; i += AT_ONCE_ROWS)
      add_some(n, a + i, AT_ONCE_TILES, b + t * stride, stride, g + t * SIDE * SIDE + i * SIDE);
  for (; t < tiles; t++)
    for (int i = 0; i < SIDE; i += AT_ONCE_ROWS)
      add_some(n, a + i, 1, b + t * stride, stride, g + t * SIDE * SIDE + i * SIDE);
}
