/* Hidden units that may change places. A network computes the same function when hidden units swap places,
 * if all that belongs to a unit moves along: its row of the weights, its bias, its scale, shift and
 * statistics, and its column of the weights that read it (Hecht-Nielsen 1990).
 *
 * Units whose order is free form a group. A dense layer begins a group; activations, norms and dropout keep
 * it. A residual block adds its input and its output unit by unit, so their layers share one group. Inputs
 * and outputs of the network keep their places: their units are in no group. */
#ifndef LANDSCAPE_SYMMETRY_H
#define LANDSCAPE_SYMMETRY_H

#include "base/arena.h"
#include "config/settings.h"
#include "model/graph.h"

enum { NO_GROUP = -1 };

/* `units` values side by side: all units of a group in their order, or values that keep their places. */
typedef struct {
  int group; /* or NO_GROUP */
  size_t units;
} unit_span_t;

/* What the rows or the columns of an array belong to; all spans together are as long as it has rows or
 * columns. */
typedef struct {
  unit_span_t *spans;
  size_t n;
} unit_spans_t;

typedef struct {
  size_t n_groups;
  size_t *units;                /* (n_groups): of each group */
  char (*names)[64];            /* (n_groups): the first layer of each: "dense1" */
  unit_spans_t *rows, *columns; /* (graph_parameter_count): of each array; columns.n == 0 for arrays of one
                              dimension */
  arena_t arena;                /* owns all of these */
} symmetry_t;

/* Finds the groups of a network that was built from these layers. LS_BAD_SETTINGS if it has none. *out is
 * caller-owned (symmetry_free), untouched on failure. Pure. */
ls_status symmetry_find(const layer_settings_t *layers, size_t n_layers, const graph_t *graph,
                        symmetry_t *out, ls_error *error);
void symmetry_free(symmetry_t *symmetry);

/* Where the units of `from` go: place i of group g takes the unit orders[g][i]. Arrays are plain. Writes
 * array `array` in the new order to `to`. */
void symmetry_apply(const symmetry_t *symmetry, const graph_t *graph, size_t array, size_t *const *orders,
                    const float *from, float *to);

#endif
