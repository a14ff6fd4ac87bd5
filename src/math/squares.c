/* Squared distances: from panels of points, and from means in the metric of a triangular factor. */
#include "math/squares.h"

#include "math/kernels.h"

#include <string.h>

void squares_from_points(const dense_layout_t *layout, int64_t rows, const float *x, const float *points,
                         const float *scales, float *out) {
  if (rows == 0) return; /* kernels of products take at least one */
  const product_t product = {.rows = rows,
                             .depth = layout->in,
                             .columns = layout->out,
                             .a = x,
                             .a_stride = layout->in,
                             .b = points,
                             .b_panel = layout->padded_in * DENSE_PANEL,
                             .scales = scales,
                             .c = out,
                             .c_stride = layout->out,
                             .c_panel = DENSE_PANEL};
  kernels_selected()->squares->store(&product, NULL, 1.0F);
}

void squares_in_double(const dense_layout_t *layout, int64_t rows, const float *x, const float *points,
                       const float *scales, int64_t stride, double *out) {
  enum { ROWS = 32 }; /* at a time: a panel of points is read from cache for each of them */
  double found[ROWS * DENSE_PANEL];
  const int64_t height = layout->padded_in * DENSE_PANEL;
  for (int64_t first = 0; first < layout->out; first += DENSE_PANEL) {
    const int64_t at = first / DENSE_PANEL * height, left = layout->out - first;
    const int64_t n = left < DENSE_PANEL ? left : DENSE_PANEL;
    for (int64_t r = 0; r < rows; r += ROWS) {
      const int64_t some = rows - r < ROWS ? rows - r : ROWS;
      kernels_selected()->loops->squares(layout->in, some, x + r * layout->in, points + at,
                                         scales != NULL ? scales + at : NULL, found);
      for (int64_t i = 0; i < some; i++)
        memcpy(out + (r + i) * stride + first, found + i * DENSE_PANEL, (size_t)n * sizeof *out);
    }
  }
}

/* Outputs in pairs of panels, as the widest kernel takes them. The inputs behind the diagonal of a pair are
 * left out: their factors are zero. */
void squares_transform(const dense_layout_t *layout, int64_t rows, const float *x, const float *m,
                       const float *factor, float *work, float *v) {
  enum { PAIR = 2 * DENSE_PANEL };
  const int64_t d = layout->in, height = layout->padded_in * DENSE_PANEL;
  if (rows == 0) return;
  for (int64_t r = 0; r < rows; r++)
    for (int64_t i = 0; i < d; i++) work[r * d + i] = x[r * d + i] - m[i];
  for (int64_t first = 0; first < d; first += PAIR) {
    const int64_t end = first + PAIR < d ? first + PAIR : d;
    const product_t product = {.rows = rows,
                               .depth = end,
                               .columns = end - first,
                               .a = work,
                               .a_stride = d,
                               .b = factor + first / DENSE_PANEL * height,
                               .b_panel = height,
                               .c = v + first,
                               .c_stride = d,
                               .c_panel = DENSE_PANEL};
    kernels_selected()->products[ARITHMETIC_FP32]->store(&product, NULL, 1.0F);
  }
}

void squares_of_rows(int64_t rows, int64_t d, const float *v, float *out, int64_t stride) {
  enum { SUMS = 16 };
  for (int64_t r = 0; r < rows; r++, v += d) {
    float sums[SUMS] = {0};
    int64_t i = 0;
    for (; i + SUMS <= d; i += SUMS)
      for (int j = 0; j < SUMS; j++) sums[j] += v[i + j] * v[i + j];
    for (int j = 0; i + j < d; j++) sums[j] += v[i + j] * v[i + j];
    for (int half = SUMS / 2; half > 0; half /= 2)
      for (int j = 0; j < half; j++) sums[j] += sums[j + half];
    out[r * stride] = sums[0];
  }
}
