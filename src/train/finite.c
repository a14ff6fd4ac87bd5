#include "train/finite.h"

#include "layout/shard.h"
#include "run/run_directory.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT = 320 };

/* Inputs and targets beyond this are named as a probable cause. */
static const float huge = 1e6F;

/* Adds to a text of TEXT bytes; what does not fit is cut. */
__attribute__((format(printf, 2, 3))) static void append(char *text, const char *format, ...) {
  size_t length = strlen(text);
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text + length, TEXT - length, format, arguments);
  va_end(arguments);
}

/* ---- which rows ---- */

/* The most conspicuous of n x width values: the first that is not finite, or the largest. */
typedef struct {
  float value;
  int64_t row, column;
} extreme_t;

static extreme_t find_extreme(const float *values, int64_t n, int64_t width) {
  extreme_t found = {0};
  for (int64_t i = 0; i < n * width; i++) {
    if (isfinite(values[i]) && fabsf(values[i]) <= fabsf(found.value)) continue;
    found = (extreme_t){values[i], i / width, i % width};
    if (!isfinite(values[i])) break;
  }
  return found;
}

static void tell_extreme(const trainer_t *trainer, const char *what, extreme_t found, int64_t step, int s,
                         char *text) {
  if (isfinite(found.value) && fabsf(found.value) < huge) return;
  append(text, "; training row %" PRId64 ", of shard %d, has the %s %g in column %" PRId64,
         engine_row_number(trainer->engine, step, s, found.row), trainer->layout.first_shard + s, what,
         (double)found.value, found.column);
}

/* A rank's rows of a shard in one step. */
typedef struct {
  float *x, *values, *weights;
  int32_t *labels;
} shard_rows_t;

static ls_status make_rows(const trainer_t *trainer, arena_t *arena, shard_rows_t *out, ls_error *error) {
  const int64_t rows =
      slice_shape(trainer->settings->train.global_batch_size, trainer->layout.shards).slice_rows;
  *out =
      (shard_rows_t){.x = arena_new(arena, (size_t)(rows * graph_inputs(trainer->graph)), sizeof(float)),
                     .values = arena_new(arena, (size_t)(rows * trainer->objective.targets), sizeof(float)),
                     .weights = arena_new(arena, (size_t)rows, sizeof(float)),
                     .labels = arena_new(arena, (size_t)rows, sizeof(int32_t))};
  if (out->x != NULL && out->values != NULL && out->weights != NULL && out->labels != NULL) return LS_OK;
  return error_set(error, LS_NO_MEMORY, "no memory to look at rows");
}

/* What is unusual about the rows of own shard s in a step of the epoch; nothing is added if nothing is. */
static void look_at_rows(const trainer_t *trainer, const shard_rows_t *rows, int64_t step, int s,
                         char *text) {
  const int64_t targets = trainer->objective.has_labels ? 0 : trainer->objective.targets;
  int64_t n = engine_rows(trainer->engine, step, s, rows->x, rows->labels, rows->values, rows->weights);
  tell_extreme(trainer, "input", find_extreme(rows->x, n, graph_inputs(trainer->graph)), step, s, text);
  tell_extreme(trainer, "target", find_extreme(rows->values, n, targets), step, s, text);
  tell_extreme(trainer, "weight", find_extreme(rows->weights, n, 1), step, s, text);
}

/* Adds what is unusual about the rows of a step of the epoch, of one shard or (-1) of all: that of the first
 * shard with such rows, on every rank. Collective. */
static ls_status find_rows(trainer_t *trainer, int64_t step, int64_t shard, char text[TEXT],
                           ls_error *error) {
  arena_t arena = {0};
  shard_rows_t rows;
  char found[TEXT] = "";
  ls_status status = LS_OK;
  const int first = trainer->layout.first_shard;
  int64_t owner = world_size(trainer->world);
  if (trainer->data.dataset->train.stream != NULL) {
    append(text, "; the rows of the step are not known, because rows are streamed");
    return LS_OK;
  }
  TRY_OR_DONE(trainer_agree(trainer, make_rows(trainer, &arena, &rows, error), error));
  for (int s = 0; s < trainer->layout.own_shards && found[0] == '\0'; s++)
    if (shard < 0 || shard == first + s) look_at_rows(trainer, &rows, step, s, found);
  if (found[0] != '\0') owner = world_rank(trainer->world);
  TRY_OR_DONE(world_min_i64(trainer->world, &owner, 1, error));
  if (owner < world_size(trainer->world))
    TRY_OR_DONE(world_broadcast(trainer->world, found, TEXT, (int)owner, error));
  append(text, "%s", owner < world_size(trainer->world) ? found : "; none of its rows is unusual");
done:
  arena_free(&arena);
  return status;
}

/* ---- what is known ---- */

bool finite_stops(const trainer_t *trainer) {
  return strcmp(trainer->settings->train.on_nan, "stop") == 0;
}

/* The array that holds a place of the parameter vector. */
static const char *array_at(const trainer_t *trainer, int64_t place) {
  for (size_t i = 0; i < graph_parameter_count(trainer->graph); i++) {
    const extent_t extent = graph_extent(trainer->graph, i);
    if ((size_t)place >= extent.offset && (size_t)place < extent.offset + extent.floats)
      return graph_parameter(trainer->graph, i)->name;
  }
  return "a parameter";
}

/* The earliest of the faults. Collective. */
static ls_status describe_faults(trainer_t *trainer, const engine_faults_t *faults, int64_t *step,
                                 char text[TEXT], ls_error *error) {
  const position_t *position = &trainer->position;
  const bool has_loss = faults->loss_shard >= 0, has_gradient = faults->gradient >= 0;
  *step = has_loss && (!has_gradient || faults->loss_step <= faults->gradient_step) ? faults->loss_step
                                                                                    : faults->gradient_step;
  text[0] = '\0';
  if (has_gradient && faults->gradient_step == *step)
    append(text, "the gradient of %s is not finite", array_at(trainer, faults->gradient));
  const bool of_loss = has_loss && faults->loss_step == *step;
  if (of_loss)
    append(text, "%sthe loss of shard %" PRId64 " is not finite", text[0] != '\0' ? ", and " : "",
           faults->loss_shard);
  return find_rows(trainer, position->step_in_epoch - (position->step - *step),
                   of_loss ? faults->loss_shard : -1, text, error);
}

/* Which checkpoint there is. For rank 0. */
static void describe_checkpoint(const trainer_t *trainer, char text[TEXT]) {
  position_t kept = {0};
  bool found = false;
  char path[RUN_FILE_SIZE];
  text[0] = '\0';
  if (trainer->run.path[0] != '\0') run_newest_checkpoint(&trainer->run, NULL, &found, &kept, NULL);
  run_checkpoint(&trainer->run, kept.step, path);
  if (found)
    append(text, "The newest checkpoint holds finite numbers, of step %" PRId64 ": %s", kept.step, path);
  else
    append(text, "There is no checkpoint");
}

static ls_status diverged(trainer_t *trainer, int64_t step, const char *what, ls_error *error) {
  char checkpoint[TEXT] = "";
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
  TRY(engine_check_finite(trainer->engine, &place, &state, error));
  if (place < 0) return LS_OK;
  append(text, "%s%s of %s is not finite", state < 0 ? "a parameter" : "the optimiser's ",
         state < 0 ? "" : trainer->optimizer->state_names[state], array_at(trainer, place));
  return LS_OK;
}

ls_status finite_check(trainer_t *trainer, double loss, ls_error *error) {
  char text[TEXT];
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
  if (is_known || position->step == 0 || trainer->optimizer->update == NULL || !finite_stops(trainer))
    return LS_OK;
  TRY(engine_try(trainer->engine, 0, position->step, error));
  TRY(engine_step_loss(trainer->engine, sums, error));
  if (isfinite(engine_total_loss(trainer->engine, sums))) return LS_OK;
  return diverged(trainer, position->step,
                  "its update was the last one, and with the new parameters the loss is not finite", error);
}
