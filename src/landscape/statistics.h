/* Running statistics of batch_norm at a point that no training has visited. The statistics of a point between
 * two networks are not those between the networks' own, so they are found anew by passes over the training
 * rows (Garipov et al. 2018, section 3.3). They become those that a training would have that stays at the
 * point. */
#ifndef LANDSCAPE_STATISTICS_H
#define LANDSCAPE_STATISTICS_H

#include "landscape/point.h"

/* Whether the network has running statistics. */
bool statistics_exist(const point_t *point);

/* Finds the statistics for the weights of `parameters` (point_size, the same on every rank), and moves the
 * point there. Runs steps with a learning rate of 0, as many whole epochs as needed for the statistics before
 * to count less than a thousandth. The point was opened with wants_gradient, and its optimiser is sgd.
 * Collective. */
ls_status statistics_renew(point_t *point, float *parameters, ls_error *error);

#endif
