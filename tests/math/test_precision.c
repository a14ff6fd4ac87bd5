/* Rounding to bf16 against arithmetic in double, and every kernel of products against its definition. */
#include "math/precision.h"

#include "base/float_mode.h"
#include "math/kernels.h"

#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>

static float from_bits(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

static float rounded(float x) {
  return from_bits(bf16_round(x) << 16);
}

/* Of the two numbers with the upper half of x, and the next one from zero, the nearer; of equally near ones
 * the even. */
static float nearest(uint32_t bits) {
  double x = (double)from_bits(bits), low = (double)from_bits(bits & 0xffff0000U);
  double step = (double)from_bits((bits & 0x7f800000U)) / 128, high = low < 0 ? low - step : low + step;
  double to_low = fabs(x - low), to_high = fabs(high - x);
  bool even = (bits >> 16 & 1U) == 0;
  return (float)(to_low < to_high || (to_low == to_high && even) ? low : high);
}

/* Every upper half of a normal number with lower halves around the ties. */
Test(precision, rounds_to_the_nearest_of_two_the_even_one) {
  const uint32_t lower[] = {0, 1, 0x7fff, 0x8000, 0x8001, 0xffff, 0x1234, 0xabcd};
  for (uint32_t sign = 0; sign < 2; sign++)
    for (uint32_t upper = 0x0080; upper < 0x7f7f; upper++)
      for (size_t k = 0; k < sizeof lower / sizeof lower[0]; k++) {
        uint32_t bits = sign << 31 | upper << 16 | lower[k];
        cr_assert_eq(rounded(from_bits(bits)), nearest(bits), "%a becomes %a", (double)from_bits(bits),
                     (double)rounded(from_bits(bits)));
      }
}

Test(precision, rounding_keeps_nan_infinity_and_the_sign_of_zero) {
  cr_assert(isnan(rounded(NAN)) && isnan(rounded(-NAN)));
  for (uint32_t bits = 0x7f800001U; bits < 0x7f810000U; bits += 0xff)
    cr_assert(isnan(rounded(from_bits(bits))));
  cr_assert(isnan(rounded(from_bits(0x7fffffffU))) && isnan(rounded(from_bits(0xffffffffU))));
  cr_assert_eq(rounded(INFINITY), INFINITY);
  cr_assert_eq(rounded(-INFINITY), -INFINITY);
  cr_assert_eq(rounded(FLT_MAX), INFINITY, "nearer to 2^128 than to the largest number");
  cr_assert(rounded(-0.0F) == 0 && signbit(rounded(-0.0F)));
}

/* ---- products ---- */

enum { ROWS = 37, COLUMNS = 53, PANELS = (COLUMNS + PRODUCT_PANEL - 1) / PRODUCT_PANEL, MOST = 131 };

static float some_number(int64_t i) {
  return nearest(0x3f000000U + (uint32_t)(i * 2654435761U % 0x01800000U)) * (i % 3 == 0 ? -1.0F : 1.0F);
}

/* Element (r, j) of the product of x (ROWS, n) with y (n, COLUMNS), by the definition of the arithmetic. */
static float element(arithmetic_t arithmetic, int64_t n, const float *x, const float *y, int64_t r, int64_t j,
                     float start) {
  float c = start, sums[2] = {0};
  for (int64_t k = 0; k < n; k++) {
    const float a = x[r * n + k], b = y[k * COLUMNS + j];
    if (arithmetic == ARITHMETIC_TILE) {
      sums[k % 2] = fmaf(a, b, sums[k % 2]);
      if (k % 32 < 31 && k < n - 1) continue;
      c += sums[0] + sums[1];
      sums[0] = sums[1] = 0;
    } else if (arithmetic == ARITHMETIC_DOT) {
      if (k % 2 == 0 && k < n - 1) c = fmaf(x[r * n + k + 1], y[(k + 1) * COLUMNS + j], c);
      c = k % 2 == 0 ? fmaf(a, b, c) : c;
    } else {
      c = fmaf(a, b, c);
    }
  }
  return c;
}

/* y as panels of words. */
static void fill_panels(const precision_t *precision, int64_t n, const float *y, float *panels) {
  const int64_t words = precision_words(precision, n), factors = precision->factors;
  memset(panels, 0, (size_t)(PANELS * words * PRODUCT_PANEL) * sizeof *panels);
  for (int64_t j = 0; j < COLUMNS; j++)
    for (int64_t k = 0; k < n; k++) {
      float *word = panels + (j / PRODUCT_PANEL * words + k / factors) * PRODUCT_PANEL + j % PRODUCT_PANEL;
      if (factors == 1)
        *word = y[k * COLUMNS + j];
      else
        ((half_t *)word)[k % 2] = (half_t)bf16_round(y[k * COLUMNS + j]);
    }
}

/* Rows, columns and depths that fill no block, no panel and no tile, by every kernel that this CPU can run.
 */
Test(precision, every_kernel_has_the_bits_of_the_definition) {
  static float x[ROWS * MOST], y[MOST * COLUMNS], words[ROWS * (MOST + 32)], c[ROWS * COLUMNS],
      start[COLUMNS];
  static float panels[PANELS * PRODUCT_PANEL * (MOST + 32)];
  float_mode_begin();
  for (int64_t i = 0; i < ROWS * MOST; i++) x[i] = some_number(i);
  for (int64_t i = 0; i < MOST * COLUMNS; i++) y[i] = some_number(i + 7);
  for (int64_t j = 0; j < COLUMNS; j++) start[j] = (float)j * 0.37F - 5;
  for (const precision_t *p = precisions; p < precisions + PRECISIONS; p++)
    for (int64_t n = 1; n <= MOST; n += n < 34 ? 1 : 13) {
      const int64_t depth = precision_words(p, n);
      fill_panels(p, n, y, panels);
      if (p->factors == 2) bf16_rows(p, ROWS, n, x, words);
      for (int isa = 0; isa < ISAS; isa++)
        for (int64_t rows = 1; isa_supported((isa_t)isa) && rows <= ROWS; rows += rows < 18 ? 1 : 19) {
          const product_t product = {.rows = rows,
                                     .depth = depth,
                                     .columns = COLUMNS,
                                     .a = p->factors == 2 ? words : x,
                                     .a_stride = depth,
                                     .b = panels,
                                     .b_panel = depth * PRODUCT_PANEL,
                                     .c = c,
                                     .c_stride = COLUMNS,
                                     .c_panel = PRODUCT_PANEL};
          memset(c, 0xff, sizeof c);
          kernels_of((isa_t)isa)->products[p->arithmetic]->store(&product, start, 1.0F);
          for (int64_t i = 0; i < rows * COLUMNS; i++) {
            float expected = element(p->arithmetic, n, x, y, i / COLUMNS, i % COLUMNS, start[i % COLUMNS]);
            cr_assert_eq(c[i], expected, "%s of %s, depth %d: element %d of %d rows is %a, not %a", p->name,
                         isa_name((isa_t)isa), (int)n, (int)i, (int)rows, (double)c[i], (double)expected);
          }
        }
    }
}

Test(precision, unknown_names_are_refused) {
  const precision_t *found = NULL;
  ls_error error = {0};
  cr_assert_eq(precision_find("bf16_dot", &found, &error), LS_OK);
  cr_assert_eq(found, &precisions[PRECISION_BF16_DOT]);
  cr_assert_eq(precision_find("bf17", &found, &error), LS_BAD_SETTINGS);
  cr_assert_eq(found, &precisions[PRECISION_BF16_DOT], "untouched");
}
