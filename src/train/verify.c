#include "train/verify.h"

#include "health/copies.h"
#include "run/run_directory.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- going back ---- */

static bool verifies(const trainer_t *trainer) {
  const interval_t *every = &trainer->settings->train.verify_every;
  return (every->steps > 0 || every->epochs > 0) && copies_count(trainer->engine) > 1;
}

/* Finds the newest checkpoint, and loads it or the initial parameters. */
static ls_status go_back(trainer_t *trainer, ls_error *error) {
  position_t position = {.best_loss = INFINITY, .best_step = -1, .shards = trainer->layout.shards};
  bool found = false;
  ls_status status = LS_OK;
  saver_finish(&trainer->copies.saver);
  if (is_root(trainer) && trainer_has_files(trainer))
    status = run_newest_checkpoint(&trainer->run, trainer->options->log, &found, &position, error);
  TRY(trainer_agree(trainer, status, error));
  TRY(world_broadcast(trainer->world, &found, sizeof found, 0, error));
  TRY(world_broadcast(trainer->world, &position, sizeof position, 0, error));
  trainer->position = position;
  trainer->resumed = found;
  return trainer_load_again(trainer, error);
}

ls_status verify_copies(trainer_t *trainer, ls_error *error) {
  const int64_t step = trainer->position.step;
  char what[512];
  if (!verifies(trainer)) return LS_OK;
  uint64_t *sums = malloc((size_t)world_size(trainer->world) * sizeof *sums);
  ls_status status =
      sums == NULL ? error_set(error, LS_NO_MEMORY, "no memory for the checksums of copies") : LS_OK;
  TRY_OR_DONE(trainer_agree(trainer, status, error));
  TRY_OR_DONE(copies_sum(trainer->engine, sums, error));
  if (!copies_describe(trainer->engine, sums, what, sizeof what)) goto done;
  if (trainer->guard.returns++ < VERIFY_RETURNS) {
    TRY_OR_DONE(go_back(trainer, error));
    trainer->guard.returned = true;
    log_warn(trainer->options->log,
             "silent corruption: after step %" PRId64
             " the parameters of %s. The run returns to step %" PRId64,
             step, what, trainer->position.step);
    report_return(&trainer->record.report, step, trainer->position.step, what);
  } else {
    status = error_set(
        error, LS_FAILED,
        "silent corruption: after step %" PRId64
        " the parameters of %s. The run has returned to a checkpoint %d times already: leave these hosts "
        "out, and continue with --resume from the newest checkpoint",
        step, what, VERIFY_RETURNS);
  }
done:
  free(sums);
  return status;
}
