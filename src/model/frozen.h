/* Layers that are not trained (model.freeze): the parts of the parameter vector that no update may touch. */
#ifndef MODEL_FROZEN_H
#define MODEL_FROZEN_H

#include "base/arena.h"
#include "model/graph.h"

/* The arrays of frozen layers, in ascending order. Running statistics are not among them. Constant. */
typedef struct {
  extent_t *ranges;
  size_t n;
} frozen_t;

/* LS_BAD_SETTINGS, beginning with the key, for a name that no layer with parameters has, and when all of them
 * are frozen. Memory comes from the arena. LS_NO_MEMORY. */
ls_status frozen_create(const graph_t *graph, const text_list_t *layers, arena_t *arena, frozen_t *out,
                        ls_error *error);

/* Finds the next floats in [first, end) that are not frozen. False if there are none. */
bool frozen_gap(const frozen_t *frozen, size_t first, size_t end, extent_t *out);

/* Sets what is frozen of floats [first, first + n) to `from`, or to 0 if that is NULL. `to` and `from` point
 * to float `first`. Returns whether any of them is frozen. */
bool frozen_set(const frozen_t *frozen, size_t first, size_t n, const float *from, float *to);

/* Whether an array belongs to a layer: its name is LAYER/NAME. */
bool parameter_is_of(const parameter_t *parameter, const char *layer);

#endif
