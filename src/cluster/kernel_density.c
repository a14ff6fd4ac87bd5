#include "cluster/kernel_density.h"

#include "cluster/bandwidth.h"
#include "cluster/cross.h"
#include "data/dataset.h"
#include "layout/validation.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  fit_inputs_t in;
  kernel_rows_t kernels;
  uint16_t *folds; /* (kernels), from 1; NULL: leave-one-out */
  int64_t n;       /* bandwidths */
  double *h;       /* (n) */
  double *scores;  /* (n): mean log-density of a row by the others */
  bool has_scores;
  int64_t present; /* bandwidth of the last look */
} density_fit_t;

int64_t kernels_epochs(const settings_t *settings) {
  const numbers_t *bandwidth = &settings->density.bandwidth;
  if (bandwidth->word == NULL) return (int64_t)bandwidth->n;
  return bandwidth_is_tried(bandwidth->word) ? BANDWIDTHS : 1;
}

/* ---- settings ---- */

static ls_status check_kernels(const settings_t *settings, int64_t n, ls_error *error) {
  enum { MOST = 1000000 };
  if (strcmp(settings->cluster.method, "kernels") != 0)
    return error_set(error, LS_BAD_SETTINGS,
                     "cluster.method: `lockstep density` puts a kernel around each row: leave it out, or use "
                     "`lockstep cluster`");
  if (settings->model.n_layers != 1 || settings->model.layers->kind != LAYER_GAUSSIANS)
    return error_set(error, LS_BAD_SETTINGS,
                     "model.layers: a kernel density is one layer, gaussians, and follows: leave it out");
  if (n > MOST)
    return error_set(error, LS_BAD_SETTINGS,
                     "density.rows: %" PRId64 " kernels are more than %d: take some of the rows, as in "
                     "density.rows=10000",
                     n, MOST);
  return LS_OK;
}

ls_status kernels_complete(world_t *world, const settings_t *settings, layer_settings_t *layer,
                           settings_t *out, ls_error *error) {
  dataset_shape_t shape = {0};
  TRY(dataset_describe(world, settings, &shape, error));
  const int64_t n = settings->density.rows == SETTINGS_ALL ? shape.train_rows : settings->density.rows;
  TRY(check_kernels(settings, n, error)); /* the same on all ranks */
  *layer = *settings->model.layers;
  layer->units = n;
  layer->covariance = "spherical";
  *out = *settings;
  out->model.layers = layer;
  out->cluster.k = n;
  out->cluster.starts = 1;
  out->train.epochs = kernels_epochs(settings);
  return LS_OK;
}

/* ---- set-up ---- */

static ls_status deal_folds(density_fit_t *fit, ls_error *error) {
  const int64_t folds = fit->in.settings->density.folds, kernels = fit->kernels.n;
  if (folds == 0) return LS_OK;
  if (folds > kernels)
    return error_set(error, LS_BAD_DATA,
                     "density.folds: %" PRId64 " folds are asked for, but there are only %" PRId64 " kernels",
                     folds, kernels);
  fit->folds = calloc((size_t)kernels, sizeof *fit->folds);
  if (fit->folds == NULL) return error_set(error, LS_NO_MEMORY, "no memory for %" PRId64 " folds", folds);
  return folds_deal(kernels, NULL, folds, fit->in.settings->train.seed, fit->folds, error);
}

static ls_status find_bandwidths(density_fit_t *fit, ls_error *error) {
  const numbers_t *bandwidth = &fit->in.settings->density.bandwidth;
  spread_t spread;
  for (int64_t i = 0; i < fit->n && bandwidth->word == NULL; i++) fit->h[i] = bandwidth->values[i];
  if (bandwidth->word == NULL) return LS_OK;
  TRY(spread_find(fit->in.world, fit->in.gather, fit->in.threads, &spread, error));
  if (!(spread.deviation > 0))
    return error_set(error, LS_BAD_DATA,
                     "density.bandwidth: all training rows are the same, so %s has no scale to begin with: "
                     "give a number",
                     bandwidth->word);
  if (bandwidth_is_tried(bandwidth->word))
    bandwidth_candidates(&spread, fit->h);
  else
    fit->h[0] = bandwidth_rule(bandwidth->word, &spread);
  return LS_OK;
}

static void destroy(void *own) {
  density_fit_t *fit = own;
  if (fit == NULL) return;
  kernels_free(&fit->kernels);
  free(fit->folds);
  free(fit->h);
  free(fit->scores);
  free(fit);
}

static ls_status make(density_fit_t *fit, ls_error *error) {
  const fit_inputs_t *in = &fit->in;
  if (in->settings->density.folds == 1)
    return error_set(error, LS_BAD_SETTINGS,
                     "density.folds: a single fold leaves no kernels to judge its rows by: at least 2, or 0 "
                     "for leave-one-out");
  if (in->settings->train.epochs != fit->n)
    return error_set(
        error, LS_BAD_SETTINGS,
        "cluster.method: kernels are found by `lockstep density`, with an epoch for each bandwidth");
  TRY(kernels_collect(in->world, in->gather, in->threads, in->settings->cluster.k, in->settings->train.seed,
                      &fit->kernels, error));
  TRY(world_agree(in->world, deal_folds(fit, error), error));
  TRY(find_bandwidths(fit, error));
  for (int64_t i = 0; i < fit->n; i++)
    if (!isnormal(kernels_factor(fit->h[i])))
      return error_set(error, LS_BAD_DATA,
                       "density.bandwidth: a float cannot hold 1 / %.3g: scale the features "
                       "(data.scaling=standard)",
                       fit->h[i]);
  if (fit->kernels.n > 1 || fit->n == 1) return LS_OK;
  return error_set(error, LS_BAD_DATA,
                   "density.bandwidth: with a single kernel no row has others to be judged by: give one "
                   "number");
}

static ls_status create(const fit_inputs_t *inputs, void **own, ls_error *error) {
  density_fit_t *fit = calloc(1, sizeof *fit);
  ls_status status = LS_OK;
  if (fit != NULL) {
    fit->in = *inputs;
    fit->n = kernels_epochs(inputs->settings);
    fit->h = calloc((size_t)fit->n, sizeof *fit->h);
    fit->scores = calloc((size_t)fit->n, sizeof *fit->scores);
  }
  if (fit == NULL || fit->h == NULL || fit->scores == NULL)
    status = error_set(error, LS_NO_MEMORY, "no memory for a kernel density");
  status = world_agree(inputs->world, status, error);
  if (status == LS_OK) status = make(fit, error);
  if (status == LS_OK)
    *own = fit;
  else
    destroy(fit);
  return status;
}

/* ---- epochs ---- */

/* The values of the network: means, factors, offsets. */
static void take_bandwidth(const density_fit_t *fit, int64_t i, float *values) {
  float *factor = values + fit->kernels.n * fit->kernels.inputs;
  kernels_layer(&fit->kernels, fit->h[i], factor, factor + fit->kernels.n);
}

/* Which bandwidth the values have, so that a resumed run need not be told. */
static int64_t bandwidth_of(const density_fit_t *fit, const float *values) {
  const float factor = values[fit->kernels.n * fit->kernels.inputs];
  int64_t i = 0;
  while (i + 1 < fit->n && kernels_factor(fit->h[i]) != factor) i++;
  return i;
}

static ls_status seed(void *own, int64_t start, float *values, ls_error *error) {
  const density_fit_t *fit = own;
  (void)start;
  (void)error;
  for (int64_t i = 0; i < fit->kernels.n * fit->kernels.inputs; i++) values[i] = fit->kernels.rows[i];
  take_bandwidth(fit, 0, values);
  return LS_OK;
}

/* At either end of a list the best bandwidth may lie beyond it. */
static void say_best(const density_fit_t *fit) {
  const size_t best = cross_best(fit->scores, (size_t)fit->n);
  bool is_least = true, is_most = true;
  for (int64_t i = 0; i < fit->n; i++) {
    is_least &= fit->h[i] >= fit->h[best];
    is_most &= fit->h[i] <= fit->h[best];
  }
  if (fit->n > 1 && (is_least || is_most))
    log_warn(fit->in.log,
             "the best bandwidth, %g, is the %s of those that were tried%s: try others with "
             "density.bandwidth=[…]",
             fit->h[best], is_least ? "smallest" : "largest",
             is_least ? " (rows that are in the file twice make small ones look good)" : "");
}

/* The first look finds the scores of all bandwidths, because they share the distances. */
static ls_status look(void *own, const float *values, double *objective, ls_error *error) {
  density_fit_t *fit = own;
  const fit_inputs_t *in = &fit->in;
  if (!fit->has_scores) {
    TRY(cross_validate(in->world, in->gather, in->threads, &fit->kernels, fit->folds, in->interrupt, fit->h,
                       (size_t)fit->n, fit->scores, error));
    say_best(fit);
  }
  fit->has_scores = true;
  fit->present = bandwidth_of(fit, values);
  *objective = -fit->scores[fit->present] * (double)in->gather->split->partition.rows;
  return LS_OK;
}

static ls_status improve(void *own, int64_t epoch, float *values, ls_error *error) {
  const density_fit_t *fit = own;
  (void)error;
  take_bandwidth(fit, epoch < fit->n ? epoch : fit->n - 1, values);
  return LS_OK;
}

static bool has_settled(const settings_t *settings, double before, double now) {
  (void)settings;
  (void)before;
  (void)now;
  return false;
}

static void describe(const void *own, char *text, size_t size) {
  const density_fit_t *fit = own;
  snprintf(text, size, "bandwidth %.6g", fit->h[fit->present]);
}

const fit_method_t kernels_method = {
    .name = "kernels",
    .meaning = "a Gaussian around each row; `lockstep density` takes it",
    .create = create,
    .destroy = destroy,
    .seed = seed,
    .look = look,
    .improve = improve,
    .has_settled = has_settled,
    .describe = describe,
};
