/* Writes the files of `lockstep predict`. With predictions->layer they hold the values of a layer. The head's
 * loss determines the names of columns and arrays (probability, prediction, ...); with several heads the
 * head's name comes first. `windows` is NULL unless rows are windows; then the file also states at which row
 * of x each forecast begins, and the number of its series. `ids` holds columns that are taken over from the
 * table of rows, or is NULL. Called on rank 0 only.
 */
#ifndef ANSWERS_ANSWERS_H
#define ANSWERS_ANSWERS_H

#include "data/window.h"
#include "score/predict.h"
#include "table/table.h"

ls_status answers_write_csv(const char *path, const model_t *model, const predictions_t *predictions,
                            const windows_t *windows, const tables_t *ids, ls_error *error);
ls_status answers_write_hdf5(const char *path, const model_t *model, const predictions_t *predictions,
                             const windows_t *windows, const tables_t *ids, ls_error *error);

/* Position of a window: the number of its series, if there are several, and the row of x at its first
 * forecast step. */
bool window_has_series(const windows_t *windows);
int64_t window_series(const windows_t *windows, int64_t row);
int64_t window_time(const windows_t *windows, int64_t row);

#endif
