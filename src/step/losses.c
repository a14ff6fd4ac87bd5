/* Losses of steps and epochs: sums by shard, collected from all ranks and added in the order of the tree. */
#include "step/engine_impl.h"

#include <stdlib.h>
#include <string.h>

static ls_status gather_losses(engine_t *engine, const double *own, double *sums, ls_error *error) {
  world_t *world = engine->in.world;
  int ranks = world_size(world), shards = engine->in.layout->shards;
  size_t heads = engine->in.objective->n;
  size_t *sizes = malloc((size_t)ranks * sizeof *sizes);
  ls_status status =
      sizes == NULL ? error_set(error, LS_NO_MEMORY, "no memory for the table of ranks") : LS_OK;
  TRY_OR_DONE(world_agree(world, status, error));
  for (int r = 0; r < ranks; r++) sizes[r] = (size_t)rank_shards(shards, ranks, r) * heads * sizeof *own;
  status = world_gather_pieces(world, own, sizes, sums, -1, error);
done:
  free(sizes);
  return status;
}

ls_status engine_step_loss(engine_t *engine, double *sums, ls_error *error) {
  return gather_losses(engine, engine->rows.step_loss, sums, error);
}

ls_status engine_epoch_loss(engine_t *engine, double *sums, ls_error *error) {
  return gather_losses(engine, engine->rows.epoch_loss, sums, error);
}

void engine_set_epoch_loss(engine_t *engine, const double *sums) {
  const layout_t *layout = engine->in.layout;
  size_t heads = engine->in.objective->n;
  memcpy(engine->rows.epoch_loss, sums + (size_t)layout->first_shard * heads,
         (size_t)layout->own_shards * heads * sizeof *sums);
}

double engine_head_loss(const engine_t *engine, const double *sums, size_t h) {
  return tree_sum(sums + h, engine->in.layout->shards, engine->in.objective->n);
}

double engine_total_loss(const engine_t *engine, const double *sums) {
  double losses[MOST_HEADS];
  for (size_t h = 0; h < engine->in.objective->n; h++) losses[h] = engine_head_loss(engine, sums, h);
  return objective_total(engine->in.objective, losses);
}

double engine_live_loss(const engine_t *engine) {
  const layout_t *layout = engine->in.layout;
  const objective_t *objective = engine->in.objective;
  double sum = 0;
  int64_t rows = 0;
  for (int s = 0; s < layout->own_shards; s++) {
    sum += objective_total(objective, engine->rows.epoch_loss + (size_t)s * objective->n);
    rows += slice_begin(engine->in.train->partition, engine->in.settings->train.global_batch_size,
                        layout->first_shard + s, engine->rows.steps_done);
  }
  return rows > 0 ? sum / (double)rows : 0;
}
