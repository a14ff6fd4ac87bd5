#include "data/timeline.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- a series' windows and splits ---- */

int64_t windows_span(const window_settings_t *window, int64_t n) {
  return n == 0 ? 0 : (n - 1) * window->stride + window->length + window->horizon;
}

int64_t windows_count(const window_settings_t *window, int64_t steps) {
  int64_t one = window->length + window->horizon;
  return steps < one ? 0 : (steps - one) / window->stride + 1;
}

void series_cut(const window_settings_t *window, int64_t steps, double validation, span_t out[SPANS]) {
  int64_t test = (int64_t)floor(window->test * (double)steps + 0.5);
  int64_t valid = (int64_t)floor(validation * (double)steps + 0.5);
  int64_t ends[] = {steps - valid - test, steps - test, steps}, begin = 0;
  for (int s = SPAN_TRAIN; s <= SPAN_TEST; s++) {
    int64_t early = s == SPAN_TRAIN ? 0 : window->length < begin ? window->length : begin;
    out[s] = (span_t){begin - early, ends[s] > begin ? ends[s] - begin + early : 0};
    begin = ends[s];
  }
  out[SPAN_WHOLE] = (span_t){0, steps};
}

/* ---- the timeline ---- */

ls_status timeline_make(const window_settings_t *window, const series_t *series, double validation, int span,
                        arena_t *arena, timeline_t *out, ls_error *error) {
  size_t n = (size_t)series->n;
  timeline_t line = {.stride = window->stride,
                     .rows = arena_new(arena, n, sizeof(int64_t)),
                     .steps = arena_new(arena, n + 1, sizeof(int64_t)),
                     .windows = arena_new(arena, n + 1, sizeof(int64_t)),
                     .ids = series->ids != NULL ? arena_new(arena, n, sizeof(int64_t)) : NULL};
  if (line.rows == NULL || line.steps == NULL || line.windows == NULL ||
      (line.ids == NULL && series->ids != NULL))
    return error_set(error, LS_NO_MEMORY, "no memory for %" PRId64 " series", series->n);
  for (int64_t i = 0; i < series->n; i++) {
    span_t spans[SPANS];
    series_cut(window, series->first[i + 1] - series->first[i], validation, spans);
    int64_t windows = windows_count(window, spans[span].steps), k = line.n;
    if (windows == 0) continue;
    line.rows[k] = series->first[i] + spans[span].first;
    if (line.ids != NULL) line.ids[k] = series->ids[i];
    line.steps[k + 1] = line.steps[k] + spans[span].steps;
    line.windows[k + 1] = line.windows[k] + windows;
    line.n++;
  }
  *out = line;
  return LS_OK;
}

int64_t timeline_windows(const timeline_t *timeline) {
  return timeline->windows[timeline->n];
}

int64_t timeline_steps(const timeline_t *timeline) {
  return timeline->steps[timeline->n];
}

/* The part that the k-th of what parts begin at lies in: the last that begins at or before it. */
static int64_t find_part(const timeline_t *timeline, const int64_t *begins, int64_t k) {
  int64_t low = 0, high = timeline->n;
  while (high - low > 1) {
    int64_t middle = low + (high - low) / 2;
    if (begins[middle] <= k)
      low = middle;
    else
      high = middle;
  }
  return low;
}

int64_t timeline_step(const timeline_t *timeline, int64_t w) {
  int64_t part = find_part(timeline, timeline->windows, w);
  return timeline->steps[part] + (w - timeline->windows[part]) * timeline->stride;
}

int64_t timeline_row(const timeline_t *timeline, int64_t step) {
  int64_t part = find_part(timeline, timeline->steps, step);
  return timeline->rows[part] + step - timeline->steps[part];
}

int64_t timeline_series(const timeline_t *timeline, int64_t w) {
  return timeline->ids[find_part(timeline, timeline->windows, w)];
}

int64_t timeline_run(const timeline_t *timeline, int64_t step, int64_t n) {
  int64_t end = timeline->steps[find_part(timeline, timeline->steps, step) + 1];
  return end - step < n ? end - step : n;
}
