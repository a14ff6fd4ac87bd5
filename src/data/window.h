/* Windows over series: the rows that a forecast is learnt from.
 *
 * A row of x is a time step of a series. The inputs of a window are the columns of x in the `length` steps
 * from its first on, its targets the columns that are forecast in the `horizon` steps that follow; the first
 * steps of the windows of a series lie `stride` apart. A rank holds the steps that its windows need once,
 * however many windows overlap in them: a window is an address among them, so that gathering one is what
 * gathering a row is. Where steps pass through a stream's buffer (data/stream.h) the stream says where each
 * window begins. All is arithmetic or reading, and thread-safe. */
#ifndef DATA_WINDOW_H
#define DATA_WINDOW_H

#include "data/dataset.h"
#include "data/timeline.h"
#include "math/scaler.h"

/* The windows of a split, this rank's part of them. */
struct windows {
  int64_t length, horizon, stride, season;
  int64_t columns;     /* of x */
  int64_t targets;     /* columns that are forecast */
  const double *of_x;  /* (targets): which columns of x; NULL: all of them, or those of y. Borrowed */
  timeline_t timeline; /* of the split, all ranks' */
  int64_t steps;       /* resident, from step `begin` of the timeline on */
  int64_t begin;
  int64_t first;                   /* resident step at which this rank's first window begins */
  uint32_t *at;                    /* (rows): the same of every window; NULL: they lie `stride` apart */
  partition_t time;                /* the timeline's steps, dealt to shards like rows */
  const split_t *by_steps;         /* streamed training: what windows_as_steps gives; else NULL */
  const target_column_t *forecast; /* (n_forecast): the column and the step of each target of a row */
  int64_t n_forecast;
  const scaler_t *scaler; /* of targets, (width), or NULL. Borrowed */
};

/* How a timeline is shared out: which steps this rank holds for its rows [first, first + n) of the partition.
 * Those are the steps of its windows, and those that the shards get of the steps themselves. Memory comes
 * from the arena; NULL: a stream will say where windows begin. */
ls_status windows_deal(const window_settings_t *window, const timeline_t *timeline, const split_t *split,
                       arena_t *arena, windows_t *out, ls_error *error);

/* The resident step at which window `row` of the resident ones begins. */
static inline int64_t windows_step(const windows_t *windows, int64_t row) {
  return windows->at != NULL ? (int64_t)windows->at[row] : windows->first + row * windows->stride;
}

/* About how many bytes `own` of the windows of a timeline take in memory: their share of all steps, and a
 * window, of so many bytes a step; and of several series the table of where windows begin. */
double windows_bytes(const window_settings_t *window, int64_t rows, int64_t steps, bool several, int64_t own,
                     size_t step_bytes);

/* The split's steps, this rank's shards' part, as rows without windows: each step once. Borrows. */
split_t windows_as_steps(const split_t *split);

/* LS_BAD_SETTINGS when losses want other targets than so many columns: of horizon steps each, but a class at
 * the last of them. */
ls_status windows_check(const window_settings_t *window, int64_t columns, target_request_t targets,
                        ls_error *error);
/* Which target is which: as the heads ask for them, all columns step by step, or a class at the last step.
 * Memory is the arena's. */
ls_status windows_choose(windows_t *windows, target_request_t targets, arena_t *arena, ls_error *error);

/* Target column k at a resident step, unscaled. */
float windows_value(const split_t *split, int64_t step, int64_t k);

/* What to read of a window: its targets, or what a forecast without a model puts in their place. */
typedef enum {
  WINDOW_TARGETS,
  WINDOW_PERSISTENCE, /* the last value of the inputs, for every step */
  WINDOW_SEASONAL,    /* the value of a season ago, or of the last one that the inputs hold */
} window_part_t;

/* How much a window counts: as much as the step that it forecasts from, the last of its inputs. */
static inline float windows_weight(const split_t *split, int64_t row) {
  return split->weights[windows_step(split->windows, row) + split->windows->length - 1];
}

/* out (n, n_forecast), of windows rows[i] of the split's resident ones; scaled like the targets. */
void windows_gather(const split_t *split, window_part_t part, const uint32_t *rows, int64_t n, float *out);
/* The same of a split with labels: the class that each of n windows forecasts. */
void windows_labels(const split_t *split, const uint32_t *rows, int64_t n, int32_t *out);

#endif
