/* What training begins with instead of random weights: a model (model.init_from), of which a network takes
 * over layers, and with all layers also what becomes of rows before they reach the network; a file of weights
 * that a user may have edited; numbers in the settings (model.init_values). Nothing here is collective. */
#ifndef SCORE_ORIGIN_H
#define SCORE_ORIGIN_H

#include "base/log.h"
#include "data/dataset.h"
#include "model/frozen.h"
#include "score/model_file.h"

/* Whether training begins with given weights, all or some. */
bool origin_is_set(const settings_t *settings);
/* Whether it begins with all of a model: then features and target scaler are the model's. A table of weights
 * has none. */
bool origin_takes_all(const settings_t *settings);

/* With model.init_layers: all. Reads the features and the target scaler of the model, both caller-owned.
 * LS_BAD_SETTINGS, beginning with the key, if the settings ask for another scaling or encoding than the
 * model's; LS_BAD_DATA if the dataset has another number of columns. */
ls_status origin_features(const settings_t *settings, const settings_choices_t *choices,
                          const dataset_shape_t *shape, features_t *features, scaler_t *targets,
                          ls_error *error);

/* A network that takes over layers. */
typedef struct {
  const settings_t *settings;
  const settings_choices_t *choices;
  const graph_t *graph;
  const features_t *features;      /* of its rows; of use once they are fitted */
  const dataset_t *dataset;        /* NULL before rows are read: then names and tables are not compared */
  char *const *const *class_names; /* (heads), as in model_parts_t; with the dataset */
  const log_t *log;                /* NULL: says nothing */
} origin_heir_t;

/* Reads the model and writes the layers that match into `vector` (graph_floats), which holds the initial
 * weights, and then the numbers of model.init_values; NULL: only looks whether it could. Logs which layers
 * those are. `checksum` receives the model's, or that of the bytes of a file of weights; if it holds one
 * already, the file must still have it. LS_BAD_SETTINGS, beginning with the key, for an ensemble, with `all`
 * for a layer that differs, and if no layer matches. */
ls_status origin_take(const origin_heir_t *heir, float *vector, char checksum[17], ls_error *error);

/* On resume: `checkpoint` must come from a run that began with this model, or with none if the settings name
 * none. A file that is gone is accepted, because the checkpoint holds all weights. Writes the checksum that
 * the checkpoint has recorded, "" for none. */
ls_status origin_check(const settings_t *settings, const char *checkpoint, const store_t *store,
                       char checksum[17], ls_error *error);

#endif
