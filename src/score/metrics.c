#include "score/metrics.h"

#include "base/show.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

void metrics_free(metrics_t *metrics) {
  for (size_t h = 0; h < metrics->n_heads; h++) free(metrics->heads[h].confusion);
  free(metrics->heads);
  free(metrics->confusion);
  *metrics = (metrics_t){0};
}

double metrics_accuracy(const metrics_t *metrics) {
  return (double)metrics->correct / (double)metrics->decisions;
}

double metrics_top_k(const metrics_t *metrics) {
  return (double)metrics->in_top_k / (double)metrics->decisions;
}

/* Of all that were called class c, those that were. */
double metrics_precision(const metrics_t *metrics, int64_t c) {
  int64_t called = 0;
  for (int64_t i = 0; i < metrics->classes; i++) called += metrics->confusion[i * metrics->classes + c];
  return called == 0 ? NAN : (double)metrics->confusion[c * metrics->classes + c] / (double)called;
}

/* Of all that were class c, those that were called so. */
double metrics_recall(const metrics_t *metrics, int64_t c) {
  int64_t were = 0;
  for (int64_t i = 0; i < metrics->classes; i++) were += metrics->confusion[c * metrics->classes + i];
  return were == 0 ? NAN : (double)metrics->confusion[c * metrics->classes + c] / (double)were;
}

double metrics_coverage(const metrics_t *metrics, int i) {
  return (double)metrics->coverage.inside[i] / (double)(metrics->rows * metrics->targets);
}

/* printf shows the sign of a NaN, which has no meaning. */
static double without_sign(double value) {
  return isnan(value) ? NAN : value;
}

void metrics_print_line(const metrics_t *metrics, FILE *out) {
  fprintf(out, "loss %.6g", without_sign(metrics->loss));
  if (metrics->has_penalty) fprintf(out, " (penalty %.6g)", metrics->penalty);
  if (metrics->classes > 0) fprintf(out, "  accuracy %.4f", metrics_accuracy(metrics));
  if (metrics->top_k > 0) fprintf(out, "  top-%" PRId64 " %.4f", metrics->top_k, metrics_top_k(metrics));
  if (metrics->targets > 0)
    fprintf(out, "  MAE %.6g  RMSE %.6g  R2 %.4f", without_sign(metrics->mae), without_sign(metrics->rmse),
            without_sign(metrics->r2));
  for (size_t h = 0; h < metrics->n_heads; h++) {
    show(out, "  [%s: ", metrics->heads[h].name);
    metrics_print_line(&metrics->heads[h], out);
    fputc(']', out);
  }
}

const char *baseline_name(int baseline) {
  static const char *const names[] = {
      [BASELINE_PERSISTENCE] = "persistence", [BASELINE_SEASONAL] = "seasonal_naive"};
  return names[baseline];
}

void metrics_print_baselines(const metrics_t *metrics, FILE *out) {
  for (int b = 0; b < BASELINES; b++) {
    const baseline_t *baseline = &metrics->baselines[b];
    if (baseline->is_known && metrics->classes > 0)
      fprintf(out, "  (%s: accuracy %.4f)", baseline_name(b), baseline->accuracy);
    else if (baseline->is_known)
      fprintf(out, "  (%s: MAE %.6g  RMSE %.6g)", baseline_name(b), baseline->mae, baseline->rmse);
  }
}

/* A class's name, or its number in `number`. */
static const char *class_label(char *const *class_names, int64_t c, char number[24]) {
  if (class_names != NULL) return class_names[c];
  snprintf(number, 24, "%" PRId64, c);
  return number;
}

static void print_classes(const metrics_t *metrics, char *const *class_names, FILE *out) {
  char number[24];
  fprintf(out, "\n%-20s %9s %9s %9s\n", "class", "rows", "precision", "recall");
  for (int64_t c = 0; c < metrics->classes; c++) {
    int64_t rows = 0;
    for (int64_t i = 0; i < metrics->classes; i++) rows += metrics->confusion[c * metrics->classes + i];
    show(out, "%-20s %9" PRId64 " %9.4f %9.4f\n", class_label(class_names, c, number), rows,
         metrics_precision(metrics, c), metrics_recall(metrics, c));
  }
}

static void print_confusion(const metrics_t *metrics, char *const *class_names, FILE *out) {
  char number[24];
  fprintf(out, "\nconfusion matrix (rows: true class, columns: predicted)\n%-20s", "");
  for (int64_t c = 0; c < metrics->classes; c++) fprintf(out, " %7" PRId64, c);
  for (int64_t c = 0; c < metrics->classes; c++) {
    show(out, "\n%-20s", class_label(class_names, c, number));
    for (int64_t i = 0; i < metrics->classes; i++)
      fprintf(out, " %7" PRId64, metrics->confusion[c * metrics->classes + i]);
  }
  fputc('\n', out);
}

static void print_coverage(const metrics_t *metrics, FILE *out) {
  fprintf(out, "\n%10s %10s\n", metrics->coverage.is_quantile ? "level" : "interval",
          metrics->coverage.is_quantile ? "below" : "inside");
  for (int i = 0; i < metrics->coverage.n; i++)
    fprintf(out, "%10g %10.4f\n", metrics->coverage.nominal[i], metrics_coverage(metrics, i));
}

/* What does not fit a line. */
static void print_details(const metrics_t *metrics, char *const *class_names, FILE *out) {
  enum { MOST_CLASSES = 32 }; /* more do not fit a screen */
  if (metrics->coverage.n > 0) print_coverage(metrics, out);
  if (metrics->classes == 0) return;
  if (metrics->calibration.is_known) calibration_print(&metrics->calibration, out);
  print_classes(metrics, class_names, out);
  if (metrics->classes <= MOST_CLASSES) print_confusion(metrics, class_names, out);
}

void metrics_print(const metrics_t *metrics, char *const *const *class_names, FILE *out) {
  fprintf(out, "rows %" PRId64 "  ", metrics->rows);
  if (metrics->n_heads == 0) {
    metrics_print_line(metrics, out);
    metrics_print_baselines(metrics, out);
    fputc('\n', out);
    print_details(metrics, class_names[0], out);
    return;
  }
  fprintf(out, "loss %.6g, of %zu heads\n", metrics->loss, metrics->n_heads);
  for (size_t h = 0; h < metrics->n_heads; h++) {
    show(out, "\n%s: ", metrics->heads[h].name);
    metrics_print_line(&metrics->heads[h], out);
    metrics_print_baselines(&metrics->heads[h], out);
    fputc('\n', out);
    print_details(&metrics->heads[h], class_names[h], out);
  }
}
