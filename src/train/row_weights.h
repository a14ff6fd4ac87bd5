/* How much each row counts in the loss: the weight that the data gives it, times the weight of its class,
 * divided by the mean of that product over its split. So weights have mean 1, and a loss that is divided by
 * the number of rows is sum(w L) / sum(w) over the split. They act on losses and gradients; metrics count
 * every row once. */
#ifndef TRAIN_ROW_WEIGHTS_H
#define TRAIN_ROW_WEIGHTS_H

#include "comm/world.h"
#include "config/settings.h"
#include "data/dataset.h"
#include "model/objective.h"

/* Weights of classes as loss.class_weights has them; values is NULL when there are none. Malloc'd,
 * caller-owned. */
typedef struct {
  double *values;
  int64_t n;
} class_weights_t;

/* Whether loss.class_weights suits the loss and the network, which has one head then: LS_BAD_SETTINGS. */
ls_status class_weights_check(const settings_t *settings, const objective_t *objective, ls_error *error);

/* By the settings, which have been checked, and for `balanced` by the classes of all training rows.
 * Collective. */
ls_status class_weights_find(world_t *world, const settings_t *settings, const objective_t *objective,
                             const split_t *train, class_weights_t *out, ls_error *error);

/* The sum of term(w) over the weights w of all rows of a split that has some: rows of a shard in order,
 * shards by the tree. Collective. */
ls_status row_weights_sum(world_t *world, const split_t *split, double (*term)(double weight), double *total,
                          ls_error *error);

/* Makes split->weights final; it stays NULL when neither rows nor classes have weights. LS_BAD_DATA when all
 * are 0. Memory is the dataset's. Collective. */
ls_status row_weights_apply(world_t *world, const class_weights_t *classes, const objective_t *objective,
                            dataset_t *dataset, split_t *split, ls_error *error);

#endif
