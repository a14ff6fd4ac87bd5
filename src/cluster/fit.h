/* Fits of clusters: k-means, Gaussian mixtures. A method is a row of a table, which the trainer calls in
 * place of steps of the engine: an iteration is an epoch of the run (train/fit_run.c).
 *
 * What an iteration changes are the values of the network: the arrays of all its parameters in the order of
 * the graph (graph_parameter), plain and row-major, one after the other, as model files name them. They are
 * floats, so that a checkpoint holds all that a fit is made of: the values, the number of epochs, the
 * objective of each epoch, and the seed. A resumed fit has the same bits. So a method keeps nothing else from
 * one iteration to the next, but for the sums of its last pass, which `look` can make again.
 *
 *   epoch 1 of a start    seed      values to begin with
 *                         look      a pass over the rows: sums, and the objective of these values
 *   every other epoch     improve   new values, from the sums of the last pass
 *                         look      their sums and their objective
 *
 * Mini-batches have a `pass` in place of both: values change while rows pass.
 *
 * A start ends when the objective has settled from one epoch to the next. Then the next of cluster.starts
 * begins, with other random numbers. Where a fit stands follows from the objectives of its epochs
 * (fit_place). The epoch with the lowest objective of all starts becomes the model (checkpoint.best).
 *
 * To add a method: a file with its functions; its row in the table of fit.c; its keys in `cluster` in
 * src/config/table.c. The table says which layer and which loss the network has; config/clusters.c makes the
 * settings of the network from it. Nothing in the room train has to change. Sums over rows are those of
 * sums/sums.h, random numbers those of RANDOM_CLUSTER: time = the start, shard = the kind of draw (or the
 * number of the draw), position = the number of the row among all training rows. */
#ifndef CLUSTER_FIT_H
#define CLUSTER_FIT_H

#include "base/log.h"
#include "base/text.h"
#include "comm/world.h"
#include "config/settings.h"
#include "features/gather.h"
#include "sums/interrupt.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a fit works on. Everything is borrowed for its life. */
typedef struct {
  world_t *world;
  const settings_t *settings; /* cluster, train.seed, data.file for messages */
  const gather_t *gather;     /* of the training rows */
  int threads;
  const log_t *log;
  const interrupt_t *interrupt; /* asked during passes; NULL: nothing ends a fit within an epoch */
} fit_inputs_t;

/* A method. seed, look, improve and pass return LS_STOPPED on all ranks if they were interrupted; then the
 * values are of no use, and those before must be kept elsewhere. All functions but has_settled and describe
 * are collective, and give every rank the same values and the same status. `own` is what create makes. */
typedef struct {
  const char *name, *meaning; /* of cluster.method */

  /* Refuses settings and rows that do not suit, and allocates all memory. */
  ls_status (*create)(const fit_inputs_t *inputs, void **own, ls_error *error);
  void (*destroy)(void *own);

  /* values = those that start number `start`, from 0, begins with. */
  ls_status (*seed)(void *own, int64_t start, float *values, ls_error *error);

  /* A pass over the rows: keeps their sums. *objective = the sum over all rows of weight times loss. */
  ls_status (*look)(void *own, const float *values, double *objective, ls_error *error);

  /* Replaces the values that were looked at last by better ones. `epoch`: epochs of the run so far. */
  ls_status (*improve)(void *own, int64_t epoch, float *values, ls_error *error);

  /* In place of look and improve, for a method whose values change while rows pass: an epoch. *objective: of
   * each row with the values that it met. `is_first`: of this start. NULL: look and improve. */
  ls_status (*pass)(void *own, bool is_first, int64_t epoch, float *values, double *objective,
                    ls_error *error);

  /* Whether a start ends when the mean objective per row was `before`, and is `now` an epoch later. Pure. */
  bool (*has_settled)(const settings_t *settings, double before, double now);

  /* Writes a few words about the last look ("1,234 rows moved"), or an empty text. Not collective. */
  void (*describe)(const void *own, char *text, size_t size);
} fit_method_t;

/* The method of cluster.method, and the list of all for the settings. */
const fit_method_t *fit_find(const char *name);
bool fit_choice(size_t i, choice_t *out);

/* Where a fit stands after some epochs. */
typedef struct {
  int64_t start;  /* number of the present start; cluster.starts: all have ended */
  int64_t epochs; /* of this start; 0: its next epoch is the first */
} fit_place_t;

/* objectives: the means per row of n epochs, `stride` doubles apart. Pure. */
fit_place_t fit_place(const settings_t *settings, const double *objectives, size_t n, size_t stride);

/* One fit. */
typedef struct {
  const fit_method_t *method;
  void *own;
  bool has_sums;    /* of the present values */
  bool seeds_first; /* the first start begins with values of `seed`; else with values that are given */
} cluster_fit_t;

/* *out is caller-owned (fit_destroy) and untouched on failure. Collective. */
ls_status fit_create(const fit_inputs_t *inputs, cluster_fit_t *out, ls_error *error);
void fit_destroy(cluster_fit_t *fit);

/* At the beginning of a start: values = those that it begins with. Collective. */
ls_status fit_begin(cluster_fit_t *fit, fit_place_t place, float *values, ls_error *error);

/* The next epoch of a fit that stands at `place` after `epoch` epochs. Collective. */
ls_status fit_epoch(cluster_fit_t *fit, fit_place_t place, int64_t epoch, float *values, double *objective,
                    ls_error *error);

#endif
