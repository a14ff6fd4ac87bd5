/* Models of the library: reading them, and what they say of themselves. */
#include "library/library_impl.h"

#include "score/choices.h"

#include <errno.h>
#include <fcntl.h>
#include <fenv.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *ls_version(void) {
  return LOCKSTEP_VERSION;
}

/* ---- reading ---- */

/* The C library reads numbers in the rounding mode of the caller. */
static ls_status read_plainly(const char *path, model_t **out, ls_error *error) {
  const settings_choices_t choices = model_choices();
  fenv_t mode;
  fegetenv(&mode);
  fesetenv(FE_DFL_ENV);
  ls_status status = model_read(path, &choices, out, error);
  fesetenv(&mode);
  return status;
}

ls_status ls_model_read(const char *path, ls_model **out, ls_error *error) {
  ls_model *model = malloc(sizeof *model);
  if (model == NULL) return error_set(error, LS_NO_MEMORY, "no memory for a model");
  ls_status status = read_plainly(path, &model->model, error);
  if (status != LS_OK) {
    free(model);
    return status;
  }
  *out = model;
  return LS_OK;
}

static bool write_all(int file, const char *bytes, size_t size) {
  while (size > 0) {
    ssize_t n = write(file, bytes, size);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes += n;
    size -= (size_t)n;
  }
  return true;
}

/* In messages, a file in memory has no path that would help the caller. */
static void name_memory(const char *path, ls_error *error) {
  static const char name[] = "the model in memory";
  if (error == NULL) return;
  char *at = strstr(error->message, path);
  if (at == NULL) return;
  char rest[LS_MESSAGE_SIZE];
  snprintf(rest, sizeof rest, "%s", at + strlen(path));
  snprintf(at, sizeof error->message - (size_t)(at - error->message), "%s%s", name, rest);
}

int temporary_open(const char *what, char path[TEMPORARY_PATH_SIZE]) {
  static const char *const folders[] = {"/dev/shm", "/tmp"};
  int file = -1;
  for (size_t i = 0; file < 0 && i < sizeof folders / sizeof folders[0]; i++) {
    snprintf(path, TEMPORARY_PATH_SIZE, "%s/lockstep-%s-%ld-XXXXXX", folders[i], what, (long)getpid());
    file = mkostemp(path, O_CLOEXEC);
  }
  if (file < 0) path[0] = '\0';
  return file;
}

ls_status ls_model_read_memory(const void *bytes, size_t size, ls_model **out, ls_error *error) {
  char path[TEMPORARY_PATH_SIZE];
  int file = temporary_open("model", path);
  if (file < 0)
    return error_set(error, LS_IO, "no temporary file for a model of %zu bytes: %s", size, strerror(errno));
  ls_status status = LS_OK;
  if (!write_all(file, bytes, size))
    status = error_set(error, LS_IO, "a temporary file for a model of %zu bytes: %s", size, strerror(errno));
  close(file);
  if (status == LS_OK) status = ls_model_read(path, out, error);
  unlink(path);
  if (status != LS_OK) name_memory(path, error);
  return status;
}

void ls_model_free(ls_model **model) {
  if (model == NULL || *model == NULL) return;
  model_destroy(&(*model)->model);
  free(*model);
  *model = NULL;
}

/* ---- columns of x ---- */

const char *ls_model_checksum(const ls_model *model) {
  return model->model->checksum;
}

int64_t ls_model_inputs(const ls_model *model) {
  return model->model->features.columns;
}

int64_t ls_model_columns(const ls_model *model) {
  return features_file_columns(&model->model->features);
}

int64_t ls_model_steps(const ls_model *model) {
  return ls_model_inputs(model) / ls_model_columns(model);
}

const char *ls_model_column_name(const ls_model *model, int64_t c) {
  const bool is_column = c >= 0 && c < ls_model_columns(model);
  return is_column && model->model->feature_names != NULL ? model->model->feature_names[c] : NULL;
}

static const category_names_t *categories_of(const ls_model *model, int64_t c) {
  static const category_names_t none;
  const features_t *features = &model->model->features;
  return features->codes != NULL && c >= 0 && c < ls_model_columns(model) ? &features->codes[c].names : &none;
}

int64_t ls_model_categories(const ls_model *model, int64_t c) {
  return (int64_t)categories_of(model, c)->n;
}

const char *ls_model_category_name(const ls_model *model, int64_t c, int64_t i) {
  const category_names_t *names = categories_of(model, c);
  return i >= 0 && i < (int64_t)names->n ? names->names[i] : NULL;
}

int ls_model_fills_missing(const ls_model *model) {
  return model->model->features.fill != NULL;
}

/* ---- heads ---- */

int64_t ls_model_heads(const ls_model *model) {
  return (int64_t)model->model->objective.n;
}

int64_t ls_model_outputs(const ls_model *model) {
  return predictions_first(&model->model->objective, model->model->objective.n);
}

void ls_model_head(const ls_model *model, int64_t h, ls_head *out) {
  const objective_t *objective = &model->model->objective;
  if (h < 0 || h >= (int64_t)objective->n) return;
  const head_t *head = &objective->heads[h];
  *out = (ls_head){.name = head->name,
                   .loss = head->loss->name,
                   .kind = head->loss->prediction,
                   .first = predictions_first(objective, (size_t)h),
                   .classes = head->loss->describe != NULL ? head->outputs
                                                           : loss_row_classes(head->loss, head->outputs)};
  out->width = predictions_first(objective, (size_t)h + 1) - out->first;
}

const char *ls_model_class_name(const ls_model *model, int64_t h, int64_t i) {
  const objective_t *objective = &model->model->objective;
  if (h < 0 || h >= (int64_t)objective->n || model->model->class_names[h] == NULL) return NULL;
  return i >= 0 && i < objective->heads[h].classes ? model->model->class_names[h][i] : NULL;
}
