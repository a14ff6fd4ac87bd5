#include "nearest/sketch.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

enum {
  LANES = 16,
  FEATURES_PER_AXIS = 8,
  PRODUCTS_PER_DISTANCE = 16,
  MANY = 256, /* centres: threads share them; with fewer, waiting for each other takes longer */
};

static double dot(int64_t n, const double *a, const double *b) {
  double sum[LANES] = {0}, total = 0;
  int64_t i = 0;
  for (; i + LANES <= n; i += LANES)
    for (int l = 0; l < LANES; l++) sum[l] += a[i + l] * b[i + l];
  for (int l = 0; i < n; i++, l++) sum[l] += a[i] * b[i];
  for (int l = 0; l < LANES; l++) total += sum[l];
  return total;
}

/* ---- set-up ---- */

static int64_t whole_panels(int64_t n) {
  return n / DENSE_PANEL * DENSE_PANEL;
}

int64_t sketch_axes(int64_t k, int64_t inputs) {
  const int64_t all = whole_panels(k + DENSE_PANEL - 1), few = whole_panels(inputs / FEATURES_PER_AXIS);
  const int64_t axes = all < few ? all : few;
  return k == 1 ? 0 : axes < SKETCH_MOST ? axes : SKETCH_MOST;
}

ls_status sketch_create(int64_t most, int64_t k, int64_t inputs, int64_t rows, int threads, arena_t *arena,
                        sketch_t *out, ls_error *error) {
  sketch_t s = {.most = most, .k = k, .inputs = inputs, .rows = rows, .threads = threads};
  *out = s;
  if (most == 0) return LS_OK;
  s.axes_shape = dense_layout(inputs, most);
  s.shape = dense_layout(most, whole_panels(k + DENSE_PANEL - 1));
  s.identity = activation_find("identity");
  const size_t axes = (size_t)most, outputs = (size_t)s.shape.out, width = (size_t)inputs;
  const size_t widest = width > outputs ? width : outputs;
  s.axes = arena_new(arena, axes * width, sizeof *s.axes);
  s.work = arena_new(arena, (size_t)k * width, sizeof *s.work);
  s.squares = arena_new(arena, (size_t)k, sizeof *s.squares);
  s.plain = arena_new(arena, axes * widest, sizeof *s.plain);
  s.panels = arena_new(arena, (size_t)s.axes_shape.elements, sizeof *s.panels);
  s.starts = arena_new(arena, axes, sizeof *s.starts);
  s.coordinates = arena_new(arena, (size_t)rows * axes, sizeof *s.coordinates);
  s.rests = arena_new(arena, (size_t)rows, sizeof *s.rests);
  s.centres = arena_new(arena, (size_t)s.shape.elements, sizeof *s.centres);
  s.offsets = arena_new(arena, outputs, sizeof *s.offsets);
  s.widths = arena_new(arena, outputs, sizeof *s.widths);
  if (s.axes == NULL || s.work == NULL || s.squares == NULL || s.plain == NULL || s.panels == NULL ||
      s.starts == NULL || s.coordinates == NULL || s.rests == NULL || s.centres == NULL ||
      s.offsets == NULL || s.widths == NULL)
    return error_set(error, LS_NO_MEMORY, "no memory for sketches of %" PRId64 " rows (%.1f MB)", rows,
                     (double)rows * (double)(most + 1) * sizeof(float) / 1e6);
  *out = s;
  return LS_OK;
}

/* ---- whether it pays ---- */

/* Whether the cost reaches that of choosing axes, which is `most` products of each row. A product of a row
 * with all centres costs as many as it has outputs. A distance is computed alone, so it costs as much as
 * several products. */
static bool is_dear(const sketch_t *sketch) {
  const sketch_cost_t *cost = &sketch->cost;
  return cost->vague * sketch->shape.out + cost->measured * PRODUCTS_PER_DISTANCE >=
         sketch->rows * sketch->most;
}

bool sketch_is_due(const sketch_t *sketch) {
  return sketch->most > 0 && (!sketch->is_known || is_dear(sketch));
}

void sketch_count(sketch_t *sketch, const sketch_cost_t *cost) {
  sketch->cost.asked += cost->asked;
  sketch->cost.vague += cost->vague;
  sketch->cost.measured += cost->measured;
  if (!is_dear(sketch) || 2 * sketch->cost.vague <= sketch->cost.asked) return;
  sketch->most = 0; /* rows are too far from the space of the centres */
  sketch->is_known = false;
}

/* ---- axes ---- */

/* work = c' and its square, of centre k. */
static void shift_centre(const sketch_t *sketch, int64_t k, const float *centres, const double *mean) {
  const float *centre = centres + k * sketch->inputs;
  double *work = sketch->work + k * sketch->inputs;
  for (int64_t i = 0; i < sketch->inputs; i++) work[i] = (double)centre[i] - mean[i];
  sketch->squares[k] = dot(sketch->inputs, work, work);
}

static void take_off(int64_t n, double *a, const double *axis) {
  const double along = dot(n, a, axis);
  for (int64_t i = 0; i < n; i++) a[i] -= along * axis[i];
}

/* The next axis points to the centre that is farthest from the space of the axes before it (Gram and Schmidt,
 * with pivots; twice, since once leaves rounding errors: Parlett, "The symmetric eigenvalue problem", 1998,
 * section 6.9). Returns false if all centres are in that space but for rounding. */
static bool add_axis(sketch_t *sketch, int64_t n, double smallest) {
  const int64_t inputs = sketch->inputs;
  int64_t far = 0;
  for (int64_t k = 1; k < sketch->k; k++)
    if (sketch->squares[k] > sketch->squares[far]) far = k;
  if (!(sketch->squares[far] > smallest)) return false;
  double *axis = sketch->axes + n * inputs;
  memcpy(axis, sketch->work + far * inputs, (size_t)inputs * sizeof *axis);
  for (int64_t a = 0; a < n; a++) take_off(inputs, axis, sketch->axes + a * inputs);
  const double length = sqrt(dot(inputs, axis, axis));
  for (int64_t i = 0; i < inputs; i++) axis[i] /= length;
#pragma omp parallel for num_threads(sketch->threads) schedule(static) if (sketch->k > MANY)
  for (int64_t k = 0; k < sketch->k; k++) {
    double *work = sketch->work + k * inputs;
    if (sketch->squares[k] == 0) continue;
    take_off(inputs, work, axis);
    sketch->squares[k] = k == far ? 0 : dot(inputs, work, work);
  }
  return true;
}

void sketch_choose(sketch_t *sketch, const float *centres, const double *mean) {
  const int64_t inputs = sketch->inputs, most = sketch->most;
  double largest = 0;
  for (int64_t k = 0; k < sketch->k; k++) shift_centre(sketch, k, centres, mean);
  memset(sketch->axes, 0, (size_t)(most * inputs) * sizeof *sketch->axes);
  for (int64_t k = 0; k < sketch->k; k++) largest = fmax(largest, sketch->squares[k]);
  for (int64_t n = 0; n < most && add_axis(sketch, n, 0x1p-30 * largest); n++) continue;
  for (int64_t i = 0; i < most * inputs; i++) sketch->plain[i] = (float)sketch->axes[i];
  for (int64_t n = 0; n < most; n++) sketch->starts[n] = (float)-dot(inputs, sketch->axes + n * inputs, mean);
  dense_pack(&sketch->axes_shape, sketch->plain, sketch->panels);
  sketch->mean_norm = sqrt(dot(inputs, mean, mean));
  sketch->is_known = true;
  sketch->cost = (sketch_cost_t){0};
}

/* ---- coordinates ---- */

/* A coordinate errs by at most this part of ‖x‖ + ‖m‖: from rounding an axis, its product with x and m. */
static double unit_of(const sketch_t *sketch) {
  return 1.01 * (double)(sketch->inputs + 4) * 0x1p-24;
}

void sketch_take(const sketch_t *sketch, int64_t first, int64_t n, const float *x, const row_t *rows) {
  float *coordinates = sketch->coordinates + first * sketch->most;
  dense_forward(&precisions[PRECISION_FP32], &sketch->axes_shape, sketch->identity, n, x, sketch->panels,
                sketch->starts, coordinates);
  const double unit = sqrt((double)sketch->most) * unit_of(sketch);
  for (int64_t r = 0; r < n; r++) {
    const double inside = squared_norm(sketch->most, coordinates + r * sketch->most);
    const double error = unit * ((double)rows[r].norm + sketch->mean_norm);
    const double outside = rows[r].squares * (1 + 0x1p-30) - inside + 2 * error * sqrt(inside);
    sketch->rests[first + r] = outside > 0 ? (float)(sqrt(outside) * (1 + 0x1p-20)) : 0;
  }
}

void sketch_set(sketch_t *sketch, const float *centres, const double *mean) {
  const int64_t most = sketch->most, inputs = sketch->inputs, outputs = sketch->shape.out;
#pragma omp parallel for num_threads(sketch->threads) schedule(static)
  for (int64_t k = 0; k < sketch->k; k++) {
    double inside = 0;
    shift_centre(sketch, k, centres, mean);
    for (int64_t a = 0; a < most; a++) {
      const double along = dot(inputs, sketch->axes + a * inputs, sketch->work + k * inputs);
      sketch->plain[k * most + a] = (float)along;
      inside += along * along;
    }
    const double outside = fmax(0, sketch->squares[k] - inside) + 0x1p-36 * sketch->squares[k];
    sketch->widths[k] = (float)(sqrt(outside) * (1 + 0x1p-20));
    sketch->offsets[k] = (float)(-0.5 * sketch->squares[k]);
  }
  double largest = 0;
  for (int64_t k = 0; k < sketch->k; k++) largest = fmax(largest, sketch->squares[k]);
  for (int64_t k = sketch->k; k < outputs; k++) {
    memset(sketch->plain + k * most, 0, (size_t)most * sizeof *sketch->plain);
    sketch->offsets[k] = -FLT_MAX;
  }
  dense_pack(&sketch->shape, sketch->plain, sketch->centres);
  const double units = 1.01 * (double)(most + 12) * 0x1p-24; /* of the score, its width and bounds */
  sketch->slope = (sqrt((double)most) * unit_of(sketch) + 2 * units) * sqrt(largest);
  sketch->base = units * largest + FLT_MIN * (double)(inputs + most);
}

/* ---- scores ---- */

void sketch_scores(const sketch_t *sketch, int64_t first, const int32_t *which, int64_t n, float *room,
                   float *scores) {
  const int64_t most = sketch->most;
  for (int64_t i = 0; i < n; i++)
    memcpy(room + i * most, sketch->coordinates + (first + which[i]) * most, (size_t)most * sizeof *room);
  dense_forward(&precisions[PRECISION_FP32], &sketch->shape, sketch->identity, n, room, sketch->centres,
                sketch->offsets, scores);
}

/* scores = the highest that each can be; high, low: the highest and the lowest in each group. */
static void widen(int64_t outputs, float rest, const float *widths, const float *cap, float *restrict scores,
                  float *restrict high, float *restrict low) {
  for (int l = 0; l < NEAREST_GROUPS; l++) high[l] = low[l] = -FLT_MAX;
  for (int64_t k = 0; k < outputs; k += NEAREST_GROUPS)
    for (int l = 0; l < NEAREST_GROUPS; l++) {
      const float width = rest * widths[k + l], score = scores[k + l];
      const float most = score + width < cap[l] ? score + width : cap[l], least = score - width;
      scores[k + l] = most;
      high[l] = most > high[l] ? most : high[l];
      low[l] = least > low[l] ? least : low[l];
    }
}

/* Finds the candidates: in groups whose highest score is large enough. */
static void find_candidates(const sketch_t *sketch, const float *scores, const float *high,
                            glance_t *glance) {
  const float least = glance->least;
  uint32_t open = 0;
  for (int l = 0; l < NEAREST_GROUPS; l++) open |= (uint32_t)(high[l] >= least) << l;
  for (; open != 0; open &= open - 1)
    for (int64_t k = __builtin_ctz(open); k < sketch->k; k += NEAREST_GROUPS) {
      if (!(scores[k] >= least)) continue;
      if (glance->n == 0 || scores[k] > scores[glance->best]) glance->best = (int32_t)k;
      if (glance->n < SKETCH_CANDIDATES) glance->candidates[glance->n] = (int32_t)k;
      glance->n++;
    }
}

void sketch_glance(const sketch_t *sketch, const row_t *row, float rest, const float *lower, float *scores,
                   glance_t *glance) {
  const double error =
      sketch->slope * ((double)row->norm + sketch->mean_norm) + sketch->base + 0x1p-22 * row->squares;
  const double upper = (double)row->upper;
  const int32_t own = row->cluster;
  const float own_high = scores[own] + rest * sketch->widths[own];
  float cap[NEAREST_GROUPS], high[NEAREST_GROUPS], low[NEAREST_GROUPS];
  const float squares = (float)(row->squares + 2 * error), slack = (float)error;
  for (int l = 0; l < NEAREST_GROUPS; l++) cap[l] = 0.5F * (squares - lower[l] * lower[l]);
  widen(sketch->shape.out, rest, sketch->widths, cap, scores, high, low);
  scores[own] = own_high; /* the bound of its group is that of the others */
  high[own % NEAREST_GROUPS] = fmaxf(high[own % NEAREST_GROUPS], own_high);
  float best = (float)(0.5 * (row->squares - upper * upper)) + slack;
  for (int l = 0; l < NEAREST_GROUPS; l++) best = low[l] > best ? low[l] : best;
  glance->error = error;
  glance->low = (double)best - 1.01 * error;
  glance->least = best - 2.02F * slack;
  glance->n = 0;
  if (error < NEAREST_MOST_ERROR) find_candidates(sketch, scores, high, glance);
}
