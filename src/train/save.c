/* When and what a run saves: it hands its state to the saver (run/saver.h), and passes on what became of it.
 */
#include "train/trainer_impl.h"

#include "layout/shard.h"

#include <string.h>

/* On rank 0. */
static void take_news(const save_news_t *news, void *context) {
  trainer_t *trainer = context;
  stop_watch_saved(&trainer->watch, news->pause, &news->cost);
  if (news->is_saved)
    report_saved(&trainer->record.report, news->step, news->pause, &news->cost);
  else
    report_save_failed(&trainer->record.report, news->step, news->reason);
}

ls_status trainer_open_saver(trainer_t *trainer, ls_error *error) {
  const saver_inputs_t inputs = {.world = trainer->world,
                                 .run = &trainer->run,
                                 .settings = trainer->settings,
                                 .graph = trainer->graph,
                                 .optimizer = trainer->optimizer,
                                 .engine = trainer->engine,
                                 .log = trainer->options->log,
                                 .n_sums = (size_t)trainer->layout.shards * trainer->objective.n,
                                 .resumed_step = trainer->resumed ? trainer->position.step : -1,
                                 .resumed_best = trainer->resumed ? trainer->position.best_step : -1,
                                 .replaces = trainer->options->replace,
                                 .tell = take_news,
                                 .context = trainer};
  return saver_create(&inputs, &trainer->copies.saver, error);
}

ls_status trainer_save(trainer_t *trainer, ls_error *error) {
  const position_t *position = &trainer->position;
  const int64_t best = position->best_step;
  const partition_t partition = trainer->data.dataset->train.partition;
  const bool in_memory = best >= 0 && best != position->step && best == trainer->copies.vector_step;
  if (!trainer_has_files(trainer)) return LS_OK;
  if (trainer->engine != NULL) TRY(engine_epoch_loss(trainer->engine, trainer->copies.sums, error));
  const save_state_t state = {.is_last = trainer->stop != STOP_NOT,
                              .position = position,
                              .model = trainer_model(trainer),
                              .best = in_memory ? trainer->copies.vector : NULL,
                              .best_epoch =
                                  best / epoch_steps(partition, trainer->settings->train.global_batch_size),
                              .sums = trainer->copies.sums,
                              .history = &trainer->record.history};
  stop_watch_saves(&trainer->watch);
  return saver_save(&trainer->copies.saver, &state, error);
}

void trainer_keep_best(trainer_t *trainer) {
  saver_release_best(&trainer->copies.saver);
  memcpy(trainer->copies.vector, trainer_parameters(trainer), graph_floats(trainer->graph) * sizeof(float));
  trainer->copies.vector_step = trainer->position.step;
}
