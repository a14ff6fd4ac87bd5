/* What the loss of a row says as a score of how unusual the row is.
 *
 * Some models say what rows look like: an autoencoder and principal components give back a row that is like
 * those of training, a mixture and a kernel density say how dense rows are where this one is, and a
 * clustering how far the next centre is. Their loss of a row is large if the row is unlike those of training.
 * A regression says what the targets of a row should be: its loss is large if they are others. The loss of a
 * classification compares the prediction with a label: it says how wrong the label is, not how unusual. */
#ifndef ANOMALY_SCORES_H
#define ANOMALY_SCORES_H

#include "score/model_file.h"

enum { SCORE_MEANING_SIZE = 96 };

/* Whether the targets of the model are its own inputs. */
bool scores_reconstruct(const settings_t *settings);

/* Writes what the scores are: "reconstruction error (mse)". LS_BAD_SETTINGS for a model that classifies. */
ls_status scores_describe(const model_t *model, char out[SCORE_MEANING_SIZE], ls_error *error);

#endif
