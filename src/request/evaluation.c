/* What `lockstep eval` has found, as JSON. */
#include "request/evaluation.h"

#include "base/json.h"
#include "inspect/importance_table.h"
#include "store/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void json_coverage(const metrics_t *metrics, FILE *out) {
  fprintf(out, ", \"%s\": [", metrics->coverage.is_quantile ? "quantiles" : "coverage");
  for (int i = 0; i < metrics->coverage.n; i++) {
    fputs(i > 0 ? ", {" : "{", out);
    json_number(out, true, "nominal", metrics->coverage.nominal[i]);
    json_number(out, false, "observed", metrics_coverage(metrics, i));
    fputc('}', out);
  }
  fputc(']', out);
}

static void json_baseline(const metrics_t *metrics, int b, FILE *out) {
  const baseline_t *baseline = &metrics->baselines[b];
  fprintf(out, ", \"%s\": {", baseline_name(b));
  if (metrics->classes > 0) {
    json_number(out, true, "accuracy", baseline->accuracy);
  } else {
    json_number(out, true, "mae", baseline->mae);
    json_number(out, false, "rmse", baseline->rmse);
  }
  fputc('}', out);
}

/* names: (classes), or NULL */
static void json_confusion(const metrics_t *metrics, char *const *names, FILE *out) {
  for (int64_t c = 0; c < metrics->classes && names != NULL; c++) {
    fputs(c == 0 ? ", \"classes\": [" : ", ", out);
    json_quoted(out, names[c]);
  }
  fputs(names != NULL ? "], \"confusion\": [" : ", \"confusion\": [", out);
  for (int64_t c = 0; c < metrics->classes; c++)
    for (int64_t p = 0; p < metrics->classes; p++)
      fprintf(out, "%s%" PRId64 "%s",
              p > 0   ? ", "
              : c > 0 ? ", ["
                      : "[",
              metrics->confusion[c * metrics->classes + p], p + 1 == metrics->classes ? "]" : "");
  fputc(']', out);
}

static void json_figures(const metrics_t *metrics, char *const *names, FILE *out) {
  if (metrics->classes > 0) json_number(out, false, "accuracy", metrics_accuracy(metrics));
  if (metrics->top_k > 0) {
    json_integer(out, false, "k", metrics->top_k);
    json_number(out, false, "top_k_accuracy", metrics_top_k(metrics));
  }
  if (metrics->targets > 0) {
    json_number(out, false, "mae", metrics->mae);
    json_number(out, false, "rmse", metrics->rmse);
    json_number(out, false, "r2", metrics->r2);
  }
  for (int b = 0; b < BASELINES; b++)
    if (metrics->baselines[b].is_known) json_baseline(metrics, b, out);
  if (metrics->coverage.n > 0) json_coverage(metrics, out);
  if (metrics->calibration.is_known) calibration_json(&metrics->calibration, out);
  if (metrics->classes > 0) json_confusion(metrics, names, out);
}

static void json_heads(const metrics_t *metrics, char *const *const *names, const double *temperatures,
                       FILE *out) {
  fputs(", \"heads\": [", out);
  for (size_t h = 0; h < metrics->n_heads; h++) {
    fputs(h == 0 ? "{" : ", {", out);
    json_text(out, true, "head", metrics->heads[h].name);
    json_number(out, false, "loss", metrics->heads[h].loss);
    if (temperatures[h] > 0) json_number(out, false, "temperature", temperatures[h]);
    json_figures(&metrics->heads[h], names[h], out);
    fputc('}', out);
  }
  fputc(']', out);
}

ls_status evaluation_write_json(const char *path, const evaluation_facts_t *facts, ls_error *error) {
  const metrics_t *metrics = facts->metrics;
  char *text = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);
  if (out == NULL) return error_set(error, LS_NO_MEMORY, "no memory for %s", path);
  fputc('{', out);
  json_text(out, true, "file", facts->file);
  json_text(out, false, "split", facts->rows);
  json_integer(out, false, "rows", metrics->rows);
  if (metrics->n_heads == 0 && facts->temperatures[0] > 0)
    json_number(out, false, "temperature", facts->temperatures[0]);
  json_number(out, false, "loss", metrics->loss);
  if (metrics->has_penalty) json_number(out, false, "penalty", metrics->penalty);
  if (metrics->n_heads > 0)
    json_heads(metrics, facts->class_names, facts->temperatures, out);
  else
    json_figures(metrics, facts->class_names[0], out);
  if (facts->quality != NULL) quality_json(facts->quality, out);
  if (facts->importance != NULL) importance_json(facts->importance, facts->columns, out);
  fputs("}\n", out);
  ls_status status = fclose(out) == 0 ? store_write_file(path, text, error)
                                      : error_set(error, LS_NO_MEMORY, "no memory for %s", path);
  free(text);
  return status;
}
