/* A line search for the strong Wolfe conditions (Nocedal and Wright, Numerical Optimization, 2006, algorithms
 * 3.5 and 3.6). Along a descent direction d, with f(a) the loss at w + a d and f'(a) its slope, it finds a
 * step a > 0 with
 *
 *   f(a) <= f(0) + c1 a f'(0)   and   |f'(a)| <= c2 |f'(0)|,     c1 = 1e-4, c2 = 0.9.
 *
 * The search does not call f. It asks for one evaluation at a time, so the caller keeps control. The
 * functions are pure. */
#ifndef OPTIM_LINE_SEARCH_H
#define OPTIM_LINE_SEARCH_H

#include <stdbool.h>

enum { LINE_SEARCH_MOST = 25 }; /* maximum number of evaluations */

/* A step, with the value and the slope there. */
typedef struct {
  double step, value, slope;
} line_point_t;

typedef struct {
  line_point_t start;  /* at step 0 */
  line_point_t lo, hi; /* lo: lowest point with sufficient descent; hi: other end of the bracket */
  bool is_bracketed;
  bool is_last; /* take the step of the next evaluation, even if its value is large */
  int evaluations;
  double step; /* to evaluate next */
} line_search_t;

typedef enum { LINE_SEARCH_GOES_ON, LINE_SEARCH_DONE, LINE_SEARCH_FAILED } line_search_state_t;

/* Starts a search. slope < 0; `step` is tried first. */
line_search_t line_search_begin(double value, double slope, double step);

/* Reports the value and slope at search->step. GOES_ON: evaluate at the new search->step. DONE: search->step,
 * which was just evaluated, is the result. FAILED: no step descends within rounding errors. */
line_search_state_t line_search_tell(line_search_t *search, double value, double slope);

#endif
