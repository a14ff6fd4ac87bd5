/* Gradient check: compares the gradient that the kernels of a step compute by reverse mode in float with
 * central differences of the loss in double. The comparison is per block; a block is one parameter array,
 * that is the weights or the biases of a layer. */
#ifndef STUDY_GRADCHECK_H
#define STUDY_GRADCHECK_H

#include "comm/world.h"
#include "config/settings.h"

#include <stdio.h>

typedef struct {
  int64_t elements; /* most elements to check in each block, half chosen by size of the gradient, half at
                       random; 0: all */
  double tolerance; /* largest allowed error, as a share of the block's largest gradient */
} gradcheck_options_t;

/* Checks the gradient of the first step at the initial parameters, without penalties. Rank 0 prints a line
 * per block to `out`, which may be NULL on other ranks. If an element is off by more than the tolerance, the
 * error is LS_FAILED and names the worst element. Collective. */
ls_status gradcheck_run(world_t *world, const settings_t *settings, const gradcheck_options_t *options,
                        FILE *out, ls_error *error);

#endif
