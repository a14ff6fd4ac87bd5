#include "cluster/fit.h"

#include "cluster/gaussian_fit.h"
#include "cluster/kernel_density.h"
#include "cluster/kmeans.h"
#include "cluster/minibatch.h"

#include <string.h>

static const fit_method_t *const methods[] = {&kmeans_method, &minibatch_method, &mixture_method,
                                              &kernels_method};

enum { METHODS = sizeof methods / sizeof methods[0] };

const fit_method_t *fit_find(const char *name) {
  for (size_t i = 0; i < METHODS; i++)
    if (strcmp(methods[i]->name, name) == 0) return methods[i];
  return NULL;
}

bool fit_choice(size_t i, choice_t *out) {
  if (i >= METHODS) return false;
  *out = (choice_t){methods[i]->name, methods[i]->meaning};
  return true;
}

fit_place_t fit_place(const settings_t *settings, const double *objectives, size_t n, size_t stride) {
  const fit_method_t *method = fit_find(settings->cluster.method);
  fit_place_t place = {0, 0};
  for (size_t i = 0; i < n && place.start < settings->cluster.starts; i++) {
    const bool ends = place.epochs > 0 &&
                      method->has_settled(settings, objectives[(i - 1) * stride], objectives[i * stride]);
    place.epochs = ends ? 0 : place.epochs + 1;
    place.start += ends;
  }
  return place;
}

ls_status fit_create(const fit_inputs_t *inputs, cluster_fit_t *out, ls_error *error) {
  cluster_fit_t fit = {.method = fit_find(inputs->settings->cluster.method)};
  TRY(fit.method->create(inputs, &fit.own, error));
  *out = fit;
  return LS_OK;
}

void fit_destroy(cluster_fit_t *fit) {
  if (fit->method != NULL) fit->method->destroy(fit->own);
  *fit = (cluster_fit_t){0};
}

ls_status fit_begin(cluster_fit_t *fit, fit_place_t place, float *values, ls_error *error) {
  const bool is_given = place.start == 0 && !fit->seeds_first;
  if (place.epochs > 0 || is_given) return LS_OK;
  return fit->method->seed(fit->own, place.start, values, error);
}

ls_status fit_epoch(cluster_fit_t *fit, fit_place_t place, int64_t epoch, float *values, double *objective,
                    ls_error *error) {
  const fit_method_t *method = fit->method;
  double unused = 0;
  if (method->pass != NULL) return method->pass(fit->own, place.epochs == 0, epoch, values, objective, error);
  if (place.epochs > 0 && !fit->has_sums) TRY(method->look(fit->own, values, &unused, error));
  if (place.epochs > 0) TRY(method->improve(fit->own, epoch, values, error));
  fit->has_sums = false;
  TRY(method->look(fit->own, values, objective, error));
  fit->has_sums = true;
  return LS_OK;
}
