/* Activation functions: a table. Each row holds a name, loops over floats and a reference definition in
 * double, which the tests and the reference forward pass use. To add a function, add a row in
 * activation.c. */
#ifndef MATH_ACTIVATION_H
#define MATH_ACTIVATION_H

#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct {
  const char *name;
  const char *meaning;            /* the formula */
  double (*value)(double x);      /* f(x), reference */
  double (*derivative)(double x); /* f'(x), reference; NULL: not differentiable, cannot be trained */
  const char *init;               /* default initialisation of the layer before it */
  /* y = f(x) and dx = dy f'(x) for n values, in place allowed. backward is NULL without a derivative. */
  void (*forward)(size_t n, const float *x, float *y);
  void (*backward)(size_t n, const float *x, const float *dy, float *dx);
  /* delta[i] *= f'(x_i), computed from the output y = f(x). NULL when the output does not determine f'. The
   * function is then an op of its own, which keeps its input. */
  void (*backward_from_output)(size_t n, const float *y, float *delta);
  bool rectifies; /* f(x) = max(x, slope x); the product applies it to its sums (dense.h) */
  float slope;
} activation_t;

/* Finds a function by name, with the loops of the selected instruction set. NULL when there is none. Static,
 * constant. */
const activation_t *activation_find(const char *name);

/* Whether f(x) = x. */
bool activation_is_identity(const activation_t *activation);

/* Lists the table (text.h). */
bool activation_choice(size_t i, choice_t *out);

#endif
