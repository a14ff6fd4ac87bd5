/* Checkpoints: a checkpoint is a model file (score/model_file.h) with the position of training, the
 * optimiser's state and the history added. Rank 0 alone reads and writes them; nothing here is collective. */
#ifndef RUN_CHECKPOINT_H
#define RUN_CHECKPOINT_H

#include "optim/optimizer.h"
#include "run/checkpoint_part.h"
#include "score/model_file.h"
#include "run/history.h"
#include "run/loss_window.h"
#include "step/engine.h"

/* Where training stands, beside the parameters. */
typedef struct {
  int64_t step;          /* updates done */
  int64_t epoch;         /* epochs completed */
  int64_t step_in_epoch; /* updates done in the current epoch */
  int shards;
  double best_loss;  /* by best_figure (stop_rules.h); infinity when there is none */
  int64_t best_step; /* checkpoint that holds the best; -1 */
  double seconds;    /* of training steps so far */
  int64_t rows;      /* trained so far */
  loss_window_t window;
  skips_t skips; /* steps that were not applied */
} position_t;

/* What a checkpoint holds beside a model; all borrowed. */
typedef struct {
  const position_t *position;
  const optimizer_t *optimizer;
  const float *const *states; /* whole vectors, optimizer->states of them; NULL if parts hold the states */
  const part_list_t *list;    /* the parts, or NULL */
  const double *epoch_loss;   /* (shards, heads): loss sums of the current epoch */
  const history_t *history;
} checkpoint_parts_t;

/* Writes a checkpoint. The step, epoch and shards of `model` are those of the position. */
ls_status checkpoint_write(const char *path, const model_parts_t *model, const checkpoint_parts_t *parts,
                           ls_error *error);

/* The position alone (small), after all bytes of the checkpoint and of its parts have been compared with what
 * was written. */
ls_status checkpoint_read_position(const char *path, position_t *out, ls_error *error);

/* What checkpoint_read fills: caller-owned buffers of the same graph and heads. The history is empty before,
 * with its objective. */
typedef struct {
  position_t position;
  float *parameters;
  float *states[OPTIMIZER_MAX_STATES]; /* not filled if parts hold them (checkpoint_part.h) */
  double *epoch_loss;                  /* (shards, heads) */
  history_t history;
} checkpoint_t;

/* Verifies the manifest and reads everything. LS_BAD_SETTINGS when the file has no state of this optimiser.
 * Buffers may be filled in part after a failure. */
ls_status checkpoint_read(const char *path, const graph_t *graph, const optimizer_t *optimizer,
                          checkpoint_t *checkpoint, ls_error *error);

#endif
