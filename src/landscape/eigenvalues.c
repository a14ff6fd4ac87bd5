#include "landscape/eigenvalues.h"

#include "base/signals.h"
#include "comm/crew.h"
#include "store/store.h"

#include <math.h>

/* A signal to rank 0, or to an idle rank, which passes it on. */
static bool is_asked_to_stop(void *context) {
  world_t *world = context;
  int rank = 0;
  const char *host = NULL;
  crew_listen(world);
  return signals_take() != 0 || crew_signal(world, &rank, &host) != 0;
}

ls_status eigenvalues_find(point_t *point, int64_t k, eigenvalues_t *out, ls_error *error) {
  const engine_inputs_t *inputs = engine_inputs(point_engine(point));
  eigenvalues_t found = {.limit = NAN};
  metrics_t metrics = {0};
  const int64_t steps = epoch_steps(point_partition(point), inputs->settings->train.global_batch_size);
  TRY(point_set(point, point_start(point), error));
  TRY(point_metrics(point, POINT_TRAIN, &metrics, error));
  found.loss = metrics.loss;
  metrics_free(&metrics);
  TRY(spectrum_find(point_engine(point), steps, k, is_asked_to_stop, inputs->world, &found.spectrum, error));
  if (found.spectrum.values[0] > 0) found.limit = 2 / found.spectrum.values[0];
  *out = found;
  return LS_OK;
}

static ls_status write_found(const eigenvalues_t *found, const point_t *point, store_t *store,
                             ls_error *error) {
  const spectrum_t *spectrum = &found->spectrum;
  const training_t *training = point_training(point);
  TRY(store_write_text(store, "/", "format", EIGENVALUES_FORMAT, error));
  TRY(store_write_text(store, "/", "model", point_origin(point), error));
  TRY(store_write_text(store, "/", "name", training->settings->name, error));
  TRY(store_write_text(store, "/", "data", training->settings->data.file, error));
  TRY(store_write_int(store, "/", "train_rows", point_rows(point, POINT_TRAIN), error));
  TRY(store_write_double(store, "/", "train_loss", found->loss, error));
  TRY(store_write_double(store, "/", "smallest", spectrum->smallest, error));
  TRY(store_write_double(store, "/", "smallest_error", spectrum->smallest_error, error));
  if (!isnan(found->limit)) TRY(store_write_double(store, "/", "limit", found->limit, error));
  TRY(store_write_int(store, "/", "products", spectrum->products, error));
  TRY(store_write_int(store, "/", "parameters", spectrum->parameters, error));
  TRY(store_write_int(store, "/", "has_converged", spectrum->has_converged, error));
  TRY(store_write(store, "eigenvalues", STORE_F64, 1, &spectrum->k, spectrum->values, error));
  return store_write(store, "errors", STORE_F64, 1, &spectrum->k, spectrum->errors, error);
}

ls_status eigenvalues_write(const eigenvalues_t *found, const point_t *point, const char *path,
                            ls_error *error) {
  store_t *store = NULL;
  TRY(store_create(path, &store, error));
  ls_status status = write_found(found, point, store, error);
  if (status == LS_OK) status = store_publish(&store, error);
  store_close(&store);
  return status;
}
