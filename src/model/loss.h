/* Loss functions: a table. Each gives the sum over rows of the loss and the gradient of that sum with respect
 * to the network's outputs; the division by the global number of rows comes later, once. */
#ifndef MODEL_LOSS_H
#define MODEL_LOSS_H

#include "base/target.h"
#include "base/text.h"

#include <stdbool.h>

typedef struct {
  double delta; /* huber */
} loss_params_t;

/* Returns the sum of the loss over rows; z (rows, width) are the network's outputs; delta (rows, width) =
 * dL/dz unless NULL. Per row the mean over outputs for mse, mae, huber and binary_cross_entropy (as in
 * PyTorch). */
typedef double (*loss_function_t)(const loss_params_t *params, int64_t rows, int64_t width, const float *z,
                                  target_t target, float *delta);
/* One row in double, plainly. target: width values, or target[0] = label. */
typedef double (*loss_reference_t)(const loss_params_t *params, int64_t width, const double *z,
                                   const double *target);

typedef struct {
  const char *name;
  const char *meaning;
  target_kind_t target;
  loss_function_t evaluate;
  loss_reference_t reference;
  bool is_classification; /* accuracy applies; the target may still be values (binary_cross_entropy) */
} loss_t;

const loss_t *loss_find(const char *name);
bool loss_choice(size_t i, choice_t *out);

/* Turns outputs into what a user wants to see, in place: cross_entropy: probabilities (softmax),
 * binary_cross_entropy: probabilities (logistic), others: unchanged. */
void loss_predict(const loss_t *loss, int64_t rows, int64_t width, float *z);

#endif
