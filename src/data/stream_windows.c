/* Streams of windows. What passes through the buffer are time steps, so windows that overlap share them here
 * too: those of a part, or of a block of the order, need one span of steps. Where windows come in no order at
 * all (data.shuffle: full) each has its steps to itself. */
#include "data/stream_impl.h"

/* ---- spans ---- */

/* The step of the timeline at which the rank's window begins. */
static int64_t first_step(const stream_t *stream, int64_t window) {
  return timeline_step(&stream->windows->timeline,
                       shard_first(stream->partition, stream->first_shard) + window);
}

span_t stream_span(const stream_t *stream, int64_t first, int64_t end) {
  const windows_t *windows = stream->windows;
  if (windows == NULL || first == end) return (span_t){first, end - first};
  int64_t begin = first_step(stream, first);
  return (span_t){begin, first_step(stream, end - 1) + windows->length + windows->horizon - begin};
}

int64_t stream_longest_span(const stream_t *stream, int64_t n) {
  int64_t most = n, begin = 0;
  if (stream->windows == NULL) return n;
  if (n == 1 || stream->rows == 0) return stream->windows->length + stream->windows->horizon;
  for (int s = 0; s < stream->shards; s++) {
    int64_t end = begin + shard_rows(stream->partition, stream->first_shard + s);
    for (int64_t first = begin; first < end; first += n) {
      int64_t steps = stream_span(stream, first, first + n < end ? first + n : end).steps;
      if (steps > most) most = steps;
    }
    begin = end;
  }
  return most;
}

/* ---- windows to their places ---- */

void windows_place(const stream_t *stream, int64_t first, int64_t end, int64_t slot) {
  int64_t begin = first_step(stream, first);
  for (int64_t window = first; window < end; window++)
    stream->windows->at[slot + window - first] = (uint32_t)(slot + first_step(stream, window) - begin);
}

static ls_status take_span(stream_t *stream, span_t span, int64_t slot, ls_error *error) {
  for (int64_t n, at = 0; at < span.steps; at += n)
    TRY(stream_take_run(stream, span.first + at, slot + at, span.steps - at, &n, error));
  return LS_OK;
}

/* The next n windows of a block, which come in any order while all their steps are there. */
static ls_status fill_cell(stream_t *stream, int s, int64_t n, ls_error *error) {
  shard_walk_t *walk = &stream->by_step.walks[s];
  const uint32_t *chosen = walk->block + (walk->filled - walk->block_first);
  int64_t cell = walk->spans % stream->by_step.cells,
          slot = (s * stream->by_step.cells + cell) * stream->by_step.cell_slots;
  int64_t shard = shard_first(stream->partition, stream->first_shard + s) -
                  shard_first(stream->partition, stream->first_shard);
  uint32_t low = chosen[0], high = chosen[0];
  for (int64_t i = 1; i < n; i++) {
    if (chosen[i] < low) low = chosen[i];
    if (chosen[i] > high) high = chosen[i];
  }
  span_t span = stream_span(stream, shard + low, shard + high + 1);
  TRY(take_span(stream, span, slot, error));
  for (int64_t i = 0; i < n; i++)
    stream->windows->at[s * stream->by_step.ring + (walk->filled + i) % stream->by_step.ring] =
        (uint32_t)(slot + first_step(stream, shard + chosen[i]) - span.first);
  walk->filled += n;
  walk->spans++;
  if (walk->cell_ends != NULL) walk->cell_ends[cell] = walk->filled;
  return LS_OK;
}

ls_status windows_fill(stream_t *stream, int s, int64_t n, ls_error *error) {
  for (int64_t count, done = 0; done < n; done += count) {
    count = n - done < stream->by_step.span_rows ? n - done : stream->by_step.span_rows;
    TRY(fill_cell(stream, s, count, error));
  }
  return LS_OK;
}
