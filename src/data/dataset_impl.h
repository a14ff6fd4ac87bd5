/* What the chapters of the dataset share: the plan that rank 0 makes from the file's headers, and reading
 * rows. */
#ifndef DATA_DATASET_IMPL_H
#define DATA_DATASET_IMPL_H

#include "data/dataset.h"
#include "store/store.h"

enum { TRAIN, VALID, TEST, SPLITS }; /* SPLIT_TRAIN is 1 << TRAIN, and so on */

enum { ARRAY_NAME_SIZE = 256 };

/* Where a split lies in the file, by the settings alone. */
typedef struct {
  char x[ARRAY_NAME_SIZE], y[ARRAY_NAME_SIZE], weights[ARRAY_NAME_SIZE]; /* weights "": none */
  const char *x_key, *y_key, *weights_key; /* settings that name them, for messages */
  bool x_explicit, y_explicit;             /* named by the user: then it must be there */
} split_names_t;

/* One split as the headers describe it. Plain values: the plan is broadcast as bytes. */
typedef struct {
  bool there;
  bool has_y, y_is_integer;
  int64_t rows;       /* of the split */
  int64_t array_rows; /* of the arrays; more than rows where training and validation share them */
  int64_t features, y_width;
  element_t type;
} source_t;

typedef struct {
  bool by_share; /* validation rows are chosen among the training arrays' rows */
  source_t split[SPLITS];
} plan_t;

/* ---- dataset_plan.c ---- */

void split_names(const settings_t *settings, int split, split_names_t *out);

/* Reads the headers of everything that the settings name. */
ls_status plan_make(const store_t *store, const settings_t *settings, plan_t *out, ls_error *error);

/* Whether the targets of the asked splits are what is asked for. */
ls_status plan_check(const store_t *store, const settings_t *settings, const plan_t *plan, int splits,
                     target_request_t targets, ls_error *error);

/* One array of features: its rows, features and type in memory. */
ls_status source_describe(const store_t *store, const char *x, source_t *out, ls_error *error);

/* ---- dataset_rows.c ---- */

/* Which rows of an array a rank wants: those of [first, end) with chosen[row] == wanted, all when chosen is
 * NULL. */
typedef struct {
  int64_t first, end;
  const bool *chosen;
  bool wanted;
} rows_t;

ls_status rows_read_features(const store_t *store, const char *x, rows_t rows, const source_t *source,
                             void *out, ls_error *error);
ls_status rows_read_labels(const store_t *store, const char *y, rows_t rows, const source_t *source,
                           int64_t classes, int32_t *out, ls_error *error);
ls_status rows_read_targets(const store_t *store, const char *y, rows_t rows, const source_t *source,
                            target_request_t targets, float *out, ls_error *error);
ls_status rows_read_weights(const store_t *store, const char *weights, rows_t rows, float *out,
                            ls_error *error);

size_t element_size(element_t type);

#endif
