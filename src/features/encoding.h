/* The values of an encoded row: which stand for a column of categories, and which columns become vectors. */
#ifndef FEATURES_ENCODING_H
#define FEATURES_ENCODING_H

#include "features/categories.h"

/* Makes encoded, source, kind, category, codes, lookups and tables of features whose columns are there.
 * choices (columns); present (columns): values of training rows that are not missing, where inputs for
 * missing values are wanted, else NULL. LS_BAD_SETTINGS for vectors where there can be none. The arrays are
 * copied. Not collective. */
ls_status encoding_make(const settings_t *settings, const dataset_t *data, const column_choice_t *choices,
                        const categories_t *categories, const int64_t *present, features_t *features,
                        ls_error *error);

#endif
