/* The principal directions of a training trajectory (Li et al. 2018, section 7.2), from the checkpoints of a
 * run.
 *
 * The rows of M are the differences of the weights of checkpoints from those of the final model. PCA of M
 * gives the two directions that explain most of its variance. With T checkpoints the T x T matrix of scalar
 * products has the same information as M, which is T times as large as the model. */
#ifndef LANDSCAPE_TRAJECTORY_H
#define LANDSCAPE_TRAJECTORY_H

#include "landscape/plane.h"

/* Fills the directions, of length 1, each (point_size), and the projections of all points of the trajectory
 * on them: of the initial weights, if the run has begun with initial weights, of each checkpoint, and last of
 * the point's start, which is (0, 0). Running statistics do not count. Memory comes from the arena.
 * LS_BAD_DATA if fewer than three checkpoints differ from the final model. Collective. */
ls_status trajectory_find(point_t *point, const char *run, arena_t *arena, double *direction[2],
                          trajectory_t *out, ls_error *error);

#endif
