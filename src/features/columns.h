/* Columns of x one by one: which scaling the settings give to each, and which may be vectors. */
#ifndef FEATURES_COLUMNS_H
#define FEATURES_COLUMNS_H

#include "features/scaler_fit.h"

/* What is to become of a column. */
typedef struct {
  method_t method;               /* one_hot for a column of categories, also where it becomes an embedding */
  const category_names_t *names; /* of its categories, borrowed; NULL: it holds numbers */
  enum { EMBED_NEVER, EMBED_ABOVE, EMBED_ALWAYS } embeds; /* ABOVE: with many categories */
  int64_t width;                                          /* of a vector, or SETTINGS_AUTO */
} column_choice_t;

/* choices (data->features) as data.scaling, data.scaling.columns and model.embeddings say; LS_BAD_SETTINGS
 * when they name what is not there. Later entries win. A column of categories that data.scaling.columns does
 * not name is one_hot, unless the categories are in order. The settings are borrowed. */
ls_status columns_choose(const settings_t *settings, const dataset_t *data, column_choice_t *choices,
                         ls_error *error);

/* "column 3 (counted from 0)", or "column 3 'city' (counted from 0)" with its name. */
enum { COLUMN_TEXT_SIZE = 128 };
void column_text(const dataset_t *data, int64_t column, char out[COLUMN_TEXT_SIZE]);

#endif
