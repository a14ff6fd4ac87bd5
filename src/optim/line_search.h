/* A line search for the strong Wolfe conditions (Nocedal and Wright, Numerical Optimization, 2006,
 * algorithms 3.5 and 3.6): along a direction of descent, with f(a) the loss at w + a d and f'(a) its slope,
 * find a step a > 0 with
 *
 *   f(a) <= f(0) + c1 a f'(0)   and   |f'(a)| <= c2 |f'(0)|,     c1 = 1e-4, c2 = 0.9.
 *
 * It asks for one evaluation after the other, so that whoever evaluates keeps the control. Pure. */
#ifndef OPTIM_LINE_SEARCH_H
#define OPTIM_LINE_SEARCH_H

#include <stdbool.h>

enum { LINE_SEARCH_MOST = 25 }; /* evaluations */

/* A step and what is known there. */
typedef struct {
  double step, value, slope;
} line_point_t;

typedef struct {
  line_point_t start; /* at 0 */
  line_point_t lo,
      hi; /* lo: the lowest so far that has enough descent; hi: the other end, once there is one */
  bool is_bracketed;
  bool is_last; /* whatever the next evaluation says, its step is taken */
  int evaluations;
  double step; /* to be evaluated next */
} line_search_t;

typedef enum { LINE_SEARCH_GOES_ON, LINE_SEARCH_DONE, LINE_SEARCH_FAILED } line_search_state_t;

/* slope < 0; `step` is the first to be tried. */
line_search_t line_search_begin(double value, double slope, double step);

/* Tells value and slope at search->step. GOES_ON: evaluate at the new search->step. DONE: search->step, just
 * evaluated, is the one. FAILED: no step descends, within what rounding lets one see. */
line_search_state_t line_search_tell(line_search_t *search, double value, double slope);

#endif
