/* Walks through the layers in the order in which the graph was built, so that the names of arrays follow. A
 * value is a list of spans. Groups that turn out to be one are united: each knows an earlier one that it is
 * united with, as in a disjoint-set forest. Group 0 holds all values that keep their places. */
#include "landscape/symmetry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIXED, LAYER_KINDS = LAYER_BRANCH + 1 };

typedef struct {
  const graph_t *graph;
  symmetry_t *symmetry;
  size_t n_groups;
  int *united;   /* (n_groups): an earlier group that this one is united with; a group that is none: itself */
  size_t *units; /* (n_groups) */
  size_t *array; /* (n_groups): the array that began it */
  size_t numbers[LAYER_KINDS]; /* layers of each kind so far */
  unit_spans_t value;          /* the output of the last layer */
  ls_error *error;
} grouping_t;

static ls_status no_memory(ls_error *error) {
  return error_set(error, LS_NO_MEMORY, "no memory for the groups of hidden units");
}

/* ---- groups ---- */

static int find_first(const grouping_t *walk, int group) {
  while (walk->united[group] != group) group = walk->united[group];
  return group;
}

static void unite(grouping_t *walk, int a, int b) {
  a = find_first(walk, a);
  b = find_first(walk, b);
  if (a < b)
    walk->united[b] = a;
  else
    walk->united[a] = b;
}

static void fix(grouping_t *walk, unit_spans_t value) {
  for (size_t i = 0; i < value.n; i++) unite(walk, value.spans[i].group, FIXED);
}

/* Two values are added. Where they are not made of spans of the same lengths, none of their units moves. */
static void tie(grouping_t *walk, unit_spans_t a, unit_spans_t b) {
  bool are_alike = a.n == b.n;
  for (size_t i = 0; i < a.n && are_alike; i++) are_alike = a.spans[i].units == b.spans[i].units;
  if (!are_alike) {
    fix(walk, a);
    fix(walk, b);
  }
  for (size_t i = 0; i < a.n && are_alike; i++) unite(walk, a.spans[i].group, b.spans[i].group);
}

static ls_status new_spans(grouping_t *walk, size_t n, unit_spans_t *out) {
  *out = (unit_spans_t){.spans = arena_new(&walk->symmetry->arena, n, sizeof *out->spans), .n = n};
  return out->spans != NULL ? LS_OK : no_memory(walk->error);
}

static ls_status one_span(grouping_t *walk, int group, size_t units, unit_spans_t *out) {
  TRY(new_spans(walk, 1, out));
  out->spans[0] = (unit_span_t){.group = group, .units = units};
  return LS_OK;
}

static ls_status join(grouping_t *walk, unit_spans_t a, unit_spans_t b, unit_spans_t *out) {
  unit_spans_t both;
  TRY(new_spans(walk, a.n + b.n, &both));
  if (a.n > 0) memcpy(both.spans, a.spans, a.n * sizeof *a.spans);
  if (b.n > 0) memcpy(both.spans + a.n, b.spans, b.n * sizeof *b.spans);
  *out = both;
  return LS_OK;
}

/* The units of an array that begins a group. */
static ls_status begin_group(grouping_t *walk, size_t array, unit_spans_t *out) {
  const int group = (int)walk->n_groups++;
  walk->united[group] = group;
  walk->units[group] = (size_t)graph_parameter(walk->graph, array)->shape[0];
  walk->array[group] = array;
  return one_span(walk, group, walk->units[group], out);
}

/* ---- layers ---- */

/* The number of the array KINDnumber/NAME; the number of arrays if there is none. */
static size_t find_array(const grouping_t *walk, const char *kind, size_t number, const char *name) {
  char wanted[sizeof graph_parameter(walk->graph, 0)->name];
  size_t i = 0;
  snprintf(wanted, sizeof wanted, "%s%zu/%s", kind, number, name);
  while (i < graph_parameter_count(walk->graph) && strcmp(graph_parameter(walk->graph, i)->name, wanted) != 0)
    i++;
  return i;
}

static ls_status walk_dense(grouping_t *walk, const layer_settings_t *layer) {
  const size_t number = ++walk->numbers[LAYER_DENSE];
  const size_t weight = find_array(walk, "dense", number, "weight"),
               bias = find_array(walk, "dense", number, "bias"), n = graph_parameter_count(walk->graph);
  (void)layer;
  if (weight == n)
    return error_set(walk->error, LS_FAILED, "the network has no array dense%zu/weight", number);
  walk->symmetry->columns[weight] = walk->value;
  TRY(begin_group(walk, weight, &walk->value));
  walk->symmetry->rows[weight] = walk->value;
  if (bias < n) walk->symmetry->rows[bias] = walk->value;
  return LS_OK;
}

/* The units that come to a tied layer are those of the rows of the weights, its outputs those of the columns.
 */
static ls_status walk_tied(grouping_t *walk, const layer_settings_t *layer) {
  const size_t number = ++walk->numbers[LAYER_TIED], n = graph_parameter_count(walk->graph);
  const size_t weight = find_array(walk, "dense", (size_t)atol(layer->to + strlen("dense")), "weight"),
               bias = find_array(walk, "tied", number, "bias");
  if (weight == n) return error_set(walk->error, LS_FAILED, "the network has no array %s/weight", layer->to);
  tie(walk, walk->value, walk->symmetry->rows[weight]);
  walk->value = walk->symmetry->columns[weight];
  if (bias < n) walk->symmetry->rows[bias] = walk->value;
  return LS_OK;
}

static ls_status walk_norm(grouping_t *walk, const layer_settings_t *layer) {
  static const char *const names[] = {"scale", "shift", "mean", "variance"};
  const char *kind = layer->kind == LAYER_LAYER_NORM ? "layer_norm" : "batch_norm";
  const size_t number = ++walk->numbers[layer->kind];
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    const size_t array = find_array(walk, kind, number, names[i]);
    if (array < graph_parameter_count(walk->graph)) walk->symmetry->rows[array] = walk->value;
  }
  return LS_OK;
}

/* Units keep their places, and have no parameters. */
static ls_status walk_plain(grouping_t *walk, const layer_settings_t *layer) {
  (void)walk;
  (void)layer;
  return LS_OK;
}

static ls_status walk_layers(grouping_t *walk, const layer_settings_t *layers, size_t n);

static ls_status walk_residual(grouping_t *walk, const layer_settings_t *layer) {
  const unit_spans_t input = walk->value;
  TRY(walk_layers(walk, layer->layers, layer->n_layers));
  tie(walk, input, walk->value);
  return LS_OK;
}

static ls_status walk_branches(grouping_t *walk, const layer_settings_t *layer) {
  const unit_spans_t input = walk->value;
  unit_spans_t joined = {0};
  for (size_t i = 0; i < layer->n_layers; i++) {
    walk->value = input;
    TRY(walk_layers(walk, layer->layers[i].layers, layer->layers[i].n_layers));
    TRY(join(walk, joined, walk->value, &joined));
  }
  walk->value = joined;
  return LS_OK;
}

/* Means and variances belong together, and their halves do not move. */
static ls_status walk_sample(grouping_t *walk, const layer_settings_t *layer) {
  size_t units = 0;
  (void)layer;
  fix(walk, walk->value);
  for (size_t i = 0; i < walk->value.n; i++) units += walk->value.spans[i].units;
  return one_span(walk, FIXED, units / 2, &walk->value);
}

/* Notes the units of a layer's arrays, and sets walk->value to its output. */
typedef ls_status (*walk_layer_t)(grouping_t *walk, const layer_settings_t *layer);

static const walk_layer_t walk_table[LAYER_KINDS] = {
    [LAYER_DENSE] = walk_dense,       [LAYER_ACTIVATION] = walk_plain,  [LAYER_SOFTMAX] = walk_plain,
    [LAYER_LAYER_NORM] = walk_norm,   [LAYER_BATCH_NORM] = walk_norm,   [LAYER_DROPOUT] = walk_plain,
    [LAYER_RESIDUAL] = walk_residual, [LAYER_BRANCHES] = walk_branches, [LAYER_NOISE] = walk_plain,
    [LAYER_SAMPLE] = walk_sample,     [LAYER_PENALTY] = walk_plain,     [LAYER_TIED] = walk_tied};

static ls_status walk_layers(grouping_t *walk, const layer_settings_t *layers, size_t n) {
  for (size_t i = 0; i < n; i++) {
    if ((size_t)layers[i].kind >= LAYER_KINDS || walk_table[layers[i].kind] == NULL)
      return error_set(walk->error, LS_FAILED, "a layer of a kind whose units are not known");
    TRY(walk_table[layers[i].kind](walk, &layers[i]));
  }
  return LS_OK;
}

/* The value that the layers see: numbers, then the vectors of each table (graph_create_with_tables). */
static ls_status walk_inputs(grouping_t *walk) {
  const graph_t *graph = walk->graph;
  size_t tables = 0, numbers = 0;
  for (size_t i = 0; i < graph_parameter_count(graph); i++) tables += graph_parameter(graph, i)->is_table;
  numbers = (size_t)graph_inputs(graph) - tables;
  if (numbers > 0) TRY(one_span(walk, FIXED, numbers, &walk->value));
  for (size_t i = 0; i < graph_parameter_count(graph); i++) {
    if (!graph_parameter(graph, i)->is_table) continue;
    unit_spans_t *rows = &walk->symmetry->rows[i];
    TRY(one_span(walk, FIXED, (size_t)graph_parameter(graph, i)->shape[1], &walk->symmetry->columns[i]));
    TRY(begin_group(walk, i, rows));
    TRY(join(walk, walk->value, *rows, &walk->value));
  }
  return LS_OK;
}

/* ---- the result ---- */

/* Replaces groups by those they are united with, numbered from 0. */
static ls_status translate(grouping_t *walk, const int *numbers, unit_spans_t *spans) {
  unit_spans_t out;
  TRY(new_spans(walk, spans->n, &out));
  for (size_t i = 0; i < spans->n; i++)
    out.spans[i] = (unit_span_t){.group = numbers[find_first(walk, spans->spans[i].group)],
                                 .units = spans->spans[i].units};
  *spans = out;
  return LS_OK;
}

/* Numbers the groups of two units or more. */
static void number_groups(grouping_t *walk, int *numbers) {
  symmetry_t *symmetry = walk->symmetry;
  for (size_t g = 0; g < walk->n_groups; g++) {
    numbers[g] = NO_GROUP;
    if (g == FIXED || walk->united[g] != (int)g || walk->units[g] < 2) continue;
    const char *name = graph_parameter(walk->graph, walk->array[g])->name;
    numbers[g] = (int)symmetry->n_groups;
    symmetry->units[symmetry->n_groups] = walk->units[g];
    snprintf(symmetry->names[symmetry->n_groups++], sizeof symmetry->names[0], "%.*s",
             (int)strcspn(name, "/"), name);
  }
}

static ls_status finish(grouping_t *walk, int *numbers) {
  symmetry_t *symmetry = walk->symmetry;
  fix(walk, walk->value);
  number_groups(walk, numbers);
  if (symmetry->n_groups == 0)
    return error_set(walk->error, LS_BAD_SETTINGS,
                     "the network has no hidden units that may change places, so none can be aligned");
  for (size_t i = 0; i < graph_parameter_count(walk->graph); i++) {
    const parameter_t *parameter = graph_parameter(walk->graph, i);
    if (symmetry->rows[i].n == 0 || (parameter->dims == 2) != (symmetry->columns[i].n > 0))
      return error_set(walk->error, LS_FAILED, "which units the array %s belongs to is not known",
                       parameter->name);
    TRY(translate(walk, numbers, &symmetry->rows[i]));
    TRY(translate(walk, numbers, &symmetry->columns[i]));
  }
  return LS_OK;
}

static ls_status find_groups(grouping_t *walk, const layer_settings_t *layers, size_t n_layers) {
  symmetry_t *symmetry = walk->symmetry;
  const size_t arrays = graph_parameter_count(walk->graph), most = arrays + 1;
  int *numbers = arena_new(&symmetry->arena, most, sizeof *numbers);
  walk->united = arena_new(&symmetry->arena, most, sizeof *walk->united);
  walk->units = arena_new(&symmetry->arena, most, sizeof *walk->units);
  walk->array = arena_new(&symmetry->arena, most, sizeof *walk->array);
  symmetry->units = arena_new(&symmetry->arena, most, sizeof *symmetry->units);
  symmetry->names = arena_new(&symmetry->arena, most, sizeof *symmetry->names);
  symmetry->rows = arena_new(&symmetry->arena, arrays, sizeof *symmetry->rows);
  symmetry->columns = arena_new(&symmetry->arena, arrays, sizeof *symmetry->columns);
  if (numbers == NULL || walk->united == NULL || walk->units == NULL || walk->array == NULL ||
      symmetry->units == NULL || symmetry->names == NULL || symmetry->rows == NULL ||
      symmetry->columns == NULL)
    return no_memory(walk->error);
  walk->n_groups = 1; /* FIXED, which is united with none */
  TRY(walk_inputs(walk));
  TRY(walk_layers(walk, layers, n_layers));
  return finish(walk, numbers);
}

ls_status symmetry_find(const layer_settings_t *layers, size_t n_layers, const graph_t *graph,
                        symmetry_t *out, ls_error *error) {
  symmetry_t symmetry = {0};
  grouping_t walk = {.graph = graph, .symmetry = &symmetry, .error = error};
  ls_status status = find_groups(&walk, layers, n_layers);
  if (status == LS_OK)
    *out = symmetry;
  else
    arena_free(&symmetry.arena);
  return status;
}

void symmetry_free(symmetry_t *symmetry) {
  arena_free(&symmetry->arena);
  *symmetry = (symmetry_t){0};
}

/* ---- moving units ---- */

/* The place from which place i of a span comes, counted from the span's first place. */
static size_t source(const unit_span_t *span, size_t *const *orders, size_t i) {
  return span->group == NO_GROUP ? i : orders[span->group][i];
}

/* Moves the values of one row. */
static void move_columns(const unit_spans_t *columns, size_t *const *orders, const float *from, float *to) {
  size_t first = 0;
  for (size_t s = 0; s < columns->n; first += columns->spans[s++].units)
    for (size_t i = 0; i < columns->spans[s].units; i++)
      to[first + i] = from[first + source(&columns->spans[s], orders, i)];
}

void symmetry_apply(const symmetry_t *symmetry, const graph_t *graph, size_t array, size_t *const *orders,
                    const float *from, float *to) {
  const parameter_t *parameter = graph_parameter(graph, array);
  const unit_spans_t *rows = &symmetry->rows[array];
  const size_t width = parameter->dims == 2 ? (size_t)parameter->shape[1] : 1;
  size_t first = 0;
  for (size_t s = 0; s < rows->n; first += rows->spans[s++].units)
    for (size_t i = 0; i < rows->spans[s].units; i++) {
      const float *row = from + (first + source(&rows->spans[s], orders, i)) * width;
      float *out = to + (first + i) * width;
      if (parameter->dims == 2)
        move_columns(&symmetry->columns[array], orders, row, out);
      else
        *out = *row;
    }
}
