/* The normal equations of a split: products of its columns, summed over all rows by the tree over shards. */
#ifndef TRAIN_NORMAL_H
#define TRAIN_NORMAL_H

#include "comm/world.h"
#include "features/gather.h"
#include "model/regression.h"

/* Features are those that the gather gives, targets those of the split, both as a network would see them;
 * with a bias both are taken from their means, which are found first. Rows of a split with weights count by
 * them. The same bits on any layout.
 * Collective; *out is filled on rank 0 alone, its arrays belong to the arena. Takes two matrices of (features
 * + targets)² doubles on each rank, and one more for each level of the tree within it. */
ls_status normal_equations(world_t *world, const gather_t *gather, int threads, bool has_bias, arena_t *arena,
                           normal_equations_t *out, ls_error *error);

#endif
