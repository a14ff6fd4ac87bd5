/* The buffer of a split's stream: how many slots fit, and where the arrays of the slots lie. */
#include "data/stream_impl.h"

#include <inttypes.h>

enum { ALIGNMENT = 64 };

static ls_status refuse_limit(const stream_t *stream, size_t slot, int64_t needed, ls_error *error) {
  return error_set(error, LS_BAD_SETTINGS,
                   "data.memory_limit is %.3f MB, which holds %" PRId64
                   " %s on their way; at least %.3f MB are needed for %" PRId64,
                   (double)stream->reader->limit / 1e6, stream->slots > 0 ? stream->slots : 0,
                   stream->windows != NULL ? "time steps" : "rows",
                   ((double)slot * (double)needed + (ARRAYS + 1) * ALIGNMENT) * 8 / 7 / 1e6 + 0.0005, needed);
}

static size_t aligned(size_t bytes) {
  return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* Half of the slots, unless a part is complete with less. */
static void plan_parts(stream_t *stream, int64_t longest) {
  stream->by_part.half = stream->slots / 2;
  if (stream->by_part.half > MOST_PART) stream->by_part.half = MOST_PART > longest ? MOST_PART : longest;
}

/* The buffer holds the features of all slots, then their targets, then their weights, then the table of
 * windows. */
static ls_status lay_out(stream_t *stream, split_t *split, ls_error *error) {
  stream_thread_t *reader = stream->reader;
  size_t slot = stream->windows != NULL ? sizeof *stream->windows->at : 0, at = 0;
  int64_t longest = stream_longest_span(stream, PART_ROWS);
  for (int a = 0; a < ARRAYS; a++) slot += stream->row_readers[a].format.row_size;
  stream->slots = ((int64_t)reader->bytes - (ARRAYS + 1) * ALIGNMENT) / (int64_t)slot;
  if (stream->slots > UINT32_MAX) stream->slots = UINT32_MAX;
  if (stream->slots < 2 * longest) return refuse_limit(stream, slot, 2 * longest, error);
  plan_parts(stream, longest);
  for (int a = 0; a < ARRAYS; a++) {
    stream->row_readers[a].slots = reader->buffer + at;
    at += aligned((size_t)stream->slots * stream->row_readers[a].format.row_size);
  }
  if (stream->windows != NULL) stream->windows->at = (void *)(reader->buffer + at);
  bool is_labels = stream->row_readers[ARRAY_Y].format.targets.kind == TARGET_LABELS;
  void *const y = stream_has_array(stream, ARRAY_Y) ? stream->row_readers[ARRAY_Y].slots : NULL;
  split->x = stream->row_readers[ARRAY_X].slots;
  split->labels = is_labels ? y : NULL;
  split->y = is_labels ? NULL : y;
  split->weights =
      stream_has_array(stream, ARRAY_WEIGHT) ? (void *)stream->row_readers[ARRAY_WEIGHT].slots : NULL;
  return LS_OK;
}

ls_status stream_create(stream_thread_t *reader, const store_t *store, const rows_t *rows,
                        const row_format_t formats[ARRAYS], split_t *split, ls_error *error) {
  stream_t *stream = arena_new(reader->arena, 1, sizeof *stream);
  if (stream == NULL) return error_set(error, LS_NO_MEMORY, "%s: no memory for a stream", reader->path);
  *stream = (stream_t){.reader = reader,
                       .partition = split->partition,
                       .first_shard = split->first_shard,
                       .shards = split->shards,
                       .rows = split->rows,
                       .windows = split->windows};
  TRY(row_map_make(rows, reader->arena, &stream->map, error));
  bool is_plain = true;
  for (int a = 0; a < ARRAYS; a++) {
    if (formats[a].row_size == 0) continue;
    TRY(row_reader_create(store, reader->file, formats[a], &reader->staging, &stream->row_readers[a], error));
    const int64_t chunk = stream->row_readers[a].place.chunk_bytes;
    if (chunk > reader->limit)
      return error_set(
          error, LS_BAD_SETTINGS,
          "data.memory_limit is %.3f MB, but %s is stored in chunks of %.3f MB, which are unpacked as a "
          "whole: raise it, or write the array with smaller chunks",
          (double)reader->limit / 1e6, formats[a].name, (double)chunk / 1e6);
    stream->row_readers[a].path = reader->path;
    is_plain = is_plain && stream->row_readers[a].place.is_plain;
  }
  TRY(lay_out(stream, split, error));
  reader->needs_library = reader->needs_library || !is_plain;
  split->stream = stream;
  return LS_OK;
}
