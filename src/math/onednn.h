/* What the rest of this room sees of oneDNN: primitives ready to run, with none of the library's types.
 * Private to the room; others use dense.h. */
#ifndef MATH_ONEDNN_H
#define MATH_ONEDNN_H

#include "base/error.h"
#include "math/activation.h"

#include <stdbool.h>
#include <stdint.h>

/* The three passes of an inner product. */
typedef enum { FORWARD, BACKWARD_DATA, BACKWARD_WEIGHTS } product_pass_t;

/* Layouts of the weights (out, in) by their block of outputs: 64, 48, 32 or 16 go with blocks of
 * ONEDNN_INPUT_BLOCK inputs, ONEDNN_PLAIN is row-major. */
enum { ONEDNN_PLAIN = 1, ONEDNN_INPUT_BLOCK = 16 };

/* One pass over x (rows, in), weights (out, in), y (rows, out). */
typedef struct {
  product_pass_t pass;
  int64_t rows, in, out;
  int64_t output_block;           /* layout of the weights */
  bool has_bias;                  /* forward only */
  const activation_t *activation; /* forward only, NULL for none */
} product_t;

/* The layout that the library likes best for the weights of this product (its output_block is not read);
 * ONEDNN_PLAIN when that is none of the above. */
ls_status onednn_favourite_block(const product_t *product, int64_t *output_block, ls_error *error);

/* Whether the library has more than its slow reference code for a product. */
ls_status onednn_is_fast(const product_t *product, bool *fast, ls_error *error);

/* A primitive with everything that running it needs. To be run by the thread that made it. */
typedef struct call call_t;

/* Caller-owned (call_destroy). */
ls_status call_of_product(const product_t *product, call_t **out, ls_error *error);
ls_status call_of_eltwise(const activation_t *activation, int64_t n, bool backward, call_t **out,
                          ls_error *error);
void call_destroy(call_t **call);

/* The arrays that a run reads and, last but for the bias, writes:
 * FORWARD x, w, y, bias (if any) · BACKWARD_DATA dy, w, dx · BACKWARD_WEIGHTS x, dy, dw ·
 * eltwise forward x, y · eltwise backward x, dy, dx. The factor `scale` of an activation is applied in a
 * FORWARD product, not in an eltwise. */
void call_run(call_t *call, const void *const *arrays);

#endif
