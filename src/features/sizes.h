/* How large the numbers of columns are that nothing scales. */
#ifndef FEATURES_SIZES_H
#define FEATURES_SIZES_H

#include "comm/world.h"
#include "features/features.h"

/* The columns of the file with the smallest and the largest numbers, by their largest absolute value over the
 * training rows; columns of zeros, of categories and those that are scaled are left out. */
typedef struct {
  int64_t small, large;          /* columns; -1: there are none */
  double small_size, large_size; /* large_size is 0 if nothing was looked at */
} sizes_t;

/* Columns of bytes, and more than MOST_SIZES columns, are taken for pictures, whose values share a unit: then
 * small and large are -1, and large_size is that of all values in the first rows of each rank. Windows, and
 * pictures, that are streamed are not looked at. Collective. */
enum { MOST_SIZES = 256 };
ls_status sizes_find(world_t *world, const features_t *features, const split_t *train, sizes_t *out,
                     ls_error *error);

#endif
