/* The three passes of a dense layer, panel by panel. */
#include "math/dense.h"

#include "math/dense_pairs.h"
#include "math/kernels.h"
#include "math/transpose.h"
#include "math/tree.h"

#include <string.h>

_Static_assert((int)TREE_MAX_DEPTH + 1 <= (int)PRODUCT_MOST_TERMS,
               "a sum waits for each level of the tree at most, and the share of tied layers in a leaf");

/* ---- forward ---- */

bool dense_applies(const activation_t *activation) {
  return activation->rectifies;
}

const float *dense_factors(const precision_t *precision, int64_t rows, int64_t columns, const float *x,
                           float *words) {
  if (precision->factors == 1) return x;
  bf16_rows(precision, rows, columns, x, words);
  return words;
}

static const product_kernels_t *product_of(const precision_t *precision) {
  return kernels_selected()->products[precision->arithmetic];
}

/* Columns [from, to) of c (rows, width) = g(a (rows, depth) B + start). B is in panels of `height` rows each.
 * depth and height are in words. */
static void multiply_panels(const precision_t *precision, int64_t rows, int64_t depth, const float *a,
                            const float *panels, int64_t height, const float *start, float slope, float *c,
                            int64_t width, int64_t from, int64_t to) {
  const product_t product = {.rows = rows,
                             .depth = depth,
                             .columns = to - from,
                             .a = a,
                             .a_stride = depth,
                             .b = panels + from * height,
                             .b_panel = height * DENSE_PANEL,
                             .c = c + from,
                             .c_stride = width,
                             .c_panel = DENSE_PANEL};
  product_of(precision)->store(&product, start == NULL ? NULL : start + from, slope);
}

void dense_forward(const precision_t *precision, const dense_layout_t *layout, const activation_t *activation,
                   int64_t rows, const float *x, const float *w, const float *b, float *y) {
  dense_forward_outputs(precision, layout, activation, rows, x, w, b, 0, layout->out, y);
}

void dense_forward_outputs(const precision_t *precision, const dense_layout_t *layout,
                           const activation_t *activation, int64_t rows, const float *x, const float *w,
                           const float *b, int64_t from, int64_t to, float *y) {
  multiply_panels(precision, rows, precision_words(precision, layout->in), x, w,
                  layout->padded_in / precision->factors, b, activation->rectifies ? activation->slope : 1.0F,
                  y, layout->out, from, to);
}

/* ---- gradient of the inputs ---- */

void dense_backward_data(const precision_t *precision, const dense_layout_t *layout, int64_t rows,
                         const float *dy, const float *transposed, float *dx) {
  multiply_panels(precision, rows, precision_words(precision, layout->out), dy, transposed,
                  precision_words(precision, layout->padded_out), NULL, 1.0F, dx, layout->in, 0, layout->in);
}

/* ---- gradient of the weights ---- */

void dense_columns(const precision_t *precision, const dense_layout_t *layout, int64_t slice_rows,
                   int64_t row, int64_t rows, const float *x, float *columns) {
  if (precision->factors == 2)
    dense_column_pairs(precision, layout, slice_rows, row, rows, x, columns);
  else
    transpose(rows, layout->in, x, layout->in, columns + row, slice_rows);
}

/* Copies rows of dy into panels. Whole panels are copies of a constant size, which the compiler inlines. The
 * last panel, if it is not full, is padded with zeros. */
static void float_panels(const dense_layout_t *layout, int64_t slice_rows, int64_t row, int64_t rows,
                         const float *dy, float *panels) {
  int64_t whole = layout->out / DENSE_PANEL * DENSE_PANEL, rest = layout->out - whole;
  for (int64_t r = 0; r < rows; r++, dy += layout->out) {
    float *to = panels + (row + r) * DENSE_PANEL;
    for (int64_t o = 0; o < whole; o += DENSE_PANEL)
      memcpy(to + o * slice_rows, dy + o, DENSE_PANEL * sizeof *dy);
    if (rest == 0) continue;
    memcpy(to + whole * slice_rows, dy + whole, (size_t)rest * sizeof *dy);
    memset(to + whole * slice_rows + rest, 0, (size_t)(DENSE_PANEL - rest) * sizeof *dy);
  }
}

void dense_panels(const precision_t *precision, const dense_layout_t *layout, int64_t slice_rows, int64_t row,
                  int64_t rows, const float *dy, float *panels) {
  if (precision->factors == 2)
    dense_panel_pairs(precision, layout, slice_rows, row, rows, dy, panels);
  else
    float_panels(layout, slice_rows, row, rows, dy, panels);
}

void dense_backward_weights(const precision_t *precision, const dense_tile_t *tile, int64_t slice_rows,
                            dense_slice_t slice, const dense_slice_t *next, const dense_sum_t *sums,
                            int pending) {
  const int64_t depth = precision_words(precision, slice_rows);
  product_t product = {.rows = tile->inputs,
                       .depth = depth,
                       .columns = tile->panels * DENSE_PANEL,
                       .a = slice.columns + tile->first_input * depth,
                       .a_stride = depth,
                       .b = slice.panels + tile->first_output * depth,
                       .b_panel = depth * DENSE_PANEL,
                       .c = sums[0].floats,
                       .c_stride = DENSE_PANEL,
                       .c_panel = sums[0].panel};
  if (next != NULL) {
    product.next_a = next->columns + tile->first_input * depth;
    product.next_a_floats = tile->inputs * depth;
    product.next_b = next->panels + tile->first_output * depth;
    product.next_b_floats = tile->panels * DENSE_PANEL * depth;
  }
  product_of(precision)->add(&product, sums, pending);
  if (pending > 0) return;
  const int64_t used = tile->inputs * DENSE_PANEL; /* the rest of the tile is padded inputs */
  for (int64_t p = 0; p < tile->panels; p++)
    memset(product.c + p * product.c_panel + used, 0, (size_t)(tile->elements - used) * sizeof(float));
}
