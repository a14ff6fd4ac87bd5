/* lockstep components: a run whose network is the principal components of the features. Its set-up and its
 * end are those of a training run, as for `solve`. The set-up asks for the layers when the width of a row is
 * known, and fits the components when the rows are there; then two dense layers without activation get their
 * weights:
 *
 *     scores   s = V (x - mean)                  dense1: weights V,  bias -V mean
 *     rows     x = mean + Vᵀ s                   dense2: weights Vᵀ, bias mean
 *
 * Whitened scores have variance 1: rows of V are divided by the deviations, columns of Vᵀ multiplied. */
#include "train/trainer_impl.h"

#include "base/clock.h"
#include "base/progress.h"
#include "components/components.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static ls_status check_settings(const settings_t *settings, ls_error *error) {
  TRY(solution_check(settings, error));
  if (settings->data.window.length > 0)
    return error_set(error, LS_BAD_SETTINGS,
                     "data.window.length: components are found of rows, not of windows: leave it out");
  if (strcmp(settings->data.basis.name, "none") == 0) return LS_OK;
  return error_set(error, LS_BAD_SETTINGS,
                   "data.basis.name: components are found of the features themselves: leave it out");
}

/* The settings of the network, whatever the file says of another one. Borrows all else. */
static settings_t make_settings(const settings_t *settings, layer_settings_t layers[2],
                                loss_settings_t *loss) {
  static const scaling_settings_t none = {.name = "none", .high = 1};
  static const double levels[] = {0.1, 0.5, 0.9}; /* not used, but a list in a file cannot be empty */
  static const loss_settings_t mse = {.name = "mse",
                                      .delta = 1,
                                      .quantiles = {.values = levels, .n = 3},
                                      .class_weights = {.word = "none"},
                                      .head = "auto",
                                      .weight = 1,
                                      .outputs = SETTINGS_AUTO,
                                      .targets = {.word = "auto"}};
  settings_t own = *settings;
  for (int i = 0; i < 2; i++)
    layers[i] = (layer_settings_t){
        .kind = LAYER_DENSE, .units = 1, .activation = "identity", .init = "auto", .bias = true};
  *loss = mse;
  own.model.layers = layers;
  own.model.n_layers = 2;
  own.model.embeddings.above = EMBEDDINGS_NEVER;
  own.losses = loss;
  own.n_losses = 1;
  own.data.targets = "x";
  own.data.y = "train/y";
  own.data.valid_y = "valid/y";
  own.data.test_y = "test/y";
  own.data.target_scaling = none;
  own.stop.metric = "none";
  own.checkpoint.best = "none";
  return own;
}

/* ---- called by the set-up ---- */

static ls_status plan_layers(trainer_t *trainer, const features_width_t *width, ls_error *error) {
  const components_settings_t *settings = &trainer->settings->components;
  const int64_t rows = trainer->shape.train_rows;
  layer_settings_t *layers = trainer->solution->layers;
  TRY(components_check(settings, width->inputs, rows, error));
  layers[0].units = components_most(settings, width->inputs, rows);
  layers[1].units = width->inputs;
  return LS_OK;
}

static ls_status fit_rows(trainer_t *trainer, ls_error *error) {
  components_t *components = &trainer->solution->components;
  gather_t gather = {0};
  ls_status status = gather_create(&trainer->data.dataset->train, &trainer->data.features, &gather, error);
  status = trainer_agree(trainer, status, error);
  const components_inputs_t inputs = {.world = trainer->world,
                                      .gather = &gather,
                                      .threads = trainer->layout.threads,
                                      .settings = &trainer->settings->components,
                                      .seed = trainer->settings->train.seed};
  const double began = clock_seconds();
  if (status == LS_OK) status = components_fit(&inputs, components, error);
  gather_free(&gather);
  TRY(status);
  log_info(trainer->options->log, "components found in %.2f s", clock_seconds() - began);
  trainer->solution->layers[0].units = components->n;
  return LS_OK;
}

/* ---- the network ---- */

/* Rows far from the origin: V mean is then large beside the scores, and the first layer, which subtracts it,
 * computes in float. */
static void say_offset(const trainer_t *trainer) {
  static const double rounding = 6e-8, lost = 1e-4;
  const components_t *components = &trainer->solution->components;
  double size = 0;
  for (int64_t c = 0; c < components->inputs; c++) size += fabs(components->vectors[c] * components->mean[c]);
  if (rounding * size > lost * sqrt(components->variance[0]))
    log_warn(
        trainer->options->log,
        "features are large beside their differences, so scores, which are computed in float, have about "
        "%.0f correct digits: data.scaling=standard brings features near 0",
        fmax(0, -log10(rounding * size / sqrt(components->variance[0]))));
}

/* The values of an array of a layer: weights or biases of the first or of the second. */
static void fill_array(const trainer_t *trainer, bool is_weight, bool is_first, float *plain) {
  const components_t *components = &trainer->solution->components;
  const int64_t n = components->n, inputs = components->inputs;
  for (int64_t k = 0; k < n; k++) {
    const double *v = components->vectors + k * inputs;
    const double scale = trainer->settings->components.whiten ? sqrt(components->variance[k]) : 1;
    double offset = 0;
    for (int64_t c = 0; c < inputs; c++) offset += v[c] * components->mean[c];
    for (int64_t c = 0; c < inputs && is_weight; c++)
      plain[is_first ? k * inputs + c : c * n + k] = (float)(is_first ? v[c] / scale : v[c] * scale);
    if (!is_weight && is_first) plain[k] = (float)(-offset / scale);
  }
  for (int64_t c = 0; c < inputs && !is_weight && !is_first; c++) plain[c] = (float)components->mean[c];
}

/* On rank 0. A weight of the first layer has as many rows as there are components, of the second as features;
 * both layers' arrays come in the order of the layers. */
static ls_status fill_vector(const trainer_t *trainer, ls_error *error) {
  const graph_t *graph = trainer->graph;
  const components_t *components = &trainer->solution->components;
  int weights = 0, biases = 0;
  float *plain = malloc((size_t)(components->n * components->inputs + components->inputs) * sizeof *plain);
  if (plain == NULL) return error_set(error, LS_NO_MEMORY, "no memory for the weights of components");
  for (size_t i = 0; i < graph_parameter_count(graph); i++) {
    const bool is_weight = graph_parameter(graph, i)->is_weight;
    fill_array(trainer, is_weight, (is_weight ? weights++ : biases++) == 0, plain);
    graph_pack(graph, i, plain, trainer->copies.vector);
  }
  free(plain);
  return LS_OK;
}

static ls_status fill(trainer_t *trainer, ls_error *error) {
  TRY(trainer_make_vector(trainer, error));
  if (!is_root(trainer)) return LS_OK;
  const log_t *log = trainer_results(trainer);
  say_offset(trainer);
  progress_clear();
  if (log->out != NULL) components_print(&trainer->solution->components, log->out);
  return fill_vector(trainer, error);
}

static ls_status fill_and_judge(trainer_t *trainer, ls_status status, ls_error *error) {
  TRY(status);
  TRY(trainer_agree(trainer, fill(trainer, error), error));
  TRY(trainer_share(trainer, trainer->copies.vector, error));
  TRY(engine_set_parameters(trainer->engine, trainer->copies.vector, error));
  TRY(trainer_judge(trainer, error));
  return training_end(trainer, error);
}

ls_status components_run(world_t *world, const settings_t *settings, const train_options_t *options,
                         ls_error *error) {
  solution_t solution = {.plan_layers = plan_layers, .fit_rows = fit_rows};
  loss_settings_t loss;
  const settings_t own = make_settings(settings, solution.layers, &loss);
  trainer_t trainer = {.world = world,
                       .settings = &own,
                       .options = options,
                       .solution = &solution,
                       .record = {.began = clock_seconds()}};
  run_lock_t *lock = NULL;
  TRY(check_settings(settings, error));
  TRY(training_lock(world, settings, options->log, &lock, error));
  trainer.run.lock = lock;
  ls_status status = training_run(&trainer, fill_and_judge, error);
  run_lock_release(&lock);
  components_free(&solution.components);
  return status;
}
