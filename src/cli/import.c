/* lockstep import: hands what the options say to the import room, which does the work. */
#include "cli/import_options.h"
#include "request/table_input.h"

#include "base/activity.h"
#include "inspect/names.h"
#include "train/choices.h"

static table_list_t list_of(const texts_t *texts) {
  return (table_list_t){texts->texts, texts->n};
}

static ls_status import_like(import_arguments_t *a, const log_t *results, ls_error *error) {
  char path[4096];
  model_t *model = NULL;
  model_like_t like = {0};
  TRY(model_path(a->like, path, sizeof path, error));
  TRY(model_read(path, settings_choices(), &model, error));
  ls_status status = model_like_make(model, &like, error);
  if (status == LS_OK) {
    a->import.table.like = &like.like;
    a->import.table.regression |= !model->objective.has_labels;
    status = import_run(&a->import, results, error);
  }
  model_like_free(&like);
  model_destroy(&model);
  return status;
}

static ls_status run(const session_t *session, void *input, ls_error *error) {
  import_arguments_t *a = input;
  activity_set("importing into %s", a->import.output != NULL ? a->import.output : "a dataset");
  a->import.inputs = a->inputs;
  a->import.shares = a->shares;
  a->import.table.labels = list_of(&a->labels);
  a->import.table.categorical = list_of(&a->categorical);
  a->import.table.numeric = list_of(&a->numeric);
  a->import.table.drop = list_of(&a->drop);
  a->import.table.ordered = list_of(&a->ordered);
  a->import.table.cyclic = list_of(&a->cyclic);
  a->import.table.cells.marks = list_of(&a->marks);
  return a->like != NULL ? import_like(a, &session->results, error)
                         : import_run(&a->import, &session->results, error);
}

const command_t command_import = {
    .name = "import",
    .meaning = "convert tables and arrays to a dataset file, or make a synthetic one",
    .argp = &import_argp,
    .options_size = sizeof(import_arguments_t),
    .most = ANY_NUMBER,
    .in_order = true,
    .may_repeat = import_may_repeat,
    .choices = import_choices,
    .run = run,
};
