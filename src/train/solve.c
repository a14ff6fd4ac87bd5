/* lockstep solve: a run that computes its weights in closed form. Columns of categories are one_hot, however
 * many there are, because embeddings have no closed form. Its set-up and its end are those of a
 * training run. In between, it sums the normal equations of the training rows, solves them on rank 0, and
 * copies the solution into the parameter vector that all ranks share. */
#include "sums/normal.h"
#include "train/trainer_impl.h"

#include "base/activity.h"
#include "base/clock.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static ls_status check_network(const settings_t *settings, ls_error *error) {
  TRY(solution_check(settings, error));
  const layer_settings_t *layer = settings->model.layers;
  bool is_linear = settings->model.n_layers == 1 && layer->kind == LAYER_DENSE &&
                   strcmp(layer->activation, "identity") == 0;
  if (!is_linear)
    return error_set(error, LS_BAD_SETTINGS,
                     "model.layers: only one dense layer without an activation has a closed form, as in "
                     "`[dense: 1]`; train other networks with `lockstep train`");
  if (settings->n_losses > 1)
    return error_set(
        error, LS_BAD_SETTINGS,
        "loss: there is a closed form for one mse, not for several heads; `lockstep train` finds "
        "their minimum");
  if (strcmp(settings->losses->name, "mse") == 0) return LS_OK;
  return error_set(
      error, LS_BAD_SETTINGS,
      "loss.name: there is a closed form for mse, not for %s; `lockstep train` finds its minimum",
      settings->losses->name);
}

/* ---- messages about a solution, on rank 0 ---- */

static void say_rank(const trainer_t *trainer) {
  const regression_t *fit = &trainer->solution->fit;
  int64_t inputs = graph_inputs(trainer->graph);
  enum { POOR = 1000000000 };
  if (fit->rank < inputs)
    log_warn(
        trainer->options->log,
        "the %" PRId64 " features have rank %" PRId64
        ": some are constant or linear combinations of others. Several solutions fit equally well; "
        "lockstep takes the one with the smallest weights. Columns of very different size can look like this "
        "too: try data.scaling=standard",
        inputs, fit->rank);
  else if (fit->condition > POOR)
    log_warn(trainer->options->log,
             "the condition number is %.1e: the weights have about %.0f correct digits; remove features that "
             "are nearly linear combinations of others, or use solve.method=ridge",
             fit->condition, fmax(0, 15.5 - log10(fit->condition)));
}

static void say_solution(const trainer_t *trainer) {
  const regression_t *fit = &trainer->solution->fit;
  const log_t *log = trainer_results(trainer);
  say_rank(trainer);
  if (isfinite(fit->condition)) log_info(log, "condition number %.3g", fit->condition);
  for (int64_t k = 0; k < graph_outputs(trainer->graph) && fit->alpha != NULL; k++)
    log_info(log, "target %" PRId64 ": alpha %.6g, beta %.6g, gamma %.4g, log evidence %.8g", k,
             fit->alpha[k], fit->beta[k], fit->determined[k], fit->evidence[k]);
}

/* ---- solving ---- */

/* On rank 0: converts weights and biases to floats and stores them in the parameter vector. */
static ls_status fill_vector(const trainer_t *trainer, ls_error *error) {
  const graph_t *graph = trainer->graph;
  const double *const arrays[] = {trainer->solution->fit.weights, trainer->solution->fit.bias};
  size_t most = (size_t)(graph_inputs(graph) * graph_outputs(graph));
  float *plain = malloc(most * sizeof *plain);
  if (plain == NULL) return error_set(error, LS_NO_MEMORY, "no memory for %zu weights", most);
  for (size_t i = 0; i < graph_parameter_count(graph); i++) {
    const parameter_t *parameter = graph_parameter(graph, i);
    const double *values = arrays[parameter->is_weight ? 0 : 1];
    for (size_t k = 0; k < parameter_values(parameter); k++) plain[k] = (float)values[k];
    graph_pack(graph, i, plain, trainer->copies.vector);
  }
  free(plain);
  return LS_OK;
}

static ls_status fit(trainer_t *trainer, const normal_equations_t *equations, ls_error *error) {
  TRY(trainer_make_vector(trainer, error));
  if (!is_root(trainer)) return LS_OK;
  const settings_t *settings = trainer->settings;
  activity_set("solving the normal equations");
  TRY(regression_fit(settings->solve.method, settings->solve.lambda, equations, &trainer->solution->fit,
                     error));
  say_solution(trainer);
  return fill_vector(trainer, error);
}

static ls_status solve(trainer_t *trainer, ls_error *error) {
  gather_t gather = {0};
  arena_t arena = {0};
  normal_equations_t equations = {0};
  ls_status status = trainer_agree(
      trainer, gather_create(&trainer->data.dataset->train, &trainer->data.features, &gather, error), error);
  if (status == LS_OK)
    status = normal_equations(trainer->world, &gather, trainer->layout.threads,
                              trainer->settings->model.layers[0].bias, &arena, &equations, error);
  if (status == LS_OK) status = trainer_agree(trainer, fit(trainer, &equations, error), error);
  gather_free(&gather);
  arena_free(&arena);
  TRY(status);
  TRY(trainer_share(trainer, trainer->copies.vector, error));
  return trainer_set_parameters(trainer, trainer->copies.vector, error);
}

static ls_status solve_and_judge(trainer_t *trainer, ls_status status, ls_error *error) {
  if (status == LS_OK) status = solve(trainer, error);
  if (status == LS_OK) status = trainer_judge(trainer, error);
  if (status == LS_OK) status = training_end(trainer, error);
  return status;
}

ls_status solve_run(world_t *world, const settings_t *settings, const train_options_t *options,
                    ls_error *error) {
  solution_t solution = {.fit = {.rank = 0}};
  settings_t linear = *settings; /* borrows all but a number */
  linear.model.embeddings.above = EMBEDDINGS_NEVER;
  trainer_t trainer = {.world = world,
                       .settings = &linear,
                       .options = options,
                       .solution = &solution,
                       .record = {.began = clock_seconds()}};
  run_lock_t *lock = NULL;
  TRY(check_network(settings, error));
  TRY(training_lock(world, settings, options->log, &lock, error));
  trainer.run.lock = lock;
  ls_status status = training_run(&trainer, solve_and_judge, error);
  run_lock_release(&lock);
  regression_free(&solution.fit);
  return status;
}
