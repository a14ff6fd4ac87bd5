#include "train/finite.h"

#include "health/numbers.h"
#include "health/rows.h"
#include "run/run_directory.h"
#include "train/fitting.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>

enum { TEXT = 320 };

/* Adds to a text of TEXT bytes; what does not fit is cut. */
__attribute__((format(printf, 2, 3))) static void append(char *text, const char *format, ...) {
  size_t length = strlen(text);
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text + length, TEXT - length, format, arguments);
  va_end(arguments);
}

/* ---- what is known ---- */

bool finite_stops(const trainer_t *trainer) {
  return strcmp(trainer->settings->train.on_nan, "stop") == 0;
}

/* The earliest of the faults. Collective. */
static ls_status describe_faults(trainer_t *trainer, const engine_faults_t *faults, int64_t *step,
                                 char text[TEXT], ls_error *error) {
  const position_t *position = &trainer->position;
  char rows[TEXT];
  const bool has_loss = faults->loss_shard >= 0, has_gradient = faults->gradient >= 0;
  *step = has_loss && (!has_gradient || faults->loss_step <= faults->gradient_step) ? faults->loss_step
                                                                                    : faults->gradient_step;
  text[0] = '\0';
  if (has_gradient && faults->gradient_step == *step)
    append(text, "the gradient of %s is not finite", numbers_array(trainer->graph, faults->gradient));
  const bool of_loss = has_loss && faults->loss_step == *step;
  if (of_loss)
    append(text, "%sthe loss of shard %" PRId64 " is not finite", text[0] != '\0' ? ", and " : "",
           faults->loss_shard);
  TRY(rows_suspect(trainer->engine, position->step_in_epoch - (position->step - *step),
                   of_loss ? faults->loss_shard : -1, rows, sizeof rows, error));
  append(text, "; %s", rows);
  return LS_OK;
}

/* Which checkpoint there is. For rank 0. */
static void describe_checkpoint(const trainer_t *trainer, char text[TEXT]) {
  position_t kept = {0};
  bool found = false;
  char path[RUN_FILE_SIZE];
  text[0] = '\0';
  if (trainer->run.path[0] != '\0')
    run_newest_checkpoint(&trainer->run, trainer->options->log, &found, &kept, NULL);
  run_checkpoint(&trainer->run, kept.step, path);
  if (found)
    append(text, "The newest checkpoint holds finite numbers, of step %" PRId64 ": %s", kept.step, path);
  else
    append(text, "There is no checkpoint");
}

/* Collective: waits for a checkpoint that is being written, which may be the newest. */
static ls_status diverged(trainer_t *trainer, int64_t step, const char *what, ls_error *error) {
  char checkpoint[TEXT] = "";
  saver_finish(&trainer->copies.saver);
  if (is_root(trainer)) {
    describe_checkpoint(trainer, checkpoint);
    report_stop(&trainer->record.report, step, "diverged");
  }
  return error_set(error, LS_DIVERGED,
                   "training diverged in step %" PRId64
                   ": %s. %s. Lower optimizer.learning_rate, scale the data "
                   "(data.scaling)%s set train.clip_norm%s",
                   step, what, checkpoint, finite_stops(trainer) ? "," : " or",
                   finite_stops(trainer) ? ", or skip such steps (train.on_nan)" : "");
}

/* ---- steps ---- */

bool finite_gave_up(const trainer_t *trainer) {
  return trainer->position.skips.in_a_row >= trainer->settings->train.max_skips;
}

static void tell_skips(trainer_t *trainer, int64_t step, const char *what) {
  const skips_t *skips = &trainer->position.skips;
  const int64_t more = skips->steps - trainer->guard.told_skips;
  if (more == 0) return;
  trainer->guard.told_skips = skips->steps;
  log_warn(trainer->options->log,
           "%" PRId64 " step%s skipped up to step %" PRId64 ", %" PRId64
           " in all (train.on_nan). In step %" PRId64 " %s",
           more, more == 1 ? " was" : "s were", trainer->position.step, skips->steps, step, what);
  report_skips(&trainer->record.report, trainer->position.step, skips->steps);
}

ls_status finite_after_steps(trainer_t *trainer, ls_error *error) {
  engine_faults_t faults;
  char what[TEXT], text[2 * TEXT];
  int64_t step = 0;
  TRY(engine_take_faults(trainer->engine, &faults, error));
  if (faults.loss_shard < 0 && faults.gradient < 0) {
    if (trainer->position.skips.steps == trainer->guard.told_skips) return LS_OK;
    step = trainer->position.step - 1;
    snprintf(what, sizeof what, "or before, the norm of the gradient was above %g", SKIPS_NORM);
  } else {
    TRY(describe_faults(trainer, &faults, &step, what, error));
  }
  if (finite_stops(trainer)) return diverged(trainer, step + 1, what, error);
  tell_skips(trainer, step + 1, what);
  if (!finite_gave_up(trainer)) return LS_OK;
  snprintf(text, sizeof text,
           "%" PRId64 " steps in a row were skipped (train.max_skips). In step %" PRId64 " %s",
           trainer->position.skips.in_a_row, step + 1, what);
  return diverged(trainer, trainer->position.step, text, error);
}

/* ---- parameters ---- */

/* An empty text if all are finite. Collective. */
static ls_status check_state(trainer_t *trainer, char text[TEXT], ls_error *error) {
  int64_t place = -1;
  int state = -1;
  text[0] = '\0';
  TRY(numbers_check(trainer->engine, &place, &state, error));
  if (place < 0) return LS_OK;
  append(text, "%s%s of %s is not finite", state < 0 ? "a parameter" : "the optimiser's ",
         state < 0 ? "" : trainer->optimizer->state_names[state], numbers_array(trainer->graph, place));
  return LS_OK;
}

ls_status finite_check(trainer_t *trainer, double loss, ls_error *error) {
  char text[TEXT];
  if (trainer->fitting != NULL) return fitting_check_finite(trainer, loss, error);
  TRY(check_state(trainer, text, error));
  if (text[0] == '\0' && isfinite(loss)) return LS_OK;
  if (text[0] == '\0' && isnan(loss))
    append(text, "the loss is nan"); /* without its sign, which has no meaning */
  else if (text[0] == '\0')
    append(text, "the loss is %g", loss);
  else
    append(text, " after this step");
  return diverged(trainer, trainer->position.step, text, error);
}

ls_status finite_check_result(trainer_t *trainer, const char *what, ls_error *error) {
  char text[TEXT];
  if (trainer->fitting != NULL) return fitting_check_finite(trainer, 0, error);
  TRY(check_state(trainer, text, error));
  if (text[0] == '\0') return LS_OK;
  return error_set(error, LS_DIVERGED, "%s cannot be used: %s; scale the data (data.scaling)", what, text);
}

/* ---- other rows ---- */

void finite_warn(trainer_t *trainer, const char *rows, const metrics_t *metrics) {
  if (isfinite(metrics->loss) || trainer->guard.has_warned) return;
  trainer->guard.has_warned = true;
  log_warn(
      trainer->options->log,
      "the %s loss is %s although all parameters are finite: some outputs or targets of the %s rows are too "
      "large. Such an epoch never counts as the best",
      rows, isnan(metrics->loss) ? "nan" : "infinite", rows);
}

ls_status finite_try_last(trainer_t *trainer, bool is_known, ls_error *error) {
  const position_t *position = &trainer->position;
  double *sums = trainer->copies.sums;
  if (is_known || position->step == 0 || trainer->engine == NULL || trainer->optimizer->update == NULL ||
      !finite_stops(trainer))
    return LS_OK;
  TRY(engine_try(trainer->engine, 0, position->step, error));
  TRY(engine_step_loss(trainer->engine, sums, error));
  if (isfinite(engine_total_loss(trainer->engine, sums))) return LS_OK;
  return diverged(trainer, position->step,
                  "its update was the last one, and with the new parameters the loss is not finite", error);
}
