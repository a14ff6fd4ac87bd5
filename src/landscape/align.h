/* Alignment of two networks: the order of the hidden units of one in which its weights are nearest to those
 * of the other. Between aligned networks the straight line often has no barrier (Entezari et al. 2022).
 *
 * The method is weight matching (Ainsworth, Hayase and Srinivasa 2023, section 3.2 and algorithm 1). It
 * maximises the sum of products of both networks' parameters, which minimises their distance. For one group
 * of units, while the others stay as they are, this is an assignment problem, which is solved exactly. Groups
 * take turns until none gains any more. */
#ifndef LANDSCAPE_ALIGN_H
#define LANDSCAPE_ALIGN_H

#include "landscape/symmetry.h"

/* What alignment found. */
typedef struct {
  size_t **orders; /* (n_groups, units): place i of group g has unit orders[g][i] of the second network */
  double before, after; /* Euclidean distance of both networks' trained parameters */
  int64_t moved;        /* units that have another place than before */
  int64_t units;        /* units of all groups */
  int rounds;           /* how often each group had its turn */
  arena_t arena;        /* owns orders */
} alignment_t;

/* Aligns `second` with `first`. Both are finite and hold all arrays in the order of the graph, row-major
 * (graph_plain_floats). Writes the second network with its units in their new order to `aligned`, which
 * computes the same function. *out is caller-owned (alignment_free); both outputs are untouched on failure.
 * Not collective; the result depends on the arguments alone. */
ls_status alignment_find(const graph_t *graph, const symmetry_t *symmetry, const float *first,
                         const float *second, float *aligned, alignment_t *out, ls_error *error);
void alignment_free(alignment_t *alignment);

#endif
