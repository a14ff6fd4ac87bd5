/* A start of a mixture is k-means from the centres of cluster.init, and the components of the rows that are
 * nearest to each centre. From then on an epoch is an iteration of EM (em.h), and the objective of a row its
 * negative log-density. */
#include "cluster/gaussian_fit.h"

#include "cluster/em.h"
#include "cluster/kmeans.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Of the k-means of a start: as a share of its objective, and epochs at most. Its end need not be exact. */
#define START_TOLERANCE 1e-4
enum { START_EPOCHS = 100 };

typedef struct {
  fit_inputs_t in;
  settings_t kmeans; /* borrows all but the section `cluster` */
  int64_t d;
  em_t *em;
} mixture_fit_t;

/* Where the parameters lie among the values. */
static gaussians_floats_t parts_of(const mixture_fit_t *fit, float *values) {
  const cluster_settings_t *cluster = &fit->in.settings->cluster;
  covariance_form_t form = COVARIANCE_FULL;
  covariance_form_find(cluster->covariance, &form, NULL);
  float *factor = values + cluster->k * fit->d;
  return (gaussians_floats_t){
      .mean = values, .factor = factor, .offset = factor + gaussians_factor_values(form, cluster->k, fit->d)};
}

static void destroy(void *own) {
  mixture_fit_t *fit = own;
  em_destroy(&fit->em);
  free(fit);
}

static ls_status create(const fit_inputs_t *inputs, void **own, ls_error *error) {
  const cluster_settings_t *cluster = &inputs->settings->cluster;
  mixture_fit_t *fit = calloc(1, sizeof *fit);
  em_inputs_t em = {.world = inputs->world,
                    .gather = inputs->gather,
                    .threads = inputs->threads,
                    .interrupt = inputs->interrupt,
                    .components = cluster->k,
                    .regularization = cluster->regularization};
  ls_status status = fit == NULL ? error_set(error, LS_NO_MEMORY, "no memory for a mixture") : LS_OK;
  TRY_OR_DONE(world_agree(inputs->world, status, error));
  TRY_OR_DONE(covariance_form_find(cluster->covariance, &em.covariance, error));
  fit->in = *inputs;
  fit->d = inputs->gather->features->inputs;
  fit->kmeans = *inputs->settings;
  fit->kmeans.cluster.method = kmeans_method.name;
  fit->kmeans.cluster.tolerance = START_TOLERANCE;
  TRY_OR_DONE(em_create(&em, &fit->em, error));
  *own = fit;
  fit = NULL;
done:
  if (fit != NULL) destroy(fit);
  return status;
}

/* centres (k, d) of k-means, of start number `start`. */
static ls_status find_centres(const mixture_fit_t *fit, void *kmeans, int64_t start, float *centres,
                              ls_error *error) {
  double before = INFINITY, now = INFINITY;
  TRY(kmeans_method.seed(kmeans, start, centres, error));
  for (int64_t epoch = 1; epoch <= START_EPOCHS; epoch++) {
    TRY(kmeans_method.look(kmeans, centres, &now, error));
    if (epoch > 1 && kmeans_method.has_settled(&fit->kmeans, before, now)) break;
    TRY(kmeans_method.improve(kmeans, epoch, centres, error));
    before = now;
  }
  return LS_OK;
}

static ls_status seed(void *own, int64_t start, float *values, ls_error *error) {
  mixture_fit_t *fit = own;
  void *kmeans = NULL;
  fit_inputs_t inputs = fit->in;
  gaussians_floats_t parts = parts_of(fit, values);
  float *centres = malloc((size_t)(fit->in.settings->cluster.k * fit->d) * sizeof *centres);
  ls_status status = centres == NULL ? error_set(error, LS_NO_MEMORY, "no memory for centres") : LS_OK;
  inputs.settings = &fit->kmeans;
  TRY_OR_DONE(world_agree(fit->in.world, status, error));
  TRY_OR_DONE(kmeans_method.create(&inputs, &kmeans, error));
  TRY_OR_DONE(find_centres(fit, kmeans, start, centres, error));
  status = em_start(fit->em, centres, &parts, error);
done:
  if (kmeans != NULL) kmeans_method.destroy(kmeans);
  free(centres);
  return status;
}

static ls_status look(void *own, const float *values, double *objective, ls_error *error) {
  mixture_fit_t *fit = own;
  const gaussians_floats_t parts = parts_of(fit, (float *)(uintptr_t)values); /* which em_look only reads */
  double log_density = 0;
  TRY(em_look(fit->em, &parts, &log_density, error));
  *objective = -log_density;
  return LS_OK;
}

static ls_status improve(void *own, int64_t epoch, float *values, ls_error *error) {
  mixture_fit_t *fit = own;
  gaussians_floats_t parts = parts_of(fit, values);
  (void)epoch;
  return em_improve(fit->em, &parts, error);
}

static bool has_settled(const settings_t *settings, double before, double now) {
  return !(before - now > settings->cluster.tolerance);
}

static void describe(const void *own, char *text, size_t size) {
  const mixture_fit_t *fit = own;
  double least = 0, most = 0;
  em_shares(fit->em, &least, &most);
  snprintf(text, size, "components of %.2g%% to %.2g%% of the rows", 100 * least, 100 * most);
}

const fit_method_t mixture_method = {
    .name = "mixture",
    .meaning = "Gaussian mixture by EM: overlapping clusters with shapes of their own, and a density",
    .create = create,
    .destroy = destroy,
    .seed = seed,
    .look = look,
    .improve = improve,
    .has_settled = has_settled,
    .describe = describe};
