/* Dense layers: which layout their weights take, and the kernels of the three passes. A kernel of the weight
 * gradient sees only the columns of x and dy that belong to its tile; where these are not all columns it
 * copies them, since the library is fast on contiguous rows alone. */
#include "math/dense.h"

#include "base/arena.h"
#include "math/onednn.h"
#include "math/outer_product.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define NO_MEMORY(error) error_set(error, LS_NO_MEMORY, "out of memory for a kernel")

/* ---- the layout ---- */

enum { PLAIN_PANEL = 64 };

static int64_t padded(int64_t n, int64_t block) {
  return (n + block - 1) / block * block;
}

static dense_layout_t layout_of_block(int64_t in, int64_t out, int64_t output_block) {
  dense_layout_t layout = {.in = in, .out = out, .output_block = output_block};
  if (output_block == ONEDNN_PLAIN) {
    layout.input_block = 1;
    layout.panel = out < PLAIN_PANEL ? out : PLAIN_PANEL;
  } else {
    layout.input_block = ONEDNN_INPUT_BLOCK;
    layout.panel = output_block;
  }
  layout.elements = padded(in, layout.input_block) * padded(out, output_block);
  return layout;
}

static product_t layer_product(const dense_layout_t *layout, product_pass_t pass, int64_t rows) {
  return (product_t){pass, rows, layout->in, layout->out, layout->output_block, false, NULL};
}

/* The product that yields one tile: blocked panels whole, with zeros for the outputs that are not there. */
static product_t tile_product(const dense_layout_t *layout, const dense_tile_t *tile, int64_t rows) {
  int64_t outputs = padded(tile->outputs, layout->output_block);
  return (product_t){BACKWARD_WEIGHTS, rows, tile->inputs, outputs, layout->output_block, false, NULL};
}

/* Whether all three passes have fast code for this layout. */
static ls_status layout_is_fast(const dense_layout_t *layout, int64_t rows, bool *fast, ls_error *error) {
  dense_tile_t tile = dense_tile(layout, 0);
  const product_t products[] = {layer_product(layout, FORWARD, rows),
                                layer_product(layout, BACKWARD_DATA, rows),
                                tile_product(layout, &tile, rows)};
  *fast = true;
  for (size_t i = 0; i < sizeof products / sizeof products[0] && *fast; i++)
    TRY(onednn_is_fast(&products[i], fast, error));
  return LS_OK;
}

ls_status dense_layout_choose(int64_t in, int64_t out, int64_t rows, dense_layout_t *layout,
                              ls_error *error) {
  if (in < 1 || out < 1 || rows < 1)
    return error_set(error, LS_FAILED,
                     "a dense layer of %" PRId64 " inputs and %" PRId64 " outputs at %" PRId64
                     " rows: all three must be positive",
                     in, out, rows);
  product_t forward = {FORWARD, rows, in, out, ONEDNN_PLAIN, true, NULL};
  int64_t block = ONEDNN_PLAIN;
  bool fast = false;
  TRY(onednn_favourite_block(&forward, &block, error));
  dense_layout_t chosen = layout_of_block(in, out, block);
  TRY(layout_is_fast(&chosen, rows, &fast, error));
  *layout = fast ? chosen : layout_of_block(in, out, ONEDNN_PLAIN);
  return LS_OK;
}

/* ---- forward ---- */

struct dense_forward {
  call_t *call;
};

ls_status dense_forward_create(const dense_layout_t *layout, int64_t rows, bool has_bias,
                               const activation_t *activation, dense_forward_t **out, ls_error *error) {
  product_t product = layer_product(layout, FORWARD, rows);
  product.has_bias = has_bias;
  product.activation = activation;
  dense_forward_t *kernel = calloc(1, sizeof *kernel);
  if (kernel == NULL) return NO_MEMORY(error);
  ls_status status = call_of_product(&product, &kernel->call, error);
  if (status == LS_OK)
    *out = kernel;
  else
    dense_forward_destroy(&kernel);
  return status;
}

void dense_forward_run(dense_forward_t *kernel, const float *x, const float *w, const float *b, float *y) {
  call_run(kernel->call, (const void *[]){x, w, y, b});
}

void dense_forward_destroy(dense_forward_t **kernel) {
  if (*kernel == NULL) return;
  call_destroy(&(*kernel)->call);
  free(*kernel);
  *kernel = NULL;
}

/* ---- backward to the inputs ---- */

struct dense_backward_data {
  call_t *call;
};

ls_status dense_backward_data_create(const dense_layout_t *layout, int64_t rows, dense_backward_data_t **out,
                                     ls_error *error) {
  product_t product = layer_product(layout, BACKWARD_DATA, rows);
  dense_backward_data_t *kernel = calloc(1, sizeof *kernel);
  if (kernel == NULL) return NO_MEMORY(error);
  ls_status status = call_of_product(&product, &kernel->call, error);
  if (status == LS_OK)
    *out = kernel;
  else
    dense_backward_data_destroy(&kernel);
  return status;
}

void dense_backward_data_run(dense_backward_data_t *kernel, const float *dy, const float *w, float *dx) {
  call_run(kernel->call, (const void *[]){dy, w, dx});
}

void dense_backward_data_destroy(dense_backward_data_t **kernel) {
  if (*kernel == NULL) return;
  call_destroy(&(*kernel)->call);
  free(*kernel);
  *kernel = NULL;
}

/* ---- backward to the weights ---- */

/* Columns of an activation on their way into a kernel. */
typedef struct {
  int64_t from_width; /* of the whole activation */
  int64_t width;      /* of the copy: those of the tile, then zeros */
  float *values;      /* (rows, width); NULL when the kernel can read the activation itself */
} columns_t;

struct dense_backward_weights {
  call_t *call;                  /* the library's kernel; NULL where outer_product does the work */
  int64_t rows, inputs, outputs; /* inputs and outputs of the tile */
  columns_t x, dy;
  float *scratch; /* of outer_product; else (tile): a sum on its way to being added */
  arena_t arena;
};

static ls_status columns_create(columns_t *columns, int64_t rows, int64_t from_width, int64_t width,
                                arena_t *arena, ls_error *error) {
  *columns = (columns_t){from_width, width, NULL};
  if (width == from_width) return LS_OK;
  columns->values = arena_new(arena, (size_t)rows * (size_t)width, sizeof(float));
  return columns->values == NULL ? NO_MEMORY(error) : LS_OK;
}

/* The n columns from `first` on, copied if need be. */
static const float *columns_take(const columns_t *columns, int64_t rows, int64_t first, int64_t n,
                                 const float *whole) {
  if (columns->values == NULL) return whole;
  for (int64_t r = 0; r < rows; r++)
    memcpy(columns->values + r * columns->width, whole + r * columns->from_width + first,
           (size_t)n * sizeof(float));
  return columns->values;
}

/* Blocked panels of slices that stay in cache are done in registers, all else by the library. */
static bool in_registers(const dense_layout_t *layout, int64_t rows) {
  return outer_product_available() && layout->output_block != ONEDNN_PLAIN && rows <= OUTER_PRODUCT_ROWS;
}

ls_status dense_backward_weights_create(const dense_layout_t *layout, const dense_tile_t *tile, int64_t rows,
                                        dense_backward_weights_t **out, ls_error *error) {
  ls_status status;
  product_t product = tile_product(layout, tile, rows);
  bool registers = in_registers(layout, rows);
  dense_backward_weights_t *kernel = calloc(1, sizeof *kernel);
  if (kernel == NULL) return NO_MEMORY(error);
  kernel->rows = rows;
  kernel->inputs = tile->inputs;
  kernel->outputs = tile->outputs;
  size_t scratch = registers ? (size_t)rows * OUTER_PRODUCT_COLUMNS : (size_t)tile->elements;
  kernel->scratch = arena_new(&kernel->arena, scratch, sizeof *kernel->scratch);
  status = kernel->scratch == NULL ? NO_MEMORY(error) : LS_OK;
  if (status != LS_OK) goto done;
  TRY_OR_DONE(columns_create(&kernel->dy, rows, layout->out, product.out, &kernel->arena, error));
  TRY_OR_DONE(columns_create(&kernel->x, rows, layout->in, registers ? layout->in : product.in,
                             &kernel->arena, error));
  if (!registers) TRY_OR_DONE(call_of_product(&product, &kernel->call, error));
  *out = kernel;
  kernel = NULL;
done:
  dense_backward_weights_destroy(&kernel);
  return status;
}

/* The library overwrites: what is to be added goes to scratch first. */
static void run_library(dense_backward_weights_t *kernel, const dense_tile_t *tile, const float *x,
                        const float *dy, bool add, float *restrict dw) {
  float *restrict out = add ? kernel->scratch : dw;
  x = columns_take(&kernel->x, kernel->rows, tile->first_input, tile->inputs, x);
  call_run(kernel->call, (const void *[]){x, dy, out});
  for (int64_t i = 0; add && i < tile->elements; i++) dw[i] += out[i];
}

void dense_backward_weights_run(dense_backward_weights_t *kernel, const dense_tile_t *tile, const float *x,
                                const float *dy, bool add, float *dw) {
  assert(tile->inputs == kernel->inputs && tile->outputs == kernel->outputs);
  dy = columns_take(&kernel->dy, kernel->rows, tile->first_output, tile->outputs, dy);
  if (kernel->call != NULL) {
    run_library(kernel, tile, x, dy, add, dw);
    return;
  }
  int64_t outputs = kernel->dy.width, used = tile->inputs * outputs;
  outer_product(kernel->rows, tile->inputs, outputs, x + tile->first_input, kernel->x.from_width, dy,
                kernel->scratch, add, dw);
  if (!add) memset(dw + used, 0, (size_t)(tile->elements - used) * sizeof *dw); /* inputs that are padding */
}

void dense_backward_weights_destroy(dense_backward_weights_t **kernel) {
  if (*kernel == NULL) return;
  if ((*kernel)->call != NULL) call_destroy(&(*kernel)->call);
  arena_free(&(*kernel)->arena);
  free(*kernel);
  *kernel = NULL;
}

/* ---- activations on their own ---- */

struct eltwise_kernel {
  const activation_t *activation;
  call_t *call; /* NULL where the activation has loops of its own */
  int64_t n;
};

ls_status eltwise_create(const activation_t *activation, int64_t n, bool backward, eltwise_kernel_t **out,
                         ls_error *error) {
  eltwise_kernel_t *kernel = calloc(1, sizeof *kernel);
  if (kernel == NULL) return NO_MEMORY(error);
  kernel->activation = activation;
  kernel->n = n;
  ls_status status = LS_OK;
  if (activation->eltwise != ELTWISE_OWN)
    status = call_of_eltwise(activation, n, backward, &kernel->call, error);
  if (status == LS_OK)
    *out = kernel;
  else
    eltwise_destroy(&kernel);
  return status;
}

static void apply_scale(const eltwise_kernel_t *kernel, float *values) {
  const float scale = kernel->activation->scale;
  if (scale == 1.0f) return;
  for (int64_t i = 0; i < kernel->n; i++) values[i] *= scale;
}

void eltwise_forward(eltwise_kernel_t *kernel, const float *x, float *y) {
  if (kernel->call == NULL) {
    kernel->activation->forward((size_t)kernel->n, x, y);
    return;
  }
  call_run(kernel->call, (const void *[]){x, y});
  apply_scale(kernel, y);
}

void eltwise_backward(eltwise_kernel_t *kernel, const float *x, const float *dy, float *dx) {
  if (kernel->call == NULL) {
    kernel->activation->backward((size_t)kernel->n, x, dy, dx);
    return;
  }
  call_run(kernel->call, (const void *[]){x, dy, dx});
  apply_scale(kernel, dx);
}

void eltwise_destroy(eltwise_kernel_t **kernel) {
  if (*kernel == NULL) return;
  if ((*kernel)->call != NULL) call_destroy(&(*kernel)->call);
  free(*kernel);
  *kernel = NULL;
}
