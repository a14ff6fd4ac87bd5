/* Writes the files of `lockstep predict`. The head's loss determines the names of columns and arrays
 * (probability, prediction, ...); with several heads the head's name comes first. `windows` is NULL unless
 * rows are windows; then the file also states at which row of x each forecast begins, and the number of its
 * series. `ids` holds columns that are taken over from the table of rows, or is NULL. Called on rank 0 only.
 */
#ifndef CLI_ANSWERS_H
#define CLI_ANSWERS_H

#include "data/window.h"
#include "score/predict.h"
#include "table/table.h"

ls_status answers_write_csv(const char *path, const model_t *model, const predictions_t *predictions,
                            const windows_t *windows, const tables_t *ids, ls_error *error);
ls_status answers_write_hdf5(const char *path, const model_t *model, const predictions_t *predictions,
                             const windows_t *windows, const tables_t *ids, ls_error *error);

#endif
