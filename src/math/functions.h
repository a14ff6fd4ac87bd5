/* Elementary functions of arrays of floats, with the same bits on every CPU: y_i = f(x_i) for n values, in
 * place allowed. An error is below one unit in the last place. Code whose floats reach the parameters uses
 * these instead of expf and its like, whose bits depend on the C library. Thread-safe. */
#ifndef MATH_FUNCTIONS_H
#define MATH_FUNCTIONS_H

#include <stddef.h>

void floats_exp(size_t n, const float *x, float *y);
void floats_log1p(size_t n, const float *x, float *y);
void floats_cos(size_t n, const float *x, float *y);

/* The library behind them and its version, "SLEEF 3.5.1". Static. */
const char *floats_library_version(void);

#endif
