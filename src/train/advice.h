/* Warnings about a training that runs but will hardly learn: seen before its first step in the settings and
 * the targets, or after an epoch in its loss. */
#ifndef TRAIN_ADVICE_H
#define TRAIN_ADVICE_H

#include "base/log.h"
#include "comm/world.h"
#include "config/settings.h"
#include "features/gather.h"
#include "loss/objective.h"
#include "run/history.h"

/* Warns if
 * - the last layer of the network applies what the loss applies itself (softmax before cross_entropy, …);
 * - targets lie where the outputs of the last layer cannot get;
 * - targets that are not scaled differ too little for single precision;
 * - train.steps is more than train.epochs allow;
 * - train.verify_every has nothing to compare.
 * *zero_loss is the loss that a network of outputs 0 has on the first rows of each rank, by which later
 * losses are judged. Targets of the training rows are scaled. Collective. */
ls_status advise(world_t *world, const settings_t *settings, const objective_t *objective,
                 const gather_t *train, const log_t *log, double *zero_loss, ls_error *error);

/* Whether the last epoch of the history is the first, from the third on, whose training loss is more than
 * 1000 times zero_loss. A zero_loss that is not positive tells nothing. Pure. */
bool advice_diverges(const history_t *history, double zero_loss);

/* The warning that goes with it. */
void advise_of_divergence(const history_t *history, double zero_loss, const log_t *log);

#endif
