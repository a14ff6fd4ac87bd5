/* Scalers in files. Targets have a scaler (math/scaler.h); that of features is part of features_t
 * (features/features.h). */
#ifndef FEATURES_SCALING_H
#define FEATURES_SCALING_H

#include "config/settings.h"
#include "math/scaler.h"
#include "store/store.h"

/* Arrays group/shift, group/scale, group/offset and attribute name. */
ls_status scaler_write(const scaler_t *scaler, store_t *store, const char *group, ls_error *error);
ls_status scaler_read(const store_t *store, const char *group, scaler_t *out, ls_error *error);

bool scaling_choice(size_t i, choice_t *out);

#endif
