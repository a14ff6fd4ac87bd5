#include "optim/line_search.h"

#include <math.h>

static const double descent = 1e-4, flatness = 0.9; /* c1, c2 */
static const double growth = 4;                     /* factor on the step while f still falls steeply */
static const double margin = 0.1; /* a new step keeps this share of the bracket away from both ends */

line_search_t line_search_begin(double value, double slope, double step) {
  line_point_t start = {0, value, slope};
  return (line_search_t){.start = start, .lo = start, .step = step};
}

/* The minimiser of the cubic through the values and slopes at both ends (equation 3.59). NaN when there is
 * none. */
static double cubic_minimiser(const line_point_t *a, const line_point_t *b) {
  double d1 = a->slope + b->slope - 3 * (a->value - b->value) / (a->step - b->step);
  double d2 = copysign(sqrt(d1 * d1 - a->slope * b->slope), b->step - a->step);
  return b->step - (b->step - a->step) * (b->slope + d2 - d1) / (b->slope - a->slope + 2 * d2);
}

/* A step inside the bracket and not too close to its ends: the cubic's minimiser, or the middle if there is
 * none. */
static double next_inside(const line_search_t *search) {
  double low = fmin(search->lo.step, search->hi.step), high = fmax(search->lo.step, search->hi.step);
  double step = cubic_minimiser(&search->lo, &search->hi), width = high - low;
  if (!isfinite(step)) return low + width / 2;
  return fmin(fmax(step, low + margin * width), high - margin * width);
}

/* Too many evaluations, or the bracket cannot be divided further: takes the best step so far, if any step
 * descends. */
static line_search_state_t give_up(line_search_t *search) {
  if (search->lo.step == 0) return LINE_SEARCH_FAILED;
  search->is_last = true;
  search->step = search->lo.step;
  return LINE_SEARCH_GOES_ON;
}

/* Chooses the next step, after the last point has updated lo and hi. */
static line_search_state_t go_on(line_search_t *search, bool grows) {
  if (search->evaluations >= LINE_SEARCH_MOST) return give_up(search);
  if (grows) {
    search->step *= growth;
    return isfinite(search->step) ? LINE_SEARCH_GOES_ON : give_up(search);
  }
  double step = next_inside(search);
  if (step == search->lo.step || step == search->hi.step) return give_up(search);
  search->step = step;
  return LINE_SEARCH_GOES_ON;
}

line_search_state_t line_search_tell(line_search_t *search, double value, double slope) {
  const line_point_t *start = &search->start, point = {search->step, value, slope};
  search->evaluations++;
  if (search->is_last) return LINE_SEARCH_DONE;
  bool descends = value <= start->value + descent * point.step * start->slope; /* false when value is NaN */
  if (!descends || value >= search->lo.value) {
    search->hi = point;
    search->is_bracketed = true;
    return go_on(search, false);
  }
  if (fabs(slope) <= -flatness * start->slope) return LINE_SEARCH_DONE;
  bool outward = search->is_bracketed ? slope * (search->hi.step - search->lo.step) < 0 : slope < 0;
  if (!outward) {
    search->hi = search->lo;
    search->is_bracketed = true;
  }
  search->lo = point;
  return go_on(search, !search->is_bracketed);
}
