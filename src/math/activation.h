/* Activation functions: a table. A row names the function and has its loops over floats and its plain
 * definition in double, which tests and the reference forward pass use. Adding one is adding a row in
 * activation.c. */
#ifndef MATH_ACTIVATION_H
#define MATH_ACTIVATION_H

#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct {
  const char *name;
  const char *meaning;            /* the formula */
  double (*value)(double x);      /* f(x), plain, for reference */
  double (*derivative)(double x); /* f'(x); NULL: there is none to train by */
  const char *init;               /* the usual initialisation of a layer in front of it */
  /* y = f(x), and dx = dy f'(x) (NULL without a derivative), n values; in place allowed */
  void (*forward)(size_t n, const float *x, float *y);
  void (*backward)(size_t n, const float *x, const float *dy, float *dx);
  /* delta[i] *= f'(x_i) with f' computed from the output y = f(x); NULL when the output does not determine
   * it: then a dense layer keeps its input and the function is an op of its own */
  void (*backward_from_output)(size_t n, const float *y, float *delta);
  bool rectifies; /* f(x) = max(x, slope x), which a product applies to its sums (dense.h) */
  float slope;
} activation_t;

/* By name, NULL when there is none: the row of the selected instruction set. Static, constant. */
const activation_t *activation_find(const char *name);

/* Whether f(x) = x. */
bool activation_is_identity(const activation_t *activation);

/* The table as choices. */
bool activation_choice(size_t i, choice_t *out);

#endif
