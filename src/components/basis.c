/* Principal components as basis functions in front of a network. */
#include "components/components.h"
#include "features/row_weights.h"

#include <math.h>
#include <stdlib.h>

/* The defaults of the section components, which belongs to another command. */
enum { OVERSAMPLING = 10, ITERATIONS = 4 };

static ls_status fit(const components_inputs_t *inputs, basis_t *basis, ls_error *error) {
  components_t components = {0};
  TRY(components_fit(inputs, &components, error));
  double *deviations = components.singular; /* which nothing reads here */
  for (int64_t i = 0; i < components.n; i++) deviations[i] = sqrt(components.variance[i]);
  basis_set_components(basis, components.mean, components.vectors,
                       inputs->settings->whiten ? deviations : NULL);
  components_free(&components);
  return LS_OK;
}

ls_status components_fit_basis(world_t *world, const settings_t *settings, const split_t *train, int threads,
                               features_t *features, ls_error *error) {
  const basis_settings_t *basis = &settings->data.basis;
  const components_settings_t wanted = {.n = (double)features->basis.outputs,
                                        .method = "auto",
                                        .whiten = basis->whiten,
                                        .oversampling = OVERSAMPLING,
                                        .iterations = ITERATIONS,
                                        .seed = basis->seed};
  features_t plain = *features;
  split_t rows = *train;
  gather_t gather = {0};
  plain.basis = (basis_t){0};
  plain.inputs = plain.encoded;
  row_count_t count;
  TRY(row_weights_count(world, train, &count, error));
  const float factor = (float)count.scale; /* those of losses, by classes, have no part in it */
  rows.factors = &factor;
  ls_status status = world_agree(world, gather_create(&rows, &plain, &gather, error), error);
  const components_inputs_t inputs = {.world = world,
                                      .gather = &gather,
                                      .threads = threads,
                                      .settings = &wanted,
                                      .seed = settings->train.seed,
                                      .count_key = "data.basis.size",
                                      .whiten_key = "data.basis.whiten"};
  if (status == LS_OK) status = fit(&inputs, &features->basis, error);
  gather_free(&gather);
  return status;
}
