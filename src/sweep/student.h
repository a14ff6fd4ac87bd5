/* Student's t distribution, for intervals of a mean. Pure functions. */
#ifndef SWEEP_STUDENT_H
#define SWEEP_STUDENT_H

#include <stddef.h>

/* The t that a variable with `degrees` > 0 degrees of freedom stays below with probability p, 0.5 <= p < 1.
 */
double student_quantile(double p, double degrees);

/* Mean of n values, and the half width of its 95 % interval, t s / sqrt(n) with t of n - 1 degrees of freedom
 * and the deviation s of the sample. NaN for n = 0, and the half width for n = 1. */
typedef struct {
  double mean, half;
} interval95_t;
interval95_t student_interval(const double *values, size_t n);

#endif
