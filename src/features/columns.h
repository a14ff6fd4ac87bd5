/* Columns of x one by one: which scaling the settings give to each. */
#ifndef FEATURES_COLUMNS_H
#define FEATURES_COLUMNS_H

#include "features/scaler_fit.h"

/* methods (data->features) as data.scaling and data.scaling.columns say; LS_BAD_SETTINGS when they name what
 * is not there. Later entries win. The settings are borrowed. */
ls_status columns_methods(const settings_t *settings, const dataset_t *data, method_t *methods,
                          ls_error *error);

#endif
