/* Elementary functions of arrays of floats, with the same bits on every CPU: y_i = f(x_i) for n values, in
 * place allowed. The error is at most one unit in the last place. Code that affects the parameters uses
 * these, because the bits of expf and others depend on the C library. Thread-safe. */
#ifndef MATH_FUNCTIONS_H
#define MATH_FUNCTIONS_H

#include <stddef.h>

void floats_exp(size_t n, const float *x, float *y);
void floats_log1p(size_t n, const float *x, float *y);
void floats_cos(size_t n, const float *x, float *y);

/* The library and its version, for example "SLEEF 3.5.1". Static. */
const char *floats_library_version(void);

#endif
