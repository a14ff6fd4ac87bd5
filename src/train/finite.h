/* Watches that the numbers of a run stay finite. A step notes by itself when its loss or gradient is not
 * (step/fault.h); here the ranks look at the notes together, say what is known, and end the run or count
 * skipped steps. Parameters and state of the optimiser are checked before every checkpoint, at the end of
 * every epoch, and before model.h5. */
#ifndef TRAIN_FINITE_H
#define TRAIN_FINITE_H

#include "score/metrics.h"
#include "train/trainer_impl.h"

/* After steps: LS_DIVERGED if one of them had a loss or gradient that is not finite (train.on_nan=stop), or
 * if too many in a row were skipped. Reports new skipped steps. Collective. */
ls_status finite_after_steps(trainer_t *trainer, ls_error *error);

/* Whether a step with a fault ends the run (train.on_nan=stop). */
bool finite_stops(const trainer_t *trainer);

/* Whether train.max_skips steps in a row have been skipped; the same on every rank. */
bool finite_gave_up(const trainer_t *trainer);

/* LS_DIVERGED if the mean loss `loss` of steps, a parameter, or the state of the optimiser is not finite.
 * Collective. */
ls_status finite_check(trainer_t *trainer, double loss, ls_error *error);

/* The same for parameters alone: `what` (for example "the solution") names them in the message. Collective.
 */
ls_status finite_check_result(trainer_t *trainer, const char *what, ls_error *error);

/* Warns, once per run, of a loss of `rows` ("validation", "test") that is not finite. */
void finite_warn(trainer_t *trainer, const char *rows, const metrics_t *metrics);

/* At the end of a run: LS_DIVERGED if the last parameters, though finite, have a loss that is not. Computes
 * one step, unless `is_known`: their loss has been seen to be finite. Collective. */
ls_status finite_try_last(trainer_t *trainer, bool is_known, ls_error *error);

#endif
