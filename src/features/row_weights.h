/* How much a row counts in the loss of each head: the weight r that the data gives it, times a factor of the
 * head for the row's class. With c_h the weights of the classes of head h (all 1 where it has none), and N
 * the rows of a split,
 *
 *   w_h   = r f_h[class of the row in h]
 *   f_h[c] = c_h[c] N / sum over all rows of r c_h[class].
 *
 * So the weights of every head have mean 1 over the split, and a loss that is divided by the number of rows
 * is sum(r c L) / sum(r c); no head's weights touch another's. They act on losses and gradients, and on
 * what is fitted without a loss (row_weights_count); metrics of predictions count every row once. */
#ifndef FEATURES_ROW_WEIGHTS_H
#define FEATURES_ROW_WEIGHTS_H

#include "comm/world.h"
#include "config/settings.h"
#include "data/dataset.h"
#include "loss/objective.h"

/* Whether they suit the losses and the network: LS_BAD_SETTINGS. */
ls_status class_weights_check(const settings_t *settings, const objective_t *objective, ls_error *error);

/* Finds the weights of classes: by the settings, which have been checked, and for `balanced` by the classes
 * of the training rows; and makes the factors of that split. Collective. */
ls_status row_weights_fit(world_t *world, const settings_t *settings, const objective_t *objective,
                          dataset_t *dataset, class_weights_t *out, ls_error *error);

/* Makes split->factors by known weights of classes; they stay NULL when neither rows nor classes have
 * weights. LS_BAD_DATA when all are 0. Memory is the dataset's. Collective. */
ls_status row_weights_apply(world_t *world, const class_weights_t *classes, const objective_t *objective,
                            dataset_t *dataset, split_t *split, ls_error *error);

/* sums (n) = what `add` adds for the weights, of mean 1, of all rows of a split that has some; for a network
 * of one head whose rows have no classes. Rows of a shard in order, shards by the tree. Collective. */
ls_status row_weights_sum(world_t *world, const split_t *split, size_t n,
                          void (*add)(double weight, double *sums), double *sums, ls_error *error);

/* How many rows the weights of a split stand for. If all are whole numbers, a row with weight w is as good as
 * w equal rows. Others only say how much rows count beside each other: they are scaled to a mean of 1 over
 * the rows that have one. Weights of classes have no part in it. */
typedef struct {
  double rows;    /* whole weights: their sum; otherwise the rows with a weight above 0 */
  double scale;   /* what makes the sum of the weights as large as `rows`; 1 for whole weights */
  bool are_whole; /* also without weights */
} row_count_t;

/* Without weights, the rows themselves. Collective. */
ls_status row_weights_count(world_t *world, const split_t *split, row_count_t *out, ls_error *error);

#endif
