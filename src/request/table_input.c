#include "request/table_input.h"

#include "import/import.h"
#include "store/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- what a model expects ---- */

ls_status model_like_make(const model_t *model, model_like_t *out, ls_error *error) {
  const features_t *features = &model->features;
  size_t n = (size_t)features->columns;
  if (model->feature_names == NULL)
    return error_set(
        error, LS_BAD_DATA,
        "the model does not know the names of its columns, so a table cannot be matched with it: import "
        "the table to a dataset file first");
  table_list_t *categories = calloc(n + 1, sizeof *categories);
  if (categories == NULL) return error_set(error, LS_NO_MEMORY, "no memory for the columns of a model");
  for (size_t c = 0; c < n && features->codes != NULL; c++)
    categories[c] =
        (table_list_t){(const char *const *)features->codes[c].names.names, features->codes[c].names.n};
  *out = (model_like_t){.like = {.n_features = n,
                                 .feature_names = (const char *const *)model->feature_names,
                                 .categories = categories},
                        .categories = categories};
  if (model->objective.n == 1 && model->class_names[0] != NULL)
    out->like.classes =
        (table_list_t){(const char *const *)model->class_names[0], (size_t)model->objective.heads[0].classes};
  return LS_OK;
}

void model_like_free(model_like_t *like) {
  free(like->categories);
  *like = (model_like_t){0};
}

/* ---- a temporary dataset ---- */

static ls_status import_rows(const session_t *session, const model_t *model, const char *path,
                             const char *label, const char *output, ls_error *error) {
  model_like_t like = {0};
  TRY(model_like_make(model, &like, error));
  const import_input_t input = {"test", path, NULL};
  const import_options_t options = {
      .inputs = &input,
      .n_inputs = 1,
      .output = output,
      .table = {.labels = {.texts = &label, .n = label != NULL},
                .regression = model->objective.has_labels == false,
                .cells = {.header = -1},
                .like = &like.like},
  };
  (void)session;
  ls_status status = import_run(&options, NULL, error);
  model_like_free(&like);
  return status;
}

/* The first rank on this rank's host. */
static int first_on_host(const world_t *world) {
  int first = 0;
  while (strcmp(world_host(world, first), world_host(world, world_rank(world))) != 0) first++;
  return first;
}

static ls_status make_folder(const session_t *session, table_input_t *input, ls_error *error) {
  const char *place = getenv("TMPDIR");
  char base[3900] = "";
  ls_status status = LS_OK;
  if (session->is_root) {
    snprintf(base, sizeof base, "%.3800s/lockstep-XXXXXX", place != NULL && *place == '/' ? place : "/tmp");
    if (mkdtemp(base) == NULL)
      status = error_set(error, LS_IO, "%s: no folder for a temporary dataset: %s", base, strerror(errno));
  }
  TRY(world_agree(session->world, status, error));
  TRY(world_broadcast(session->world, base, sizeof base, 0, error));
  int first = first_on_host(session->world);
  input->is_owner = world_rank(session->world) == first;
  snprintf(input->folder, sizeof input->folder, first == 0 ? "%s" : "%s-%d", base, first);
  if (input->is_owner && first != 0 && mkdir(input->folder, 0700) != 0)
    status =
        error_set(error, LS_IO, "%s: no folder for a temporary dataset: %s", input->folder, strerror(errno));
  return world_agree(session->world, status, error);
}

ls_status table_input_open(const session_t *session, const model_t *model, const char *path,
                           const char *label, table_input_t *out, ls_error *error) {
  *out = (table_input_t){.path = path};
  int64_t is_table = session->is_root && access(path, R_OK) == 0 && !store_is_hdf5(path);
  TRY(world_broadcast(session->world, &is_table, sizeof is_table, 0, error));
  if (!is_table) return LS_OK;
  TRY(make_folder(session, out, error));
  const char *name = strrchr(path, '/');
  snprintf(out->file, sizeof out->file, "%s/%.64s.h5", out->folder, name != NULL ? name + 1 : path);
  ls_status status = out->is_owner ? import_rows(session, model, path, label, out->file, error) : LS_OK;
  out->path = out->file;
  return world_agree(session->world, status, error);
}

void table_input_close(const session_t *session, table_input_t *input) {
  if (input->folder[0] == '\0') return;
  world_barrier(session->world, NULL); /* ranks of this host may still read */
  if (input->is_owner) {
    unlink(input->file);
    rmdir(input->folder);
  }
  *input = (table_input_t){0};
}

/* ---- columns that are taken over ---- */

enum { MOST_IDS = 64 };

ls_status table_ids_read(const char *path, const char *names, tables_t **out, ls_error *error) {
  const char *ids[MOST_IDS];
  const table_list_t kinds[MOST_IDS] = {{0}};
  size_t n = 0;
  char *rest = NULL, *list = strdup(names);
  if (list == NULL) return error_set(error, LS_NO_MEMORY, "no memory for the names of columns");
  for (char *name = strtok_r(list, ",", &rest); name != NULL && n < MOST_IDS;
       name = strtok_r(NULL, ",", &rest))
    ids[n++] = name;
  const table_like_t like = {.n_features = n, .feature_names = ids, .categories = kinds};
  const table_options_t options = {.categorical = {ids, n}, .cells = {.header = 1}, .like = &like};
  ls_status status = tables_read(&(table_place_t){.path = path}, 1, &options, out, error);
  free(list);
  return status;
}
