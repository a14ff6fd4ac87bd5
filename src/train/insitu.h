/* A training inside another program, which does other things between two epochs: train_run in pieces.
 *
 *   insitu_create   settings, data, network, engine, run directory
 *   insitu_epoch    one epoch, or the rest of one     <--- the caller goes on with its own work between
 * these, insitu_epoch    ...                                    or ends the training for a while, or for good
 *   insitu_end      the best parameters, test rows, model.h5
 *
 * All ranks of the world call these functions, also those that have no shard and wait. All are collective and
 * return the same status on every rank. */
#ifndef TRAIN_INSITU_H
#define TRAIN_INSITU_H

#include "train/trainer.h"

typedef struct insitu insitu_t;

/* What is known after an epoch; the same on every rank. NaN where there is no such figure. */
typedef struct {
  int64_t epoch, step; /* completed */
  bool is_new;         /* an epoch has been completed since the last report; else its figures are NaN */
  bool is_over;        /* nothing is left to train: insitu_end is next */
  bool is_requested;   /* a time limit has ended the training before that */
  double train_loss, valid_loss, valid_accuracy, valid_mae, valid_rmse, valid_r2;
  double learning_rate, gradient_norm, seconds;
  char checksum[17]; /* of the parameters */
} insitu_report_t;

/* Prepares the training for its first step. options->resume goes on from the newest checkpoint. LS_BAD_DATA
 * if that run has finished and kept no checkpoint. `settings` and what `options` point to are borrowed. *out
 * is caller-owned. */
ls_status insitu_create(world_t *world, const settings_t *settings, const train_options_t *options,
                        insitu_t **out, ls_error *error);
void insitu_destroy(insitu_t **insitu);

/* Fills *out with what is known now. */
ls_status insitu_report(insitu_t *insitu, insitu_report_t *out, ls_error *error);

/* Trains to the end of the epoch, or where the training ends within it; does nothing if it has ended. After a
 * failure the state is not defined. */
ls_status insitu_epoch(insitu_t *insitu, ls_error *error);

/* Saves a checkpoint in the run directory, and waits until it is on the disk. Not with options->in_memory. */
ls_status insitu_save(insitu_t *insitu, ls_error *error);

/* Ends a training that is over: restores the best parameters, evaluates the test rows, writes the files of
 * the run. *test_loss: NaN without test rows. */
ls_status insitu_end(insitu_t *insitu, double *test_loss, ls_error *error);

/* Rank 0 writes a model file with the parameters of now. */
ls_status insitu_write(insitu_t *insitu, const char *path, ls_error *error);

/* Threads that compute, of this rank; 0: it has no shard. Not collective. */
int insitu_threads(const insitu_t *insitu);

#endif
