/* Squared distances against sums in double, and the same bits in every instruction set. */
#include "base/isa.h"
#include "base/random.h"
#include "math/kernels.h"
#include "math/squares.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static float *numbers(uint64_t seed, size_t n) {
  double *drawn = calloc(n + 1, sizeof *drawn);
  float *out = calloc(n + 16, sizeof *out);
  random_normal(&(random_stream_t){.seed = seed, .purpose = RANDOM_INIT}, n, drawn);
  for (size_t i = 0; i < n; i++) out[i] = (float)drawn[i];
  free(drawn);
  return out;
}

static void expect_squares(int64_t rows, int64_t d, int64_t n) {
  const dense_layout_t layout = dense_layout(d, n);
  float *x = numbers(1, (size_t)(rows * d)), *c = numbers(2, (size_t)(n * d)),
        *s = numbers(3, (size_t)(n * d));
  float *points = calloc((size_t)layout.elements, sizeof *points),
        *scales = calloc((size_t)layout.elements, sizeof *scales);
  float *out = calloc((size_t)(rows * n), sizeof *out);
  double *precise = calloc((size_t)(rows * (n + 3)), sizeof *precise);
  dense_pack(&layout, c, points);
  dense_pack(&layout, s, scales);
  for (int scaled = 0; scaled < 2; scaled++) {
    squares_from_points(&layout, rows, x, points, scaled ? scales : NULL, out);
    squares_in_double(&layout, rows, x, points, scaled ? scales : NULL, n + 3, precise);
    for (int64_t r = 0; r < rows; r++)
      for (int64_t k = 0; k < n; k++) {
        double sum = 0;
        for (int64_t i = 0; i < d; i++) {
          double v = ((double)x[r * d + i] - (double)c[k * d + i]) * (scaled ? (double)s[k * d + i] : 1);
          sum += v * v;
        }
        cr_assert_float_eq((double)out[r * n + k], sum, 2e-6 * sum + 1e-12, "(%d, %d, %d)", (int)rows, (int)d,
                           (int)n);
        cr_assert_float_eq(precise[r * (n + 3) + k], sum, 1e-14 * sum, "in double (%d, %d, %d)", (int)rows,
                           (int)d, (int)n);
      }
  }
  free(precise);
  free(x);
  free(c);
  free(s);
  free(points);
  free(scales);
  free(out);
}

Test(squares, are_sums_of_squared_differences) {
  const int64_t sizes[] = {1, 2, 7, 16, 17, 33, 64};
  for (size_t i = 0; i < 7; i++)
    for (size_t j = 0; j < 7; j++)
      for (size_t k = 0; k < 7; k++) expect_squares(sizes[i], sizes[j], sizes[k]);
  expect_squares(0, 2, 33);
}

Test(squares, have_the_same_bits_in_every_instruction_set) {
  enum { ROWS = 37, IN = 50, OUT = 41 };
  const dense_layout_t layout = dense_layout(IN, OUT);
  float *x = numbers(1, ROWS * IN), *points = numbers(2, (size_t)layout.elements),
        *scales = numbers(3, (size_t)layout.elements);
  static float first[ROWS * OUT], other[ROWS * OUT];
  for (int scaled = 0; scaled < 2; scaled++)
    for (int isa = 0; isa < ISAS; isa++) {
      const product_t product = {.rows = ROWS,
                                 .depth = IN,
                                 .columns = OUT,
                                 .a = x,
                                 .a_stride = IN,
                                 .b = points,
                                 .b_panel = layout.padded_in * DENSE_PANEL,
                                 .scales = scaled ? scales : NULL,
                                 .c = isa == 0 ? first : other,
                                 .c_stride = OUT,
                                 .c_panel = DENSE_PANEL};
      if (!isa_supported((isa_t)isa)) continue;
      kernels_of((isa_t)isa)->squares->store(&product, NULL, 1.0F);
      if (isa > 0) cr_expect_arr_eq(first, other, sizeof first, "%s", isa_name((isa_t)isa));
      static double precise[ROWS * DENSE_PANEL], reference[ROWS * DENSE_PANEL];
      kernels_of((isa_t)isa)
          ->loops->squares(IN, ROWS, x, points, scaled ? scales : NULL, isa == 0 ? reference : precise);
      if (isa > 0) cr_expect_arr_eq(reference, precise, sizeof reference, "double, %s", isa_name((isa_t)isa));
    }
  free(x);
  free(points);
  free(scales);
}

/* U is lower triangular; what lies above its diagonal is zero. */
Test(squares, of_transformed_rows_are_those_of_the_product) {
  const int64_t widths[] = {1, 5, 16, 33, 70};
  for (size_t w = 0; w < 5; w++) {
    const int64_t d = widths[w], rows = 9;
    const dense_layout_t layout = dense_layout(d, d);
    float *x = numbers(1, (size_t)(rows * d)), *m = numbers(2, (size_t)d), *u = numbers(3, (size_t)(d * d));
    float *factor = calloc((size_t)layout.elements, sizeof *factor),
          *work = calloc((size_t)(2 * rows * d), sizeof *work);
    float found[9 * 2];
    for (int64_t i = 0; i < d; i++)
      for (int64_t j = i + 1; j < d; j++) u[i * d + j] = 0;
    dense_pack(&layout, u, factor);
    squares_transform(&layout, rows, x, m, factor, work, work + rows * d);
    squares_of_rows(rows, d, work + rows * d, found, 2);
    for (int64_t r = 0; r < rows; r++) {
      double sum = 0;
      for (int64_t i = 0; i < d; i++) {
        double v = 0;
        for (int64_t j = 0; j <= i; j++) v += (double)u[i * d + j] * ((double)x[r * d + j] - (double)m[j]);
        sum += v * v;
      }
      cr_assert_float_eq((double)found[2 * r], sum, 3e-6 * sum, "%d", (int)d);
    }
    free(x);
    free(m);
    free(u);
    free(factor);
    free(work);
  }
}
