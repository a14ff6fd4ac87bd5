/* Windows over a series: the rows that a forecast is learnt from.
 *
 * x is a series, each of its rows a time step. Window w of a split begins at the split's step w stride; its
 * inputs are the columns of x in the `length` steps from there on, its targets the columns that are forecast
 * in the `horizon` steps that follow. A rank holds the steps that its windows need once, however many windows
 * overlap in them: a window is an address among them, so that gathering one is what gathering a row is. All
 * but windows_fit_targets is arithmetic or reading, and thread-safe. */
#ifndef DATA_WINDOW_H
#define DATA_WINDOW_H

#include "data/dataset.h"
#include "data/scaler.h"

/* Steps that n windows cover, and windows that so many steps hold. */
int64_t windows_span(const window_settings_t *window, int64_t n);
int64_t windows_count(const window_settings_t *window, int64_t steps);

/* A part of a series. */
typedef struct {
  int64_t first, steps;
} span_t;

/* Training, validation and test out of a series, in this order of time: the last round(test * steps) steps
 * are for the test, the round(validation * steps) before them for validation. Those two begin `length` steps
 * early, so that all their windows' targets, and no other's, are their own: no step is a target twice, and no
 * window of training sees what it will be judged by. A part of no steps is not there. */
enum { SPAN_TRAIN, SPAN_VALID, SPAN_TEST, SPANS };
void windows_cut(const window_settings_t *window, int64_t steps, double validation, span_t out[SPANS]);

/* The windows of a split, this rank's part of them. */
struct windows {
  int64_t length, horizon, stride, season;
  int64_t columns;    /* of x */
  int64_t targets;    /* columns that are forecast */
  const double *of_x; /* (targets): which columns of x; NULL: all of them, or those of y. Borrowed */
  int64_t steps;      /* resident, from step `begin` of the split on */
  int64_t begin;
  int64_t first;          /* resident step at which this rank's first window begins */
  partition_t time;       /* the split's steps, dealt to shards like rows */
  const scaler_t *scaler; /* of targets, (horizon x targets), or NULL. Borrowed */
};

/* How a part of `steps` steps is shared out: which steps this rank holds for its rows [first, first + n) of
 * the partition. Those are the steps of its windows, and those that the shards get of the steps themselves.
 */
void windows_deal(const window_settings_t *window, int64_t steps, const split_t *split, windows_t *out);

/* The split's steps, this rank's shards' part, as rows without windows: each step once. Borrows. */
split_t windows_as_steps(const split_t *split);

/* LS_BAD_SETTINGS when a loss wants other targets than so many columns, of horizon steps each. */
ls_status windows_check(const window_settings_t *window, int64_t columns, target_request_t targets,
                        ls_error *error);
/* LS_BAD_SETTINGS: windows are not streamed. */
ls_status windows_over_limit(ls_error *error);

/* LS_BAD_DATA when columns of x are forecast that hold values out of the bounds that a loss has; `first` is
 * the row of the file that the first resident step is. */
ls_status windows_check_values(const split_t *split, target_request_t targets, const char *file,
                               const char *x, int64_t first, ls_error *error);

/* Scales the targets: each column as all its training steps say. Columns are repeated for every step of the
 * horizon, so that the scaler is for whole rows of targets. Collective. */
ls_status windows_fit_targets(world_t *world, const scaling_settings_t *settings, const split_t *train,
                              scaler_t *out, ls_error *error);

/* What to read of a window: its targets, or what a forecast without a model puts in their place. */
typedef enum {
  WINDOW_TARGETS,
  WINDOW_PERSISTENCE, /* the last value of the inputs, for every step */
  WINDOW_SEASONAL,    /* the value of a season ago, or of the last one that the inputs hold */
} window_part_t;

/* out (n, horizon, targets), of windows rows[i] of the split's resident ones; scaled like the targets. */
void windows_gather(const split_t *split, window_part_t part, const uint32_t *rows, int64_t n, float *out);

#endif
