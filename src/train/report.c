#include "train/report.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/progress.h"
#include "base/text.h"

#include <inttypes.h>
#include <string.h>

/* Begins the line `{"event": "EVENT", "step": STEP` of log.jsonl. Returns NULL if there is no log. */
static FILE *begin_event(report_t *report, const char *event, int64_t step) {
  FILE *line = log_file_begin(&report->lines);
  if (line == NULL) return NULL;
  fputc('{', line);
  json_text(line, true, "event", event);
  json_integer(line, false, "step", step);
  json_number(line, false, "time", clock_time());
  return line;
}

ls_status report_open(report_t *report, const run_directory_t *run, const train_options_t *options,
                      int64_t epochs, ls_error *error) {
  char path[RUN_FILE_SIZE];
  report->log = options->log;
  report->epochs = epochs;
  if (run == NULL) return LS_OK;
  run_file(run, "log.jsonl", path);
  return log_file_open(path, options->log, &report->lines, error);
}

ls_status report_finish(report_t *report, ls_error *error) {
  return log_file_finish(&report->lines, error);
}

void report_close(report_t *report) {
  log_file_close(&report->lines);
  *report = (report_t){0};
}

void report_start(report_t *report, int64_t step, const char *layout) {
  FILE *line = begin_event(report, step > 0 ? "resume" : "start", step);
  if (line == NULL) return;
  json_text(line, false, "layout", layout);
  fputs("}\n", line);
  log_file_end(&report->lines);
}

void report_stop(report_t *report, int64_t step, const char *reason) {
  FILE *line = begin_event(report, "stop", step);
  if (line == NULL) return;
  json_text(line, false, "reason", reason);
  fputs("}\n", line);
  log_file_end(&report->lines);
}

void report_skips(report_t *report, int64_t step, int64_t steps) {
  FILE *line = begin_event(report, "skip", step);
  if (line == NULL) return;
  json_integer(line, false, "skipped_steps", steps);
  fputs("}\n", line);
  log_file_end(&report->lines);
}

void report_return(report_t *report, int64_t step, int64_t to, const char *why) {
  FILE *line = begin_event(report, "return", step);
  if (line == NULL) return;
  json_integer(line, false, "to_step", to);
  json_text(line, false, "reason", why);
  fputs("}\n", line);
  log_file_end(&report->lines);
}

void report_step(report_t *report, int64_t step, int64_t epoch, double loss, double rate, double norm) {
  FILE *line = begin_event(report, "step", step);
  if (line == NULL) return;
  json_integer(line, false, "epoch", epoch);
  json_number(line, false, "loss", loss);
  json_number(line, false, "learning_rate", rate);
  json_number(line, false, "gradient_norm", norm);
  fputs("}\n", line);
  log_file_end(&report->lines);
}

void report_saved(report_t *report, int64_t step, double pause, const background_cost_t *cost) {
  FILE *line = begin_event(report, "checkpoint", step);
  if (line == NULL) return;
  json_number(line, false, "pause_seconds", pause);
  json_number(line, false, "seconds", cost->wall);
  json_number(line, false, "core_seconds", cost->core);
  fputs("}\n", line);
  log_file_end(&report->lines);
}

void report_save_failed(report_t *report, int64_t step, const char *reason) {
  FILE *line = begin_event(report, "checkpoint_failed", step);
  if (line == NULL) return;
  json_text(line, false, "reason", reason);
  fputs("}\n", line);
  log_file_end(&report->lines);
}

/* ---- for users ---- */

/* Prints the training losses of several heads after that of the network. */
static void print_head_losses(const history_t *history, const history_row_t *row, FILE *out) {
  for (size_t h = 0; h < history_heads(history); h++)
    fprintf(out, "%s%s %.5f", h == 0 ? " (" : ", ", history->objective->heads[h].name,
            row->heads[h][HEAD_TRAIN_LOSS]);
  if (history_heads(history) > 0) fputc(')', out);
}

void report_epoch(report_t *report, const history_t *history, const history_row_t *row,
                  const metrics_t *valid, const char *note) {
  FILE *line = log_file_begin(&report->lines);
  if (line != NULL) history_log_row(line, history, row, note);
  if (line != NULL) log_file_end(&report->lines);
  if (report->log == NULL || report->log->out == NULL) return;
  FILE *out = report->log->out;
  const double *values = row->values;
  progress_clear();
  fprintf(out, "epoch %*.0f/%" PRId64 "  train loss %.5f", report->epochs > 99 ? 4 : 2, values[HISTORY_EPOCH],
          report->epochs, values[HISTORY_TRAIN_LOSS]);
  print_head_losses(history, row, out);
  if (valid != NULL) {
    fputs("  valid ", out);
    metrics_print_line(valid, out);
  }
  char rate[32];
  double seconds = values[HISTORY_SECONDS];
  text_write_grouped(seconds > 0 ? values[HISTORY_ROWS] / seconds : 0, rate, sizeof rate);
  fprintf(out, "%s%s  %s rows/s\n", note[0] != '\0' ? "  " : "", note, rate);
  fflush(out);
}
