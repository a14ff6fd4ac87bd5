/* What `predict` writes. Names of columns and arrays are those of the head's loss (probability, prediction
 * …), with the head's name in front where there are several. Where rows are windows (else NULL), it is told
 * which step of the data each begins to forecast, and of which series. Rank 0 alone. */
#ifndef CLI_ANSWERS_H
#define CLI_ANSWERS_H

#include "data/window.h"
#include "score/predict.h"

ls_status answers_write_csv(const char *path, const model_t *model, const predictions_t *predictions,
                            const windows_t *windows, ls_error *error);
ls_status answers_write_hdf5(const char *path, const model_t *model, const predictions_t *predictions,
                             const windows_t *windows, ls_error *error);

#endif
