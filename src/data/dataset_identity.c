/* Whether all ranks see the same file: the arrays of a dataset that are compared (data/identity.h). */
#include "data/dataset_impl.h"

#include <string.h>

static ls_status look_at_split(const store_t *store, const settings_t *settings, const dataset_plan_t *plan,
                               int which, array_identity_t out[IDENTITY_KINDS], ls_error *error) {
  const source_t *source = &plan->split[which];
  const window_settings_t *window = &settings->data.window;
  split_names_t names;
  split_names(settings, array_of(plan, which), &names);
  TRY(identity_look(store, names.x, &out[IDENTITY_X], error));
  if (source->has_y && (window->length == 0 || windows_use_y(window)))
    TRY(identity_look(store, names.y, &out[IDENTITY_Y], error));
  if (source->has_weights) TRY(identity_look(store, names.weights, &out[IDENTITY_WEIGHTS], error));
  if (names.series[0] != '\0') TRY(identity_look(store, names.series, &out[IDENTITY_SERIES], error));
  return LS_OK;
}

/* This rank's view of the arrays that rank 0 has made its plan from. */
static ls_status look_at_file(const settings_t *settings, const dataset_plan_t *plan, int splits,
                              data_identity_t *out, ls_error *error) {
  store_t *store = NULL;
  ls_status status = LS_OK;
  TRY(store_open(settings->data.file, &store, error));
  for (int which = 0; which < SPLITS && status == LS_OK; which++)
    if ((splits & 1 << which) != 0 && plan->split[which].there)
      status = look_at_split(store, settings, plan, which, out->arrays[which], error);
  store_close(&store);
  return status;
}

ls_status identity_of_splits(world_t *world, const settings_t *settings, const dataset_plan_t *plan,
                             int splits, data_identity_t *out, ls_error *error) {
  memset(out, 0, sizeof *out);
  ls_status status = look_at_file(settings, plan, splits, out, error);
  return identity_agree(world, settings->data.file, status, out, error);
}

ls_status identity_of_features(world_t *world, const char *file, const char *x,
                               const window_settings_t *window, ls_error *error) {
  store_t *store = NULL;
  char series[ARRAY_NAME_SIZE];
  data_identity_t mine;
  array_identity_t *arrays = mine.arrays[TEST];
  memset(&mine, 0, sizeof mine);
  windows_series_name(window, x, series);
  ls_status status = store_open(file, &store, error);
  if (status == LS_OK) status = identity_look(store, x, &arrays[IDENTITY_X], error);
  if (status == LS_OK && series[0] != '\0')
    status = identity_look(store, series, &arrays[IDENTITY_SERIES], error);
  store_close(&store);
  return identity_agree(world, file, status, &mine, error);
}
