/* Loss functions: a table. Each computes the sum of the loss over rows, and the gradient of this sum with
 * respect to the network's outputs. The division by the global number of rows is done once, later. */
#ifndef LOSS_LOSS_H
#define LOSS_LOSS_H

#include "base/error.h"
#include "base/target.h"
#include "base/text.h"
#include "config/settings.h"

#include <stdbool.h>

typedef struct {
  double delta;           /* huber */
  double label_smoothing; /* cross_entropy, binary_cross_entropy */
  const double *levels;   /* quantile: (n_levels), in (0, 1), increasing */
  size_t n_levels;
} loss_params_t;

/* Returns the sum of the loss over rows. z (rows, width): the network's outputs. delta (rows, width) = dL/dz,
 * unless NULL. For targets that are values, the loss of a row is the mean over its targets (as in PyTorch).
 * All rows count the same; row weights are applied in loss/objective.h. */
typedef double (*loss_function_t)(const loss_params_t *params, int64_t rows, int64_t width, const float *z,
                                  target_t target, float *delta);
/* The definition for one row, in double. target: its values, or target[0] = label. */
typedef double (*loss_reference_t)(const loss_params_t *params, int64_t width, const double *z,
                                   const double *target);
/* Converts one row of outputs, in place, to what users see: probabilities, rates, means and standard
 * deviations. */
typedef void (*loss_predict_t)(const loss_params_t *params, int64_t width, float *z);

/* slopes (width) = d p_k / d z for one row with predictions p (width); of a loss that describes rows, from z
 * instead of p, for column k of the description. */
typedef void (*loss_slope_t)(int64_t width, const float *p, int64_t k, float *slopes);

/* What users see of a row's scores z (width) where they see something else than `width` values: out
 * (loss_columns). */
typedef void (*loss_describe_t)(int64_t width, const float *z, double *out);

typedef struct {
  const char *name;
  const char *meaning;
  target_kind_t target;
  loss_function_t evaluate;
  loss_reference_t reference;
  bool is_classification;   /* accuracy makes sense; the target may still be values (binary_cross_entropy) */
  bool one_output;          /* labels: a single output can separate two classes by its sign */
  bool fixed_units;         /* values that must not be scaled, such as counts */
  double low, high;         /* values lie in [low, high] unless both are 0 */
  layer_kind_t layer;       /* TARGET_NONE: the layer whose scores it takes, and no other */
  loss_predict_t predict;   /* NULL: outputs are the predictions */
  loss_slope_t slope;       /* of predict; NULL: 1, for the means of a network with deviations too */
  loss_describe_t describe; /* NULL: predictions are the outputs, by `predict` */
  const char *prediction;   /* the name of a prediction */
} loss_t;

const loss_t *loss_find(const char *name);
bool loss_choice(size_t i, choice_t *out);
/* The same loss for targets that are the features (data.targets: x). */
const loss_t *loss_of_features(const loss_t *loss);
/* Whether the features must be numbers from 0 to 1 for it. */
bool loss_takes_shares(const loss_t *loss);

/* Extracts the parameters from the settings. Borrows their lists. */
loss_params_t loss_params(const loss_settings_t *settings);

/* Checks that the loss, its parameters and the number of outputs fit together. LS_BAD_SETTINGS. */
ls_status loss_check(const loss_t *loss, const loss_params_t *params, int64_t outputs, ls_error *error);

/* Whether this is a regression: errors are in units of the targets, and the targets may be scaled. */
bool loss_is_regression(const loss_t *loss);
/* Whether predictions are probabilities of classes. */
bool loss_gives_probabilities(const loss_t *loss);
/* For labels: the number of classes for `outputs` outputs (2 for one output, if the loss allows it).
 * Otherwise loss_targets: the number of target values. */
int64_t loss_classes(const loss_t *loss, int64_t outputs);
int64_t loss_targets(const loss_t *loss, const loss_params_t *params, int64_t outputs);
/* The number of classes that a row is one of: for labels as loss_classes, 2 for a single yes/no output,
 * otherwise 0. */
int64_t loss_row_classes(const loss_t *loss, int64_t outputs);
/* The targets that the data must provide. */
target_request_t loss_request(const loss_t *loss, const loss_params_t *params, int64_t outputs);

/* Columns of a row's predictions, deviations included: as many as outputs, unless the loss describes rows. */
int64_t loss_columns(const loss_t *loss, int64_t outputs);

/* A density of more components says nothing of their responsibilities. */
enum { LOSS_MOST_RESPONSIBILITIES = 1000 };

/* Predictions consist of parts, which are consecutive columns. There is one part, except for gaussian_nll
 * (prediction, aleatoric_std), quantile (one part per level), distortion (cluster, distance) and density
 * (cluster, log_density, responsibility, of width 0 where there are too many). */
typedef struct {
  char name[32]; /* probability, score, prediction, aleatoric_std, quantile_0.1 */
  int64_t first, width;
  bool is_cluster;   /* the number of a cluster, from 0 */
  bool is_deviation; /* in units of the target, scaled but not shifted */
} loss_part_t;
size_t loss_parts(const loss_t *loss, const loss_params_t *params);
/* Whether the second of two parts are deviations of the first (gaussian_nll). */
bool loss_has_deviations(const loss_t *loss);
loss_part_t loss_part(const loss_t *loss, const loss_params_t *params, int64_t outputs, size_t i);
/* The part that metrics of a regression use: the mean, or the level nearest to 1/2. */
size_t loss_point(const loss_t *loss, const loss_params_t *params);

#endif
