#include "cluster/batches.h"

#include "data/stream.h"

#include <inttypes.h>

ls_status batches_create(const fit_inputs_t *inputs, arena_t *arena, batches_t *out, ls_error *error) {
  const settings_t *settings = inputs->settings;
  const split_t *split = inputs->gather->split;
  batches_t batches = {.split = split,
                       .batch = settings->train.global_batch_size,
                       .threads = inputs->threads,
                       .seed = (uint64_t)settings->train.seed,
                       .shuffle = ORDER_FULL};
  order_parse(settings->data.shuffle, &batches.shuffle, NULL);
  batches.steps = epoch_steps(split->partition, batches.batch);
  batches.order = arena_new(arena, split->stream == NULL ? (size_t)split->rows : 0, sizeof *batches.order);
  batches.begin = arena_new(arena, (size_t)split->shards + 1, sizeof *batches.begin);
  if (batches.order == NULL || batches.begin == NULL)
    return error_set(error, LS_NO_MEMORY, "no memory for the order of %" PRId64 " rows", split->rows);
  for (int s = 0; s < split->shards; s++)
    batches.begin[s + 1] = batches.begin[s] + shard_rows(split->partition, split->first_shard + s);
  if (split->stream != NULL)
    TRY(stream_plan_steps(split->stream, batches.shuffle, batches.seed, batches.batch, error));
  *out = batches;
  return LS_OK;
}

void batches_begin(batches_t *batches, int64_t epoch) {
  const split_t *split = batches->split;
  if (split->stream != NULL) {
    stream_begin_steps(split->stream, epoch, 0);
    return;
  }
#pragma omp parallel for schedule(dynamic) num_threads(batches->threads)
  for (int s = 0; s < split->shards; s++) {
    const int64_t begin = batches->begin[s], n = batches->begin[s + 1] - begin;
    uint32_t *order = batches->order + begin;
    order_fill(batches->shuffle, batches->seed, epoch, split->first_shard + s, n, order);
    for (int64_t i = 0; i < n; i++) order[i] += (uint32_t)begin;
  }
}

void batches_end(const batches_t *batches) {
  if (batches->split->stream != NULL) stream_rest(batches->split->stream);
}

int64_t batches_slice(const batches_t *batches, int s, int64_t step, int64_t *first) {
  const split_t *split = batches->split;
  const int shard = split->first_shard + s;
  *first = slice_begin(split->partition, batches->batch, shard, step);
  return slice_begin(split->partition, batches->batch, shard, step + 1) - *first;
}

const uint32_t *batches_rows(const batches_t *batches, int s, int64_t step, int64_t first, int64_t n,
                             uint32_t *room) {
  if (batches->split->stream == NULL) return batches->order + batches->begin[s] + first;
  stream_rows(batches->split->stream, step, s, first, n, room);
  return room;
}

ls_status batches_release(const batches_t *batches, int64_t step, ls_error *error) {
  stream_t *stream = batches->split->stream;
  if (stream == NULL) return LS_OK;
  if (stream_failed(stream)) return stream_status(stream, error);
  stream_release(stream, step);
  return LS_OK;
}
