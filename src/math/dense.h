/* Dense layers on one thread: y = f(x Wᵀ + b) and its two backward passes, by oneDNN inner products.
 *
 * Weights live in the blocked layout in which all three passes run fastest (on AVX-512: panels of 64 outputs,
 * each a plain [in][64] matrix), so that no step reorders them; files hold plain (out, in) matrices. All
 * shapes are fixed when a kernel is made, because bits may depend on them. Activations are dense row-major
 * (rows, in) and (rows, out), 64-byte aligned. Kernels must be made by the thread that runs them, with
 * omp_set_num_threads(1) in force there; each belongs to that thread. */
#ifndef MATH_DENSE_H
#define MATH_DENSE_H

#include "base/error.h"
#include "math/activation.h"

#include <stdint.h>

enum { DENSE_MAX_TILE_INPUTS = 1024 };

/* How the weights of a layer lie in memory. The buffer is cut into panels of outputs, each contiguous, and
 * each panel into tiles of inputs, each contiguous too: a tile of the gradient is computed and folded while
 * it is in cache. Padding (outputs to whole panels, inputs to whole blocks) is zero and stays zero. */
typedef struct {
  int64_t in, out;
  int64_t input_block;  /* inputs are padded to a multiple of this (16; 1 for plain) */
  int64_t output_block; /* outputs are padded to a multiple of this (64, 48, 32, 16; 1 for plain) */
  int64_t panel;        /* outputs per panel: output_block, or up to 64 for plain */
  int64_t elements;     /* floats in the buffer, padding included */
} dense_layout_t;

/* The layout that all three passes agree on for this layer at `rows` rows a call. */
ls_status dense_layout_choose(int64_t in, int64_t out, int64_t rows, dense_layout_t *layout, ls_error *error);

/* plain (out, in) row-major -> layout and back. Not for the step loop. */
ls_status dense_pack(const dense_layout_t *layout, const float *plain, float *packed, ls_error *error);
ls_status dense_unpack(const dense_layout_t *layout, const float *packed, float *plain, ls_error *error);

/* One tile of a layer's weights: outputs [first_output, +outputs) by inputs [first_input, +inputs), at
 * [offset, offset + elements) of the packed buffer. */
typedef struct {
  int64_t first_output, outputs;
  int64_t first_input, inputs;
  int64_t offset, elements;
} dense_tile_t;

/* Number of tiles, and tile i (panel-major, in order of offset; together they are the whole buffer). */
int64_t dense_tiles(const dense_layout_t *layout);
dense_tile_t dense_tile(const dense_layout_t *layout, int64_t i);

/* y (rows, out) = f(x (rows, in) Wᵀ + b); f must not be ELTWISE_OWN, and have backward_from_output or be
 * applied for inference. bias may be absent (has_bias false, b ignored). */
typedef struct dense_forward dense_forward_t;
ls_status dense_forward_create(const dense_layout_t *layout, int64_t rows, bool has_bias,
                               const activation_t *activation, dense_forward_t **out, ls_error *error);
void dense_forward_run(dense_forward_t *kernel, const float *x, const float *w, const float *b, float *y);
void dense_forward_destroy(dense_forward_t **kernel);

/* dx (rows, in) = dy (rows, out) W. Overwrites dx. */
typedef struct dense_backward_data dense_backward_data_t;
ls_status dense_backward_data_create(const dense_layout_t *layout, int64_t rows, dense_backward_data_t **out,
                                     ls_error *error);
void dense_backward_data_run(dense_backward_data_t *kernel, const float *dy, const float *w, float *dx);
void dense_backward_data_destroy(dense_backward_data_t **kernel);

/* One tile of dW = dyᵀ x over `rows` rows, or with `add` the sum of what dw holds and that: dw is the tile
 * alone (tile.elements floats, layout order), x and dy are the whole activations. The same bits whether a
 * product is added here or computed apart and added afterwards. One kernel serves all tiles of the same
 * inputs x outputs. Padding in dw becomes, and stays, zero. */
typedef struct dense_backward_weights dense_backward_weights_t;
ls_status dense_backward_weights_create(const dense_layout_t *layout, const dense_tile_t *tile, int64_t rows,
                                        dense_backward_weights_t **out, ls_error *error);
void dense_backward_weights_run(dense_backward_weights_t *kernel, const dense_tile_t *tile, const float *x,
                                const float *dy, bool add, float *dw);
void dense_backward_weights_destroy(dense_backward_weights_t **kernel);

/* An activation on its own: y = f(x), n values; and dx = dy * f'(x), for those that have an f'. In place
 * allowed (y == x, dx == dy). */
typedef struct eltwise_kernel eltwise_kernel_t;
ls_status eltwise_create(const activation_t *activation, int64_t n, bool backward, eltwise_kernel_t **out,
                         ls_error *error);
void eltwise_forward(eltwise_kernel_t *kernel, const float *x, float *y);
void eltwise_backward(eltwise_kernel_t *kernel, const float *x, const float *dy, float *dx);
void eltwise_destroy(eltwise_kernel_t **kernel);

/* Version of the library and the instruction set it uses, "oneDNN 2.6.3 (avx512_core_bf16)". Static or in
 * out. */
void dense_library_version(char *out, size_t size);

#endif
