/* Windows over series: the training rows of a forecast.
 *
 * A row of x is a time step of a series. The inputs of a window are all columns of x in its first `length`
 * steps. Its targets are the forecast columns in the next `horizon` steps. The windows of a series start
 * `stride` steps apart. A rank holds each step of its windows once, however many windows contain it. A window
 * is an address among these steps, so gathering a window works like gathering a row. If steps are streamed
 * (data/stream.h), the stream tells where each window begins. All functions compute or read only, and are
 * thread-safe. */
#ifndef DATA_WINDOW_H
#define DATA_WINDOW_H

#include "data/dataset.h"
#include "data/timeline.h"
#include "math/scaler.h"

/* This rank's windows of a split. */
struct windows {
  int64_t length, horizon, stride, season;
  int64_t columns; /* of x */
  int64_t targets; /* forecast columns */
  const double
      *of_x; /* (targets): the forecast columns of x; NULL: all columns of x, or the columns of y. Borrowed */
  timeline_t timeline; /* of the split, over all ranks */
  int64_t steps;       /* resident, from step `begin` of the timeline on */
  int64_t begin;
  int64_t first;                   /* resident step at which this rank's first window begins */
  uint32_t *at;                    /* (rows): the same for every window; NULL: windows begin `stride` apart */
  partition_t time;                /* the partition of the timeline's steps into shards, like rows */
  const split_t *by_steps;         /* streamed training: the result of windows_as_steps; otherwise NULL */
  const target_column_t *forecast; /* (n_forecast): the column and the step of each target of a row */
  int64_t n_forecast;
};

/* Finds the steps that this rank holds for its rows [first, first + n) of the partition: the steps of its
 * windows, and its shards' part of all steps. Memory comes from the arena. If the arena is NULL, a stream
 * will tell where windows begin. */
ls_status windows_deal(const window_settings_t *window, const timeline_t *timeline, const split_t *split,
                       arena_t *arena, windows_t *out, ls_error *error);

/* The resident step at which resident window `row` begins. */
static inline int64_t windows_step(const windows_t *windows, int64_t row) {
  return windows->at != NULL ? (int64_t)windows->at[row] : windows->first + row * windows->stride;
}

/* Approximate bytes in memory for `own` of the windows of a timeline: their share of all steps and one window
 * more, and with several series the table of window beginnings. */
double windows_bytes(const window_settings_t *window, int64_t rows, int64_t steps, bool several, int64_t own,
                     size_t step_bytes);

/* The steps of this rank's shards as a split without windows, each step once. Borrows from the split. */
split_t windows_as_steps(const split_t *split);

/* LS_BAD_SETTINGS if the losses do not fit this number of forecast columns. A loss for values has `horizon`
 * targets per column, a loss for classes one: the class at the last step. */
ls_status windows_check(const window_settings_t *window, int64_t columns, target_request_t targets,
                        ls_error *error);
/* Lists the column and step of each target in the order of the heads: all columns step by step, or a class at
 * the last step. Memory comes from the arena. */
ls_status windows_choose(windows_t *windows, target_request_t targets, arena_t *arena, ls_error *error);

/* Target column k at a resident step, as the file has it. */
double windows_value(const split_t *split, int64_t step, int64_t k);

/* What to read from a window: its targets, or the forecast of a baseline. */
typedef enum {
  WINDOW_TARGETS,
  WINDOW_PERSISTENCE, /* the last value of the inputs, for every step */
  WINDOW_SEASONAL, /* the value one season earlier; for longer horizons, from the last season of the inputs */
} window_part_t;

/* The weight of a window: the weight of the last step of its inputs. */
static inline float windows_weight(const split_t *split, int64_t row) {
  return split->weights[windows_step(split->windows, row) + split->windows->length - 1];
}

/* Fills out (n, n_forecast) from resident windows rows[i], as the file has the values. */
void windows_originals(const split_t *split, window_part_t part, const uint32_t *rows, int64_t n,
                       double *out);
/* The targets, scaled if the split's targets are. */
void windows_targets(const split_t *split, const uint32_t *rows, int64_t n, float *out);
/* The same for a split with labels: the class that each of n windows forecasts. */
void windows_labels(const split_t *split, const uint32_t *rows, int64_t n, int32_t *out);

#endif
