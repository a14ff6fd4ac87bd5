/* What the cores can do at most: multiply-adds in registers that wait for nothing. */
#ifndef MATH_PEAK_H
#define MATH_PEAK_H

#include "math/precision.h"

#include <stdint.h>

/* Does `rounds` rounds of independent multiply-adds with the instruction of an arithmetic and returns the
 * floating-point operations that it did; 0 where the selected instruction set has no such instruction.
 * Thread-safe. */
double peak_run(arithmetic_t arithmetic, int64_t rounds);

#endif
