/* Curves between two networks with parameters w1 (t = 0) and w2 (t = 1), through or towards a third vector
 * theta, which is trained so that the loss along the curve is small (Garipov et al. 2018, section 3):
 *
 *   straight   (1 - t) w1 + t w2
 *   bend       2 (t theta + (0.5 - t) w1) up to t = 0.5, then 2 ((t - 0.5) w2 + (1 - t) theta)
 *   bezier     (1 - t)^2 w1 + 2 t (1 - t) theta + t^2 w2
 *
 * Each point is a weighted sum of the three vectors. So the gradient of theta is that of the loss at the
 * point times theta's weight. */
#ifndef LANDSCAPE_CURVE_H
#define LANDSCAPE_CURVE_H

#include "base/text.h"

/* The weights of the three vectors in a point; their sum is 1. */
typedef struct {
  double first, theta, second;
} curve_weights_t;

typedef struct {
  const char *name, *meaning; /* meaning: one line */
  bool is_trained;            /* theta has weight */
  bool is_aligned;            /* the units of the second network have changed places (align.h) */
  curve_weights_t (*at)(double t);
} curve_t;

enum { CURVES = 4 };
extern const curve_t curves[CURVES];

bool curve_choice(size_t i, choice_t *out);

/* out (n) = the point with these weights, in double, rounded once. At an end it is exactly that end. `theta`
 * is NULL for a curve that is not trained. Pure. */
void curve_point(curve_weights_t weights, size_t n, const float *first, const float *theta,
                 const float *second, float *out);

/* How far the loss rises above the straight line between its values at the ends: the largest of L(t) - ((1 -
 * t) L(0) + t L(1)) over the points t (n), which begin with 0 and end with 1 (Entezari et al. 2022, section
 * 2). 0 if it never does. INFINITY if a loss is infinite, NaN if one is not a number. Pure. */
typedef struct {
  double height;
  size_t at; /* the point of the largest */
} curve_barrier_t;
curve_barrier_t curve_barrier(size_t n, const double *t, const double *losses);

#endif
