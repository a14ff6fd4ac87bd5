/* Checkpoints on disk: the model, then attributes on "/" for the position, optimizer/STATE/NAME as plain
 * (out, in) matrices or the list of parts that hold the states, epoch_loss and history. */
#include "run/checkpoint.h"

#include <limits.h>
#include <stdio.h>

/* What is behind the model in a checkpoint that is being written. */
typedef struct {
  const graph_t *graph;
  const checkpoint_parts_t *parts;
} extra_t;

/* Without skipped steps there are no attributes, as in files of earlier versions. */
static ls_status write_skips(const skips_t *skips, store_t *store, ls_error *error) {
  if (skips->steps == 0) return LS_OK;
  TRY(store_write_int(store, "/", "skipped_steps", skips->steps, error));
  TRY(store_write_int(store, "/", "skipped_rows", skips->rows, error));
  return store_write_int(store, "/", "skipped_in_a_row", skips->in_a_row, error);
}

static ls_status read_skips(skips_t *skips, const store_t *store, ls_error *error) {
  *skips = (skips_t){0};
  if (!store_has_attribute(store, "/", "skipped_steps")) return LS_OK;
  TRY(store_read_int(store, "/", "skipped_steps", &skips->steps, error));
  TRY(store_read_int(store, "/", "skipped_rows", &skips->rows, error));
  return store_read_int(store, "/", "skipped_in_a_row", &skips->in_a_row, error);
}

static ls_status write_extra(store_t *store, const void *context, ls_error *error) {
  const extra_t *extra = context;
  const checkpoint_parts_t *parts = extra->parts;
  const position_t *position = parts->position;
  TRY(store_write_int(store, "/", "step_in_epoch", position->step_in_epoch, error));
  TRY(store_write_int(store, "/", "best_step", position->best_step, error));
  TRY(store_write_double(store, "/", "best_loss", position->best_loss, error));
  TRY(store_write_int(store, "/", "rows", position->rows, error));
  TRY(store_write_double(store, "/", "seconds", position->seconds, error));
  TRY(loss_window_save(&position->window, store, error));
  TRY(write_skips(&position->skips, store, error));
  if (parts->list != NULL) TRY(part_list_write(parts->list, store, error));
  for (int k = 0; k < parts->optimizer->states && parts->list == NULL; k++) {
    char folder[64];
    snprintf(folder, sizeof folder, "optimizer/%s", parts->optimizer->state_names[k]);
    TRY(vector_write(store, extra->graph, folder, parts->states[k], error));
  }
  const int64_t heads = (int64_t)history_heads(parts->history), sums[] = {position->shards, heads};
  TRY(store_write(store, "epoch_loss", STORE_F64, heads > 0 ? 2 : 1, sums, parts->epoch_loss, error));
  return history_save(parts->history, store, error);
}

ls_status checkpoint_write(const char *path, const model_parts_t *model, const checkpoint_parts_t *parts,
                           ls_error *error) {
  const extra_t context = {model->graph, parts};
  const model_extra_t extra = {write_extra, &context};
  return model_write(path, model, &extra, error);
}

/* ---- reading ---- */

static ls_status read_position(const store_t *store, position_t *position, ls_error *error) {
  int64_t shards = 0;
  TRY(store_read_int(store, "/", "step", &position->step, error));
  TRY(store_read_int(store, "/", "epoch", &position->epoch, error));
  TRY(store_read_int(store, "/", "step_in_epoch", &position->step_in_epoch, error));
  TRY(store_read_int(store, "/", "best_step", &position->best_step, error));
  TRY(store_read_double(store, "/", "best_loss", &position->best_loss, error));
  TRY(store_read_int(store, "/", "rows", &position->rows, error));
  TRY(store_read_double(store, "/", "seconds", &position->seconds, error));
  TRY(loss_window_load(&position->window, store, error));
  TRY(read_skips(&position->skips, store, error));
  TRY(store_read_int(store, "/", "shards", &shards, error));
  position->shards = shards >= 0 && shards <= INT_MAX ? (int)shards : -1; /* position_check refuses -1 */
  return LS_OK;
}

ls_status checkpoint_read_position(const char *path, position_t *out, ls_error *error) {
  store_t *store = NULL;
  position_t position = {0};
  part_list_t list = {0};
  TRY(model_open(path, CHECKPOINT_FORMAT, &store, error));
  ls_status status = read_position(store, &position, error);
  if (status == LS_OK) status = part_list_read(store, &list, error);
  store_close(&store);
  if (status == LS_OK) status = part_list_check(&list, path, error);
  part_list_free(&list);
  if (status == LS_OK) *out = position;
  return status;
}

static ls_status read_checkpoint(const store_t *store, const graph_t *graph, const optimizer_t *optimizer,
                                 checkpoint_t *checkpoint, ls_error *error) {
  TRY(read_position(store, &checkpoint->position, error));
  TRY(vector_read(store, graph, "parameters", checkpoint->parameters, error));
  const bool in_parts = store_has(store, "parts");
  for (int k = 0; k < optimizer->states && !in_parts; k++) {
    char folder[64];
    snprintf(folder, sizeof folder, "optimizer/%s", optimizer->state_names[k]);
    if (!store_has(store, folder))
      return error_set(
          error, LS_BAD_SETTINGS,
          "%s holds no state of the optimiser %s: go on with the optimiser that the run began with",
          store_path(store), optimizer->name);
    TRY(vector_read(store, graph, folder, checkpoint->states[k], error));
  }
  TRY(store_read_rows(store, "epoch_loss", 0, checkpoint->position.shards, STORE_F64, checkpoint->epoch_loss,
                      error));
  return history_load(&checkpoint->history, store, error);
}

ls_status checkpoint_read(const char *path, const graph_t *graph, const optimizer_t *optimizer,
                          checkpoint_t *checkpoint, ls_error *error) {
  store_t *store = NULL;
  TRY(model_open(path, CHECKPOINT_FORMAT, &store, error));
  ls_status status = read_checkpoint(store, graph, optimizer, checkpoint, error);
  store_close(&store);
  return status;
}
