/* Several series in one array, and what a split takes of them.
 *
 * A split has a part of every series. Put one behind the other these parts make the split's *timeline*: steps
 * 0, 1, 2, … with windows 0, 1, 2, … over them, none of which reaches from one part into the next. All that
 * is dealt, read and scaled is a range of steps of the timeline; which row of the array a step is follows
 * from its part. A single series is a timeline of one part. Arithmetic, thread-safe. */
#ifndef DATA_TIMELINE_H
#define DATA_TIMELINE_H

#include "base/arena.h"
#include "base/error.h"
#include "config/settings.h"
#include "data/series.h"

/* Training, validation and test out of a series, in this order of time: the last round(test * steps) steps
 * are for the test, the round(validation * steps) before them for validation. Those two begin `length` steps
 * early, so that all their windows' targets, and no other's, are their own: no step is a target twice, and no
 * window of training sees what it will be judged by. A part of no steps is not there. */
enum { SPAN_TRAIN, SPAN_VALID, SPAN_TEST, SPAN_WHOLE, SPANS };
typedef struct {
  int64_t first, steps;
} span_t;
void series_cut(const window_settings_t *window, int64_t steps, double validation, span_t out[SPANS]);

/* Steps that n windows of a series cover, and windows that so many steps of one hold. */
int64_t windows_span(const window_settings_t *window, int64_t n);
int64_t windows_count(const window_settings_t *window, int64_t steps);

typedef struct {
  int64_t stride;   /* from a window to the next */
  int64_t n;        /* parts; a series too short for a window has none */
  int64_t *rows;    /* (n): the row of the array at which each begins */
  int64_t *steps;   /* (n + 1): the step of the timeline at which each begins, and the end */
  int64_t *windows; /* (n + 1): the same of windows */
  int64_t *ids;     /* (n): the series' numbers, or NULL */
} timeline_t;

/* The parts of all series that one of SPAN_ is. Memory comes from the arena. */
ls_status timeline_make(const window_settings_t *window, const series_t *series, double validation, int span,
                        arena_t *arena, timeline_t *out, ls_error *error);

int64_t timeline_windows(const timeline_t *timeline);
int64_t timeline_steps(const timeline_t *timeline);

/* The step at which window w begins, the row of the array that a step is, and the number of a window's
 * series.
 */
int64_t timeline_step(const timeline_t *timeline, int64_t w);
int64_t timeline_row(const timeline_t *timeline, int64_t step);
int64_t timeline_series(const timeline_t *timeline, int64_t w);

/* How many steps from this one on, at most n, follow each other in the array. */
int64_t timeline_run(const timeline_t *timeline, int64_t step, int64_t n);

#endif
