/* Transposes words in squares that stay in registers. Vectors of eight are enough on every CPU, because loads
 * and stores set the pace. */
#include "math/transpose.h"

#define INLINE static inline __attribute__((always_inline))
#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

enum { SIDE = 8 };
typedef float side_t __attribute__((vector_size(SIDE * sizeof(float))));
typedef float loose_side_t __attribute__((vector_size(SIDE * sizeof(float)), aligned(4), may_alias));

/* Transposes 8 by 8 words in three rounds: pairs of rows exchange single columns, then pairs of columns, then
 * halves. */
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
