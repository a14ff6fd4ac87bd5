/* Model files and checkpoints: a checkpoint is a model file with the optimiser's state and the position
 * added.
 *
 * A model file is self-contained: resolved settings (which hold the graph), plain (out, in) parameters,
 * scalers, class names. Written by rank 0 alone, by publish. */
#ifndef TRAIN_MODEL_FILE_H
#define TRAIN_MODEL_FILE_H

#include "config/settings.h"
#include "features/features.h"
#include "model/graph.h"
#include "model/objective.h"
#include "model/regression.h"
#include "optim/optimizer.h"
#include "train/history.h"
#include "train/loss_window.h"
#include "train/row_weights.h"

/* A model, ready to be used. Owned as a whole (model_destroy). */
typedef struct {
  settings_t *settings;
  graph_t *graph;
  objective_t objective;
  features_t features;
  scaler_t targets;
  float **members;       /* (n_members): parameter vectors, graph_floats each, malloc'd and 64-byte aligned */
  int64_t n_members;     /* of an ensemble; 1 when it is none */
  float *parameters;     /* members[0] */
  posterior_t posterior; /* of its weights; inputs == 0 when there is none */
  char *const *class_names[MOST_HEADS]; /* (classes) of each head, one malloc'd block, or NULL: numbers */
  class_weights_t class_weights;
  int64_t step, epoch; /* of training when it was written */
  int shards;
  char checksum[17]; /* parameters_checksum, hex */
} model_t;

/* Not collective. */
ls_status model_read(const char *path, const settings_choices_t *choices, model_t **out, ls_error *error);
void model_destroy(model_t **model);

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
} position_t;

/* The names that a dataset gives to the classes of each head, (classes) of it, borrowed; NULL where it has
 * none, or another number of them. */
void head_names_find(const objective_t *objective, const dataset_t *dataset, char *const *out[MOST_HEADS]);

/* What makes a model file; all borrowed. */
typedef struct {
  const settings_t *settings;
  const graph_t *graph;
  const objective_t *objective;
  const features_t *features;
  const scaler_t *targets;
  const class_weights_t *class_weights; /* NULL: none */
  char *const *const *class_names;      /* (heads): (classes) of each, or NULL: numbers; NULL: all of them */
  const position_t *position;
  const float *parameters;
  const float *const
      *members; /* (n_members): of an ensemble, members[0] == parameters; NULL when it is none */
  int64_t n_members;
  const posterior_t *posterior; /* NULL, or empty, when there is none */
} model_parts_t;

/* What a checkpoint holds beside a model; all borrowed. */
typedef struct {
  const optimizer_t *optimizer;
  const float *const *states; /* whole vectors, optimizer->states of them */
  const double *epoch_loss;   /* (shards, heads): loss sums of the current epoch */
  const history_t *history;
} checkpoint_parts_t;

/* parameters_checksum as it stands in files: of the parameters; of an ensemble, of its members' checksums in
 * their order, eight bytes each. */
ls_status model_checksum(const model_parts_t *parts, char hex[17], ls_error *error);

/* Writes a model file, or a checkpoint when `extra` is given. Rank 0 only. */
ls_status model_write(const char *path, const model_parts_t *parts, const checkpoint_parts_t *extra,
                      ls_error *error);

/* The position alone (small). */
ls_status checkpoint_read_position(const char *path, position_t *out, ls_error *error);

/* Verifies the manifest and reads everything into caller-owned buffers of the same graph and heads; history
 * is empty, with its objective. */
typedef struct {
  position_t position;
  float *parameters;
  float *states[OPTIMIZER_MAX_STATES];
  double *epoch_loss; /* (shards, heads) */
  history_t history;
} checkpoint_t;
ls_status checkpoint_read(const char *path, const graph_t *graph, const optimizer_t *optimizer,
                          checkpoint_t *checkpoint, ls_error *error);

/* The parameters alone into a vector of the same graph, manifest verified. */
ls_status model_read_parameters(const char *path, const graph_t *graph, float *parameters, ls_error *error);

#endif
