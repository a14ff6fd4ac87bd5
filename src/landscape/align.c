#include "landscape/align.h"

#include "base/activity.h"
#include "landscape/assignment.h"

#include <math.h>
#include <string.h>

/* A round that gains less than this share of what could be gained at most is rounding. */
static const double least_gain = 1e-12;

typedef struct {
  const graph_t *graph;
  const symmetry_t *symmetry;
  size_t *place; /* (arrays): where each begins */
  const float *first, *second;
  float *aligned;              /* second, its units in their present places */
  float *own, *other;          /* room for the largest array */
  size_t **orders;             /* as in alignment_t */
  size_t *partner, *candidate; /* (units) of the largest group */
  double *gain;                /* (units, units) of the largest group */
  arena_t arena;
} aligning_t;

/* ---- sums of products ---- */

static double product(const float *x, const float *y, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += (double)x[i] * (double)y[i];
  return sum;
}

static double distance(const float *x, const float *y, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += pow((double)x[i] - (double)y[i], 2);
  return sqrt(sum);
}

static size_t array_values(const aligning_t *a, size_t array) {
  return parameter_values(graph_parameter(a->graph, array));
}

/* What is maximised: the sum of products over all trained arrays. Statistics follow their units, and do not
 * count. */
static double total(const aligning_t *a, size_t *const *orders) {
  double sum = 0;
  for (size_t i = 0; i < graph_parameter_count(a->graph); i++) {
    if (graph_parameter(a->graph, i)->is_statistic) continue;
    symmetry_apply(a->symmetry, a->graph, i, orders, a->second + a->place[i], a->other);
    sum += product(a->first + a->place[i], a->other, array_values(a, i));
  }
  return sum;
}

/* ---- the gain of a group ---- */

/* gain[i][j] += sum over k < depth of own[k][i] other[k][j]: what unit j is worth in place i. */
static void add_products(double *gain, size_t units, size_t depth, const float *own, const float *other) {
  for (size_t i = 0; i < units; i++) {
    double *restrict row = gain + i * units;
    for (size_t k = 0; k < depth; k++) {
      const double x = (double)own[k * units + i];
      const float *restrict y = other + k * units;
      for (size_t j = 0; j < units; j++) row[j] += x * (double)y[j];
    }
  }
}

/* Copies `units` rows of a matrix of `width` columns, from row `first` on, as columns: (width, units). */
static void take_rows(const float *from, size_t width, size_t first, size_t units, float *to) {
  for (size_t i = 0; i < units; i++)
    for (size_t k = 0; k < width; k++) to[k * units + i] = from[(first + i) * width + k];
}

/* Copies `units` columns of a matrix (height, width), from column `first` on: (height, units). */
static void take_columns(const float *from, size_t height, size_t width, size_t first, size_t units,
                         float *to) {
  for (size_t k = 0; k < height; k++) memcpy(to + k * units, from + k * width + first, units * sizeof *to);
}

/* Adds what the spans of a group in one array are worth. */
static void add_array(aligning_t *a, size_t array, int group) {
  const parameter_t *parameter = graph_parameter(a->graph, array);
  const unit_spans_t *rows = &a->symmetry->rows[array], *columns = &a->symmetry->columns[array];
  const float *first = a->first + a->place[array], *aligned = a->aligned + a->place[array];
  const size_t height = (size_t)parameter->shape[0];
  const size_t width = parameter->dims == 2 ? (size_t)parameter->shape[1] : 1;
  size_t at = 0;
  for (size_t s = 0; s < rows->n; at += rows->spans[s++].units) {
    const size_t units = rows->spans[s].units;
    if (rows->spans[s].group != group) continue;
    take_rows(first, width, at, units, a->own);
    take_rows(aligned, width, at, units, a->other);
    add_products(a->gain, units, width, a->own, a->other);
  }
  at = 0;
  for (size_t s = 0; s < columns->n; at += columns->spans[s++].units) {
    const size_t units = columns->spans[s].units;
    if (columns->spans[s].group != group) continue;
    take_columns(first, height, width, at, units, a->own);
    take_columns(aligned, height, width, at, units, a->other);
    add_products(a->gain, units, height, a->own, a->other);
  }
}

/* gain[i][j]: what the unit that is in place j now is worth in place i, while the other groups stay. */
static void find_gain(aligning_t *a, int group) {
  const size_t units = a->symmetry->units[group];
  memset(a->gain, 0, units * units * sizeof *a->gain);
  for (size_t i = 0; i < graph_parameter_count(a->graph); i++)
    if (!graph_parameter(a->graph, i)->is_statistic) add_array(a, i, group);
}

/* ---- rounds ---- */

static void move_all(aligning_t *a) {
  for (size_t i = 0; i < graph_parameter_count(a->graph); i++)
    symmetry_apply(a->symmetry, a->graph, i, a->orders, a->second + a->place[i], a->aligned + a->place[i]);
}

/* Gives the units of a group their best places, if that raises *sum by more than `least`. Where a group has
 * both sides of an array, the gain holds only for the others in place, so the new sum decides. */
static ls_status take_turn(aligning_t *a, size_t group, double least, double *sum, bool *gained,
                           ls_error *error) {
  const size_t units = a->symmetry->units[group];
  size_t *order = a->orders[group];
  activity_beat();
  find_gain(a, (int)group);
  activity_beat();
  TRY(assignment_best(units, a->gain, a->partner, error));
  for (size_t i = 0; i < units; i++) a->candidate[i] = order[a->partner[i]];
  a->orders[group] = a->candidate;
  const double after = total(a, a->orders);
  a->orders[group] = order;
  if (!(after > *sum + least)) return LS_OK;
  memcpy(order, a->candidate, units * sizeof *order);
  move_all(a);
  *sum = after;
  *gained = true;
  return LS_OK;
}

static ls_status run_rounds(aligning_t *a, int *rounds, ls_error *error) {
  double most = 0, sum = total(a, a->orders);
  for (size_t i = 0; i < graph_parameter_count(a->graph); i++) {
    const float *first = a->first + a->place[i], *second = a->second + a->place[i];
    const size_t n = array_values(a, i);
    most += sqrt(product(first, first, n) * product(second, second, n));
  }
  bool gained = true;
  for (*rounds = 0; gained; ++*rounds) {
    gained = false;
    for (size_t g = 0; g < a->symmetry->n_groups; g++)
      TRY(take_turn(a, g, least_gain * most, &sum, &gained, error));
  }
  return LS_OK;
}

/* ---- the whole ---- */

static ls_status prepare(aligning_t *a, alignment_t *out, ls_error *error) {
  const symmetry_t *symmetry = a->symmetry;
  const size_t arrays = graph_parameter_count(a->graph), values = graph_plain_floats(a->graph);
  size_t largest = 0, units = 0;
  bool has_orders = true;
  a->place = arena_new(&a->arena, arrays + 1, sizeof *a->place);
  a->aligned = arena_new(&a->arena, values, sizeof *a->aligned);
  out->orders = arena_new(&out->arena, symmetry->n_groups, sizeof *out->orders);
  for (size_t g = 0; g < symmetry->n_groups && out->orders != NULL; g++) {
    out->orders[g] = arena_new(&out->arena, symmetry->units[g], sizeof *out->orders[g]);
    has_orders = has_orders && out->orders[g] != NULL;
    units = symmetry->units[g] > units ? symmetry->units[g] : units;
  }
  for (size_t i = 0; i < arrays; i++) largest = array_values(a, i) > largest ? array_values(a, i) : largest;
  a->own = arena_new(&a->arena, largest, sizeof *a->own);
  a->other = arena_new(&a->arena, largest, sizeof *a->other);
  a->partner = arena_new(&a->arena, units, sizeof *a->partner);
  a->candidate = arena_new(&a->arena, units, sizeof *a->candidate);
  a->gain = arena_new(&a->arena, units, units * sizeof *a->gain);
  if (a->place == NULL || a->aligned == NULL || out->orders == NULL || !has_orders || a->own == NULL ||
      a->other == NULL || a->partner == NULL || a->candidate == NULL || a->gain == NULL)
    return error_set(error, LS_NO_MEMORY, "no memory to align layers of %zu units", units);
  for (size_t i = 0; i < arrays; i++) a->place[i + 1] = a->place[i] + array_values(a, i);
  for (size_t g = 0; g < symmetry->n_groups; g++)
    for (size_t i = 0; i < symmetry->units[g]; i++) out->orders[g][i] = i;
  a->orders = out->orders;
  memcpy(a->aligned, a->second, values * sizeof *a->aligned);
  return LS_OK;
}

static void count_moved(const symmetry_t *symmetry, alignment_t *out) {
  for (size_t g = 0; g < symmetry->n_groups; g++)
    for (size_t i = 0; i < symmetry->units[g]; i++) {
      out->units++;
      out->moved += out->orders[g][i] != i;
    }
}

ls_status alignment_find(const graph_t *graph, const symmetry_t *symmetry, const float *first,
                         const float *second, float *aligned, alignment_t *out, ls_error *error) {
  aligning_t a = {.graph = graph, .symmetry = symmetry, .first = first, .second = second};
  alignment_t found = {0};
  ls_status status = prepare(&a, &found, error);
  if (status == LS_OK) status = run_rounds(&a, &found.rounds, error);
  if (status == LS_OK) {
    const size_t trained = (size_t)graph_parameters(graph); /* statistics are last */
    found.before = distance(first, second, trained);
    found.after = distance(first, a.aligned, trained);
    count_moved(symmetry, &found);
    memcpy(aligned, a.aligned, graph_plain_floats(graph) * sizeof *aligned);
    *out = found;
  } else {
    alignment_free(&found);
  }
  arena_free(&a.arena);
  return status;
}

void alignment_free(alignment_t *alignment) {
  arena_free(&alignment->arena);
  *alignment = (alignment_t){0};
}
