/* A training run: epochs of steps, and the work between steps. All ranks execute this code together. When
 * only rank 0 does something (files, messages), all ranks then agree on the result, so a failure on rank 0
 * ends the run on all ranks. */
#include "train/trainer_impl.h"

#include "base/activity.h"
#include "base/clock.h"
#include "base/progress.h"
#include "base/size.h"
#include "layout/shard.h"
#include "optim/schedule.h"
#include "train/advice.h"
#include "train/finite.h"
#include "train/fitting.h"
#include "train/verify.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* ---- an epoch ---- */

static double total_loss(const trainer_t *trainer) {
  const double *sums = trainer->copies.sums;
  return trainer->fitting != NULL ? sums[0] : engine_total_loss(trainer->engine, sums);
}

static double mean_loss(const trainer_t *trainer, int64_t rows) {
  return total_loss(trainer) / (double)rows;
}

/* Whether the run has done train.steps updates. */
static bool is_cut_off(const trainer_t *trainer) {
  int64_t most = trainer->settings->train.steps;
  return most > 0 && trainer->position.step >= most;
}

/* The step of the epoch at which the engine must return next: the end of the epoch or the run, a logged step,
 * a checkpoint, or the end of a loss window. */
static int64_t next_stop(const trainer_t *trainer, int64_t steps) {
  const settings_t *settings = trainer->settings;
  int64_t at = trainer->position.step_in_epoch, stop = steps - at;
  const loss_window_t *window = &trainer->position.window;
  int64_t every[] = {settings->train.log_every, settings->checkpoint.every.steps,
                     settings->train.verify_every.steps};
  for (size_t i = 0; i < sizeof every / sizeof every[0]; i++) {
    if (every[i] <= 0) continue;
    int64_t left = every[i] - trainer->position.step % every[i];
    if (left < stop) stop = left;
  }
  int64_t in_window = trainer->position.step - window->begin;
  if (window->steps > 0 && window->steps - in_window < stop) stop = window->steps - in_window;
  if (settings->train.steps > 0 && settings->train.steps - trainer->position.step < stop)
    stop = settings->train.steps - trainer->position.step;
  return at + stop;
}

/* Rows that the whole run trains; may be one batch too many. */
static int64_t rows_of_run(const trainer_t *trainer) {
  const settings_t *settings = trainer->settings;
  int64_t by_epochs = count_product(settings->train.epochs, trainer->data.dataset->train.partition.rows);
  int64_t by_steps = count_product(settings->train.steps, settings->train.global_batch_size);
  return by_steps > 0 && by_steps < by_epochs ? by_steps : by_epochs;
}

static void show_progress(const trainer_t *trainer) {
  const position_t *position = &trainer->position;
  const double rate = (double)position->rows / position->seconds;
  if (progress_is_due(0))
    progress_figures(position->step_in_epoch, engine_live_loss(trainer->engine), rate,
                     fmax(0, (double)(rows_of_run(trainer) - position->rows) / rate));
}

#define LIVE_SECONDS 2.0 /* between two drawings if nothing else causes a look */

/* Whether this rank wants the engine to return for a look. Called by a thread of the engine. */
static bool wants_look(void *context) {
  trainer_t *trainer = context;
  if (finite_stops(trainer) && engine_has_fault(trainer->engine)) return true;
  if (saver_wants_look(&trainer->copies.saver)) return true;
  return stop_watch_wants_look(&trainer->watch) || progress_is_due(LIVE_SECONDS);
}

/* Whether the last look found that the run must stop, or a checkpoint is due. Then one more step is done. */
static bool is_last_step(const trainer_t *trainer) {
  return trainer_is_requested(trainer) || trainer->watch.save_due;
}

/* Steps until the ranks look together. If the engine can halt, a rank requests the look instead. */
static int64_t steps_to_look(const trainer_t *trainer) {
  if (is_last_step(trainer)) return 1;
  return engine_can_halt(trainer->engine) ? INT64_MAX : trainer->watch.steps_left;
}

static bool look_is_due(const trainer_t *trainer) {
  return engine_can_halt(trainer->engine) ? engine_halted(trainer->engine) : trainer->watch.steps_left <= 0;
}

/* Saves the parameters as they were before the steps that were skipped. */
static ls_status save_good_state(trainer_t *trainer, ls_error *error) {
  TRY(finite_check(trainer, 0, error));
  return trainer_save(trainer, error);
}

/* Runs steps up to `end`. A few times per second, or with several nodes when a rank wants it, all ranks look
 * whether the run must stop or a checkpoint is due. If so, one more step is done: its gradient norm tells
 * whether the parameters are worth keeping. */
static ls_status run_to(trainer_t *trainer, int64_t end, ls_error *error) {
  position_t *position = &trainer->position;
  partition_t partition = trainer->data.dataset->train.partition;
  int64_t batch = trainer->settings->train.global_batch_size;
  while (position->step_in_epoch < end) {
    int64_t at = position->step_in_epoch, most = steps_to_look(trainer);
    int64_t to = end - at < most ? end : at + most;
    if (is_last_step(trainer)) end = to;
    double began = clock_seconds();
    TRY(engine_run(trainer->engine, at, to, position->step, to == end, error));
    position->seconds += clock_seconds() - began;
    to = engine_steps_done(trainer->engine);
    for (int64_t t = at; t < to; t++) position->rows += step_rows(partition, batch, t);
    position->rows += position->skips.rows - engine_skips(trainer->engine).rows;
    position->skips = engine_skips(trainer->engine);
    position->step += to - at;
    position->step_in_epoch = to;
    trainer->watch.steps_left -= to - at;
    const bool look = look_is_due(trainer);
    if (finite_gave_up(trainer)) TRY(save_good_state(trainer, error));
    if (look || to == end || finite_gave_up(trainer)) TRY(finite_after_steps(trainer, error));
    if (is_last_step(trainer) || !look) continue;
    TRY(stop_watch_look(&trainer->watch, &trainer->stop, error));
    TRY(saver_look(&trainer->copies.saver, error));
    show_progress(trainer);
  }
  return LS_OK;
}

static ls_status log_step(trainer_t *trainer, int64_t step_in_epoch, ls_error *error) {
  int64_t batch = trainer->settings->train.global_batch_size;
  TRY(engine_step_loss(trainer->engine, trainer->copies.sums, error));
  double loss =
      mean_loss(trainer, step_rows(trainer->data.dataset->train.partition, batch, step_in_epoch - 1));
  report_step(&trainer->record.report, trainer->position.step, trainer->position.epoch + 1, loss,
              engine_learning_rate(trainer->engine, trainer->position.step - 1),
              engine_norm(trainer->engine));
  return LS_OK;
}

/* The mean loss of `rows` rows for finite_check; 0 if all of them were skipped. */
static double loss_to_check(const trainer_t *trainer, int64_t rows) {
  return rows > 0 ? mean_loss(trainer, rows) : 0;
}

/* Checks for divergence before a checkpoint within an epoch: a diverged checkpoint would displace the good
 * ones. */
static ls_status check_so_far(trainer_t *trainer, ls_error *error) {
  int64_t rows = trainer->position.step_in_epoch * trainer->settings->train.global_batch_size;
  TRY(engine_epoch_loss(trainer->engine, trainer->copies.sums, error));
  return finite_check(trainer, loss_to_check(trainer, rows - trainer->position.skips.rows), error);
}

/* At the end of a window of steps: stops if the loss has settled. All ranks decide the same. */
static ls_status judge_window(trainer_t *trainer, ls_error *error) {
  position_t *position = &trainer->position;
  loss_window_t *window = &position->window;
  if (window->steps == 0 || position->step - window->begin < window->steps) return LS_OK;
  TRY(engine_epoch_loss(trainer->engine, trainer->copies.sums, error));
  double sum = engine_total_loss(trainer->engine, trainer->copies.sums);
  loss_window_end(window, position->step, position->rows, sum);
  if (stop_settled(trainer->settings, window) && !trainer_is_requested(trainer)) trainer->stop = STOP_TOL;
  return LS_OK;
}

/* Whether the copies of the parameters are compared here: every train.verify_every steps, and before every
 * step that may save.
 */
static bool is_verified(const trainer_t *trainer, int64_t steps) {
  const int64_t by_verify = trainer->settings->train.verify_every.steps;
  const int64_t by_save = trainer->settings->checkpoint.every.steps, step = trainer->position.step;
  return (by_verify > 0 && step % by_verify == 0) || (by_save > 0 && step % by_save == 0) ||
         trainer->watch.save_due || trainer->position.step_in_epoch == steps || is_cut_off(trainer) ||
         trainer->stop != STOP_NOT;
}

static ls_status train_steps(trainer_t *trainer, int64_t steps, ls_error *error) {
  const settings_t *settings = trainer->settings;
  position_t *position = &trainer->position;
  while (position->step_in_epoch < steps && !is_cut_off(trainer) && trainer->stop == STOP_NOT) {
    activity_set("training, in epoch %" PRId64, position->epoch + 1);
    TRY(run_to(trainer, next_stop(trainer, steps), error));
    if (settings->train.log_every > 0 && position->step % settings->train.log_every == 0)
      TRY(log_step(trainer, position->step_in_epoch, error));
    TRY(judge_window(trainer, error));
    if (is_verified(trainer, steps)) TRY(verify_copies(trainer, error));
    if (trainer->guard.returned) return LS_OK;
    bool due = settings->checkpoint.every.steps > 0 && position->step % settings->checkpoint.every.steps == 0;
    due = due || trainer->watch.save_due;
    if (!due || position->step_in_epoch == steps || is_cut_off(trainer)) continue; /* the end saves */
    TRY(check_so_far(trainer, error));
    TRY(trainer_save(trainer, error));
  }
  return LS_OK;
}

/* Ends a run within an epoch, because of train.steps, a settled loss or a request. Such an epoch is not
 * validated and gets no row of the history. The run can be resumed from its last checkpoint, within the
 * epoch. */
static ls_status end_within_epoch(trainer_t *trainer, ls_error *error) {
  if (trainer->stop == STOP_NOT) trainer->stop = STOP_STEPS;
  if (trainer->stop == STOP_TOL)
    log_info(trainer->options->log, "training ends after step %" PRId64 ": %s", trainer->position.step,
             stop_text(STOP_TOL));
  TRY(check_so_far(trainer, error));
  TRY(finite_try_last(trainer, trainer_is_requested(trainer), error));
  return saver_keeps(trainer->settings) || trainer_is_requested(trainer) ? trainer_save(trainer, error)
                                                                         : LS_OK;
}

/* Fills figures (HEAD_WIDTH) with the validation metrics of the network or of one head. */
static void fill_figures(const metrics_t *valid, double *figures) {
  figures[HEAD_VALID_LOSS] = valid->loss;
  if (valid->classes > 0) figures[HEAD_VALID_ACCURACY] = metrics_accuracy(valid);
  if (valid->targets > 0) {
    figures[HEAD_VALID_MAE] = valid->mae;
    figures[HEAD_VALID_RMSE] = valid->rmse;
    figures[HEAD_VALID_R2] = valid->r2;
  }
  if (valid->has_penalty) figures[HEAD_VALID_PENALTY] = valid->penalty;
  for (int b = 0; b < BASELINES; b++) {
    const baseline_t *baseline = &valid->baselines[b];
    const int next = (HEAD_SEASONAL_MAE - HEAD_PERSISTENCE_MAE) * b;
    if (baseline->is_known && valid->classes > 0)
      figures[HEAD_PERSISTENCE_ACCURACY + next] = baseline->accuracy;
    if (!baseline->is_known || valid->targets == 0) continue;
    figures[HEAD_PERSISTENCE_MAE + next] = baseline->mae;
    figures[HEAD_PERSISTENCE_RMSE + next] = baseline->rmse;
  }
}

/* Rows of the epoch whose steps are done. */
static int64_t trained_rows(const trainer_t *trainer) {
  return trainer->data.dataset->train.partition.rows - trainer->position.skips.rows;
}

static void fill_row(const trainer_t *trainer, double loss, const metrics_t *valid, double seconds,
                     history_row_t *row) {
  double phases[PHASES], rows = (double)trained_rows(trainer);
  for (int c = 0; c < HISTORY_WIDTH; c++) row->values[c] = NAN;
  row->values[HISTORY_EPOCH] = (double)trainer->position.epoch;
  row->values[HISTORY_STEP] = (double)trainer->position.step;
  row->values[HISTORY_TRAIN_LOSS] = loss;
  row->values[HISTORY_ROWS] = rows;
  row->values[HISTORY_SECONDS] = seconds;
  if (valid != NULL) fill_figures(valid, row->values + HISTORY_TRAIN_LOSS);
  if (trainer->engine == NULL) return;
  row->values[HISTORY_LEARNING_RATE] = engine_learning_rate(trainer->engine, trainer->position.step - 1);
  row->values[HISTORY_GRADIENT_NORM] = engine_norm(trainer->engine);
  engine_seconds(trainer->engine, phases);
  for (int p = 0; p < PHASES; p++)
    row->values[HISTORY_PHASES + p] = phases[p] - trainer->record.seconds_before[p];
  for (size_t h = 0; h < history_heads(&trainer->record.history); h++) {
    for (int c = 0; c < HEAD_WIDTH; c++) row->heads[h][c] = NAN;
    row->heads[h][HEAD_TRAIN_LOSS] = engine_head_loss(trainer->engine, trainer->copies.sums, h) / rows;
    if (valid != NULL) fill_figures(&valid->heads[h], row->heads[h]);
  }
}

/* On rank 0: writes history.h5 with all epochs so far. */
static ls_status save_history(trainer_t *trainer, ls_error *error) {
  char path[RUN_FILE_SIZE];
  run_file(&trainer->run, "history.h5", path);
  trainer->record.history_time = clock_seconds();
  TRY(history_write(&trainer->record.history, path, error));
  trainer->record.history_rows = trainer->record.history.n;
  return LS_OK;
}

/* The same while training goes on: at most once per second, because each time the file is written completely,
 * and not beside a checkpoint. A failure is reported once; the end of the run tries again. */
static void save_history_so_far(trainer_t *trainer) {
  ls_error problem = {0};
  if (!trainer_has_files(trainer)) return;
  if (clock_seconds() - trainer->record.history_time < 1 || saver_is_busy(&trainer->copies.saver)) return;
  if (save_history(trainer, &problem) == LS_OK) {
    trainer->record.history_failed = false;
    return;
  }
  if (!trainer->record.history_failed)
    log_warn(trainer->options->log, "%s; training goes on and writes the file later", problem.message);
  trainer->record.history_failed = true;
}

/* Writes the epochs that history.h5 lacks, whether or not the run failed. Then lines of the log that could
 * not be written must be, too. */
ls_status trainer_finish(trainer_t *trainer, ls_status status, ls_error *error) {
  ls_status saved = LS_OK;
  if (status != LS_OK) saver_finish(&trainer->copies.saver);
  bool is_behind = trainer->record.history.n > trainer->record.history_rows;
  if (trainer_has_files(trainer) && is_root(trainer) && is_behind)
    saved = save_history(trainer, status == LS_OK ? error : NULL);
  if (status == LS_OK && saved == LS_OK) saved = report_finish(&trainer->record.report, error);
  return status == LS_OK ? trainer_agree(trainer, saved, error) : status;
}

/* On rank 0: records an epoch. */
static ls_status record_epoch(trainer_t *trainer, double loss, const metrics_t *valid, double seconds,
                              ls_error *error) {
  history_row_t row;
  char note[REPORT_NOTE] = "";
  if (!is_root(trainer)) return LS_OK;
  fill_row(trainer, loss, valid, seconds, &row);
  TRY(graph_checksum(trainer->graph, trainer_parameters(trainer), &row.checksum, error));
  TRY(history_add(&trainer->record.history, &row, error));
  if (trainer->fitting != NULL) fitting_describe(trainer, note, sizeof note);
  report_epoch(&trainer->record.report, &trainer->record.history, &row, valid, note);
  if (advice_diverges(&trainer->record.history, trainer->record.zero_loss))
    advise_of_divergence(&trainer->record.history, trainer->record.zero_loss, trainer->options->log);
  save_history_so_far(trainer);
  return LS_OK;
}

/* Decides whether training ends, by the rules or because all epochs are done. Rank 0 has the history. */
static ls_status judge_epochs(trainer_t *trainer, ls_error *error) {
  stop_reason_t reason = stop_judge(trainer->settings, &trainer->record.history, &trainer->position.window);
  if (reason == STOP_NOT && trainer->fitting != NULL && fitting_is_over(trainer)) reason = STOP_SETTLED;
  if (reason == STOP_NOT && trainer->position.epoch >= trainer->settings->train.epochs) reason = STOP_EPOCHS;
  if (reason == STOP_NOT && is_cut_off(trainer)) reason = STOP_STEPS;
  const int64_t pause = trainer->options->pause_epoch;
  bool pauses = pause > 0 && trainer->position.epoch >= pause && !trainer_is_requested(trainer);
  if (reason == STOP_NOT && pauses) reason = STOP_PAUSE;
  TRY(world_broadcast(trainer->world, &reason, sizeof reason, 0, error));
  if (reason != STOP_NOT) trainer->stop = reason;
  if (reason != STOP_NOT && reason != STOP_EPOCHS)
    log_info(trainer->options->log, "training ends after epoch %" PRId64 ": %s", trainer->position.epoch,
             stop_text(reason));
  return LS_OK;
}

/* Decides whether the last epoch is the best so far, and whether a checkpoint is due by the clock. Rank 0 has
 * the history and the clock, and keeps the best parameters until a checkpoint refers to them. */
static ls_status judge_best(trainer_t *trainer, bool *due, ls_error *error) {
  position_t *position = &trainer->position;
  double told[] = {NAN, 0};
  if (!saver_keeps(trainer->settings) && trainer->fitting == NULL) return LS_OK;
  if (is_root(trainer)) {
    told[0] = best_figure(trainer->settings, &trainer->record.history);
    told[1] = save_pace_due(&trainer->watch.pace, clock_seconds(), true);
  }
  TRY(world_broadcast(trainer->world, told, sizeof told, 0, error));
  *due = told[1] != 0;
  if (!(told[0] < position->best_loss)) return LS_OK;
  position->best_loss = told[0];
  position->best_step = position->step;
  if (is_root(trainer)) trainer_keep_best(trainer);
  return LS_OK;
}

/* Ends an epoch whose steps are done: validation, history, checkpoint. */
static ls_status end_epoch(trainer_t *trainer, double seconds, ls_error *error) {
  position_t *position = &trainer->position;
  const split_t *valid_split = &trainer->data.dataset->valid;
  metrics_t valid = {0};
  bool has_valid = valid_split->partition.rows > 0, by_clock = false;
  TRY(saver_look(&trainer->copies.saver, error));
  if (trainer->engine != NULL) TRY(engine_epoch_loss(trainer->engine, trainer->copies.sums, error));
  double loss = mean_loss(trainer, trained_rows(trainer));
  TRY(finite_check(trainer, loss_to_check(trainer, trained_rows(trainer)), error));
  loss_window_epoch(&position->window, total_loss(trainer));
  if (has_valid) TRY(trainer_evaluate(trainer, valid_split, &valid, error));
  if (has_valid) finite_warn(trainer, "validation", &valid);
  bool is_known = has_valid && isfinite(valid.loss);
  position->epoch++;
  position->step_in_epoch = 0;
  ls_status status = record_epoch(trainer, loss, has_valid ? &valid : NULL, seconds, error);
  metrics_free(&valid);
  TRY(trainer_agree(trainer, status, error));
  TRY(judge_best(trainer, &by_clock, error));
  TRY(judge_epochs(trainer, error));
  const settings_t *settings = trainer->settings;
  bool last = trainer->stop != STOP_NOT;
  if (last) TRY(finite_try_last(trainer, is_known || trainer_is_requested(trainer), error));
  bool due =
      settings->checkpoint.every.epochs > 0 && position->epoch % settings->checkpoint.every.epochs == 0;
  due =
      due || (settings->checkpoint.every.steps > 0 && position->step % settings->checkpoint.every.steps == 0);
  bool kept = saver_keeps(trainer->settings) && (due || by_clock || trainer->watch.save_due || last);
  return kept || trainer_is_requested(trainer) ? trainer_save(trainer, error) : LS_OK;
}

/* Updates a schedule that depends on the losses of the epochs so far. Rank 0 has the history. */
static ls_status watch_loss(trainer_t *trainer, ls_error *error) {
  const settings_t *settings = trainer->settings;
  const history_t *history = &trainer->record.history;
  const plateau_rule_t rule = {.patience = settings->schedule.patience,
                               .threshold = settings->schedule.threshold,
                               .factor = settings->schedule.factor,
                               .final = settings->schedule.final};
  double share = 1;
  if (!schedule_find(settings->schedule.name)->watches_loss) return LS_OK;
  int column = trainer->data.dataset->valid.partition.rows > 0 ? HISTORY_VALID_LOSS : HISTORY_TRAIN_LOSS;
  if (history->n > 0)
    share = plateau_share(&rule, &history->rows->values[column], history->n,
                          sizeof *history->rows / sizeof(double));
  TRY(world_broadcast(trainer->world, &share, sizeof share, 0, error));
  engine_set_plateau(trainer->engine, share);
  return LS_OK;
}

ls_status trainer_epoch(trainer_t *trainer, ls_error *error) {
  position_t *position = &trainer->position;
  int64_t steps =
      epoch_steps(trainer->data.dataset->train.partition, trainer->settings->train.global_batch_size);
  double before = position->seconds;
  if (trainer->fitting != NULL) {
    TRY(fitting_epoch(trainer, error));
    if (trainer->fitting->was_interrupted) return trainer_save(trainer, error);
    return end_epoch(trainer, position->seconds - before, error);
  }
  TRY(watch_loss(trainer, error));
  if (position->step_in_epoch == 0) position->skips.rows = 0;
  engine_begin_epoch(trainer->engine, position->epoch);
  engine_set_skips(trainer->engine, &position->skips);
  if (position->step_in_epoch > 0) engine_set_epoch_loss(trainer->engine, trainer->copies.sums);
  engine_seconds(trainer->engine, trainer->record.seconds_before);
  trainer->guard.returned = false;
  progress_begin(steps, "step", "epoch %" PRId64 "/%" PRId64, position->epoch + 1,
                 trainer->settings->train.epochs);
  TRY(train_steps(trainer, steps, error));
  progress_end();
  if (trainer->guard.returned) return LS_OK; /* the next call begins the epoch to which the run went back */
  if (position->step_in_epoch < steps) return end_within_epoch(trainer, error);
  return end_epoch(trainer, position->seconds - before, error);
}

ls_status trainer_begin(trainer_t *trainer, ls_error *error) {
  trainer->copies.vector_step = -1;
  if (trainer->engine != NULL) engine_set_halt(trainer->engine, wants_look, trainer);
  return judge_epochs(trainer, error);
}

ls_status trainer_run(trainer_t *trainer, ls_status status, ls_error *error) {
  if (status == LS_OK) status = trainer_begin(trainer, error);
  while (status == LS_OK && trainer->stop == STOP_NOT) status = trainer_epoch(trainer, error);
  return trainer_finish(trainer, status, error);
}
