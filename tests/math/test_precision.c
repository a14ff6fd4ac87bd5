/* Rounding to bf16 and products of pairs against arithmetic in double, and what a CPU without them is told.
 */
#include "math/precision.h"

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

/* A row of `n` numbers times a panel in which column j has numbers[k] + j at depth k, by the kernel. */
static void row_by_panel(const precision_t *precision, int64_t n, const float *a, const float *numbers,
                         const float *start, float *c) {
  const int64_t words = precision_words(precision, n);
  float *row = calloc((size_t)words, sizeof *row),
        *panel = calloc((size_t)(words * PRODUCT_PANEL), sizeof *panel);
  float *first = calloc(2 * PRODUCT_PANEL, sizeof *first), *second = first + PRODUCT_PANEL;
  bf16_rows(1, n, a, row);
  for (int64_t k = 0; k < n; k += 2) {
    for (int64_t j = 0; j < PRODUCT_PANEL; j++) first[j] = numbers[k] + (float)j;
    for (int64_t j = 0; j < PRODUCT_PANEL; j++) second[j] = k + 1 < n ? numbers[k + 1] + (float)j : 0;
    bf16_pairs(PRODUCT_PANEL, first, second, (pair_t *)(panel + k / 2 * PRODUCT_PANEL));
  }
  const product_t product = {
      .rows = 1, .depth = words, .a = row, .a_stride = words, .b = panel, .c = c, .c_stride = PRODUCT_PANEL};
  precision->store(&product, start, 1.0F, PRODUCT_PANEL);
  free(row);
  free(panel);
  free(first);
}

#define FOR_EACH_OF_PAIRS(p)                                                                                 \
  for (const precision_t *p = precisions; p < precisions + PRECISIONS; p++)                                  \
    if (p->factors == 2 && p->store != NULL)

/* Whole numbers below 2^8 are bf16 numbers, and sums of their products below 2^24 are exact. */
Test(precision, products_of_pairs_are_exact_where_floats_are) {
  enum { MOST = 41 };
  float a[MOST], numbers[MOST], c[PRODUCT_PANEL], start[PRODUCT_PANEL];
  for (int k = 0; k < MOST; k++) a[k] = (float)(k * 7 % 23 - 11), numbers[k] = (float)(k * 5 % 19 - 9);
  for (int j = 0; j < PRODUCT_PANEL; j++) start[j] = (float)(j % 5);
  FOR_EACH_OF_PAIRS(precision)
  for (int n = 1; n <= MOST; n++) {
    row_by_panel(precision, n, a, numbers, start, c);
    for (int j = 0; j < PRODUCT_PANEL; j++) {
      double sum = (double)start[j];
      for (int k = 0; k < n; k++) sum += (double)a[k] * ((double)numbers[k] + j);
      cr_assert_eq((double)c[j], sum, "%s: column %d at depth %d", precision->name, j, n);
    }
  }
}

/* 2^25 + 1 is 2^25 in a float: so the order of two additions shows. */
Test(precision, of_a_pair_the_second_product_is_added_first) {
  const float a[] = {-0x1p25F, 1}, ones[] = {1, 1};
  float start[PRODUCT_PANEL] = {0x1p25F}, c[PRODUCT_PANEL];
  FOR_EACH_OF_PAIRS(precision) {
    row_by_panel(precision, 2, a, ones, start, c);
    cr_assert_eq(c[0], 0.0F, "%s: %g", precision->name, (double)c[0]);
  }
}

/* Where both are there, one is the other. */
Test(precision, the_emulation_has_the_bits_of_the_instruction) {
  enum { DEPTH = 33 };
  float a[DEPTH], numbers[DEPTH], c[2][PRODUCT_PANEL];
  if (precisions[PRECISION_BF16].store == NULL) cr_skip_test("no AVX512_BF16 here");
  for (int k = 0; k < DEPTH; k++) a[k] = sinf((float)k + 1), numbers[k] = cosf((float)(3 * k));
  for (int p = 0; p < 2; p++) row_by_panel(&precisions[PRECISION_BF16 + p], DEPTH, a, numbers, NULL, c[p]);
  cr_assert_eq(memcmp(c[0], c[1], sizeof c[0]), 0);
}

Test(precision, a_cpu_without_bf16_is_told_of_the_emulation) {
  const precision_t *found = NULL;
  ls_error error = {0};
  cr_assert_eq(precision_find("bf16_emulated", &found, &error), LS_OK);
  cr_assert_eq(found, &precisions[PRECISION_BF16_EMULATED]);
  if (precisions[PRECISION_BF16].store != NULL) cr_skip_test("AVX512_BF16 is here");
  cr_assert_eq(precision_find("bf16", &found, &error), LS_BAD_SETTINGS);
  cr_assert_eq(found, &precisions[PRECISION_BF16_EMULATED], "untouched");
  cr_assert_not_null(strstr(error.message, "AVX512_BF16"));
  cr_assert_not_null(strstr(error.message, "bf16_emulated"));
}
