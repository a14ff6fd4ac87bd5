/* Several series in one array, and the steps of each that belong to a split.
 *
 * A split has a part of every series. These parts, one after the other, are the split's *timeline*: steps 0,
 * 1, 2, … and windows 0, 1, 2, … over the steps. No window reaches from one part into the next. The code
 * distributes, reads and scales ranges of steps of the timeline, and computes the row of a step from the
 * step's part. A single series is a timeline of one part. Pure arithmetic, thread-safe. */
#ifndef DATA_TIMELINE_H
#define DATA_TIMELINE_H

#include "base/arena.h"
#include "base/error.h"
#include "config/settings.h"
#include "data/series.h"

/* Divides a series into training, validation and test, in this order of time. The last round(test * steps)
 * steps are for the test, the round(validation * steps) steps before them for validation. Validation and test
 * begin `length` steps earlier, so that their windows have all of these steps as targets. No step is a target
 * in two splits, and no training window contains a step that its model is evaluated on. Parts without steps
 * are left out. */
enum { SPAN_TRAIN, SPAN_VALID, SPAN_TEST, SPAN_WHOLE, SPANS };
typedef struct {
  int64_t first, steps;
} span_t;
void series_cut(const window_settings_t *window, int64_t steps, double validation, span_t out[SPANS]);

/* Steps that n windows of a series cover; windows that fit into a number of steps of a series. */
int64_t windows_span(const window_settings_t *window, int64_t n);
int64_t windows_count(const window_settings_t *window, int64_t steps);

typedef struct {
  int64_t stride;   /* steps from the start of a window to the start of the next */
  int64_t n;        /* parts; a series too short for a window has none */
  int64_t *rows;    /* (n): row of the array at which each part begins */
  int64_t *steps;   /* (n + 1): step of the timeline at which each part begins, and the end */
  int64_t *windows; /* (n + 1): the same for windows */
  int64_t *ids;     /* (n): the series' numbers, or NULL */
} timeline_t;

/* Builds the timeline of the parts of all series that are selected by SPAN_. Memory comes from the arena. */
ls_status timeline_make(const window_settings_t *window, const series_t *series, double validation, int span,
                        arena_t *arena, timeline_t *out, ls_error *error);

int64_t timeline_windows(const timeline_t *timeline);
int64_t timeline_steps(const timeline_t *timeline);

/* The step at which window w begins; the row of the array for a step; the number of a window's series.
 */
int64_t timeline_step(const timeline_t *timeline, int64_t w);
int64_t timeline_row(const timeline_t *timeline, int64_t step);
int64_t timeline_series(const timeline_t *timeline, int64_t w);

/* The number of steps, at most n, that are consecutive in the array from this step on. */
int64_t timeline_run(const timeline_t *timeline, int64_t step, int64_t n);

#endif
