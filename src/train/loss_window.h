/* The training loss over windows of so many steps, one behind the other, for the rule `stop: {tol: D, over: N
 * steps}`. A step's loss is that of one batch and mostly noise; the mean over N steps is less so. Windows
 * need not end with epochs. Sums are those of the epoch so far, which the engine keeps shard by shard, so all
 * ranks know the same numbers on any layout; they are part of a run's position, so a resumed run goes on
 * within a window. */
#ifndef TRAIN_LOSS_WINDOW_H
#define TRAIN_LOSS_WINDOW_H

#include "base/error.h"
#include "store/store.h"

#include <stdint.h>

typedef struct {
  int64_t steps;   /* of a window; 0: none are kept */
  int64_t begin;   /* updates that were done when the present one began ... */
  int64_t rows;    /* ... and rows trained */
  double before;   /* loss sum of its epochs that are done, less what its first epoch had when it began */
  double means[2]; /* mean losses of the two that ended last, the older and the newer; NaN: not yet */
} loss_window_t;

/* Windows of so many steps from here on: `updates` done and `rows` trained in the run, and the loss sum of
 * the present epoch so far, 0 between two. */
loss_window_t loss_window_begin(int64_t steps, int64_t updates, int64_t rows, double epoch_sum);

/* The present window ends here, and the next one begins. */
void loss_window_end(loss_window_t *window, int64_t updates, int64_t rows, double epoch_sum);

/* An epoch is done, and this was the sum of its losses. */
void loss_window_epoch(loss_window_t *window, double epoch_sum);

/* Within a checkpoint: attributes of the file, none where no windows are kept. */
ls_status loss_window_save(const loss_window_t *window, store_t *store, ls_error *error);
ls_status loss_window_load(loss_window_t *window, const store_t *store, ls_error *error);

#endif
