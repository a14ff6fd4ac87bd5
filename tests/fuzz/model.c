/* Models and checkpoints: a file in words that begins as one that lockstep wrote. What is read as a model
 * predicts a few rows; what is read as a checkpoint is read whole. */
#include "fuzz/fuzz.h"
#include "run/checkpoint.h"
#include "score/predictor.h"
#include "train/choices.h"

#include <string.h>

enum { ROWS = 3, MOST_COLUMNS = 256, MOST_SHARDS = 4096 };

static ls_status predict_with(const model_t *model, const gather_t *gather, ls_error *error) {
  predictor_t *predictor = NULL;
  const mixture_t mixture = {.members = (const float *const *)model->members,
                             .n_members = model->n_members,
                             .posterior = &model->posterior};
  TRY(predictor_create(model->graph, &model->objective, &model->targets, ROWS, &predictor, error));
  ls_status status = predictor_take(predictor, &mixture, error);
  size_t n = (size_t)(ROWS * predictions_first(&model->objective, model->objective.n));
  double *values = calloc(3 * n + 1, sizeof *values);
  MUST(values != NULL);
  if (status == LS_OK)
    predictor_predict(predictor, gather, 0, ROWS, (row_place_t){0, 0},
                      &(prediction_rows_t){values, values + n, values + 2 * n});
  free(values);
  predictor_destroy(&predictor);
  return status;
}

static void use(const model_t *model) {
  float x[ROWS * MOST_COLUMNS];
  split_t split;
  gather_t gather;
  ls_error error = {0};
  if (model->features.columns > MOST_COLUMNS) return;
  for (size_t i = 0; i < ROWS * MOST_COLUMNS; i++) x[i] = (float)(i % 7) - 1;
  const split_arrays_t arrays = {
      .rows = ROWS, .features = model->features.columns, .type = ELEMENT_F32, .x = x};
  if (split_from_memory(&arrays, &split, &error) != LS_OK) return;
  if (gather_create(&split, &model->features, &gather, &error) != LS_OK) return;
  fuzz_check_error(predict_with(model, &gather, &error), &error);
  gather_free(&gather);
}

/* With the network and the optimiser that the file's settings name, as a resumed run reads it. */
static void read_checkpoint(const char *path, const model_t *model) {
  checkpoint_t checkpoint = {0};
  ls_error error = {0};
  position_t position = {0};
  ls_status status = checkpoint_read_position(path, &position, &error);
  fuzz_check_error(status, &error);
  if (status != LS_OK || position.shards < 1 || position.shards > MOST_SHARDS) return;
  const optimizer_t *optimizer = optimizer_find(model->settings->optimizer.name);
  size_t floats = graph_floats(model->graph), heads = model->objective.n;
  checkpoint.parameters = calloc(floats, sizeof(float));
  for (int k = 0; k < optimizer->states; k++) checkpoint.states[k] = calloc(floats, sizeof(float));
  checkpoint.epoch_loss = calloc((size_t)position.shards * (heads + 1), sizeof(double));
  checkpoint.history.objective = &model->objective;
  status = checkpoint_read(path, model->graph, optimizer, &checkpoint, &error);
  fuzz_check_error(status, &error);
  history_free(&checkpoint.history);
  free(checkpoint.epoch_loss);
  for (int k = 0; k < optimizer->states; k++) free(checkpoint.states[k]);
  free(checkpoint.parameters);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const char *path = fuzz_path("model.h5");
  char *settings = NULL;
  model_t *model = NULL;
  data_identity_t identity;
  store_t *store = NULL;
  ls_error error = {0};
  bool known = false;
  words_write(data, size, path, &settings);
  ls_status status = model_read(path, settings_choices(), &model, &error);
  fuzz_check_error(status, &error);
  if (status == LS_OK) {
    use(model);
    read_checkpoint(path, model);
  }
  model_destroy(&model);
  error = (ls_error){0};
  if (store_open(path, &store, &error) == LS_OK) identity_read(store, &identity, &known, &error);
  store_close(&store);
  free(settings);
  return 0;
}
