#include "study/hessian.h"

#include "base/random.h"
#include "model/frozen.h"

#include <math.h>
#include <string.h>

/* e, as a share of the norm of w, or of 1 if that is larger. It grows until gradients differ by a share of
 * at least `visible`, because their own rounding errors are some 1e-7. */
static const double first_share = 1e-3, last_share = 0.1, visible = 1e-3;

bool hessian_is_root(const hessian_t *hessian) {
  return world_rank(hessian->world) == 0;
}

double hessian_dot(const double *x, const double *y, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += x[i] * y[i];
  return sum;
}

void hessian_scale(double *x, double factor, size_t n) {
  for (size_t i = 0; i < n; i++) x[i] *= factor;
}

/* ---- set-up ---- */

static ls_status no_memory(const hessian_t *hessian, ls_error *error) {
  return error_set(error, LS_NO_MEMORY, "no memory for the curvature of %zu parameters", hessian->n);
}

static ls_status take_memory(hessian_t *hessian, arena_t *arena, ls_error *error) {
  const size_t floats = graph_floats(hessian->graph), n = hessian_is_root(hessian) ? hessian->n : 0;
  hessian->w = arena_new(arena, floats, sizeof *hessian->w);
  hessian->moved = arena_new(arena, floats, sizeof *hessian->moved);
  hessian->gradient = arena_new(arena, n > 0 ? floats : 0, sizeof *hessian->gradient);
  hessian->sums[0] = arena_new(arena, n, sizeof *hessian->sums[0]);
  hessian->sums[1] = arena_new(arena, n, sizeof *hessian->sums[1]);
  bool has_all = hessian->w != NULL && hessian->moved != NULL && hessian->gradient != NULL;
  return has_all && hessian->sums[0] != NULL && hessian->sums[1] != NULL ? LS_OK : no_memory(hessian, error);
}

ls_status hessian_open(engine_t *engine, int64_t steps, arena_t *arena, hessian_t *out, ls_error *error) {
  const engine_inputs_t *inputs = engine_inputs(engine);
  hessian_t hessian = {.engine = engine,
                       .world = inputs->world,
                       .settings = inputs->settings,
                       .graph = inputs->graph,
                       .partition = inputs->train->partition,
                       .n = graph_trained_floats(inputs->graph),
                       .steps = steps};
  TRY(world_agree(hessian.world, take_memory(&hessian, arena, error), error));
  memcpy(hessian.w, engine_parameters(engine), graph_floats(hessian.graph) * sizeof *hessian.w);
  engine_begin_epoch(engine, 0);
  *out = hessian;
  return LS_OK;
}

ls_status hessian_close(hessian_t *hessian, ls_status status, ls_error *error) {
  engine_faults_t faults; /* of points w + e v */
  if (status == LS_OK) status = engine_set_parameters(hessian->engine, hessian->w, error);
  if (status == LS_OK) status = engine_take_faults(hessian->engine, &faults, error);
  return status;
}

/* Sets v, which holds numbers for all floats, to 0 where nothing is trained. */
static ls_status drop_frozen(const hessian_t *hessian, arena_t *arena, float *v, ls_error *error) {
  frozen_t frozen;
  TRY(frozen_create(hessian->graph, &hessian->settings->model.freeze, arena, &frozen, error));
  frozen_set(&frozen, 0, hessian->n, NULL, v);
  return LS_OK;
}

ls_status hessian_direction(const hessian_t *hessian, int k, arena_t *arena, double *v, ls_error *error) {
  const graph_t *graph = hessian->graph;
  const size_t most = graph_plain_floats(graph);
  double *numbers = arena_new(arena, most, sizeof *numbers);
  float *plain = arena_new(arena, most, sizeof *plain), *moved = hessian->moved;
  if (numbers == NULL || plain == NULL) return no_memory(hessian, error);
  memset(moved, 0, graph_floats(graph) * sizeof *moved);
  for (size_t i = 0; i < graph_parameter_count(graph); i++) {
    const parameter_t *array = graph_parameter(graph, i);
    const random_stream_t stream = {
        .seed = hessian->settings->train.seed, .purpose = RANDOM_CURVATURE, .time = (uint64_t)k, .shard = i};
    if (array->is_statistic) continue;
    random_normal(&stream, parameter_values(array), numbers);
    for (size_t j = 0; j < parameter_values(array); j++) plain[j] = (float)numbers[j];
    graph_pack(graph, i, plain, moved);
  }
  TRY(drop_frozen(hessian, arena, moved, error));
  for (size_t i = 0; i < hessian->n; i++) v[i] = (double)moved[i];
  hessian_scale(v, 1 / sqrt(hessian_dot(v, v, hessian->n)), hessian->n);
  return LS_OK;
}

ls_status hessian_rank(const hessian_t *hessian, arena_t *arena, size_t *out, ls_error *error) {
  const graph_t *graph = hessian->graph;
  const size_t most = graph_plain_floats(graph);
  float *ones = arena_new(arena, most, sizeof *ones), *moved = hessian->moved;
  if (ones == NULL) return no_memory(hessian, error);
  for (size_t i = 0; i < most; i++) ones[i] = 1;
  memset(moved, 0, graph_floats(graph) * sizeof *moved);
  for (size_t i = 0; i < graph_parameter_count(graph); i++)
    if (!graph_parameter(graph, i)->is_statistic) graph_pack(graph, i, ones, moved);
  TRY(drop_frozen(hessian, arena, moved, error));
  *out = 0;
  for (size_t i = 0; i < hessian->n; i++) *out += moved[i] != 0;
  return LS_OK;
}

/* ---- products ---- */

/* The mean gradient at w + e v on rank 0. Collective. */
static ls_status gradient_at(hessian_t *hessian, double e, const double *v, double *sum, ls_error *error) {
  const int64_t batch = hessian->settings->train.global_batch_size;
  const bool is_root = hessian_is_root(hessian);
  const size_t size = graph_floats(hessian->graph) * sizeof *hessian->moved;
  double rows = 0;
  memcpy(hessian->moved, hessian->w, size);
  for (size_t i = 0; i < hessian->n && is_root; i++)
    hessian->moved[i] = (float)((double)hessian->w[i] + e * v[i]);
  TRY(world_broadcast(hessian->world, hessian->moved, size, 0, error));
  TRY(engine_set_parameters(hessian->engine, hessian->moved, error));
  if (is_root) memset(sum, 0, hessian->n * sizeof *sum);
  for (int64_t t = 0; t < hessian->steps; t++) {
    const double own = (double)step_rows(hessian->partition, batch, t);
    TRY(engine_gradient(hessian->engine, t, 0, is_root ? hessian->gradient : NULL, error));
    for (size_t i = 0; i < hessian->n && is_root; i++) sum[i] += own * (double)hessian->gradient[i];
    rows += own;
  }
  if (is_root) hessian_scale(sum, 1 / rows, hessian->n);
  return LS_OK;
}

ls_status hessian_multiply(hessian_t *hessian, const double *v, double *product, ls_error *error) {
  TRY(gradient_at(hessian, hessian->e, v, hessian->sums[0], error));
  TRY(gradient_at(hessian, -hessian->e, v, hessian->sums[1], error));
  for (size_t i = 0; i < hessian->n && hessian_is_root(hessian); i++)
    product[i] = (hessian->sums[0][i] - hessian->sums[1][i]) / (2 * hessian->e);
  return LS_OK;
}

ls_status hessian_choose_distance(hessian_t *hessian, const double *v, double *product, ls_error *error) {
  const size_t n = hessian->n;
  double norm = 0, share = 0; /* by how much the two gradients differ, as a share of their size */
  for (size_t i = 0; i < n; i++) norm += (double)hessian->w[i] * (double)hessian->w[i];
  norm = fmax(1, sqrt(norm));
  for (double e = first_share; e < 2 * last_share; e *= 10) {
    hessian->e = e * norm;
    TRY(hessian_multiply(hessian, v, product, error));
    if (hessian_is_root(hessian))
      share = 2 * hessian->e * sqrt(hessian_dot(product, product, n)) /
              sqrt(hessian_dot(hessian->sums[0], hessian->sums[0], n));
    TRY(world_broadcast(hessian->world, &share, sizeof share, 0, error));
    if (!(share < visible)) break;
  }
  return LS_OK;
}
