/* The peak speed of the cores: multiply-adds in registers without dependences. */
#ifndef MATH_PEAK_H
#define MATH_PEAK_H

#include "math/precision.h"

#include <stdint.h>

/* Executes `rounds` rounds of independent multiply-adds with the instruction of an arithmetic. Returns the
 * number of floating-point operations, or 0 when the selected instruction set has no such instruction.
 * Thread-safe. */
double peak_run(arithmetic_t arithmetic, int64_t rounds);

#endif
