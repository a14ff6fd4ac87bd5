/* Mean training loss over consecutive windows of N steps, for the rule `stop: {tol: D, over: N steps}`.
 *
 * The loss of a single step is the loss of one batch and mostly noise; the mean over N steps is less noisy.
 * Windows need not end with epochs. The engine sums the losses of the epoch shard by shard, so all ranks know
 * the same numbers on any layout. The windows are part of a run's position, so a resumed run continues within
 * a window. */
#ifndef RUN_LOSS_WINDOW_H
#define RUN_LOSS_WINDOW_H

#include "base/error.h"
#include "store/store.h"

#include <stdint.h>

typedef struct {
  int64_t steps;   /* steps of a window; 0: no windows */
  int64_t begin;   /* updates done when the current window began ... */
  int64_t rows;    /* ... and rows trained */
  double before;   /* loss sum of the epochs that ended in the window, minus the sum of its first epoch at the
                      start */
  double means[2]; /* mean losses of the last two completed windows, older first; NaN: none yet */
} loss_window_t;

/* Starts windows of `steps` steps. `updates` and `rows` count what the run has trained so far; `epoch_sum` is
 * the loss sum of the current epoch so far, 0 between epochs. */
loss_window_t loss_window_begin(int64_t steps, int64_t updates, int64_t rows, double epoch_sum);

/* Ends the current window and starts the next one. */
void loss_window_end(loss_window_t *window, int64_t updates, int64_t rows, double epoch_sum);

/* Records the end of an epoch; `epoch_sum` is the sum of its losses. */
void loss_window_epoch(loss_window_t *window, double epoch_sum);

/* Write and read the windows as attributes of a checkpoint; without windows there are none. */
ls_status loss_window_save(const loss_window_t *window, store_t *store, ls_error *error);
ls_status loss_window_load(loss_window_t *window, const store_t *store, ls_error *error);

#endif
