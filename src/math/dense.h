/* Dense layers: y = f(x Wᵀ + b) and its two backward passes, on one thread.
 *
 * All three are products of rows with panels of DENSE_PANEL columns (product.h). Every operand that is read
 * as panels is also stored as panels, so no pass rearranges data:
 *
 *   forward           y   = x Wᵀ    panels of outputs of W, each [in][panel]: the layout of the parameters
 *   backward-data     dx  = dy W    panels of inputs of W, each [out][panel]: the transposed copy
 *   backward-weights  dWᵀ = xᵀ dy   panels of outputs of dy, each [rows][panel], and x by columns
 *
 * Weights of one layer in memory (P = DENSE_PANEL outputs per panel, I = padded inputs):
 *
 *        panel 0: outputs 0 … P-1                    panel 1: outputs P … 2P-1
 *   [ input 0 | input 1 | …        | input I-1 ] [ input 0 | input 1 | …         ] …
 *     P floats  P floats                           P floats
 *
 * Files hold plain (out, in) matrices. Activations are row-major without padding: (rows, in) and (rows, out).
 * An element of a result is one chain of fused multiply-adds, so its bits do not depend on how many rows a
 * call has. All functions are pure and thread-safe.
 *
 * `precision` selects the type of the factors: floats, or pairs of bf16 numbers along the depth of the
 * product (precision.h). With pairs, every depth given below in floats is half as many words, rounded up, and
 * forward reads a rounded copy of the weights. Results, weights and their gradient are always floats. */
#ifndef MATH_DENSE_H
#define MATH_DENSE_H

#include "math/activation.h"
#include "math/precision.h"

#include <stdbool.h>
#include <stdint.h>

enum {
  DENSE_PANEL = PRODUCT_PANEL,
  DENSE_DEPTH = PRECISION_MOST_DEPTH,     /* inputs are padded to a multiple of this */
  DENSE_UNIT = DENSE_DEPTH * DENSE_PANEL, /* floats: sizes and offsets of weights are multiples of this */
  DENSE_TILE_PANELS = 64 / DENSE_PANEL,   /* panels per tile at most: one pass over x serves them all */
  DENSE_TILE_FLOATS = 96 * 64,            /* floats per tile at most: a few tiles fit in the L2 cache */
};

/* The layout of a layer's weights: output o, input i is at ((o div P) I + i) P + o mod P, with P =
 * DENSE_PANEL and I = padded_in. Padding is zero and stays zero. */
typedef struct {
  int64_t in, out;
  int64_t padded_in;  /* a multiple of DENSE_DEPTH */
  int64_t padded_out; /* a multiple of DENSE_PANEL */
  int64_t elements;   /* floats in the buffer, with padding: a multiple of DENSE_UNIT */
} dense_layout_t;

dense_layout_t dense_layout(int64_t in, int64_t out); /* in, out >= 1 */
/* The layout of the transposed copy in floats, as the weights of a layer of its own with in and out
 * exchanged: what dense_forward and dense_backward_data need. Its padding is not that of dense_layout. */
static inline dense_layout_t dense_transposed_layout(const dense_layout_t *layout) {
  return (dense_layout_t){.in = layout->out,
                          .out = layout->in,
                          .padded_in = layout->padded_out,
                          .padded_out = layout->padded_in,
                          .elements = layout->elements};
}
/* Where the weight of an output and an input is in the buffer. */
static inline size_t dense_position(const dense_layout_t *layout, int64_t output, int64_t input) {
  return (size_t)((output / DENSE_PANEL * layout->padded_in + input) * DENSE_PANEL + output % DENSE_PANEL);
}

/* Converts plain row-major (out, in) weights to the layout and back. Not for the step loop. */
void dense_pack(const dense_layout_t *layout, const float *plain, float *packed);
void dense_unpack(const dense_layout_t *layout, const float *packed, float *plain);
/* Rows [first, first + count) of the plain matrix. */
void dense_unpack_rows(const dense_layout_t *layout, const float *packed, int64_t first, int64_t count,
                       float *plain);

/* Converts x (rows, columns) to factors: returns x itself, or its pairs, written to `words`, which has room
 * for (rows, words of columns). */
const float *dense_factors(const precision_t *precision, int64_t rows, int64_t columns, const float *x,
                           float *words);

/* y (rows, out) = g(x (rows, in) Wᵀ + b). x is factors, w is W or its rounded copy, b may be NULL. g is the
 * activation if dense_applies says so; otherwise g is the identity and the caller applies the activation. */
void dense_forward(const precision_t *precision, const dense_layout_t *layout, const activation_t *activation,
                   int64_t rows, const float *x, const float *w, const float *b, float *y);
/* The same for columns [from, to) of y only. `from` starts a panel; `to` ends a panel or is `out`. */
void dense_forward_outputs(const precision_t *precision, const dense_layout_t *layout,
                           const activation_t *activation, int64_t rows, const float *x, const float *w,
                           const float *b, int64_t from, int64_t to, float *y);
/* Whether dense_forward applies this function. It does if f(z) = max(z, slope z). */
bool dense_applies(const activation_t *activation);

/* dx (rows, in) = dy (rows, out) W. dy is factors, `transposed` is the transposed copy of W. Overwrites
 * dx. */
void dense_backward_data(const precision_t *precision, const dense_layout_t *layout, int64_t rows,
                         const float *dy, const float *transposed, float *dx);

/* Size of the transposed copy of W. Input i, output o is at ((i div P) O + o) P + i mod P, O the padded
 * outputs. With pairs, outputs o and o + 1 (o even) are at ((i div P) O/2 + o/2) P + i mod P, and O is padded
 * as the precision requires. */
int64_t dense_transposed_floats(const precision_t *precision, const dense_layout_t *layout);
/* Updates the transposed copy from floats [first, first + count) of w, both multiples of DENSE_UNIT. Calls
 * for different ranges may run concurrently. */
void dense_transpose(const precision_t *precision, const dense_layout_t *layout, const float *w,
                     int64_t first, int64_t count, float *transposed);

/* Updates the rounded copy of W, like dense_transpose. It holds pairs of inputs i and i + 1 (i even), in half
 * as many words. */
void dense_round(const float *w, int64_t first, int64_t count, float *rounded);

/* One tile of a layer's weights: outputs [first_output, +outputs) by inputs [first_input, +inputs), a few
 * panels of outputs. Panel p of the tile is floats [offset + p stride, + elements) of the packed buffer. A
 * tile is small enough to stay in cache while it is summed over the shards. */
typedef struct {
  int64_t first_output, outputs, panels;
  int64_t first_input, inputs;
  int64_t offset, elements, stride;
} dense_tile_t;

/* The number of tiles, and tile i. Tiles are in order of offset and together cover the whole buffer. */
int64_t dense_tiles(const dense_layout_t *layout);
dense_tile_t dense_tile(const dense_layout_t *layout, int64_t i);

/* The operands of backward-weights for a slice of `slice_rows` rows: x by columns (in, slice_rows) and dy by
 * panels (padded_out / P, slice_rows, P). These functions fill in rows [row, row + rows) from row-major
 * floats x (rows, in) and dy (rows, out). Calls for different rows may run concurrently, even if two rows
 * share a pair. If slice_rows is odd, the unused half of the last pair must be zero, and stays zero. */
void dense_columns(const precision_t *precision, const dense_layout_t *layout, int64_t slice_rows,
                   int64_t row, int64_t rows, const float *x, float *columns);
void dense_panels(const precision_t *precision, const dense_layout_t *layout, int64_t slice_rows, int64_t row,
                  int64_t rows, const float *dy, float *panels);

/* The operands of backward-weights for one slice. */
typedef struct {
  const float *columns, *panels;
} dense_slice_t;

/* The buffer for a tile's sum over some slices: panel p is at floats + p panel. */
typedef product_sum_t dense_sum_t;

/* Computes tile t of dW = dyᵀ x over a slice and adds it to the sums that are waiting for it:
 *
 *   sums[0] = sums[0] + (sums[1] + … (sums[pending - 1] + t)),   or   sums[0] = t when pending is 0.
 *
 * Each sum is read once and sums[0] is written once, while t is in registers. The bits are the same as if t
 * were stored and added step by step. Padding in sums[0] is zero afterwards. next: the slice that follows,
 * which is prefetched, or NULL. */
void dense_backward_weights(const precision_t *precision, const dense_tile_t *tile, int64_t slice_rows,
                            dense_slice_t slice, const dense_slice_t *next, const dense_sum_t *sums,
                            int pending);

#endif
