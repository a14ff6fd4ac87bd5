/* Private to the math room: the kernels that are compiled once for each instruction set, as a table with one
 * row per instruction set. Such files name their exports with VARIANT (variant.h). Every row computes the
 * same bits; tests call rows by name and compare them. */
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
  /* squares_in_double (squares.h) for one panel of points: out (rows, PRODUCT_PANEL) */
  void (*squares)(int64_t in, int64_t rows, const float *x, const float *points, const float *scales,
                  double *out);
} loops_t;

/* Sums of outer products (product_outer.c), as outer_add of panels.h. */
typedef void outer_add_t(int64_t n, const double *a, int64_t tiles, const double *b, int64_t stride,
                         double *g);

/* Peak loops, one for each arithmetic (peak.h). NULL: the instruction set has no such instruction. */
typedef struct {
  double (*of[ARITHMETICS])(int64_t rounds);
} peaks_t;

typedef struct {
  const product_kernels_t *products[ARITHMETICS];
  const product_kernels_t *squares; /* of differences instead of products (squares.h) */
  const loops_t *loops;
  const activation_t *activations; /* terminated by a row without a name */
  const peaks_t *peaks;
  outer_add_t *outer_add;
} kernels_t;

/* The kernels of an instruction set. This machine must support it. */
const kernels_t *kernels_of(isa_t isa);

/* The kernels of the selected instruction set. */
static inline const kernels_t *kernels_selected(void) {
  return kernels_of(isa_selected());
}

#endif
