#include "train/report.h"

#include "base/clock.h"
#include "base/json.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

ls_status report_open(report_t *report, const run_directory_t *run, const train_options_t *options,
                      int64_t epochs, ls_error *error) {
  char path[RUN_FILE_SIZE];
  run_file(run, "log.jsonl", path);
  report->log = options->log;
  report->live = options->live;
  report->epochs = epochs;
  report->jsonl = fopen(path, "a");
  if (report->jsonl == NULL) return error_set(error, LS_IO, "%s: %s", path, strerror(errno));
  return LS_OK;
}

void report_close(report_t *report) {
  if (report->jsonl != NULL) fclose(report->jsonl);
  report->jsonl = NULL;
}

void report_start(report_t *report, int64_t step, const char *layout) {
  if (report->jsonl == NULL) return;
  fputc('{', report->jsonl);
  json_text(report->jsonl, true, "event", step > 0 ? "resume" : "start");
  json_integer(report->jsonl, false, "step", step);
  json_text(report->jsonl, false, "layout", layout);
  fputs("}\n", report->jsonl);
}

void report_stop(report_t *report, int64_t step, const char *reason) {
  if (report->jsonl == NULL) return;
  fputc('{', report->jsonl);
  json_text(report->jsonl, true, "event", "stop");
  json_integer(report->jsonl, false, "step", step);
  json_text(report->jsonl, false, "reason", reason);
  fputs("}\n", report->jsonl);
}

void report_step(report_t *report, int64_t step, int64_t epoch, double loss, double rate, double norm) {
  if (report->jsonl == NULL) return;
  fputc('{', report->jsonl);
  json_text(report->jsonl, true, "event", "step");
  json_integer(report->jsonl, false, "step", step);
  json_integer(report->jsonl, false, "epoch", epoch);
  json_number(report->jsonl, false, "loss", loss);
  json_number(report->jsonl, false, "learning_rate", rate);
  json_number(report->jsonl, false, "gradient_norm", norm);
  fputs("}\n", report->jsonl);
}

void report_live(const report_t *report, int64_t epoch, double share, double loss, double rows_per_second,
                 double eta) {
  static const char bar[] = "##############################";
  int full = (int)(share * (double)(sizeof bar - 1));
  if (report->log == NULL || report->log->out == NULL || !report->live) return;
  fprintf(report->log->out,
          "\r\033[Kepoch %" PRId64 "/%" PRId64 " [%-*.*s] loss %.4f  %.0f rows/s  ETA %.0f s", epoch,
          report->epochs, (int)sizeof bar - 1, full, bar, loss, rows_per_second, eta);
  fflush(report->log->out);
}

/* Prints the training losses of several heads after that of the network. */
static void print_head_losses(const history_t *history, const history_row_t *row, FILE *out) {
  for (size_t h = 0; h < history_heads(history); h++)
    fprintf(out, "%s%s %.5f", h == 0 ? " (" : ", ", history->objective->heads[h].name,
            row->heads[h][HEAD_TRAIN_LOSS]);
  if (history_heads(history) > 0) fputc(')', out);
}

ls_status report_epoch(report_t *report, const history_t *history, const history_row_t *row,
                       const metrics_t *valid, ls_error *error) {
  if (report->jsonl == NULL) return LS_OK;
  history_log_row(report->jsonl, history, row);
  if (fflush(report->jsonl) != 0)
    return error_set(error, LS_IO, "log.jsonl cannot be written: %s", strerror(errno));
  if (report->log == NULL || report->log->out == NULL) return LS_OK;
  FILE *out = report->log->out;
  const double *values = row->values;
  fprintf(out, "%sepoch %*.0f/%" PRId64 "  train loss %.5f", report->live ? "\r\033[K" : "",
          report->epochs > 99 ? 4 : 2, values[HISTORY_EPOCH], report->epochs, values[HISTORY_TRAIN_LOSS]);
  print_head_losses(history, row, out);
  if (valid != NULL) {
    fputs("  valid ", out);
    metrics_print_line(valid, out);
  }
  double seconds = values[HISTORY_SECONDS];
  fprintf(out, "  %.0f rows/s\n", seconds > 0 ? values[HISTORY_ROWS] / seconds : 0);
  fflush(out);
  return LS_OK;
}
