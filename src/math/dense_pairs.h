/* Private to the math room: the functions of dense_layout.c and dense.c for pairs of bf16 numbers. */
#ifndef MATH_DENSE_PAIRS_H
#define MATH_DENSE_PAIRS_H

#include "math/dense.h"

/* Transposes a square of weights (a panel of inputs by a panel of outputs) into the transposed copy. `to` is
 * the word of its first input and first pair of outputs. */
void dense_transpose_square(const float *square, float *to);

/* dense_columns and dense_panels, for pairs. */
void dense_column_pairs(const precision_t *precision, const dense_layout_t *layout, int64_t slice_rows,
                        int64_t row, int64_t rows, const float *x, float *columns);
void dense_panel_pairs(const precision_t *precision, const dense_layout_t *layout, int64_t slice_rows,
                       int64_t row, int64_t rows, const float *dy, float *panels);

#endif
