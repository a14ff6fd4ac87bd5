/* Loss functions: a table. Each gives the sum over rows of the loss and the gradient of that sum with respect
 * to the network's outputs; the division by the global number of rows comes later, once. */
#ifndef MODEL_LOSS_H
#define MODEL_LOSS_H

#include "base/error.h"
#include "base/target.h"
#include "base/text.h"
#include "config/settings.h"

#include <stdbool.h>

typedef struct {
  double delta;           /* huber */
  double label_smoothing; /* cross_entropy, binary_cross_entropy */
  const double *levels;   /* quantile: (n_levels), in (0, 1) and growing */
  size_t n_levels;
} loss_params_t;

/* Returns the sum of the loss over rows; z (rows, width) are the network's outputs; delta (rows, width) =
 * dL/dz unless NULL. Per row the mean over targets for losses of values (as in PyTorch). All rows count the
 * same: weights are the objective's business (model/objective.h). */
typedef double (*loss_function_t)(const loss_params_t *params, int64_t rows, int64_t width, const float *z,
                                  target_t target, float *delta);
/* One row in double, plainly. target: its values, or target[0] = label. */
typedef double (*loss_reference_t)(const loss_params_t *params, int64_t width, const double *z,
                                   const double *target);
/* One row of outputs becomes what a user wants to see, in place: probabilities, rates, means and standard
 * deviations. */
typedef void (*loss_predict_t)(const loss_params_t *params, int64_t width, float *z);

typedef struct {
  const char *name;
  const char *meaning;
  target_kind_t target;
  loss_function_t evaluate;
  loss_reference_t reference;
  bool is_classification; /* accuracy applies; the target may still be values (binary_cross_entropy) */
  bool one_output;        /* labels: a single output may tell two classes apart by its sign */
  bool fixed_units;       /* values that must not be scaled: counts */
  double low, high;       /* values lie in [low, high] unless both are 0 */
  loss_predict_t predict; /* NULL: outputs are predictions as they are */
  const char *prediction; /* what predictions are called */
} loss_t;

const loss_t *loss_find(const char *name);
bool loss_choice(size_t i, choice_t *out);

/* What the settings say about it; borrows their lists. */
loss_params_t loss_params(const loss_settings_t *settings);

/* Whether the loss, its settings and a network of so many outputs go together: LS_BAD_SETTINGS. */
ls_status loss_check(const loss_t *loss, const loss_params_t *params, int64_t outputs, ls_error *error);

/* A regression is judged by errors in units of the targets, and its targets may be scaled. */
bool loss_is_regression(const loss_t *loss);
/* Whether predictions are probabilities of classes. */
bool loss_gives_probabilities(const loss_t *loss);
/* How many classes (labels; 2 for one output) or target values (else) belong to so many outputs. */
int64_t loss_classes(const loss_t *loss, int64_t outputs);
int64_t loss_targets(const loss_t *loss, const loss_params_t *params, int64_t outputs);
/* Of how many classes a row is one: those of labels, 2 for a single yes or no; else 0. */
int64_t loss_row_classes(const loss_t *loss, int64_t outputs);
/* What the data must offer for it. */
target_request_t loss_request(const loss_t *loss, const loss_params_t *params, int64_t outputs);

/* Predictions in parts of neighbouring columns: all in one part but for gaussian_nll (prediction,
 * aleatoric_std) and quantile (one for each level). */
typedef struct {
  char name[32]; /* probability, score, prediction, aleatoric_std, quantile_0.1 */
  int64_t first, width;
  bool is_deviation; /* in units of a target, but without its origin */
} loss_part_t;
size_t loss_parts(const loss_t *loss, const loss_params_t *params);
loss_part_t loss_part(const loss_t *loss, const loss_params_t *params, int64_t outputs, size_t i);
/* The part that is judged as the prediction of a regression: the mean, the level nearest to 1/2. */
size_t loss_point(const loss_t *loss, const loss_params_t *params);

#endif
