#include "landscape/search.h"

#include "base/random.h"
#include "layout/shard.h"
#include "math/finite.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static const struct {
  const char *name;
  double rate;
  const char *meaning;
} methods[] = {{"adam", 0.005, "steps of a size of their own for each parameter"},
               {"sgd", 0.05, "gradient descent with momentum 0.9"}};

bool search_choice(size_t i, choice_t *out) {
  if (i >= sizeof methods / sizeof methods[0]) return false;
  *out = (choice_t){methods[i].name, methods[i].meaning};
  return true;
}

double search_default_rate(const char *optimizer) {
  const int i = choice_find(search_choice, optimizer);
  return i < 0 ? 0 : methods[i].rate;
}

double search_rate(double learning_rate, int64_t step, int64_t steps) {
  const double done = (double)step / (double)steps, fall = (done - 0.5) / 0.4;
  return learning_rate * (1 - 0.99 * fmin(1, fmax(0, fall)));
}

static int64_t batch_of(const curve_search_t *search) {
  return engine_inputs(point_engine(search->point))->settings->train.global_batch_size;
}

static int64_t steps_per_epoch(const curve_search_t *search) {
  return epoch_steps(point_partition(search->point), batch_of(search));
}

int64_t search_steps(const curve_search_t *search) {
  return search->plan->epochs * steps_per_epoch(search);
}

ls_status search_create(point_t *point, const search_plan_t *plan, arena_t *arena, curve_search_t *out,
                        ls_error *error) {
  const training_t *training = point_training(point);
  const bool is_root = world_rank(training->world) == 0;
  const size_t n = point_size(point), on_root = is_root ? n : 0;
  curve_search_t search = {.plan = plan, .point = point, .epoch = -1, .bad = -1};
  search.theta = arena_new(arena, on_root, sizeof *search.theta);
  search.gradient = arena_new(arena, on_root, sizeof *search.gradient);
  search.vector = arena_new(arena, is_root ? graph_floats(training->graph) : 0, sizeof *search.vector);
  search.here = arena_new(arena, n, sizeof *search.here);
  search.sums =
      arena_new(arena, (size_t)training->layout->shards * training->objective->n, sizeof *search.sums);
  bool has_all = search.theta != NULL && search.gradient != NULL && search.vector != NULL &&
                 search.here != NULL && search.sums != NULL;
  for (int k = 0; k < plan->optimizer->states; k++) {
    search.states[k] = arena_new(arena, on_root, sizeof **search.states);
    has_all = has_all && search.states[k] != NULL;
  }
  if (!has_all)
    return error_set(error, LS_NO_MEMORY, "no memory to search a curve between networks of %zu parameters",
                     n);
  *out = search;
  return LS_OK;
}

/* ---- a step ---- */

/* The t of a step, the same on every rank. */
static double draw(const curve_search_t *search) {
  const training_t *training = point_training(search->point);
  const random_stream_t stream = {.seed = training->settings->train.seed,
                                  .purpose = RANDOM_CONNECT,
                                  .time = (uint64_t)search->step,
                                  .shard = search->number};
  double t = 0;
  random_uniform(&stream, 1, &t);
  return t;
}

/* On rank 0: the gradient of theta from that of the batch. Running statistics have none. */
static void take_gradient(curve_search_t *search, double weight) {
  const graph_t *graph = point_training(search->point)->graph;
  const size_t n = point_size(search->point);
  for (size_t i = 0; i < point_arrays(search->point); i++) {
    const point_array_t array = point_array(search->point, i);
    if (array.about->is_statistic)
      memset(search->gradient + array.first, 0, array.count * sizeof *search->gradient);
    else
      graph_unpack(graph, i, search->vector, search->gradient + array.first);
  }
  if (search->bad < 0 && !floats_are_finite(search->gradient, n)) search->bad = search->step;
  for (size_t i = 0; i < n; i++) search->gradient[i] *= (float)weight;
}

/* On rank 0. */
static void move(curve_search_t *search) {
  const search_plan_t *plan = search->plan;
  optimizer_step_t step = {.learning_rate =
                               search_rate(plan->learning_rate, search->step, search_steps(search)),
                           .momentum = 0.9,
                           .beta1 = 0.9,
                           .beta2 = 0.999,
                           .epsilon = 1e-8,
                           .step = search->step + 1};
  optimizer_prepare(plan->optimizer, &step);
  plan->optimizer->update(&step, false, point_size(search->point), search->theta, search->gradient,
                          search->states);
}

ls_status search_step(curve_search_t *search, ls_error *error) {
  world_t *world = point_training(search->point)->world;
  engine_t *engine = point_engine(search->point);
  const bool is_root = world_rank(world) == 0;
  const size_t n = point_size(search->point);
  const int64_t per_epoch = steps_per_epoch(search), epoch = search->step / per_epoch;
  const curve_weights_t weights = search->curve->at(draw(search));
  if (epoch != search->epoch) engine_begin_epoch(engine, epoch);
  search->epoch = epoch;
  if (is_root) curve_point(weights, n, search->first, search->theta, search->second, search->here);
  TRY(world_broadcast(world, search->here, n * sizeof *search->here, 0, error));
  TRY(point_set(search->point, search->here, error));
  TRY(engine_gradient(engine, search->step % per_epoch, search->step, is_root ? search->vector : NULL,
                      error));
  if (is_root) {
    take_gradient(search, weights.theta);
    move(search);
  }
  search->step++;
  return LS_OK;
}

/* ---- the check at the end ---- */

ls_status search_loss(curve_search_t *search, double *out, ls_error *error) {
  engine_t *engine = point_engine(search->point);
  const int64_t last = (search->step - 1) % steps_per_epoch(search);
  TRY(engine_step_loss(engine, search->sums, error));
  *out = engine_total_loss(engine, search->sums) /
         (double)step_rows(point_partition(search->point), batch_of(search), last);
  return LS_OK;
}

ls_status search_check(const curve_search_t *search, ls_error *error) {
  world_t *world = point_training(search->point)->world;
  ls_status status = LS_OK;
  if (world_rank(world) == 0 && search->bad >= 0)
    status = error_set(error, LS_DIVERGED,
                       "the search for the %s diverged: the gradient of step %" PRId64
                       " is not finite; a learning rate below --learning-rate %g may help",
                       search->curve->name, search->bad + 1, search->plan->learning_rate);
  return world_agree(world, status, error);
}
