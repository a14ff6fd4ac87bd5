#include "landscape/curve.h"

#include <math.h>

static curve_weights_t straight_at(double t) {
  return (curve_weights_t){.first = 1 - t, .second = t};
}

static curve_weights_t bend_at(double t) {
  if (t <= 0.5) return (curve_weights_t){.first = 1 - 2 * t, .theta = 2 * t};
  return (curve_weights_t){.theta = 2 - 2 * t, .second = 2 * t - 1};
}

static curve_weights_t bezier_at(double t) {
  return (curve_weights_t){.first = (1 - t) * (1 - t), .theta = 2 * t * (1 - t), .second = t * t};
}

const curve_t curves[CURVES] = {
    {"straight", "the straight line", .at = straight_at},
    {"aligned", "the straight line to B, whose hidden units are put in the order of A's first",
     .is_aligned = true, .at = straight_at},
    {"bend", "two straight lines that meet in a trained point", .is_trained = true, .at = bend_at},
    {"bezier", "a quadratic Bezier curve with a trained control point", .is_trained = true, .at = bezier_at},
};

bool curve_choice(size_t i, choice_t *out) {
  if (i >= CURVES) return false;
  *out = (choice_t){curves[i].name, curves[i].meaning};
  return true;
}

void curve_point(curve_weights_t weights, size_t n, const float *first, const float *theta,
                 const float *second, float *out) {
  const double a = weights.first, b = weights.second, c = weights.theta;
  if (c == 0)
    for (size_t i = 0; i < n; i++) out[i] = (float)(a * (double)first[i] + b * (double)second[i]);
  else
    for (size_t i = 0; i < n; i++)
      out[i] = (float)(a * (double)first[i] + c * (double)theta[i] + b * (double)second[i]);
}

curve_barrier_t curve_barrier(size_t n, const double *t, const double *losses) {
  curve_barrier_t barrier = {0};
  for (size_t i = 1; i + 1 < n; i++) {
    const double height = losses[i] - ((1 - t[i]) * losses[0] + t[i] * losses[n - 1]);
    if (isnan(barrier.height) || height <= barrier.height) continue; /* NaN is larger than all */
    barrier = (curve_barrier_t){.height = height, .at = i};
  }
  return barrier;
}
