/* What the cores can do at most: fused products and sums that wait for nothing. */
#ifndef MATH_PEAK_H
#define MATH_PEAK_H

#include <stdbool.h>
#include <stdint.h>

/* Does `rounds` rounds of independent fused products and sums in registers and returns the floating-point
 * operations that it did. Thread-safe. */
double peak_fp32(int64_t rounds);

/* The same with pairs of bf16 products summed in single precision; 0 where the build's CPU has none. */
double peak_bf16(int64_t rounds);

#endif
