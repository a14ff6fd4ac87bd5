/* Dataset files: a file in words and settings that read it. What a training refuses before its first step is
 * an error; otherwise all rows are in memory and a few of them are gathered. */
#include "fuzz/fuzz.h"
#include "features/gather.h"
#include "train/choices.h"
#include "train/training.h"

#include <sanitizer/lsan_interface.h>
#include <string.h>

/* Settings that make work for minutes are no fault. */
enum { MOST_UNITS = 64, MOST_LAYERS = 6, MOST_SIZE = 64, MOST_SHARDS = 16, MOST_ROWS = 1 << 16 };

static world_t *world; /* of one rank, until the process ends */

int LLVMFuzzerInitialize(int *argc, char ***argv) {
  ls_error error = {0};
  (void)argc, (void)argv;
  __lsan_disable(); /* MPI keeps what it allocates */
  MUST(world_create(NULL, NULL, &world, &error) == LS_OK);
  __lsan_enable();
  return 0;
}

static bool are_small(const layer_settings_t *layers, size_t n) {
  bool small = n <= MOST_LAYERS;
  for (size_t i = 0; i < n && small; i++)
    small = layers[i].units <= MOST_UNITS && are_small(layers[i].layers, layers[i].n_layers);
  return small;
}

static bool is_small(const settings_t *settings) {
  const basis_settings_t *basis = &settings->data.basis;
  bool has_basis = strcmp(basis->name, "none") != 0;
  return are_small(settings->model.layers, settings->model.n_layers) &&
         settings->model.embeddings.width <= MOST_UNITS &&
         (!has_basis || (basis->size <= MOST_SIZE && basis->degree <= 3)) &&
         settings->parallel.shards <= MOST_SHARDS && settings->train.global_batch_size <= MOST_ROWS;
}

static void train(const settings_t *settings) {
  training_t training = {0};
  ls_error error = {0};
  ls_status status = training_open(world, settings, &training, &error);
  fuzz_check_error(status, &error);
  if (status == LS_OK) training_close(&training);
}

/* As `predict` reads rows whose targets are not known. */
static void load_features(const settings_t *settings) {
  dataset_shape_t shape;
  dataset_t *dataset = NULL;
  ls_error error = {0};
  ls_status status = dataset_describe(world, settings, &shape, &error);
  fuzz_check_error(status, &error);
  if (status != LS_OK) return;
  status = dataset_load_features(world, settings->data.file, settings->data.x, &settings->data.window,
                                 shape.features, true, 2, settings->data.memory_limit, &dataset, &error);
  fuzz_check_error(status, &error);
  dataset_destroy(&dataset);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const char *path = fuzz_path("data.h5");
  char *text = NULL, file[512], threads[] = "parallel.threads=1", *overrides[] = {file, threads};
  settings_t *settings = NULL;
  ls_error error = {0};
  words_write(data, size, path, &text);
  snprintf(file, sizeof file, "data.file=%s", path);
  ls_status status =
      settings_parse(text, strlen(text), "net.yaml", overrides, 2, settings_choices(), &settings, &error);
  fuzz_check_error(status, &error);
  if (status == LS_OK && is_small(settings)) {
    train(settings);
    load_features(settings);
  }
  settings_destroy(&settings);
  free(text);
  return 0;
}
