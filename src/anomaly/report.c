#include "anomaly/report.h"

#include "base/json.h"
#include "store/store.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

static double share(int64_t part, int64_t all) {
  return all > 0 ? (double)part / (double)all : NAN;
}

/* ---- for readers ---- */

/* NAME SHARE (PART of ALL ROWS), or nothing if there are no such rows. */
static void print_share(const char *name, int64_t part, int64_t all, const char *rows, FILE *out) {
  if (all > 0)
    fprintf(out, ", %s %.4f (%" PRId64 " of %" PRId64 "%s)", name, share(part, all), part, all, rows);
}

static void print_detection(const anomaly_report_t *report, FILE *out) {
  const detection_t *found = &report->verdict->detection;
  const int64_t normal = found->rows - found->anomalous;
  fprintf(out, "known from %s: %" PRId64 " of %" PRId64 " rows are anomalous (label %s)\n", report->labels,
          found->anomalous, found->rows, report->positive);
  if (isnan(found->roc_auc))
    fprintf(out, "ROC-AUC is not defined, because %s row is anomalous\n", normal == 0 ? "every" : "no");
  else
    fprintf(out, "ROC-AUC %.4f +- %.4f, average precision %.4f, precision of the %" PRId64 " largest %.4f\n",
            found->roc_auc, found->roc_auc_error, found->average_precision, found->k, found->precision_at_k);
  fprintf(out, "above the threshold: %" PRId64 " rows", found->above);
  print_share("precision", found->caught, found->above, "", out);
  print_share("recall", found->caught, found->anomalous, " anomalous", out);
  print_share("false alarms", found->above - found->caught, normal, " normal", out);
  fputc('\n', out);
}

void anomaly_print(const anomaly_report_t *report, FILE *out) {
  const int64_t rows = report->rows->rows;
  fprintf(out, "score of a row: %s\n", report->meaning);
  if (isnan(report->quantile))
    fprintf(out, "threshold %.9g\n", report->threshold);
  else
    fprintf(out, "threshold %.9g, the quantile %g of %" PRId64 " %s rows\n", report->threshold,
            report->quantile, report->calibration_rows, report->calibration);
  fprintf(out, "%s, %s: %" PRId64 " of %" PRId64 " rows above the threshold (%.4g %%)\n", report->file,
          report->rows_name, report->verdict->above, rows, 100 * share(report->verdict->above, rows));
  row_losses_print(report->rows, out);
  if (report->verdict->detection.rows > 0) print_detection(report, out);
}

/* ---- for programs ---- */

static void json_detection(const detection_t *found, FILE *out) {
  const int64_t normal = found->rows - found->anomalous;
  json_integer(out, false, "anomalous", found->anomalous);
  json_number(out, false, "roc_auc", found->roc_auc);
  json_number(out, false, "roc_auc_error", found->roc_auc_error);
  json_number(out, false, "average_precision", found->average_precision);
  json_integer(out, false, "k", found->k);
  json_number(out, false, "precision_at_k", found->precision_at_k);
  json_number(out, false, "recall", share(found->caught, found->anomalous));
  json_number(out, false, "false_alarms", share(found->above - found->caught, normal));
  json_number(out, false, "precision", share(found->caught, found->above));
}

ls_status anomaly_write_json(const char *path, const anomaly_report_t *report, ls_error *error) {
  char *text = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);
  if (out == NULL) return error_set(error, LS_NO_MEMORY, "no memory for %s", path);
  fputc('{', out);
  json_text(out, true, "file", report->file);
  json_text(out, false, "split", report->rows_name);
  json_integer(out, false, "rows", report->rows->rows);
  json_text(out, false, "score", report->meaning);
  json_number(out, false, "threshold", report->threshold);
  if (!isnan(report->quantile)) json_number(out, false, "quantile", report->quantile);
  if (!isnan(report->quantile)) json_text(out, false, "calibration", report->calibration);
  if (!isnan(report->quantile)) json_integer(out, false, "calibration_rows", report->calibration_rows);
  json_integer(out, false, "above", report->verdict->above);
  if (report->verdict->detection.rows > 0) json_detection(&report->verdict->detection, out);
  fputs("}\n", out);
  ls_status status = fclose(out) == 0 ? store_write_file(path, text, error)
                                      : error_set(error, LS_NO_MEMORY, "no memory for %s", path);
  free(text);
  return status;
}
