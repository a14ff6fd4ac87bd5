/* What a model says of the rows of a split: a value for each output, and how sure it is of it. */
#ifndef SCORE_PREDICT_H
#define SCORE_PREDICT_H

#include "data/dataset.h"
#include "score/model_file.h"
#include "score/predictor.h"

/* Of this rank's rows, (rows, columns) each, in original units or as probabilities, head by head. Deviations
 * are standard deviations: aleatoric of the noise in the data, epistemic of what the model does not know;
 * NULL where it says nothing of them, NaN for a head that does not. */
typedef struct {
  int64_t rows, columns;
  element_t type;    /* ELEMENT_F64 if the targets of the training rows need double, else ELEMENT_F32 */
  const char *layer; /* NULL, or the layer of asking_t, borrowed: mean holds what it computes */
  void *mean, *aleatoric, *epistemic;
  arena_t arena;
} predictions_t;

/* How a model is asked. */
typedef struct {
  const char *layer;          /* NULL, or the node whose values take the place of predictions */
  int64_t samples;            /* dropout masks that each network is taken with; 0: none */
  const double *temperatures; /* (heads): that logits are divided by; 0: they are not; NULL: none are */
} asking_t;

/* Predictions for this rank's rows of a split, by `threads` threads. LS_USAGE when the network has no dropout
 * to sample, and with a layer for one that it does not have, several networks, samples and temperatures. Not
 * collective. *out is caller-owned (predictions_free), untouched on failure. */
ls_status predictions_make(const model_t *model, const split_t *split, int threads, const asking_t *asking,
                           predictions_t *out, ls_error *error);
void predictions_free(predictions_t *predictions);

#endif
