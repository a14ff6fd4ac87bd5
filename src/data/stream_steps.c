/* The walk over the steps of an epoch. Each of the rank's shards has a ring of cells, one for each of the
 * spans that are read together. A span is one row, and position p of the order is in cell p mod cells; or,
 * for windows that come in blocks, the whole of a block, which share their time steps. What a shard's next
 * rows are follows from the order alone, so the reader goes through the shards in turn and fills what room
 * each ring has, up to a block of the order at a time. */
#include "data/stream_impl.h"

#include <inttypes.h>
#include <string.h>

static int64_t shard_walk_rows(const stream_t *stream, int s) {
  return shard_rows(stream->partition, stream->first_shard + s);
}

/* ---- set-up ---- */

static ls_status shard_walk_create(stream_t *stream, int s, ls_error *error) {
  shard_walk_t *walk = &stream->by_step.walks[s];
  int64_t n = shard_walk_rows(stream, s);
  arena_t *arena = stream->reader->arena;
  walk->block_order = arena_new(arena, (size_t)order_blocks(stream->by_step.order, n), sizeof(uint32_t));
  walk->block = arena_new(arena, (size_t)order_block_rows(stream->by_step.order, n), sizeof(uint32_t));
  bool all = walk->block_order != NULL && walk->block != NULL;
  if (stream->by_step.span_rows > 1) {
    walk->cell_ends = arena_new(arena, (size_t)stream->by_step.cells, sizeof *walk->cell_ends);
    all = all && walk->cell_ends != NULL;
  }
  return all ? LS_OK : error_set(error, LS_NO_MEMORY, "no memory for the order of %" PRId64 " rows", n);
}

static ls_status refuse_limit(const stream_t *stream, int64_t slots, ls_error *error) {
  double slot = (double)stream->reader->bytes / (double)stream->slots;
  bool by_windows = stream->windows != NULL && stream->by_step.order == ORDER_FULL;
  return error_set(error, LS_BAD_SETTINGS,
                   "data.memory_limit is %.3f MB, too little for two steps of %" PRId64
                   " rows on this rank: at least %.3f MB are needed, or a smaller train.global_batch_size%s",
                   (double)stream->reader->limit / 1e6,
                   slice_rows(stream->by_step.batch, stream->partition.shards) * stream->shards,
                   slot * (double)(slots + 1) * 8 / 7 / 1e6 + 0.0005,
                   by_windows ? ", or perhaps data.shuffle: blocks, where windows share time steps" : "");
}

/* Deals the slots to the shards. In blocks of W windows, m = 2 slices of rows have a part of at most
 * (m - 2) / W + 3 blocks, since one of all, the shard's last, may be shorter. */
static ls_status plan_ring(stream_t *stream, ls_error *error) {
  int64_t rows = shard_walk_rows(stream, 0),
          needed = 2 * slice_rows(stream->by_step.batch, stream->partition.shards);
  stream->by_step.span_rows = 1;
  if (stream->windows != NULL && stream->by_step.order != ORDER_FULL && rows > 0) {
    int64_t blocks = order_blocks(stream->by_step.order, rows);
    stream->by_step.span_rows = order_block_rows(stream->by_step.order, rows);
    needed = (needed - 2) / stream->by_step.span_rows + 3;
    if (needed > blocks) needed = blocks;
  }
  stream->by_step.cell_slots = stream_longest_span(stream, stream->by_step.span_rows);
  stream->by_step.cells = stream->slots / stream->shards / stream->by_step.cell_slots;
  stream->by_step.ring = stream->by_step.cells * stream->by_step.span_rows;
  if (stream->by_step.cells >= needed) return LS_OK;
  return refuse_limit(stream, needed * stream->by_step.cell_slots * stream->shards, error);
}

ls_status stream_plan_steps(stream_t *stream, order_t order, uint64_t seed, int64_t batch, ls_error *error) {
  stream->by_step.order = order;
  stream->by_step.seed = seed;
  stream->by_step.batch = batch;
  stream->by_step.steps = epoch_steps(stream->partition, batch);
  TRY(plan_ring(stream, error));
  stream->by_step.walks =
      arena_new(stream->reader->arena, (size_t)stream->shards, sizeof *stream->by_step.walks);
  if (stream->by_step.walks == NULL)
    return error_set(error, LS_NO_MEMORY, "no memory for a walk over shards");
  for (int s = 0; s < stream->shards; s++) TRY(shard_walk_create(stream, s, error));
  return LS_OK;
}

/* ---- the reader's side ---- */

static int64_t begin_of(const stream_t *stream, int s, int64_t step) {
  return slice_begin(stream->partition, stream->by_step.batch, stream->first_shard + s, step);
}

static void next_block(shard_walk_t *walk) {
  walk->block_first += walk->block_rows;
  walk->block_rows = order_next(&walk->order, walk->block);
}

/* Positions that can be filled now: to the end of the block, unless the ring is too short for that. 0: too
 * little room to be worth while. */
static int64_t positions_to_fill(stream_t *stream, int s) {
  shard_walk_t *walk = &stream->by_step.walks[s];
  if (walk->filled == shard_walk_rows(stream, s)) return 0;
  if (walk->filled == walk->block_first + walk->block_rows) next_block(walk);
  int64_t released = atomic_load_explicit(&stream->reader->released, memory_order_acquire);
  int64_t used = begin_of(stream, s, released); /* positions before this one have been */
  int64_t n = walk->block_first + walk->block_rows - walk->filled;
  if (stream->by_step.span_rows > 1)
    return walk->cell_ends[walk->spans % stream->by_step.cells] <= used ? n : 0;
  int64_t room = stream->by_step.ring - (walk->filled - used);
  if (n > TAKE_ROWS) n = TAKE_ROWS;
  if (n > stream->by_step.ring / 2) n = stream->by_step.ring / 2;
  return n <= room ? n : 0;
}

static ls_status fill_rows(stream_t *stream, int s, int64_t n, ls_error *error) {
  shard_walk_t *walk = &stream->by_step.walks[s];
  int64_t rows[TAKE_ROWS];
  uint32_t slots[TAKE_ROWS];
  int64_t first = shard_first(stream->partition, stream->first_shard + s) -
                  shard_first(stream->partition, stream->first_shard);
  for (int64_t i = 0; i < n; i++) {
    rows[i] = first + walk->block[walk->filled - walk->block_first + i];
    slots[i] = (uint32_t)(s * stream->by_step.ring + (walk->filled + i) % stream->by_step.ring);
  }
  TRY(stream_take(stream, rows, slots, n, error));
  walk->filled += n;
  return LS_OK;
}

/* Tells how many steps have all their rows by now. */
static void publish(stream_t *stream) {
  int64_t ready = atomic_load_explicit(&stream->reader->ready, memory_order_relaxed);
  for (bool there = true; there && ready < stream->by_step.steps; ready += there)
    for (int s = 0; s < stream->shards && there; s++)
      there = stream->by_step.walks[s].filled >= begin_of(stream, s, ready + 1);
  atomic_store_explicit(&stream->reader->ready, ready, memory_order_release);
}

static read_t read_steps(stream_t *stream, ls_error *error) {
  for (int tried = 0; tried < stream->shards; tried++) {
    int s = stream->by_step.next_shard;
    stream->by_step.next_shard = (s + 1) % stream->shards;
    int64_t n = positions_to_fill(stream, s);
    if (n == 0) continue;
    if ((stream->windows != NULL ? windows_fill : fill_rows)(stream, s, n, error) != LS_OK)
      return READ_FAILED;
    publish(stream);
    return READ_SOMETHING;
  }
  publish(stream);
  return atomic_load_explicit(&stream->reader->ready, memory_order_relaxed) == stream->by_step.steps
             ? READ_ALL
             : READ_NO_ROOM;
}

/* ---- the consumer's side ---- */

void stream_begin_steps(stream_t *stream, int64_t epoch, int64_t from) {
  stream_thread_begin(stream, read_steps, from);
  stream->by_step.next_shard = 0;
  for (int s = 0; s < stream->shards; s++) {
    shard_walk_t *walk = &stream->by_step.walks[s];
    order_begin(&walk->order, stream->by_step.order, stream->by_step.seed, epoch, stream->first_shard + s,
                shard_walk_rows(stream, s), walk->block_order);
    walk->filled = begin_of(stream, s, from);
    walk->block_first = walk->block_rows = walk->spans = 0;
    if (stream->by_step.span_rows > 1)
      memset(walk->cell_ends, 0, (size_t)stream->by_step.cells * sizeof *walk->cell_ends);
    else
      walk->spans = walk->filled;
    while (walk->block_first + walk->block_rows < walk->filled) next_block(walk);
  }
  stream_thread_resume(stream->reader);
}

void stream_rows(stream_t *stream, int64_t step, int s, int64_t position, int64_t n, uint32_t *rows) {
  stream_thread_wait(stream->reader, step);
  for (int64_t i = 0; i < n; i++)
    rows[i] = (uint32_t)(s * stream->by_step.ring + (position + i) % stream->by_step.ring);
}

void stream_release(stream_t *stream, int64_t step) {
  atomic_store_explicit(&stream->reader->released, step + 1, memory_order_release);
}

void stream_rest(stream_t *stream) {
  stream_thread_rest(stream->reader);
}

void stream_resume(stream_t *stream) {
  stream_thread_resume(stream->reader);
}
