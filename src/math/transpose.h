/* Private to the math room: transposing words. */
#ifndef MATH_TRANSPOSE_H
#define MATH_TRANSPOSE_H

#include <stdint.h>

/* out (columns, rows) = the transpose of in (rows, columns). Rows of in and out are in_stride and out_stride
 * floats apart. */
void transpose(int64_t rows, int64_t columns, const float *in, int64_t in_stride, float *out,
               int64_t out_stride);

#endif
