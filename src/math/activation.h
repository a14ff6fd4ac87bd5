/* Activation functions: a table. A row names the function, how the kernels compute it, and its plain
 * definition in double, which tests and the reference forward pass use. Adding one is adding a row. */
#ifndef MATH_ACTIVATION_H
#define MATH_ACTIVATION_H

#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>

/* Which element-wise kernel of the library computes it (eltwise.c maps these). */
typedef enum {
  ELTWISE_IDENTITY,
  ELTWISE_RELU, /* alpha: slope below zero */
  ELTWISE_TANH,
  ELTWISE_LOGISTIC,
  ELTWISE_ELU, /* alpha */
  ELTWISE_GELU_ERF,
  ELTWISE_SWISH, /* alpha: x * logistic(alpha x) */
  ELTWISE_SOFT_RELU,
  ELTWISE_MISH,
  ELTWISE_OWN, /* none of the library's: the row has loops of its own */
} eltwise_t;

typedef struct activation {
  const char *name;
  const char *meaning; /* the formula */
  eltwise_t eltwise;
  float alpha, scale; /* the function is scale * eltwise(x; alpha) */
  /* delta[i] *= f'(x_i) with f' computed from the output y = f(x); NULL when the output does not determine
   * it: then a dense layer keeps its input and the function is an op of its own */
  void (*backward_from_output)(const struct activation *row, size_t n, const float *y, float *delta);
  double (*value)(double x);      /* f(x), plain, for reference */
  double (*derivative)(double x); /* f'(x); NULL: there is none to train by */
  const char *init;               /* the usual initialisation of a layer in front of it */
  /* ELTWISE_OWN: y = f(x), and dx = dy f'(x) (NULL without a derivative), n values; in place allowed */
  void (*forward)(size_t n, const float *x, float *y);
  void (*backward)(size_t n, const float *x, const float *dy, float *dx);
} activation_t;

/* By name, NULL when there is none. Static, constant. */
const activation_t *activation_find(const char *name);

/* The table as choices. */
bool activation_choice(size_t i, choice_t *out);

#endif
