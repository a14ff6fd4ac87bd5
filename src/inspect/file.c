/* Prints what is in one file: a dataset, a model, a checkpoint or a curve of lr-find. */
#include "inspect/file.h"

#include "base/show.h"
#include "data/dataset.h"
#include "features/features_fit.h"
#include "features/scaling.h"
#include "score/model_file.h"
#include "store/store.h"
#include "study/lr_find.h"
#include "sweep/sweep.h"
#include "train/choices.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- any file of arrays ---- */

static ls_status print_array(const char *name, const store_array_t *array, void *context, ls_error *error) {
  const char *kind = !array->is_integer ? "float" : array->is_signed ? "int" : "uint";
  (void)context;
  (void)error;
  show(stdout, "  %-40s %s%zu (", name, kind, 8 * array->element_bytes);
  for (int i = 0; i < array->dims; i++) printf("%s%" PRId64, i > 0 ? ", " : "", array->shape[i]);
  puts(")");
  return LS_OK;
}

static ls_status print_text(const store_t *store, const char *key, ls_error *error) {
  char *text = NULL;
  if (!store_has_attribute(store, "/", key)) return LS_OK;
  TRY(store_read_text(store, "/", key, &text, error));
  show(stdout, "%-20s %s\n", key, text);
  free(text);
  return LS_OK;
}

static ls_status print_texts(const store_t *store, const char *key, ls_error *error) {
  char **texts = NULL;
  size_t n = 0;
  if (!store_has_attribute(store, "/", key)) return LS_OK;
  TRY(store_read_texts(store, "/", key, &texts, &n, error));
  printf("%-20s %zu: ", key, n);
  for (size_t i = 0; i < n; i++) show(stdout, "%s%s", i > 0 ? ", " : "", texts[i]);
  putchar('\n');
  free(texts);
  return LS_OK;
}

/* Prints the class names of the columns of y. */
static ls_status print_column_names(const store_t *store, ls_error *error) {
  store_array_t y = {0};
  if (!store_has(store, "train/y")) return LS_OK;
  TRY(store_describe(store, "train/y", &y, error));
  for (int64_t c = 0; y.dims == 2 && c < y.shape[1]; c++) {
    char key[CLASS_NAMES_KEY_SIZE];
    class_names_key(c, key);
    TRY(print_texts(store, key, error));
  }
  return LS_OK;
}

/* A line for each column of categories: "categories of 3     35, ordered: small, medium, ...". */
static void print_categories(int64_t column, char *const *names, size_t n, bool is_ordered) {
  enum { SHOWN = 6 };
  char what[40];
  snprintf(what, sizeof what, "categories of %" PRId64, column);
  printf("%-20s %zu%s: ", what, n, is_ordered ? ", ordered" : "");
  for (size_t i = 0; i < n && i < SHOWN; i++) show(stdout, "%s%s", i == 0 ? "" : ", ", names[i]);
  puts(n > SHOWN ? ", ..." : "");
}

/* Of the columns of train/x. */
static ls_status print_dataset_categories(const store_t *store, ls_error *error) {
  store_array_t x = {0};
  int64_t columns = 1;
  if (!store_has(store, "categories") || !store_has(store, "train/x")) return LS_OK;
  TRY(store_describe(store, "train/x", &x, error));
  for (int i = 1; i < x.dims; i++) columns *= x.shape[i];
  for (int64_t c = 0; c < columns; c++) {
    char name[40], **names = NULL;
    int64_t ordered = 0;
    size_t n = 0;
    snprintf(name, sizeof name, "categories/%" PRId64, c);
    if (!store_has(store, name)) continue;
    if (store_has_attribute(store, name, "ordered"))
      TRY(store_read_int(store, name, "ordered", &ordered, error));
    TRY(store_read_text_array(store, name, &names, &n, error));
    print_categories(c, names, n, ordered != 0);
    free(names);
  }
  return LS_OK;
}

static void print_model_categories(const features_t *features) {
  for (int64_t c = 0; c < features_file_columns(features) && features->codes != NULL; c++) {
    const category_names_t *names = &features->codes[c].names;
    if (names->n > 0) print_categories(c, names->names, names->n, names->is_ordered);
  }
}

static ls_status print_arrays(const store_t *store, ls_error *error) {
  TRY(print_text(store, "source", error));
  TRY(print_texts(store, "class_names", error));
  TRY(print_column_names(store, error));
  TRY(print_texts(store, "feature_names", error));
  TRY(print_dataset_categories(store, error));
  puts("arrays");
  return store_visit(store, print_array, NULL, error);
}

/* ---- models and checkpoints ---- */

static void print_scaler(const char *what, const scaler_t *scaler) {
  if (scaler->n == 0) return;
  show(stdout, "%-20s %s, %" PRId64 " columns; the first: (x - %.9g) * %.9g + %.9g\n", what, scaler->name,
       scaler->n, scaler->shift[0], scaler->scale[0], scaler->offset[0]);
}

static void print_heads(const model_t *model) {
  const objective_t *objective = &model->objective;
  for (size_t h = 0; h < objective->n && objective->n > 1; h++) {
    const head_t *head = &objective->heads[h];
    show(stdout, "%-20s %s, weight %g, outputs %" PRId64 " to %" PRId64, head->name, head->loss->name,
         head->weight, head->first, head->first + head->outputs - 1);
    for (int64_t c = 0; c < head->classes && model->class_names[h] != NULL; c++)
      show(stdout, "%s%s", c == 0 ? ": " : ", ", model->class_names[h][c]);
    putchar('\n');
  }
}

static ls_status print_model(const store_t *store, ls_error *error) {
  model_t *model = NULL;
  char text[32];
  TRY(model_read(store_path(store), settings_choices(), &model, error));
  ls_status status = print_text(store, "format", error);
  show(stdout, "%-20s %s\n", "name", model->settings->name);
  printf("%-20s %" PRId64 ", after %" PRId64 " epochs\n", "step", model->step, model->epoch);
  printf("%-20s %" PRId64 ", outputs %" PRId64 ", loss %s\n", "inputs", model->features.inputs,
         graph_outputs(model->graph), objective_name(&model->objective, text));
  print_heads(model);
  printf("%-20s %d\n", "shards", model->shards);
  if (model->n_members > 1) printf("%-20s %" PRId64 "\n", "members", model->n_members);
  show(stdout, "%-20s %s\n", "parameters_checksum", model->checksum);
  if (status == LS_OK) status = print_text(store, "libraries", error);
  if (status == LS_OK) status = print_text(store, "cpu", error);
  if (status == LS_OK) status = print_texts(store, "class_names", error);
  print_scaler("feature scaling", &model->features.scaler);
  print_model_categories(&model->features);
  const basis_t *basis = &model->features.basis;
  if (basis->kind != NULL)
    printf("%-20s %s, %" PRId64 " functions of %" PRId64 " features\n", "basis",
           model->settings->data.basis.name, basis->outputs, basis->inputs);
  print_scaler("target scaling", &model->targets);
  putchar('\n');
  graph_print(model->graph, stdout);
  components_print(&model->components, stdout);
  model_destroy(&model);
  return status;
}

static ls_status print_settings(const store_t *store, ls_error *error) {
  char *text = NULL;
  TRY(store_read_text(store, "/", "settings", &text, error));
  show_lines(stdout, text);
  free(text);
  return LS_OK;
}

/* ---- any file ---- */

static const struct {
  const char *format;
  ls_status (*print)(const store_t *store, ls_error *error);
} kinds[] = {{MODEL_FORMAT, print_model},
             {CHECKPOINT_FORMAT, print_model},
             {LR_FIND_FORMAT, print_arrays},
             {SWEEP_FORMAT, print_arrays}};

/* What a file is, says its format. A dataset, which other programs write too, has none of lockstep. */
static ls_status print_kind(const store_t *store, ls_error *error) {
  const char *path = store_path(store);
  char *format = NULL;
  ls_error ignored;
  if (store_has_attribute(store, "/", "format") &&
      store_read_text(store, "/", "format", &format, &ignored) != LS_OK)
    format = NULL;
  bool is_model = store_has_attribute(store, "/", "settings") && store_has(store, "parameters");
  bool is_ours = format != NULL && strncmp(format, "lockstep ", strlen("lockstep ")) == 0;
  size_t k = 0, n = sizeof kinds / sizeof kinds[0];
  while (k < n && (format == NULL || strcmp(format, kinds[k].format) != 0)) k++;
  ls_status status = LS_OK;
  if (k < n)
    status = kinds[k].print(store, error);
  else if (is_model)
    status =
        error_set(error, LS_BAD_DATA,
                  "%s is damaged: it has the settings and parameters of a model, but not its format", path);
  else if (is_ours)
    status =
        error_set(error, LS_BAD_DATA, "%s has the format \"%.60s\", which is not known here", path, format);
  else
    status = print_arrays(store, error);
  free(format);
  return status;
}

ls_status inspect_file(const char *path, bool settings, ls_error *error) {
  store_t *store = NULL;
  TRY(store_open(path, &store, error));
  ls_status status = settings ? print_settings(store, error) : print_kind(store, error);
  store_close(&store);
  return status;
}
