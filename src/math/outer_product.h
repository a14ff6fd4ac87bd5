/* Inside of the room: the gradient of a panel of weights, in registers. */
#ifndef MATH_OUTER_PRODUCT_H
#define MATH_OUTER_PRODUCT_H

#include <stdbool.h>
#include <stdint.h>

/* Whether this build has it: it needs 32 vector registers of 16 floats. */
bool outer_product_available(void);

enum {
  OUTER_PRODUCT_COLUMNS = 96, /* inputs that are copied at a time */
  OUTER_PRODUCT_ROWS = 256, /* more rows than these do not stay in cache: the library's way is as fast then */
};

/* dw (inputs, outputs) = xᵀ dy, summed over rows in their order, or dw + that sum when `add`. x (rows,
 * inputs) has rows x_stride floats apart; dy (rows, outputs) and dw are dense, outputs is 16, 32, 48 or 64;
 * columns is scratch of rows * OUTER_PRODUCT_COLUMNS floats. Thread-safe. */
void outer_product(int64_t rows, int64_t inputs, int64_t outputs, const float *x, int64_t x_stride,
                   const float *dy, float *columns, bool add, float *dw);

#endif
