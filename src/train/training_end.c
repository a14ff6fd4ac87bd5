/* The end of a run. The parameters of the best epoch, by checkpoint.best, replace the last ones; the test
 * rows are evaluated once; the model and the summary are written. A run that stopped early has its checkpoint
 * and gets only a summary. */
#include "train/trainer_impl.h"

#include "base/clock.h"
#include "base/isa.h"
#include "base/json.h"
#include "base/progress.h"
#include "layout/shard.h"
#include "run/timing.h"
#include "store/store.h"
#include "train/finite.h"
#include "train/fitting.h"
#include "host/host.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

static ls_status read_best(trainer_t *trainer, ls_error *error) {
  char path[RUN_FILE_SIZE];
  TRY(trainer_make_vector(trainer, error));
  if (!is_root(trainer)) return LS_OK;
  run_checkpoint(&trainer->run, trainer->position.best_step, path);
  if (!run_has(path)) run_best(&trainer->run, trainer->position.best_step, path);
  if (trainer->copies.vector_step == trainer->position.best_step) return LS_OK; /* still in memory */
  return model_read_parameters(path, trainer->graph, trainer->copies.vector, error);
}

static ls_status restore_best(trainer_t *trainer, ls_error *error) {
  const position_t *position = &trainer->position;
  if (position->best_step < 0 || position->best_step == position->step) return LS_OK;
  TRY(trainer_agree(trainer, read_best(trainer, error), error));
  TRY(trainer_share(trainer, trainer->copies.vector, error));
  return trainer_set_parameters(trainer, trainer->copies.vector, error);
}

static void summary_baseline(FILE *out, const metrics_t *test, int b) {
  const baseline_t *baseline = &test->baselines[b];
  char key[64];
  if (test->classes > 0) {
    snprintf(key, sizeof key, "test_%s_accuracy", baseline_name(b));
    json_number(out, false, key, baseline->accuracy);
    return;
  }
  snprintf(key, sizeof key, "test_%s_mae", baseline_name(b));
  json_number(out, false, key, baseline->mae);
  snprintf(key, sizeof key, "test_%s_rmse", baseline_name(b));
  json_number(out, false, key, baseline->rmse);
}

/* Writes the test metrics of the network or of one head. */
static void summary_test(FILE *out, const metrics_t *test) {
  json_number(out, false, "test_loss", test->loss);
  if (test->classes > 0) json_number(out, false, "test_accuracy", metrics_accuracy(test));
  if (test->top_k > 0) json_number(out, false, "test_top_k", metrics_top_k(test));
  if (test->targets > 0) {
    json_number(out, false, "test_mae", test->mae);
    json_number(out, false, "test_rmse", test->rmse);
    json_number(out, false, "test_r2", test->r2);
  }
  for (int b = 0; b < BASELINES; b++)
    if (test->baselines[b].is_known) summary_baseline(out, test, b);
}

/* The best epoch by checkpoint.best, or the last one. */
static const history_row_t *best_epoch(const trainer_t *trainer) {
  const history_row_t *row = &trainer->record.history.rows[trainer->record.history.n - 1];
  while (row > trainer->record.history.rows && trainer->position.best_step >= 0 &&
         (int64_t)row->values[HISTORY_STEP] > trainer->position.best_step)
    row--;
  return row;
}

/* With several heads: writes the losses and test metrics of each head. */
static void summary_heads(FILE *out, const trainer_t *trainer, const metrics_t *test) {
  const objective_t *objective = &trainer->objective;
  const history_t *history = &trainer->record.history;
  if (objective->n == 1) return;
  fputs(", \"heads\": [", out);
  for (size_t h = 0; h < objective->n; h++) {
    const head_t *head = &objective->heads[h];
    fputs(h == 0 ? "{" : ", {", out);
    json_text(out, true, "head", head->name);
    json_text(out, false, "loss", head->loss->name);
    json_number(out, false, "weight", head->weight);
    if (history->n > 0) {
      const history_row_t *last = &history->rows[history->n - 1], *best = best_epoch(trainer);
      json_number(out, false, "train_loss", last->heads[h][HEAD_TRAIN_LOSS]);
      if (!isnan(best->heads[h][HEAD_VALID_LOSS]))
        json_number(out, false, "valid_loss", best->heads[h][HEAD_VALID_LOSS]);
    }
    if (test != NULL) summary_test(out, &test->heads[h]);
    fputc('}', out);
  }
  fputc(']', out);
}

static void summary_losses(FILE *out, const trainer_t *trainer) {
  if (trainer->solution != NULL) solution_summary(out, trainer);
  if (trainer->record.history.n == 0) return;
  const history_row_t *last = &trainer->record.history.rows[trainer->record.history.n - 1];
  if (trainer->fitting != NULL) last = best_epoch(trainer); /* the last start need not be the best */
  json_number(out, false, "train_loss", last->values[HISTORY_TRAIN_LOSS]);
  double valid = best_epoch(trainer)->values[HISTORY_VALID_LOSS];
  if (!isnan(valid)) json_number(out, false, "valid_loss", valid);
}

static void summary_saves(FILE *out, const trainer_t *trainer) {
  const save_record_t *record = &trainer->copies.saver.record;
  if (record->saved + record->failed == 0) return;
  json_integer(out, false, "checkpoints", record->saved);
  json_integer(out, false, "checkpoints_failed", record->failed);
  json_number(out, false, "checkpoint_pause_seconds", record->pause);
}

static ls_status summary_body(FILE *out, const trainer_t *trainer, const metrics_t *test, ls_error *error) {
  const position_t *position = &trainer->position;
  const world_t *world = trainer->world;
  const model_parts_t parts = trainer_model(trainer);
  char checksum[17], now[CLOCK_TEXT_SIZE];
  clock_text(clock_time(), now);
  TRY(model_checksum(&parts, checksum, error));
  fputc('{', out);
  bool is_done = stop_status(trainer->stop) == LS_OK;
  json_text(out, true, "status", is_done ? "done" : "stopped");
  if (trainer->solution == NULL) json_text(out, false, "reason", stop_name(trainer->stop));
  json_text(out, false, "name", trainer->settings->name);
  json_integer(out, false, "steps", position->step);
  json_integer(out, false, "epochs", position->epoch);
  json_integer(out, false, "rows", trainer->data.dataset->train.partition.rows);
  json_integer(out, false, "parameters", graph_parameters(trainer->graph));
  json_integer(out, false, "shards", trainer->layout.shards);
  json_integer(out, false, "nodes", world_nodes(world));
  json_integer(out, false, "ranks", world_size(world));
  json_integer(out, false, "threads", trainer->layout.threads);
  json_text(out, false, "isa", isa_name(isa_selected()));
  if (trainer->record.memory_bytes > 0)
    json_integer(out, false, "memory_bytes", trainer->record.memory_bytes);
  json_number(out, false, "seconds", clock_seconds() - trainer->record.began);
  json_text(out, false, "ended", now);
  if (position->seconds > 0)
    json_number(out, false, "rows_per_second", (double)position->rows / position->seconds);
  summary_saves(out, trainer);
  summary_losses(out, trainer);
  if (test != NULL) summary_test(out, test);
  summary_heads(out, trainer, test);
  if (trainer->record.quality.clusters > 0) quality_json(&trainer->record.quality, out);
  if (position->skips.steps > 0) json_integer(out, false, "skipped_steps", position->skips.steps);
  if (is_done)
    json_integer(out, false, "model_step", position->best_step >= 0 ? position->best_step : position->step);
  json_text(out, false, "parameters_checksum", checksum);
  json_number(out, false, "flops_per_row", graph_flops_per_row(trainer->graph));
  fputs("}\n", out);
  return LS_OK;
}

static ls_status write_summary(trainer_t *trainer, const metrics_t *test, ls_error *error) {
  char path[RUN_FILE_SIZE], *text = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);
  if (out == NULL) return error_set(error, LS_NO_MEMORY, "no memory for the summary");
  ls_status status = summary_body(out, trainer, test, error);
  if (fclose(out) != 0 && status == LS_OK)
    status = error_set(error, LS_NO_MEMORY, "no memory for the summary");
  run_file(&trainer->run, "summary.json", path);
  if (status == LS_OK) status = store_write_file(path, text, error);
  free(text);
  if (trainer->stop != STOP_NOT)
    report_stop(&trainer->record.report, trainer->position.step, stop_name(trainer->stop));
  return status == LS_OK ? report_finish(&trainer->record.report, error) : status;
}

model_parts_t training_result(const trainer_t *trainer) {
  model_parts_t parts = trainer_model(trainer);
  if (trainer->position.best_step >= 0) {
    partition_t partition = trainer->data.dataset->train.partition;
    parts.step = trainer->position.best_step;
    parts.epoch = parts.step / epoch_steps(partition, trainer->settings->train.global_batch_size);
  }
  return parts;
}

static ls_status write_files(trainer_t *trainer, const metrics_t *test, ls_error *error) {
  char path[RUN_FILE_SIZE];
  const model_parts_t parts = training_result(trainer);
  TRY(run_lock_check(trainer->run.lock, error));
  run_file(&trainer->run, "model.h5", path);
  TRY(model_write(path, &parts, NULL, error));
  return write_summary(trainer, test, error);
}

static void print_metrics(const trainer_t *trainer, const char *name, const metrics_t *metrics) {
  FILE *out = trainer_results(trainer)->out;
  if (out == NULL) return;
  progress_clear();
  fprintf(out, "%s ", name);
  metrics_print_line(metrics, out);
  metrics_print_baselines(metrics, out);
  fputc('\n', out);
  fflush(out);
}

/* Says which parameters the model holds. */
static void print_choice(const trainer_t *trainer) {
  const position_t *position = &trainer->position;
  const bool is_best = position->best_step >= 0;
  const int64_t step = is_best ? position->best_step : position->step;
  const double *row = trainer->record.history.n > 0 ? best_epoch(trainer)->values : NULL;
  char figures[128] = "";
  if (row != NULL && (int64_t)row[HISTORY_STEP] == step)
    snprintf(figures, sizeof figures,
             isnan(row[HISTORY_VALID_LOSS]) ? ", epoch %.0f: train loss %.6g"
                                            : ", epoch %.0f: train loss %.6g, valid loss %.6g",
             row[HISTORY_EPOCH], row[HISTORY_TRAIN_LOSS], row[HISTORY_VALID_LOSS]);
  log_info(trainer_results(trainer), "%s holds the %s parameters, of step %" PRId64 "%s",
           trainer_has_files(trainer) ? "model.h5" : "the model", is_best ? "best" : "last", step, figures);
}

static ls_status write_results(trainer_t *trainer, const metrics_t *test, ls_error *error) {
  char checksum[17];
  const model_parts_t parts = trainer_model(trainer);
  if (!is_root(trainer)) return LS_OK;
  if (trainer_has_files(trainer)) TRY(write_files(trainer, test, error));
  TRY(model_checksum(&parts, checksum, error));
  if (trainer->solution == NULL) print_choice(trainer);
  if (trainer->record.quality.clusters > 0 && trainer_results(trainer)->out != NULL)
    quality_print(&trainer->record.quality, trainer_results(trainer)->out);
  if (test != NULL) print_metrics(trainer, "test", test);
  if (!trainer_has_files(trainer)) return LS_OK;
  log_info(trainer_results(trainer), "parameters checksum: %s", checksum);
  log_info(trainer_results(trainer), "run directory: %s", trainer->run.path);
  run_tidy(&trainer->run);
  return LS_OK;
}

/* Computes the loss on a split and prints a line about it. Collective. */
static ls_status judge_split(trainer_t *trainer, const char *name, const split_t *split, double *loss,
                             ls_error *error) {
  metrics_t metrics = {0};
  *loss = NAN;
  if (split->partition.rows == 0) return LS_OK;
  TRY(trainer_evaluate(trainer, split, &metrics, error));
  *loss = metrics.loss;
  print_metrics(trainer, name, &metrics);
  metrics_free(&metrics);
  return LS_OK;
}

ls_status trainer_judge(trainer_t *trainer, ls_error *error) {
  const dataset_t *dataset = trainer->data.dataset;
  TRY(judge_split(trainer, "train", &dataset->train, &trainer->solution->train_loss, error));
  return judge_split(trainer, "valid", &dataset->valid, &trainer->solution->valid_loss, error);
}

/* The figures of a fit, by the objective of its best epoch, which rank 0 has. */
static ls_status judge_fit(trainer_t *trainer, ls_error *error) {
  double objective = NAN;
  if (trainer->fitting == NULL) return LS_OK;
  if (is_root(trainer) && trainer->record.history.n > 0)
    objective = best_epoch(trainer)->values[HISTORY_TRAIN_LOSS];
  return fitting_judge(trainer, objective, &trainer->record.quality, error);
}

/* Sums the peak memory of all ranks. All ranks measure at the same time, so that the kernel divides shared
 * pages among all of them. */
static ls_status measure_memory(trainer_t *trainer, ls_error *error) {
  TRY(world_barrier(trainer->world, error));
  trainer->record.memory_bytes = (int64_t)host_memory().peak;
  return world_sum_i64(trainer->world, &trainer->record.memory_bytes, 1, error);
}

ls_status training_end(trainer_t *trainer, ls_error *error) {
  metrics_t test = {0};
  const split_t *split = &trainer->data.dataset->test;
  bool has_test = split->partition.rows > 0;
  if (trainer->options->timing) {
    char path[RUN_FILE_SIZE];
    run_file(&trainer->run, "timing.h5", path);
    TRY(timing_write(trainer->world, trainer->engine, path, error));
  }
  TRY(restore_best(trainer, error));
  TRY(finite_check_result(trainer, trainer->solution != NULL ? "the solution" : "the best model", error));
  if (has_test) TRY(trainer_evaluate(trainer, split, &test, error));
  if (has_test) finite_warn(trainer, "test", &test);
  TRY(judge_fit(trainer, error));
  TRY(measure_memory(trainer, error));
  trainer->record.test_loss = has_test ? test.loss : NAN;
  ls_status status = write_results(trainer, has_test ? &test : NULL, error);
  metrics_free(&test);
  return trainer_agree(trainer, status, error);
}

ls_status training_stopped(trainer_t *trainer, ls_error *error) {
  const position_t *position = &trainer->position;
  char reason[160], path[RUN_FILE_SIZE];
  ls_status status = is_root(trainer) ? write_summary(trainer, NULL, error) : LS_OK;
  TRY(trainer_agree(trainer, status, error));
  stop_watch_text(&trainer->watch, trainer->stop, reason, sizeof reason);
  run_checkpoint(&trainer->run, position->step, path);
  return error_set(error, stop_status(trainer->stop),
                   "stopped after step %" PRId64 ", in epoch %" PRId64 " of %" PRId64
                   ": %s. The state is saved in %s; the same command with --resume continues from there",
                   position->step, position->epoch + 1, trainer->settings->train.epochs, reason, path);
}
