#include "landscape/plane.h"

#include "base/random.h"
#include "landscape/trajectory.h"
#include "score/weight_name.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static ls_status no_memory(ls_error *error) {
  return error_set(error, LS_NO_MEMORY, "no memory for directions in the space of parameters");
}

/* ---- coordinates ---- */

ls_status axis_parse(const char *what, const char *text, coordinates_t *out, ls_error *error) {
  char low[64] = "", high[64] = "", count[64] = "", rest[2] = "";
  coordinates_t axis;
  int fields = sscanf(text, "%63[^:]:%63[^:]:%63[^:]%1s", low, high, count, rest);
  if (fields != 3 || !text_double(low, &axis.low) || !text_double(high, &axis.high) ||
      !text_int64(count, &axis.n) || !isfinite(axis.low) || !isfinite(axis.high))
    return error_set(error, LS_USAGE, "%s: '%.60s' is not LOW:HIGH:N, such as -1:1:51", what, text);
  if (!(axis.low < axis.high))
    return error_set(error, LS_USAGE, "%s: %g is not below %g", what, axis.low, axis.high);
  if (axis.n < 2 || axis.n > AXIS_MOST)
    return error_set(error, LS_USAGE, "%s: the number of points is from 2 to %d, not %" PRId64, what,
                     AXIS_MOST, axis.n);
  *out = axis;
  return LS_OK;
}

double axis_at(const coordinates_t *axis, int64_t i) {
  const double step = (axis->high - axis->low) / (double)(axis->n - 1);
  return i == axis->n - 1 ? axis->high : axis->low + (double)i * step;
}

void plane_at(const plane_t *plane, double x, double y, float *out) {
  const double a = x - plane->origin[0], b = y - plane->origin[1];
  const double *u = plane->direction[0], *v = plane->direction[1];
  for (size_t k = 0; k < plane->size; k++)
    out[k] = (float)((double)plane->centre[k] + (a * u[k] + (v != NULL ? b * v[k] : 0)));
}

/* ---- names ---- */

static const char *const kind_names[] = {[PLANE_RANDOM] = "random",
                                         [PLANE_WEIGHTS] = "weights",
                                         [PLANE_MODELS] = "models",
                                         [PLANE_TRAJECTORY] = "trajectory"};

const char *plane_kind_name(plane_kind_t kind) {
  return kind_names[kind];
}

bool norm_choice(size_t i, choice_t *out) {
  static const choice_t norms[] = {
      [NORM_FILTER] = {"filter", "each row of a weight matrix gets the norm of the weights in it"},
      [NORM_LAYER] = {"layer", "each weight matrix gets the norm of the weights in it"},
      [NORM_NONE] = {"none", "standard normal numbers as they are"}};
  if (i >= sizeof norms / sizeof norms[0]) return false;
  *out = norms[i];
  return true;
}

/* ---- random directions ---- */

/* Scales d (n) to the norm of w. */
static void take_norm(double *d, const float *w, size_t n) {
  double own = 0, wanted = 0;
  for (size_t k = 0; k < n; k++) {
    own += d[k] * d[k];
    wanted += (double)w[k] * (double)w[k];
  }
  const double factor = own > 0 ? sqrt(wanted) / sqrt(own) : 0;
  for (size_t k = 0; k < n; k++) d[k] *= factor;
}

static void randomise_array(const plane_options_t *options, const point_array_t *array, size_t number,
                            int axis, const float *w, double *d) {
  const random_stream_t stream = {
      .seed = options->seed, .purpose = RANDOM_LANDSCAPE, .time = (uint64_t)axis, .shard = number};
  const size_t rows = (size_t)array->about->shape[0], columns = array->count / rows;
  if (array->about->is_statistic) return;
  if (array->about->dims == 1) {
    for (size_t k = 0; k < array->count && options->with_biases; k++) d[k] = (double)w[k];
    return;
  }
  random_normal(&stream, array->count, d);
  if (options->norm == NORM_LAYER) take_norm(d, w, array->count);
  for (size_t r = 0; r < rows && options->norm == NORM_FILTER; r++)
    take_norm(d + r * columns, w + r * columns, columns);
}

static ls_status make_random(point_t *point, const plane_options_t *options, plane_t *plane,
                             ls_error *error) {
  choice_t norm = {0};
  norm_choice((size_t)options->norm, &norm);
  (void)error;
  plane->axes = options->axes;
  for (int a = 0; a < plane->axes; a++) {
    for (size_t i = 0; i < point_arrays(point); i++) {
      const point_array_t array = point_array(point, i);
      randomise_array(options, &array, i, a, plane->centre + array.first, plane->direction[a] + array.first);
    }
    snprintf(plane->name[a], PLANE_TEXT, "random direction %d (seed %" PRIu64 ", norm %s%s)", a + 1,
             options->seed, norm.name, options->with_biases ? ", with biases" : "");
    plane->natural[a] = (coordinates_t){-1, 1, plane->axes == 2 ? 51 : 101};
  }
  return LS_OK;
}

/* ---- two weights ---- */

static ls_status make_weights(point_t *point, const plane_options_t *options, plane_t *plane,
                              ls_error *error) {
  const graph_t *graph = point_training(point)->graph;
  weight_name_t place[2] = {0};
  plane->axes = options->words[1] != NULL ? 2 : 1;
  for (int a = 0; a < plane->axes; a++) {
    char name[WEIGHT_NAME_SIZE];
    TRY(weight_name_single(graph, options->words[a], &place[a], error));
    const point_array_t array = point_array(point, place[a].array);
    const size_t at = array.first + place[a].at;
    const double value = (double)plane->centre[at], reach = fmax(1, fabs(value));
    plane->direction[a][at] = 1;
    plane->origin[a] = options->is_relative ? 0 : value;
    weight_name_write(graph, place[a].array, place[a].at, name);
    snprintf(plane->name[a], PLANE_TEXT, "%s%s", name, options->is_relative ? ", change" : "");
    plane->natural[a] =
        (coordinates_t){plane->origin[a] - reach, plane->origin[a] + reach, plane->axes == 2 ? 51 : 101};
  }
  if (plane->axes == 2 && place[0].array == place[1].array && place[0].at == place[1].at)
    return error_set(error, LS_USAGE, "--weight names %s twice: a plane needs two weights", plane->name[0]);
  return LS_OK;
}

/* ---- other models ---- */

static ls_status make_models(point_t *point, const plane_options_t *options, plane_t *plane, arena_t *arena,
                             ls_error *error) {
  float *other = arena_new(arena, plane->size, sizeof *other);
  const training_t *training = point_training(point);
  TRY(world_agree(training->world, other != NULL ? LS_OK : no_memory(error), error));
  plane->axes = options->words[1] != NULL ? 2 : 1;
  for (int a = 0; a < plane->axes; a++) {
    TRY(point_read(point, options->words[a], other, error));
    for (size_t k = 0; k < plane->size; k++)
      plane->direction[a][k] = (double)other[k] - (double)plane->centre[k];
    snprintf(plane->name[a], PLANE_TEXT, "towards %.480s", options->words[a]);
    plane->natural[a] = (coordinates_t){-0.5, 1.5, plane->axes == 2 ? 51 : 101};
  }
  return LS_OK;
}

/* ---- the whole ---- */

/* The coordinates that show a trajectory and some room around it. */
static coordinates_t room_around(const double *at, int64_t n) {
  double low = 0, high = 0; /* of the centre */
  for (int64_t i = 0; i < n; i++) {
    low = fmin(low, at[i]);
    high = fmax(high, at[i]);
  }
  const double room = fmax(0.2 * (high - low), 1e-6);
  return (coordinates_t){low - room, high + room, 51};
}

static ls_status make_trajectory(point_t *point, const plane_options_t *options, plane_t *plane,
                                 arena_t *arena, ls_error *error) {
  plane->axes = 2;
  TRY(trajectory_find(point, options->run, arena, plane->direction, &plane->trajectory, error));
  for (int a = 0; a < 2; a++) {
    const double *at = a == 0 ? plane->trajectory.x : plane->trajectory.y;
    snprintf(plane->name[a], PLANE_TEXT, "principal direction %d (%.1f %% of the variance)", a + 1,
             100 * plane->trajectory.explained[a]);
    plane->natural[a] = room_around(at, plane->trajectory.n);
  }
  return LS_OK;
}

ls_status plane_make(point_t *point, const plane_options_t *options, arena_t *arena, plane_t *out,
                     ls_error *error) {
  plane_t plane = {.kind = options->kind, .size = point_size(point), .centre = point_start(point)};
  bool has_memory = true;
  for (int a = 0; a < 2; a++) {
    plane.direction[a] = arena_new(arena, plane.size, sizeof *plane.direction[a]);
    has_memory = has_memory && plane.direction[a] != NULL;
  }
  TRY(world_agree(point_training(point)->world, has_memory ? LS_OK : no_memory(error), error));
  if (options->kind == PLANE_RANDOM) TRY(make_random(point, options, &plane, error));
  if (options->kind == PLANE_WEIGHTS) TRY(make_weights(point, options, &plane, error));
  if (options->kind == PLANE_MODELS) TRY(make_models(point, options, &plane, arena, error));
  if (options->kind == PLANE_TRAJECTORY) TRY(make_trajectory(point, options, &plane, arena, error));
  if (plane.axes == 1) plane.direction[1] = NULL;
  *out = plane;
  return LS_OK;
}
