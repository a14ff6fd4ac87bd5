#include "landscape/statistics.h"

#include "layout/shard.h"

#include <math.h>

/* What may be left of the statistics before. */
static const double left = 1e-3;

/* The least weight of a step in any running statistics. */
static double least_momentum(const layer_settings_t *layers, size_t n) {
  double least = 1;
  for (size_t i = 0; i < n; i++) {
    if (layers[i].kind == LAYER_BATCH_NORM) least = fmin(least, layers[i].momentum);
    least = fmin(least, least_momentum(layers[i].layers, layers[i].n_layers));
  }
  return least;
}

static double no_rate(const schedule_plan_t *plan, double step) {
  (void)plan;
  (void)step;
  return 0;
}

static const schedule_t standing = {.name = "standing", .meaning = "of no movement", .rate = no_rate};

bool statistics_exist(const point_t *point) {
  const graph_t *graph = point_training(point)->graph;
  return graph_parameter(graph, graph_parameter_count(graph) - 1)->is_statistic; /* they are last */
}

ls_status statistics_renew(point_t *point, float *parameters, ls_error *error) {
  const training_t *training = point_training(point);
  const model_settings_t *model = &training->settings->model;
  engine_t *engine = point_engine(point);
  engine_faults_t faults;
  const int64_t per_epoch =
      epoch_steps(point_partition(point), engine_inputs(engine)->settings->train.global_batch_size);
  const double steps = log(left) / log1p(-least_momentum(model->layers, model->n_layers));
  const schedule_plan_t plan = {0};
  engine_set_schedule(engine, &standing, &plan);
  TRY(point_set(point, parameters, error));
  for (int64_t epoch = 0; epoch == 0 || (double)(epoch * per_epoch) < steps; epoch++) {
    engine_begin_epoch(engine, epoch);
    TRY(engine_run(engine, 0, per_epoch, epoch * per_epoch, false, error));
  }
  TRY(engine_take_faults(engine, &faults, error)); /* a loss that is not finite shows in the metrics */
  for (size_t i = 0; i < point_arrays(point); i++) {
    const point_array_t array = point_array(point, i);
    if (array.about->is_statistic)
      graph_unpack(training->graph, i, engine_parameters(engine), parameters + array.first);
  }
  return point_set(point, parameters, error);
}
