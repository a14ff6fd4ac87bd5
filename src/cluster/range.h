/* Whether floats can hold the squares of distances between rows. Where squares overflow, every distance is
 * infinite; where they vanish, every distance is 0; in both cases all rows would silently be of cluster 0. */
#ifndef CLUSTER_RANGE_H
#define CLUSTER_RANGE_H

#include "base/error.h"

#include <stdint.h>

/* most (inputs): the largest |x| of each input over all training rows, as the network sees them. LS_BAD_DATA
 * if such rows are too large or, without being 0, too small; `file` is for the message. Pure. */
ls_status range_check(const float *most, int64_t inputs, const char *file, ls_error *error);

#endif
