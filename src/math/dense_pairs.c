/* The operands of dense products in pairs of bf16 numbers: weights in pairs of inputs for forward and in
 * pairs of outputs for backward-data; inputs and deltas in pairs of rows for backward-weights. */
#include "math/dense_pairs.h"

#include "math/transpose.h"

/* ---- weights ---- */

void dense_round(const float *w, int64_t first, int64_t count, float *rounded) {
  for (int64_t at = first; at < first + count; at += 2 * DENSE_PANEL)
    bf16_pairs(DENSE_PANEL, w + at, w + at + DENSE_PANEL, (pair_t *)rounded + at / 2);
}

/* Neighbours in a row of the square form a pair. So rounding the square in its order yields words, and the
 * words are transposed like floats. */
void dense_transpose_square(const float *square, float *to) {
  float words[DENSE_PANEL * DENSE_PANEL / 2];
  bf16_halves(DENSE_PANEL * DENSE_PANEL, square, (half_t *)words);
  transpose(DENSE_PANEL, DENSE_PANEL / 2, words, DENSE_PANEL / 2, to, DENSE_PANEL);
}

/* ---- inputs and deltas ---- */

enum { MOST_PAIRS = 8, MOST_COLUMNS = 64 };

/* Writes one half of each pair. The other half belongs to a row of another call, which may write it
 * concurrently. */
static void half_column(int64_t columns, int64_t words, int64_t row, const float *x, float *out) {
  half_t *to = (half_t *)out + row;
  for (int64_t i = 0; i < columns; i++) to[2 * i * words] = (half_t)bf16_round(x[i]);
}

/* Rows [2 pair, 2 (pair + n)): rounds them into a square that stays in cache, then transposes words. */
static void pair_columns(int64_t columns, int64_t words, int64_t pair, int64_t n, const float *x,
                         float *out) {
  float square[MOST_PAIRS * MOST_COLUMNS];
  for (int64_t first = 0; first < columns; first += MOST_COLUMNS) {
    int64_t width = columns - first < MOST_COLUMNS ? columns - first : MOST_COLUMNS;
    for (int64_t p = 0; p < n; p++) {
      const float *row = x + 2 * p * columns + first;
      bf16_pairs(width, row, row + columns, (pair_t *)square + p * MOST_COLUMNS);
    }
    transpose(n, width, square, MOST_COLUMNS, out + first * words + pair, words);
  }
}

void dense_column_pairs(const precision_t *precision, const dense_layout_t *layout, int64_t slice_rows,
                        int64_t row, int64_t rows, const float *x, float *columns) {
  const int64_t in = layout->in, words = precision_words(precision, slice_rows), end = row + rows;
  for (int64_t left = 0; row < end; row += left, x += left * in) {
    int64_t pairs = (end - row) / 2 < MOST_PAIRS ? (end - row) / 2 : MOST_PAIRS;
    left = row % 2 == 1 || pairs == 0 ? 1 : 2 * pairs;
    if (left == 1)
      half_column(in, words, row, x, columns);
    else
      pair_columns(in, words, row / 2, pairs, x, columns);
  }
}

/* Writes one row of a panel of `width` columns into its halves of the pairs. */
static void half_panel(int64_t width, const float *dy, half_t *to) {
  for (int64_t o = 0; o < DENSE_PANEL; o++) to[2 * o] = o < width ? (half_t)bf16_round(dy[o]) : (half_t)0;
}

static void whole_panel(int64_t width, const float *dy, int64_t stride, pair_t *to) {
  if (width >= DENSE_PANEL) { /* constant size, so the compiler unrolls the loop */
    bf16_pairs(DENSE_PANEL, dy, dy + stride, to);
    return;
  }
  bf16_pairs(width, dy, dy + stride, to);
  for (int64_t o = width; o < DENSE_PANEL; o++) to[o] = 0;
}

void dense_panel_pairs(const precision_t *precision, const dense_layout_t *layout, int64_t slice_rows,
                       int64_t row, int64_t rows, const float *dy, float *panels) {
  const int64_t out = layout->out, words = precision_words(precision, slice_rows), end = row + rows;
  for (int64_t n = 0; row < end; row += n, dy += n * out) {
    n = row % 2 == 1 || row + 1 == end ? 1 : 2;
    for (int64_t o = 0; o < out; o += DENSE_PANEL) {
      pair_t *to = (pair_t *)panels + o * words + row / 2 * DENSE_PANEL;
      if (n == 2)
        whole_panel(out - o, dy + o, out, to);
      else
        half_panel(out - o, dy + o, (half_t *)to + row % 2);
    }
  }
}
