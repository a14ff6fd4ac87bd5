/* What a run begins with: the initial parameters, or the state of a checkpoint. */
#include "train/trainer_impl.h"

#include "model/init.h"
#include "train/choices.h"
#include "train/finite.h"
#include "train/fitting.h"

#include <inttypes.h>
#include <stdlib.h>

/* ---- vectors ---- */

void trainer_free_vector(trainer_t *trainer) {
  free(trainer->copies.vector);
  trainer->copies.vector = NULL;
}

/* A whole vector: rank 0 keeps it, for the best parameters; the others have it while they load. */
ls_status trainer_make_buffers(trainer_t *trainer, ls_error *error) {
  size_t floats = graph_floats(trainer->graph);
  trainer_free_vector(trainer);
  if (trainer->copies.sums == NULL)
    trainer->copies.sums =
        calloc((size_t)trainer->layout.shards * trainer->objective.n, sizeof *trainer->copies.sums);
  trainer->copies.vector = calloc(floats, sizeof *trainer->copies.vector);
  if (trainer->copies.sums != NULL && trainer->copies.vector != NULL) return LS_OK;
  return error_set(error, LS_NO_MEMORY, "no memory for a whole parameter vector (%.1f MB)",
                   (double)floats * sizeof(float) / 1e6);
}

ls_status trainer_make_vector(trainer_t *trainer, ls_error *error) {
  if (trainer->copies.vector == NULL)
    trainer->copies.vector = calloc(graph_floats(trainer->graph), sizeof *trainer->copies.vector);
  if (trainer->copies.vector != NULL) return LS_OK;
  return error_set(error, LS_NO_MEMORY, "no memory for a whole parameter vector");
}

ls_status trainer_share(trainer_t *trainer, float *vector, ls_error *error) {
  return world_broadcast(trainer->world, vector, graph_floats(trainer->graph) * sizeof *vector, 0, error);
}

/* ---- a checkpoint ---- */

/* On rank 0: reads everything but states that are in parts. `states` are malloc'd here, caller-owned also
 * after a failure. */
static ls_status read_checkpoint(trainer_t *trainer, float *states[OPTIMIZER_MAX_STATES], ls_error *error) {
  char path[RUN_FILE_SIZE];
  checkpoint_t checkpoint = {.parameters = trainer->copies.vector,
                             .epoch_loss = trainer->copies.sums,
                             .history = trainer->record.history};
  for (int k = 0; k < trainer->optimizer->states && trainer->copies.list.n == 0; k++) {
    checkpoint.states[k] = states[k] = calloc(graph_floats(trainer->graph), sizeof(float));
    if (states[k] == NULL) return error_set(error, LS_NO_MEMORY, "no memory for the state of the optimiser");
  }
  run_checkpoint(&trainer->run, trainer->position.step, path);
  ls_status status = checkpoint_read(path, trainer->graph, trainer->optimizer, &checkpoint, error);
  trainer->record.history = checkpoint.history;
  if (status == LS_OK && (int64_t)checkpoint.history.n != trainer->position.epoch)
    status =
        error_set(error, LS_BAD_DATA, "%s: its history has %zu epochs, but its position is in epoch %" PRId64,
                  path, checkpoint.history.n, trainer->position.epoch + 1);
  return status;
}

/* Rank 0 sends the states that it has read. The others take their share. */
static ls_status share_states(trainer_t *trainer, float *const *states, ls_error *error) {
  float *room = NULL;
  ls_status status = LS_OK;
  if (!is_root(trainer) && (room = calloc(graph_floats(trainer->graph), sizeof *room)) == NULL)
    status = error_set(error, LS_NO_MEMORY, "no memory for the state of the optimiser");
  TRY_OR_DONE(trainer_agree(trainer, status, error));
  for (int k = 0; k < trainer->optimizer->states; k++) {
    float *vector = is_root(trainer) ? states[k] : room;
    TRY_OR_DONE(trainer_share(trainer, vector, error));
    engine_set_state(trainer->engine, k, vector);
  }
done:
  free(room);
  return status;
}

/* Each rank reads its own share from the parts. */
static ls_status load_parts(trainer_t *trainer, ls_error *error) {
  char path[RUN_FILE_SIZE];
  int rank = world_rank(trainer->world);
  size_t n = engine_state_ranges(trainer->engine, rank, NULL);
  state_range_t *own = calloc(n, sizeof *own);
  float *states[OPTIMIZER_MAX_STATES] = {0};
  if (own == NULL) return error_set(error, LS_NO_MEMORY, "no memory to load the parts of a checkpoint");
  engine_state_ranges(trainer->engine, rank, own);
  for (int k = 0; k < trainer->optimizer->states; k++) states[k] = engine_own_state(trainer->engine, k);
  run_checkpoint(&trainer->run, trainer->position.step, path);
  ls_status status = part_list_load(&trainer->copies.list, path, trainer->optimizer, own, n, states, error);
  free(own);
  return status;
}

/* Rank 0 reads the checkpoint, all take their part of it. */
static ls_status load_checkpoint(trainer_t *trainer, ls_error *error) {
  float *states[OPTIMIZER_MAX_STATES] = {0};
  ls_status status = is_root(trainer) ? read_checkpoint(trainer, states, error) : LS_OK;
  TRY_OR_DONE(trainer_agree(trainer, status, error));
  if (trainer->copies.list.n > 0)
    TRY_OR_DONE(trainer_agree(trainer, load_parts(trainer, error), error));
  else
    TRY_OR_DONE(share_states(trainer, states, error));
  TRY_OR_DONE(trainer_share(trainer, trainer->copies.vector, error));
  size_t losses = (size_t)trainer->layout.shards * trainer->objective.n;
  status = world_broadcast(trainer->world, trainer->copies.sums, losses * sizeof(double), 0, error);
done:
  for (int k = 0; k < OPTIMIZER_MAX_STATES; k++) free(states[k]);
  return status;
}

/* Windows of steps that the loss is judged by: those of the checkpoint go on where they are as long as
 * before, else new ones begin here. */
static void begin_window(trainer_t *trainer) {
  const settings_t *settings = trainer->settings;
  position_t *position = &trainer->position;
  int64_t steps = settings->stop.tol > 0 ? settings->stop.over.steps : 0;
  double sum = position->step_in_epoch > 0 ? engine_total_loss(trainer->engine, trainer->copies.sums) : 0;
  if (steps != position->window.steps)
    position->window = loss_window_begin(steps, position->step, position->rows, sum);
}

/* Steps that were skipped before do not end a run that is resumed. */
static void begin_guard(trainer_t *trainer) {
  if (finite_gave_up(trainer)) trainer->position.skips.in_a_row = 0;
  trainer->guard.told_skips = trainer->position.skips.steps;
}

ls_status trainer_take_origin(trainer_t *trainer, float *vector, ls_error *error) {
  const bool looks = vector == NULL;
  const origin_heir_t heir = {.settings = trainer->settings,
                              .choices = settings_choices(),
                              .graph = trainer->graph,
                              .features = &trainer->data.features,
                              .dataset = looks ? NULL : trainer->data.dataset,
                              .class_names = looks ? NULL : trainer->data.class_names,
                              .log = trainer->solution == NULL ? trainer->options->log : NULL};
  ls_status status = LS_OK;
  if (!origin_is_set(trainer->settings)) return LS_OK;
  if (is_root(trainer)) status = origin_take(&heir, vector, trainer->origin, error);
  TRY(trainer_agree(trainer, status, error));
  return looks ? LS_OK : trainer_share(trainer, vector, error);
}

/* What a run that is not resumed begins with. Collective. */
static ls_status make_start(trainer_t *trainer, float *vector, ls_error *error) {
  const uint64_t seed = trainer->settings->train.seed;
  if (trainer->fitting != NULL) {
    TRY(fitting_start(trainer, vector, error));
    return trainer_take_origin(trainer, vector, error);
  }
  TRY(trainer_agree(trainer, init_parameters(trainer->graph, seed, vector, error), error));
  return trainer_take_origin(trainer, vector, error);
}

ls_status training_start(const training_t *training, float *vector, ls_error *error) {
  return make_start(training->trainer, vector, error);
}

ls_status trainer_load(trainer_t *trainer, ls_error *error) {
  begin_guard(trainer);
  if (trainer->resumed) {
    TRY(load_checkpoint(trainer, error));
  } else if (trainer->fitting != NULL && !origin_is_set(trainer->settings)) {
    memset(trainer->copies.vector, 0,
           graph_floats(trainer->graph) * sizeof(float)); /* the first epoch seeds */
  } else {
    TRY(make_start(trainer, trainer->copies.vector, error));
  }
  TRY(trainer_set_parameters(trainer, trainer->copies.vector, error));
  if (!is_root(trainer)) trainer_free_vector(trainer);
  begin_window(trainer);
  if (!trainer->resumed && !origin_is_set(trainer->settings)) return LS_OK;
  return finite_check_result(
      trainer, trainer->resumed ? "the checkpoint" : "what model.init_from and init_values give", error);
}

/* Each rank reads which parts the checkpoint has. */
static ls_status read_part_list(trainer_t *trainer, ls_error *error) {
  char path[RUN_FILE_SIZE];
  store_t *store = NULL;
  part_list_free(&trainer->copies.list);
  if (!trainer->resumed) return LS_OK;
  run_checkpoint(&trainer->run, trainer->position.step, path);
  ls_status status = store_open_whole(path, &store, error);
  if (status == LS_OK) status = part_list_read(store, &trainer->copies.list, error);
  store_close(&store);
  return status;
}

ls_status trainer_load_again(trainer_t *trainer, ls_error *error) {
  history_free(&trainer->record.history);
  trainer->record.history = (history_t){.objective = &trainer->objective};
  trainer->record.history_rows = 0;
  trainer->copies.vector_step = -1;
  TRY(trainer_agree(trainer, trainer_make_buffers(trainer, error), error));
  TRY(trainer_agree(trainer, read_part_list(trainer, error), error));
  if (!trainer->resumed)
    for (int k = 0; k < trainer->optimizer->states; k++) engine_set_state(trainer->engine, k, NULL);
  return trainer_load(trainer, error);
}
