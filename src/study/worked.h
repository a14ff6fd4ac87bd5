/* The worked example of a lecture: one row of the training data on its way through the network, with every
 * number. For networks of dense layers and activations these are the inputs, the weighted sums z and the
 * activations a of each layer, the loss, the deltas dL/dz and the gradients dL/dW and dL/db of each layer,
 * and the weights after one step of gradient descent on this row. For other networks: what each node
 * computes, and the loss.
 *
 * Everything is computed here in double from the weights and inputs, which are floats, and the definitions of
 * the activations (math/activation.h). Only the loss and its delta come from the functions of training. */
#ifndef STUDY_WORKED_H
#define STUDY_WORKED_H

#include "comm/world.h"
#include "config/settings.h"

#include <stdio.h>

typedef struct {
  int64_t row;  /* of the training rows, from 0, in the order of the file; validation rows do not count */
  bool is_full; /* print all numbers; otherwise those of wide layers are shortened */
} worked_options_t;

/* Settings for worked_run: the same data and network, one shard in the order of the file. Borrows from
 * `settings`. */
settings_t worked_settings(const settings_t *settings);

/* Prints the example to `out` on rank 0; it may be NULL on other ranks. The weights are those that training
 * begins with. LS_USAGE if there is no such row. Collective. */
ls_status worked_run(world_t *world, const settings_t *settings, const worked_options_t *options, FILE *out,
                     ls_error *error);

#endif
