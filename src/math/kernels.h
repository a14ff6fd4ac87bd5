/* Inside of the room: what is compiled once for each instruction set, as a table with one row for each. Files
 * that are compiled so name what they export with VARIANT (variant.h). Every row computes the same bits, so
 * tests call rows by name and compare them. */
#ifndef MATH_KERNELS_H
#define MATH_KERNELS_H

#include "base/isa.h"
#include "math/activation.h"
#include "math/precision.h"
#include "math/product.h"

/* Loops over arrays (loops.c). */
typedef struct {
  void (*exp)(size_t n, const float *x, float *y);
  void (*log1p)(size_t n, const float *x, float *y);
  void (*cos)(size_t n, const float *x, float *y);
  void (*pairs)(int64_t n, const float *first, const float *second, pair_t *out);
  void (*halves)(int64_t n, const float *x, half_t *out);
} loops_t;

/* Loops for the peak of each arithmetic's instruction (peak.h); NULL: there is no such instruction. */
typedef struct {
  double (*of[ARITHMETICS])(int64_t rounds);
} peaks_t;

typedef struct {
  const product_kernels_t *products[ARITHMETICS];
  const loops_t *loops;
  const activation_t *activations; /* ends with a row without a name */
  const peaks_t *peaks;
} kernels_t;

/* The row of an instruction set that is supported here. */
const kernels_t *kernels_of(isa_t isa);

/* The row of the selected one. */
static inline const kernels_t *kernels_selected(void) {
  return kernels_of(isa_selected());
}

#endif
