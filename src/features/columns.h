/* The scaling of each column of x according to the settings. */
#ifndef FEATURES_COLUMNS_H
#define FEATURES_COLUMNS_H

#include "features/scaler_fit.h"

/* Fills in methods (data->features) from data.scaling and data.scaling.columns. Later entries win.
 * LS_BAD_SETTINGS if they name a column that does not exist. The settings are borrowed. */
ls_status columns_methods(const settings_t *settings, const dataset_t *data, method_t *methods,
                          ls_error *error);

#endif
