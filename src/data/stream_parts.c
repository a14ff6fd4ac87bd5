/* The walk over a split's rows as they lie. A part fills one half of the buffer while the other is looked at.
 * Parts end so that code that cuts shards into blocks of up to PART_ROWS rows finds every block in one part.
 */
#include "data/stream_impl.h"

#include <inttypes.h>

/* The first row behind this one at which a part may end. */
static int64_t next_cut(const stream_t *stream, int64_t row) {
  int64_t begin = 0, end = 0;
  for (int s = 0; end <= row; s++) {
    begin = end;
    end += shard_rows(stream->partition, stream->first_shard + s);
  }
  int64_t cut = begin + ((row - begin) / PART_ROWS + 1) * PART_ROWS;
  return cut < end ? cut : end;
}

/* The end of the part that begins at row `first`: as many rows as half the buffer has slots for. */
static int64_t end_of_part(const stream_t *stream, int64_t first) {
  int64_t end = first;
  while (end < stream->rows) {
    int64_t next = next_cut(stream, end);
    if (end > first && stream_span(stream, first, next).steps > stream->by_part.half) break;
    end = next;
  }
  return end;
}

static read_t read_parts(stream_t *stream, ls_error *error) {
  stream_thread_t *reader = stream->reader;
  int64_t ready = atomic_load_explicit(&reader->ready, memory_order_relaxed);
  if (stream->by_part.first == stream->rows) return READ_ALL;
  if (ready - atomic_load_explicit(&reader->released, memory_order_acquire) == 2) return READ_NO_ROOM;
  int64_t slot = ready % 2 * stream->by_part.half, filled = stream->by_part.filled, n = 0;
  span_t span = stream_span(stream, stream->by_part.first, stream->by_part.end);
  if (stream_take_run(stream, span.first + filled, slot + filled, span.steps - filled, &n, error) != LS_OK)
    return READ_FAILED;
  stream->by_part.filled += n;
  if (stream->by_part.filled < span.steps) return READ_SOMETHING;
  if (stream->windows != NULL) windows_place(stream, stream->by_part.first, stream->by_part.end, slot);
  stream->by_part.first = stream->by_part.end;
  stream->by_part.end = end_of_part(stream, stream->by_part.first);
  stream->by_part.filled = 0;
  atomic_store_explicit(&reader->ready, ready + 1, memory_order_release);
  return READ_SOMETHING;
}

/* ---- the consumer's side ---- */

void parts_begin(const split_t *split) {
  stream_t *stream = split->stream;
  if (stream == NULL) return;
  stream_thread_begin(stream, read_parts, 0);
  stream->by_part.first = stream->by_part.filled = 0;
  stream->by_part.end = end_of_part(stream, 0);
  stream->by_part.next_wanted = stream->by_part.wanted_first = 0;
  stream_thread_resume(stream->reader);
}

static ls_status next_streamed(stream_t *stream, part_t *part, ls_error *error) {
  stream_thread_t *reader = stream->reader;
  int64_t number = stream->by_part.next_wanted, first = stream->by_part.wanted_first;
  atomic_store_explicit(&reader->released, number, memory_order_release);
  *part = (part_t){.first = first};
  if (first == stream->rows) return LS_OK;
  stream_thread_wait(reader, number);
  if (atomic_load_explicit(&reader->ready, memory_order_acquire) <= number)
    return stream_status(stream, error);
  stream->by_part.next_wanted = number + 1;
  stream->by_part.wanted_first = end_of_part(stream, first);
  part->rows = stream->by_part.wanted_first - first;
  part->resident = number % 2 * stream->by_part.half;
  return LS_OK;
}

/* Rows in memory are one part, from an empty part (or none before) to the end. */
ls_status parts_next(const split_t *split, part_t *part, ls_error *error) {
  if (split->stream != NULL) return next_streamed(split->stream, part, error);
  int64_t first = part->first + part->rows;
  *part = (part_t){.first = first, .rows = split->rows - first, .resident = first};
  return LS_OK;
}

void parts_end(const split_t *split) {
  if (split->stream != NULL) stream_thread_rest(split->stream->reader);
}

/* ---- targets ---- */

ls_status split_scale_targets(split_t *split, const scaler_t *scaler, arena_t *arena, ls_error *error) {
  if (split->scaled_by != NULL)
    return error_set(error, LS_FAILED, "the targets of a split were scaled twice");
  bool is_resident = split->y != NULL && split->windows == NULL && split->stream == NULL;
  bool is_same = split->y_type == ELEMENT_F32 && scaler->n == 0;
  float *targets = is_resident && is_same ? split->y : NULL;
  if (is_resident && !is_same) {
    targets = arena_new(arena, (size_t)(split->rows * split->width), sizeof *targets);
    if (targets == NULL)
      return error_set(error, LS_NO_MEMORY, "no memory for the targets of %" PRId64 " rows", split->rows);
  }
  split->scaled_by = scaler;
  for (int64_t row = 0; row < split->rows && is_resident && !is_same; row++)
    split_targets(split, row, targets + row * split->width);
  split->targets = targets;
  return LS_OK;
}
