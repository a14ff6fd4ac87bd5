#include "sweep/fit_metric.h"

#include "run/document.h"

#include <stdio.h>
#include <string.h>

static const fit_metric_t table[] = {
    {.name = "silhouette", .figure = SWEEP_SILHOUETTE, .higher_is_better = true},
    {.name = "davies_bouldin", .figure = SWEEP_DAVIES_BOULDIN},
    {.name = "bic", .figure = SWEEP_BIC, .of_mixtures = true},
    {.name = "aic", .figure = SWEEP_AIC, .of_mixtures = true},
};

enum { METRICS = sizeof table / sizeof table[0] };

const fit_metric_t *fit_metric_find(const char *name) {
  for (size_t i = 0; i < METRICS; i++)
    if (strcmp(table[i].name, name) == 0) return &table[i];
  return NULL;
}

void fit_metric_names(char *out, size_t size) {
  size_t used = 0;
  for (size_t i = 0; i < METRICS && used < size; i++)
    used += (size_t)snprintf(out + used, size - used, "%s%s", i > 0 ? ", " : "", table[i].name);
}

static bool has_clusters(const settings_t *settings) {
  return settings->cluster.k > 0 && strcmp(settings->cluster.method, "kernels") != 0;
}

static bool is_mixture(const settings_t *settings) {
  return strcmp(settings->cluster.method, "mixture") == 0;
}

const char *fit_metric_default(const sweep_t *sweep) {
  bool are_mixtures = true;
  for (int64_t c = 0; c < sweep->axes.combinations; c++) {
    if (!has_clusters(sweep->settings[c])) return NULL;
    are_mixtures = are_mixtures && is_mixture(sweep->settings[c]);
  }
  return are_mixtures ? "bic" : "silhouette";
}

ls_status fit_metric_check(const fit_metric_t *metric, const settings_t *settings, bool is_halving,
                           ls_error *error) {
  if (!has_clusters(settings))
    return error_set(error, LS_USAGE, "--metric %s is a figure of clusters: set cluster.k", metric->name);
  if (metric->of_mixtures && !is_mixture(settings))
    return error_set(error, LS_USAGE,
                     "--metric %s is a figure of mixtures: set cluster.method=mixture, or compare by "
                     "--metric silhouette",
                     metric->name);
  if (is_halving)
    return error_set(error, LS_USAGE,
                     "--metric %s is known when a fit has ended, so --halving cannot compare by it",
                     metric->name);
  return LS_OK;
}

ls_status fit_metric_read(const run_directory_t *run, double figures[SWEEP_WIDTH], ls_error *error) {
  char path[RUN_FILE_SIZE];
  arena_t arena = {0};
  yaml_value_t *summary = NULL;
  run_file(run, "summary.json", path);
  ls_status status = document_read(path, &arena, &summary, error);
  for (size_t i = 0; i < METRICS && status == LS_OK; i++)
    figures[table[i].figure] = document_number(summary, table[i].name);
  arena_free(&arena);
  return status;
}
