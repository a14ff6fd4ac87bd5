/* What a model says of rows: a value for each output, and how sure it is of it. */
#ifndef SCORE_PREDICT_H
#define SCORE_PREDICT_H

#include "score/evaluate.h"
#include "score/model_file.h"

/* Of this rank's rows, (rows, columns) each, in original units or as probabilities, head by head. Deviations
 * are standard deviations: aleatoric of the noise in the data, epistemic of what the model does not know;
 * NULL where it says nothing of them, NaN for a head that does not. */
typedef struct {
  int64_t rows, columns;
  float *mean, *aleatoric, *epistemic;
  arena_t arena;
} predictions_t;

/* Whether a head's outputs are means and deviations: then the latter are its aleatoric part. */
bool head_has_deviations(const head_t *head);

/* Where the columns of head h begin; all columns for h = n. */
int64_t predictions_first(const objective_t *objective, size_t h);

/* How a model is asked. */
typedef struct {
  int64_t samples;            /* dropout masks that each network is taken with; 0: none */
  const double *temperatures; /* (heads): that logits are divided by; 0: they are not; NULL: none are */
} asking_t;

/* LS_USAGE when the network has no dropout to sample. Not collective. *out is
 * caller-owned (predictions_free). */
ls_status predictions_make(const model_t *model, evaluator_t *evaluator, const split_t *split, int threads,
                           const asking_t *asking, predictions_t *out, ls_error *error);
void predictions_free(predictions_t *predictions);

#endif
