/* Metrics that compare fits of clusters. A loss prefers the largest number of clusters, so fits are judged by
 * figures of `summary.json`, which are known once a trial is done (quality/quality.h). */
#ifndef SWEEP_FIT_METRIC_H
#define SWEEP_FIT_METRIC_H

#include "sweep/sweep_impl.h"

typedef struct {
  const char *name;
  int figure; /* of trial_result_t */
  bool higher_is_better;
  bool of_mixtures; /* k-means has no density */
} fit_metric_t;

/* NULL: it is none of these. Static. */
const fit_metric_t *fit_metric_find(const char *name);

/* The names of all, with commas between them. */
void fit_metric_names(char *out, size_t size);

/* What a sweep compares by if the user names no metric: bic if all trials are mixtures, silhouette if all
 * are clusters; NULL if any trial is another training. */
const char *fit_metric_default(const sweep_t *sweep);

/* LS_USAGE if trials with these settings do not have the figure, or if it is asked for too early. */
ls_status fit_metric_check(const fit_metric_t *metric, const settings_t *settings, bool is_halving,
                           ls_error *error);

/* Reads the figures of a run that is done; NaN where there is none. Not collective. */
ls_status fit_metric_read(const run_directory_t *run, double figures[SWEEP_WIDTH], ls_error *error);

#endif
