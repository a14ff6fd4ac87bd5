/* A network on its rows as a function of its parameters: set all parameters, then ask for the loss, for
 * metrics and for the gradient there.
 *
 * Parameters are a list of floats in natural order: the arrays in the order of the graph, which is that of a
 * model file, each of them row-major. The running statistics of batch_norm are among them (point_array_t).
 *
 *   | dense1/weight (out, in) | dense1/bias (out) | dense2/weight | … |
 *   0                         count               …                   point_size
 *
 * Losses are those of `lockstep eval`: dropout is off, batch_norm uses the running statistics, and penalties
 * do not count. Gradients are those of training without dropout: batch_norm uses the rows of a call, and
 * penalties count. All numbers have the same bits on any layout, because sums over rows follow the tree over
 * shards.
 *
 * A point is used by the ranks of a crew (training_crew), which call collective functions in the same order.
 * If it is opened with `alone`, and its rows are few enough, every rank has all of them: then ranks may look
 * at different points, and point_set and point_metrics are not collective (point_is_alone). */
#ifndef LANDSCAPE_POINT_H
#define LANDSCAPE_POINT_H

#include "comm/world.h"
#include "config/settings.h"
#include "score/metrics.h"
#include "train/training.h"

typedef struct point point_t;

/* Reads the settings of the model file or checkpoint at `model` and applies overrides of the keys that `uses`
 * lists, which ends in NULL; an override of another key is LS_BAD_SETTINGS. They are settings of a training
 * that begins with all of this model. *out is caller-owned (settings_destroy), untouched on failure. Not
 * collective: every rank calls it. */
ls_status point_settings(const char *model, char *const *overrides, size_t n_overrides,
                         const char *const *uses, settings_t **out, ls_error *error);

/* Whether two networks compute the same of the same parameters. Rates of dropout may differ, because dropout
 * is off. Pure. */
bool point_is_same_network(const model_settings_t *a, const model_settings_t *b);

/* Changes the settings of a training to those of a point: one network, in fp32, without dropout. Call it
 * before training_crew; point_settings has done it already. */
void point_settle(settings_t *settings);

/* All borrowed for the life of the point. */
typedef struct {
  world_t *world;
  const settings_t *settings; /* settled; of point_settings, or of a file */
  const char *model;          /* the file of point_settings; NULL: the point begins with initial weights */
  int64_t rows;               /* of each split only the first; 0: all */
  bool wants_gradient;        /* takes the memory of a step */
  bool alone;                 /* each rank looks at points of its own, if it can; without wants_gradient */
} point_inputs_t;

/* Reads the rows and makes the network. Parameters are undefined until point_set. *out is caller-owned
 * (point_close), untouched on failure. LS_BAD_SETTINGS for an ensemble, and for `rows` with windows or with
 * rows that do not fit into memory. Collective. */
ls_status point_open(const point_inputs_t *inputs, point_t **out, ls_error *error);
void point_close(point_t **point); /* collective */

/* Whether each rank looks at points of its own. The same on every rank. */
bool point_is_alone(const point_t *point);

/* ---- what it is made of ---- */

const training_t *point_training(const point_t *point); /* borrowed */
size_t point_size(const point_t *point);                /* floats of all arrays */

/* Where its start comes from, for files and people: the path of the model, or "initial weights". Borrowed. */
const char *point_origin(const point_t *point);

/* The parameters that it begins with: those of the model, or initial weights. (point_size), borrowed. */
const float *point_start(const point_t *point);

/* Array i of graph_parameter_count: floats [first, first + count). */
typedef struct {
  const parameter_t *about; /* name, shape; is_statistic: not trained */
  size_t first, count;
} point_array_t;
point_array_t point_array(const point_t *point, size_t i);
size_t point_arrays(const point_t *point); /* their number */

/* Reads the parameters of another model or checkpoint, (point_size) on every rank. LS_BAD_DATA if this is
 * another network, an ensemble, or one whose inputs or targets are scaled or encoded in another way, so that
 * its weights mean something else. Collective. */
ls_status point_read(point_t *point, const char *model, float *out, ls_error *error);

/* ---- the function ---- */

/* Moves to these parameters (point_size), the same on every rank. Collective. Of a point alone: of this rank,
 * not collective. */
ls_status point_set(point_t *point, const float *parameters, ls_error *error);

typedef enum { POINT_TRAIN, POINT_TEST, POINT_ROWS } point_rows_t;

/* The number of rows, 0 if there are none, and where they come from: train, test or valid. POINT_TEST are the
 * test rows, or the validation rows if there are no test rows. Static, "" if there are none. */
int64_t point_rows(const point_t *point, point_rows_t rows);
const char *point_split(const point_t *point, point_rows_t rows);

/* The metrics here; metrics is caller-owned (metrics_free). Numbers that are not finite are no error.
 * Collective, unless the point is alone. */
ls_status point_metrics(point_t *point, point_rows_t rows, metrics_t *metrics, ls_error *error);

/* The gradient of the mean loss with penalties over the training rows, (point_size) on every rank: in one
 * mean over the batches of the first epoch. 0 for running statistics and frozen layers; not finite where the
 * loss is not. The point was opened with wants_gradient. Collective. */
ls_status point_gradient(point_t *point, double *gradient, ls_error *error);

/* The engine behind it, which computes the gradients of single batches too (engine_gradient), and the
 * partition of its rows; its parameters are those of point_set. NULL without wants_gradient. Borrowed. */
engine_t *point_engine(const point_t *point);
partition_t point_partition(const point_t *point);

#endif
