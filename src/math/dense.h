/* Dense layers: y = f(x Wᵀ + b) and its two backward passes, on one thread.
 *
 * All three are products of some rows with panels of DENSE_PANEL columns (product.h), and whatever is read as
 * a panel is stored as one, so that no pass has anything to rearrange:
 *
 * clang-format off
 *   forward           y   = x Wᵀ   panels of outputs of W, each [in][panel]: how parameters live
 *   backward-data     dx  = dy W   panels of inputs of W, each [out][panel]: a copy made when parameters
 * change backward-weights  dWᵀ = xᵀ dy  panels of outputs of dy, each [rows][panel], and x by columns
 * clang-format on
 *
 * Files hold plain (out, in) matrices. Activations are dense row-major (rows, in) and (rows, out). An element
 * of a result is one chain of fused products and sums: its bits do not depend on the rows of a call. All
 * functions are pure and thread-safe.
 *
 * `precision` says what the factors are: floats, or pairs of bf16 numbers along the depth of the product
 * (precision.h). All that is described here as so many floats along a depth is then half as many words,
 * rounded up; forward reads a rounded copy of the weights. Results are floats, as are weights and their
 * gradient. */
#ifndef MATH_DENSE_H
#define MATH_DENSE_H

#include "math/activation.h"
#include "math/precision.h"

#include <stdbool.h>
#include <stdint.h>

enum {
  DENSE_PANEL = PRODUCT_PANEL,
  DENSE_DEPTH = PRECISION_MOST_DEPTH,     /* inputs are padded to a multiple of this */
  DENSE_UNIT = DENSE_DEPTH * DENSE_PANEL, /* floats: all sizes and places of weights are multiples of it */
  DENSE_TILE_PANELS = 64 / DENSE_PANEL,   /* the most in a tile: what is read of x serves that many */
  DENSE_TILE_FLOATS = 96 * 64,            /* the most in a tile: it and a few more stay in the second cache */
};

/* How the weights of a layer lie in memory: output o, input i at ((o div P) I + i) P + o mod P, with P =
 * DENSE_PANEL and I the padded inputs. Padding is zero and stays zero. */
typedef struct {
  int64_t in, out;
  int64_t padded_in;  /* to whole depths */
  int64_t padded_out; /* to whole panels */
  int64_t elements;   /* floats in the buffer, padding included: a multiple of DENSE_UNIT */
} dense_layout_t;

dense_layout_t dense_layout(int64_t in, int64_t out); /* both >= 1 */

/* plain (out, in) row-major -> layout and back. Not for the step loop. */
void dense_pack(const dense_layout_t *layout, const float *plain, float *packed);
void dense_unpack(const dense_layout_t *layout, const float *packed, float *plain);

/* The factors of a product that x (rows, columns) is read for: x itself, or its pairs, in `words`, which has
 * room for (rows, words of columns). */
const float *dense_factors(const precision_t *precision, int64_t rows, int64_t columns, const float *x,
                           float *words);

/* y (rows, out) = g(x (rows, in) Wᵀ + b); x are factors, w is W or its rounded copy; b may be NULL. g is what
 * dense_applies says of the activation: the function itself, or nothing, and then the caller applies it. */
void dense_forward(const precision_t *precision, const dense_layout_t *layout, const activation_t *activation,
                   int64_t rows, const float *x, const float *w, const float *b, float *y);
/* Of it the columns [from, to) of y alone; `from` begins a panel, `to` ends one or is `out`. */
void dense_forward_outputs(const precision_t *precision, const dense_layout_t *layout,
                           const activation_t *activation, int64_t rows, const float *x, const float *w,
                           const float *b, int64_t from, int64_t to, float *y);
/* Whether dense_forward applies this function: those that are max(z, slope z). */
bool dense_applies(const activation_t *activation);

/* dx (rows, in) = dy (rows, out) W, dy as factors, from the transposed copy of W. Overwrites dx. */
void dense_backward_data(const precision_t *precision, const dense_layout_t *layout, int64_t rows,
                         const float *dy, const float *transposed, float *dx);

/* The transposed copy of W: input i, output o at ((i div P) O + o) P + i mod P, O the padded outputs. In
 * pairs: outputs o and o + 1, o even, at ((i div P) O/2 + o/2) P + i mod P, with O padded as the precision
 * asks. */
int64_t dense_transposed_floats(const precision_t *precision, const dense_layout_t *layout);
/* Brings the copy up to date with floats [first, first + count) of w, both multiples of DENSE_UNIT. Calls for
 * different ranges may run at the same time. */
void dense_transpose(const precision_t *precision, const dense_layout_t *layout, const float *w,
                     int64_t first, int64_t count, float *transposed);

/* The rounded copy of W, in pairs of inputs i and i + 1, i even: half as many words. Brings it up to date,
 * like dense_transpose. */
void dense_round(const float *w, int64_t first, int64_t count, float *rounded);

/* One tile of a layer's weights: outputs [first_output, +outputs) by inputs [first_input, +inputs), a few
 * panels of outputs. Of panel p the tile has floats [offset + p stride, + elements) of the packed buffer.
 * Small enough to be folded over shards while it is in cache. */
typedef struct {
  int64_t first_output, outputs, panels;
  int64_t first_input, inputs;
  int64_t offset, elements, stride;
} dense_tile_t;

/* Number of tiles, and tile i (in order of offset; together they are the whole buffer). */
int64_t dense_tiles(const dense_layout_t *layout);
dense_tile_t dense_tile(const dense_layout_t *layout, int64_t i);

/* What backward-weights reads of a slice of `slice_rows` rows: x by columns (in, slice_rows) and dy by panels
 * (padded_out / P, slice_rows, P). These fill in rows [row, row + rows) of it from row-major x (rows, in) and
 * dy (rows, out), floats. Calls for different rows may run at the same time, though a pair be shared by them.
 * In a slice of odd rows the last pair's other half must be zero, and stays so. */
void dense_columns(const precision_t *precision, const dense_layout_t *layout, int64_t slice_rows,
                   int64_t row, int64_t rows, const float *x, float *columns);
void dense_panels(const precision_t *precision, const dense_layout_t *layout, int64_t slice_rows, int64_t row,
                  int64_t rows, const float *dy, float *panels);

/* What backward-weights reads of one slice. */
typedef struct {
  const float *columns, *panels;
} dense_slice_t;

/* Where the sum of a tile over some slices is: of panel p at floats + p panel. */
typedef product_sum_t dense_sum_t;

/* One tile t of dW = dyᵀ x over a slice, and the sums that it completes:
 *   sums[0] = sums[0] + (sums[1] + … (sums[pending − 1] + t)),  or  sums[0] = t when none is pending.
 * A sum is read and written once, while t is in registers, with the same bits as if t had been stored and
 * added step by step. Padding in sums[0] becomes, and stays, zero. next: the slice that comes after this one,
 * whose part of the tile is fetched meanwhile, or NULL. */
void dense_backward_weights(const precision_t *precision, const dense_tile_t *tile, int64_t slice_rows,
                            dense_slice_t slice, const dense_slice_t *next, const dense_sum_t *sums,
                            int pending);

#endif
