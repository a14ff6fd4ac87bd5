/* The walk over the steps of an epoch. Each of the rank's shards has a ring of slots; position p of its order
 * is in slot p mod ring. What a shard's next rows are follows from the order alone, so the reader goes
 * through the shards in turn and fills what room each ring has, up to a block of the order at a time. */
#include "data/stream_impl.h"

#include <inttypes.h>

static int64_t lane_rows(const stream_t *stream, int s) {
  return shard_rows(stream->partition, stream->first_shard + s);
}

/* ---- set-up ---- */

static ls_status lane_create(stream_t *stream, int s, ls_error *error) {
  lane_t *lane = &stream->lanes[s];
  int64_t n = lane_rows(stream, s);
  arena_t *arena = stream->reader->arena;
  lane->block_order = arena_new(arena, (size_t)order_blocks(stream->order, n), sizeof(uint32_t));
  lane->block = arena_new(arena, (size_t)order_block_rows(stream->order, n), sizeof(uint32_t));
  if (lane->block_order != NULL && lane->block != NULL) return LS_OK;
  return error_set(error, LS_NO_MEMORY, "no memory for the order of %" PRId64 " rows", n);
}

ls_status stream_plan_steps(stream_t *stream, order_t order, uint64_t seed, int64_t batch, ls_error *error) {
  int64_t slice = slice_rows(batch, stream->partition.shards);
  stream->order = order;
  stream->seed = seed;
  stream->batch = batch;
  stream->steps = epoch_steps(stream->partition, batch);
  stream->ring = stream->slots / stream->shards;
  if (stream->ring < 2 * slice) {
    double row = (double)stream->reader->bytes / (double)stream->slots;
    double least = row * (double)(2 * slice * stream->shards + 1) * 8 / 7 / 1e6;
    return error_set(error, LS_BAD_SETTINGS,
                     "data.memory_limit is %.3f MB, too little for two steps of %" PRId64
                     " rows on this rank: at least %.3f MB are needed, or a smaller train.global_batch_size",
                     (double)stream->reader->limit / 1e6, slice * stream->shards, least + 0.0005);
  }
  stream->lanes = arena_new(stream->reader->arena, (size_t)stream->shards, sizeof *stream->lanes);
  if (stream->lanes == NULL) return error_set(error, LS_NO_MEMORY, "no memory for a walk over shards");
  for (int s = 0; s < stream->shards; s++) TRY(lane_create(stream, s, error));
  return LS_OK;
}

/* ---- the reader's side ---- */

static int64_t begin_of(const stream_t *stream, int s, int64_t step) {
  return slice_begin(stream->partition, stream->batch, stream->first_shard + s, step);
}

static void next_block(lane_t *lane) {
  lane->block_first += lane->block_rows;
  lane->block_rows = order_next(&lane->order, lane->block);
}

/* Positions that can be filled now: to the end of the block, unless the ring is too short for that. 0: too
 * little room to be worth while. */
static int64_t positions_to_fill(stream_t *stream, int s) {
  lane_t *lane = &stream->lanes[s];
  if (lane->filled == lane_rows(stream, s)) return 0;
  if (lane->filled == lane->block_first + lane->block_rows) next_block(lane);
  int64_t released = atomic_load_explicit(&stream->reader->released, memory_order_acquire);
  int64_t room = stream->ring - (lane->filled - begin_of(stream, s, released));
  int64_t n = lane->block_first + lane->block_rows - lane->filled;
  if (n > TAKE_ROWS) n = TAKE_ROWS;
  if (n > stream->ring / 2) n = stream->ring / 2;
  return n <= room ? n : 0;
}

static ls_status fill_lane(stream_t *stream, int s, int64_t n, ls_error *error) {
  lane_t *lane = &stream->lanes[s];
  int64_t rows[TAKE_ROWS];
  uint32_t slots[TAKE_ROWS];
  int64_t first = shard_first(stream->partition, stream->first_shard + s) -
                  shard_first(stream->partition, stream->first_shard);
  for (int64_t i = 0; i < n; i++) {
    rows[i] = first + lane->block[lane->filled - lane->block_first + i];
    slots[i] = (uint32_t)(s * stream->ring + (lane->filled + i) % stream->ring);
  }
  TRY(stream_take(stream, rows, slots, n, error));
  lane->filled += n;
  return LS_OK;
}

/* Tells how many steps have all their rows by now. */
static void publish(stream_t *stream) {
  int64_t ready = atomic_load_explicit(&stream->reader->ready, memory_order_relaxed);
  for (bool there = true; there && ready < stream->steps; ready += there)
    for (int s = 0; s < stream->shards && there; s++)
      there = stream->lanes[s].filled >= begin_of(stream, s, ready + 1);
  atomic_store_explicit(&stream->reader->ready, ready, memory_order_release);
}

static read_t read_steps(stream_t *stream, ls_error *error) {
  for (int tried = 0; tried < stream->shards; tried++) {
    int s = stream->next_lane;
    stream->next_lane = (s + 1) % stream->shards;
    int64_t n = positions_to_fill(stream, s);
    if (n == 0) continue;
    if (fill_lane(stream, s, n, error) != LS_OK) return READ_FAILED;
    publish(stream);
    return READ_SOMETHING;
  }
  publish(stream);
  return atomic_load_explicit(&stream->reader->ready, memory_order_relaxed) == stream->steps ? READ_ALL
                                                                                             : READ_NO_ROOM;
}

/* ---- the consumer's side ---- */

void stream_begin_steps(stream_t *stream, int64_t epoch, int64_t from) {
  reader_begin(stream, read_steps, from);
  stream->next_lane = 0;
  for (int s = 0; s < stream->shards; s++) {
    lane_t *lane = &stream->lanes[s];
    order_begin(&lane->order, stream->order, stream->seed, epoch, stream->first_shard + s,
                lane_rows(stream, s), lane->block_order);
    lane->filled = begin_of(stream, s, from);
    lane->block_first = lane->block_rows = 0;
    while (lane->block_first + lane->block_rows < lane->filled) next_block(lane);
  }
  reader_resume(stream->reader);
}

void stream_rows(stream_t *stream, int64_t step, int s, int64_t position, int64_t n, uint32_t *rows) {
  reader_wait(stream->reader, step);
  for (int64_t i = 0; i < n; i++) rows[i] = (uint32_t)(s * stream->ring + (position + i) % stream->ring);
}

void stream_release(stream_t *stream, int64_t step) {
  atomic_store_explicit(&stream->reader->released, step + 1, memory_order_release);
}

void stream_rest(stream_t *stream) {
  reader_rest(stream->reader);
}

void stream_resume(stream_t *stream) {
  reader_resume(stream->reader);
}
