#include "train/insitu.h"

#include "base/clock.h"
#include "comm/crew.h"
#include "train/trainer_impl.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct insitu {
  trainer_t trainer;
  train_options_t options;
  world_t *world; /* all ranks */
  world_t *crew;  /* those that have a shard; NULL: this one has none */
  int most;       /* how many these may be */
  run_lock_t *lock;
  bool is_set_up, has_ended;
  int64_t told; /* the last epoch that was reported */
};

/* ---- life ---- */

static ls_status set_up(world_t *crew, void *context, ls_error *error) {
  insitu_t *own = context;
  own->trainer.world = crew;
  own->is_set_up = true;
  TRY(training_setup(&own->trainer, error));
  TRY(trainer_begin(&own->trainer, error));
  own->told = own->trainer.position.epoch;
  return LS_OK;
}

static ls_status open_crew(insitu_t *own, ls_error *error) {
  bool is_finished = false;
  if (trainer_has_files(&own->trainer))
    TRY(training_lock(own->world, own->trainer.settings, own->options.log, &own->lock, error));
  own->trainer.run.lock = own->lock;
  TRY(training_prepare(&own->trainer, &is_finished, error));
  if (is_finished)
    return error_set(error, LS_BAD_DATA, "the run %s has finished and kept no checkpoint to go on from",
                     own->trainer.settings->name);
  own->most = own->trainer.position.shards;
  TRY(crew_open(own->world, own->most, &own->crew, error));
  return crew_call(own->world, own->crew, own->most, set_up, own, error);
}

ls_status insitu_create(world_t *world, const settings_t *settings, const train_options_t *options,
                        insitu_t **out, ls_error *error) {
  insitu_t *own = calloc(1, sizeof *own);
  ls_status status = own == NULL ? error_set(error, LS_NO_MEMORY, "no memory for a training") : LS_OK;
  status = world_agree(world, status, error);
  if (status != LS_OK) {
    free(own);
    return status;
  }
  own->world = world;
  own->options = *options;
  own->trainer = (trainer_t){
      .world = world, .settings = settings, .options = &own->options, .record = {.began = clock_seconds()}};
  status = open_crew(own, error);
  if (status == LS_OK)
    *out = own;
  else
    insitu_destroy(&own);
  return status;
}

void insitu_destroy(insitu_t **insitu) {
  if (*insitu == NULL) return;
  insitu_t *own = *insitu;
  if (own->is_set_up) training_teardown(&own->trainer);
  if (own->crew != NULL) crew_close(own->world, &own->crew);
  run_lock_release(&own->lock);
  free(own);
  *insitu = NULL;
}

int insitu_threads(const insitu_t *insitu) {
  return insitu->crew != NULL ? insitu->trainer.layout.threads : 0;
}

/* ---- epochs ---- */

static ls_status train_epoch(world_t *crew, void *context, ls_error *error) {
  insitu_t *own = context;
  (void)crew;
  return trainer_epoch(&own->trainer, error);
}

ls_status insitu_epoch(insitu_t *insitu, ls_error *error) {
  trainer_t *trainer = &insitu->trainer;
  if (trainer->stop != STOP_NOT && stop_status(trainer->stop) == LS_STOPPED) trainer->stop = STOP_NOT;
  return crew_call(insitu->world, insitu->crew, insitu->most, train_epoch, insitu, error);
}

static void fill_figures(const history_row_t *row, insitu_report_t *out) {
  out->train_loss = row->values[HISTORY_TRAIN_LOSS];
  out->valid_loss = row->values[HISTORY_VALID_LOSS];
  out->valid_accuracy = row->values[HISTORY_VALID_ACCURACY];
  out->valid_mae = row->values[HISTORY_VALID_MAE];
  out->valid_rmse = row->values[HISTORY_VALID_RMSE];
  out->valid_r2 = row->values[HISTORY_VALID_R2];
  out->learning_rate = row->values[HISTORY_LEARNING_RATE];
  out->gradient_norm = row->values[HISTORY_GRADIENT_NORM];
  out->seconds = row->values[HISTORY_SECONDS];
}

/* On rank 0, which has the history. */
static ls_status report(const insitu_t *own, insitu_report_t *out, ls_error *error) {
  const trainer_t *trainer = &own->trainer;
  const history_t *history = &trainer->record.history;
  const model_parts_t parts = trainer_model(trainer);
  memset(out, 0, sizeof *out); /* the padding too: it is sent as bytes */
  out->epoch = trainer->position.epoch;
  out->step = trainer->position.step;
  out->is_new = out->epoch > own->told;
  out->is_over = trainer->stop != STOP_NOT;
  out->is_requested = trainer_is_requested(trainer);
  const history_row_t unknown = {.values = {[HISTORY_TRAIN_LOSS] = NAN,
                                            [HISTORY_VALID_LOSS] = NAN,
                                            [HISTORY_VALID_ACCURACY] = NAN,
                                            [HISTORY_VALID_MAE] = NAN,
                                            [HISTORY_VALID_RMSE] = NAN,
                                            [HISTORY_VALID_R2] = NAN,
                                            [HISTORY_LEARNING_RATE] = NAN,
                                            [HISTORY_GRADIENT_NORM] = NAN}};
  fill_figures(history->n > 0 ? &history->rows[history->n - 1] : &unknown, out);
  return model_checksum(&parts, out->checksum, error);
}

ls_status insitu_report(insitu_t *insitu, insitu_report_t *out, ls_error *error) {
  insitu_report_t found = {0};
  ls_status status = world_rank(insitu->world) == 0 ? report(insitu, &found, error) : LS_OK;
  TRY(world_agree(insitu->world, status, error));
  TRY(world_broadcast(insitu->world, &found, sizeof found, 0, error));
  insitu->told = found.epoch;
  *out = found;
  return LS_OK;
}

/* ---- results ---- */

static ls_status save(world_t *crew, void *context, ls_error *error) {
  insitu_t *own = context;
  trainer_t *trainer = &own->trainer;
  const stop_reason_t before = trainer->stop;
  (void)crew;
  trainer->stop = STOP_CALLER; /* so that this checkpoint counts as the last one: it must reach the disk */
  ls_status status = trainer_save(trainer, error);
  trainer->stop = before;
  return trainer_finish(trainer, status, error);
}

ls_status insitu_save(insitu_t *insitu, ls_error *error) {
  return crew_call(insitu->world, insitu->crew, insitu->most, save, insitu, error);
}

static ls_status end(world_t *crew, void *context, ls_error *error) {
  insitu_t *own = context;
  (void)crew;
  TRY(trainer_finish(&own->trainer, LS_OK, error));
  return training_end(&own->trainer, error);
}

ls_status insitu_end(insitu_t *insitu, double *test_loss, ls_error *error) {
  if (!insitu->has_ended) TRY(crew_call(insitu->world, insitu->crew, insitu->most, end, insitu, error));
  insitu->has_ended = true;
  double found = insitu->trainer.record.test_loss;
  TRY(world_broadcast(insitu->world, &found, sizeof found, 0, error));
  *test_loss = found;
  return LS_OK;
}

ls_status insitu_write(insitu_t *insitu, const char *path, ls_error *error) {
  ls_status status = LS_OK;
  if (world_rank(insitu->world) == 0) {
    const model_parts_t parts =
        insitu->has_ended ? training_result(&insitu->trainer) : trainer_model(&insitu->trainer);
    status = model_write(path, &parts, NULL, error);
  }
  return world_agree(insitu->world, status, error);
}
