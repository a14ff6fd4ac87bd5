/* Gradient check: the gradient by reverse mode, as the kernels of a step compute it in float, against central
 * differences of the loss in double, block by block (a block is a parameter array: the weights or the biases
 * of a layer). */
#ifndef STUDY_GRADCHECK_H
#define STUDY_GRADCHECK_H

#include "comm/world.h"
#include "config/settings.h"

#include <stdio.h>

typedef struct {
  int64_t
      elements; /* looked at in each block, at most: half by size of the gradient, half at random; 0: all */
  double tolerance; /* of the error, as a share of the block's largest gradient */
} gradcheck_options_t;

/* Checks the gradient of the first step at the initial parameters, without penalties, and prints a line per
 * block to `out` (rank 0; may be NULL elsewhere). LS_FAILED names the worst element when one is off by more
 * than the tolerance. Collective. */
ls_status gradcheck_run(world_t *world, const settings_t *settings, const gradcheck_options_t *options,
                        FILE *out, ls_error *error);

#endif
