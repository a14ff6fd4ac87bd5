/* Inside of streams: stream_thread.c has the thread and its memory, stream_buffer.c a stream's part of that
 * memory, stream_take.c brings rows into it. stream_steps.c and stream_parts.c are the two walks;
 * stream_windows.c has what is different where rows are windows.
 *
 * A slot of the buffer holds a row; or a time step, where rows are windows, and a table beside the slots says
 * at which of them each window begins. What rows behind each other need is a *span* of slots: one for each of
 * them, or the steps that their windows cover together. */
#ifndef DATA_STREAM_IMPL_H
#define DATA_STREAM_IMPL_H

#include "data/row_reader.h"
#include "data/stream.h"
#include "data/window.h"

#include <pthread.h>
#include <stdatomic.h>

/* Rows taken from the file in one go, and slots of a part at most, unless it has PART_ROWS rows alone: the
 * first part is waited for. */
enum { TAKE_ROWS = ORDER_BLOCK_ROWS, MOST_PART = 1 << 16 };

/* What a reader found to do. */
typedef enum { READ_SOMETHING, READ_NO_ROOM, READ_ALL, READ_FAILED } read_t;

/* One shard's way through a walk over steps. Positions count the rows of its order. */
typedef struct {
  order_walk_t order;
  uint32_t *block_order; /* (order_blocks) */
  uint32_t *block;       /* (block_rows): rows of the present block */
  int64_t block_first, block_rows;
  int64_t filled;     /* positions before this are in the ring, or were */
  int64_t spans;      /* filled so far; of one row each: positions */
  int64_t *cell_ends; /* (cells): the position behind the last row of each; spans of one row: NULL */
} shard_walk_t;

/* The walk over the steps of an epoch (stream_steps.c). Each shard of the rank has a ring of cells. */
typedef struct {
  order_t order;
  uint64_t seed;
  int64_t batch, steps;
  int64_t span_rows;         /* most rows of a span */
  int64_t cells, cell_slots; /* of a shard: the number of spans that fit in, and the slots of each */
  int64_t ring;              /* rows of a shard that have a place: cells * span_rows */
  shard_walk_t *walks;       /* (shards) */
  int next_shard;
} step_walk_t;

/* The walk over a split in file order (stream_parts.c). A part fills half of the buffer. */
typedef struct {
  int64_t half;       /* slots of half the buffer, or the most slots of a part if those are fewer */
  int64_t first, end; /* rows of the part that is being read */
  int64_t filled;     /* slots of its span that are read */

  int64_t next_wanted; /* of the consumer: the next part, and its first row */
  int64_t wanted_first;
} part_walk_t;

struct stream {
  stream_thread_t *reader;
  row_map_t map;
  partition_t partition;
  int first_shard, shards;
  int64_t rows;                     /* of this rank */
  windows_t *windows;               /* the windows that rows are, or NULL */
  int64_t slots;                    /* slots of the buffer */
  row_reader_t row_readers[ARRAYS]; /* of formats with row_size 0: none */

  step_walk_t by_step;
  part_walk_t by_part;
};

struct stream_thread {
  arena_t *arena; /* of the dataset */
  const char *path;
  int64_t limit;
  size_t bytes; /* of the buffer */
  char *buffer;
  staging_t staging;
  int file;
  store_t *store; /* the thread's own, opened when it is needed */
  bool needs_library;

  pthread_t thread;
  bool has_thread;
  pthread_mutex_t mutex; /* guards what follows */
  pthread_cond_t wake, rested;
  bool quit, works, busy;
  stream_t *stream; /* whose walk it is */
  read_t (*read)(stream_t *stream, ls_error *error);

  _Alignas(64) atomic_llong ready;    /* steps or parts that are there */
  _Alignas(64) atomic_llong released; /* steps or parts that may be overwritten */
  atomic_int failed;
  ls_error error; /* written before `failed` */
};

/* ---- stream_thread.c ---- */

/* Another walk begins, in the given step or part; the one before ends. */
void stream_thread_begin(stream_t *stream, read_t (*read)(stream_t *stream, ls_error *error), int64_t from);
void stream_thread_rest(stream_thread_t *reader);
void stream_thread_resume(stream_thread_t *reader);

/* Waits until a step or part is there, or never will be. */
void stream_thread_wait(const stream_thread_t *reader, int64_t number);

/* ---- stream_take.c ---- */

/* Rows of the map to slots, n <= TAKE_ROWS. By the reader. */
ls_status stream_take(stream_t *stream, const int64_t *rows, const uint32_t *slots, int64_t n,
                      ls_error *error);

/* The first n rows of the map from `first` on to slots from `slot` on, but no more of them than can be taken
 * together: how many is *taken. By the reader. */
ls_status stream_take_run(stream_t *stream, int64_t first, int64_t slot, int64_t n, int64_t *taken,
                          ls_error *error);

/* ---- stream_buffer.c ---- */

/* Whether the split has this array (ARRAY_X, …). */
static inline bool stream_has_array(const stream_t *stream, int a) {
  return stream->row_readers[a].format.row_size > 0;
}

/* A split to be streamed: its arrays, and where in the buffer its rows pass. store is open for the time of
 * the call. */
ls_status stream_create(stream_thread_t *reader, const store_t *store, const rows_t *rows,
                        const row_format_t formats[ARRAYS], split_t *split, ls_error *error);

/* ---- stream_windows.c ---- */

/* What this rank's rows [first, end) need of the map: themselves, or their windows' steps. */
span_t stream_span(const stream_t *stream, int64_t first, int64_t end);

/* The most slots that n rows, counted from the beginning of a shard or from a multiple of n, need. */
int64_t stream_longest_span(const stream_t *stream, int64_t n);

/* Windows [first, end) have their span in slots from `slot` on, and entries of the table from the same on. */
void windows_place(const stream_t *stream, int64_t first, int64_t end, int64_t slot);

/* The next n windows of own shard s to its ring. */
ls_status windows_fill(stream_t *stream, int s, int64_t n, ls_error *error);

#endif
