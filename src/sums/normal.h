/* The normal equations of a split: products of its columns, summed over all rows by the tree over shards. */
#ifndef SUMS_NORMAL_H
#define SUMS_NORMAL_H

#include "comm/world.h"
#include "features/gather.h"
#include "model/regression.h"

/* Computes the normal equations. Features come from the gather and targets from the split, both as a network
 * would see them. With a bias, the means of both are computed first and subtracted. Rows count by their
 * weights if the split has weights. Same bits on any layout. Needs two matrices of (features + targets)²
 * doubles on each rank, and one more for each level of the tree within the rank. *out is filled on rank 0
 * only; its arrays belong to the arena. Collective. */
ls_status normal_equations(world_t *world, const gather_t *gather, int threads, bool has_bias, arena_t *arena,
                           normal_equations_t *out, ls_error *error);

#endif
