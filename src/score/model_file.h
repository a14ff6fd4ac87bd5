/* Model files. A model file is self-contained: resolved settings (which hold the graph), plain (out, in)
 * parameters, scalers, class names. One process alone writes a file, and publishes it when it is complete.
 *
 * A checkpoint is a model file with more in it, so all that reads models reads checkpoints. What more, only
 * run/checkpoint.h knows. */
#ifndef SCORE_MODEL_FILE_H
#define SCORE_MODEL_FILE_H

#include "config/settings.h"
#include "data/identity.h"
#include "features/features.h"
#include "model/graph.h"
#include "loss/objective.h"
#include "model/posterior.h"
#include "score/components_file.h"
#include "store/store.h"

/* The attribute `format` of files. */
#define MODEL_FORMAT      "lockstep model 1"
#define CHECKPOINT_FORMAT "lockstep checkpoint 1"
#define WEIGHTS_FORMAT    "lockstep weights 1"

/* A model, ready to be used. Owned as a whole (model_destroy). Constant once it is read: threads may share
 * it. */
typedef struct {
  settings_t *settings;
  graph_t *graph;
  objective_t objective;
  features_t features;
  scaler_t targets;
  float **members;   /* (n_members): parameter vectors, malloc'd and 64-byte aligned; graph_floats each, in a
                      * network with tied layers graph_buffer_floats, with the copies of the weights */
  int64_t n_members; /* of an ensemble; 1 when it is none */
  float *parameters; /* members[0] */
  posterior_t posterior;                /* of its weights; inputs == 0 when there is none */
  components_t components;              /* of `lockstep components`; n == 0 when there are none */
  char *const *class_names[MOST_HEADS]; /* (classes) of each head, one malloc'd block, or NULL: numbers */
  class_weights_t class_weights;
  char **feature_names; /* (columns of x), one malloc'd block; NULL: the training file named none */
  int64_t step, epoch;  /* of training when it was written */
  int shards;
  char checksum[17]; /* parameters_checksum, hex */
} model_t;

/* Reads a model or a checkpoint, manifest verified. LS_BAD_DATA for a file that is neither, or damaged. *out
 * is caller-owned, untouched on failure. Not collective. */
ls_status model_read(const char *path, const settings_choices_t *choices, model_t **out, ls_error *error);
void model_destroy(model_t **model);

/* Reads weights that another program wrote, or that a user may have edited: a file of the format
 * WEIGHTS_FORMAT, which holds what a model holds but no manifest. model->checksum is computed. Otherwise as
 * model_read. */
ls_status model_read_weights(const char *path, const settings_choices_t *choices, model_t **out,
                             ls_error *error);

/* Whether a file has this format; false also for a file that cannot be read. Not collective. */
bool model_is_weights(const char *path);

/* The parameters alone into a caller-owned vector (graph_floats) of the same graph, manifest verified. Not
 * collective. */
ls_status model_read_parameters(const char *path, const graph_t *graph, float *parameters, ls_error *error);

/* What becomes of rows alone: features and target scaler, both caller-owned (features_free, scaler_free), and
 * the settings (settings_destroy). Of a model, with its manifest verified, or a file of weights. Outputs are
 * untouched on failure. Not collective. */
ls_status model_read_features(const char *path, const settings_choices_t *choices, features_t *features,
                              scaler_t *targets, settings_t **settings, ls_error *error);

/* Opens a file of this format, or a checkpoint, and verifies its manifest. *out is caller-owned
 * (store_close). Not collective. */
ls_status model_open(const char *path, const char *format, store_t **out, ls_error *error);

/* ---- writing ---- */

/* What makes a model file; all borrowed. */
typedef struct {
  const settings_t *settings;
  const graph_t *graph;
  const objective_t *objective;
  const features_t *features;
  const scaler_t *targets;
  const class_weights_t *class_weights; /* NULL: none */
  char *const *const *class_names;      /* (heads): (classes) of each, or NULL: numbers; NULL: all of them */
  char *const *feature_names;           /* (columns of x in the file), or NULL */
  int64_t step, epoch;                  /* updates and epochs of training so far */
  int shards;
  const char *libraries, *cpu; /* that the parameters were computed with, for readers of the file */
  const float *parameters;
  const float *const
      *members; /* (n_members): of an ensemble, members[0] == parameters; NULL when it is none */
  int64_t n_members;
  const posterior_t *posterior;   /* NULL, or empty, when there is none */
  const components_t *components; /* of `lockstep components`; NULL, or empty, when there are none */
  const data_identity_t *data;    /* that it was trained on; NULL: not known */
  const char *origin;             /* checksum of the model that training began with; NULL or "": none */
} model_parts_t;

/* The parts of a model that was read, borrowed from it; `libraries` and `cpu` are left to the caller. */
model_parts_t model_parts(const model_t *model);

/* What a checkpoint holds beside a model: `write` adds it to the open file, behind the model. */
typedef struct {
  ls_status (*write)(store_t *store, const void *context, ls_error *error);
  const void *context;
} model_extra_t;

/* Computes parameters_checksum as files store it. A network has the checksum of its parameters. An ensemble
 * has the checksum of its members' checksums, eight bytes each, in the order of the members. */
ls_status model_checksum(const model_parts_t *parts, char hex[17], ls_error *error);

/* Writes a model file, or a checkpoint when `extra` is given. For one rank; not collective. */
ls_status model_write(const char *path, const model_parts_t *parts, const model_extra_t *extra,
                      ls_error *error);

/* Writes the same as a file of the format WEIGHTS_FORMAT, to be edited: without manifest and seal, with which
 * an edited file would count as damaged. For one rank; not collective. */
ls_status model_write_weights(const char *path, const model_parts_t *parts, ls_error *error);

/* ---- vectors ----
 *
 * Parameters, and each state of an optimiser, are a vector with the layout of a graph. A file holds its
 * arrays plain, (out, in), without the padding. */
/* Writes `vector` (graph_floats) as the arrays FOLDER/NAME. A folder of an
 * optimiser holds no running statistics. Not collective. */
ls_status vector_write(store_t *store, const graph_t *graph, const char *folder, const float *vector,
                       ls_error *error);

/* Reads such arrays into a caller-owned vector (graph_floats). Padding, and statistics that the folder does
 * not hold, stay unchanged. LS_BAD_DATA if an array is missing or has another shape; part of the vector may
 * then be filled in. Not collective. */
ls_status vector_read(const store_t *store, const graph_t *graph, const char *folder, float *vector,
                      ls_error *error);

#endif
