/* Inside of streams: reader.c has the thread and the memory, stream_steps.c and stream_parts.c the two walks.
 */
#ifndef DATA_STREAM_IMPL_H
#define DATA_STREAM_IMPL_H

#include "data/feed.h"
#include "data/stream.h"

#include <pthread.h>
#include <stdatomic.h>

/* Rows taken from the file in one go. */
enum { TAKE_ROWS = ORDER_BLOCK_ROWS };

/* What a reader found to do. */
typedef enum { READ_SOMETHING, READ_NO_ROOM, READ_ALL, READ_FAILED } read_t;

/* One shard's way through a walk over steps. Positions count the rows of its order. */
typedef struct {
  order_walk_t order;
  uint32_t *block_order; /* (order_blocks) */
  uint32_t *block;       /* (block_rows): rows of the present block */
  int64_t block_first, block_rows;
  int64_t filled; /* positions before this are in the ring, or were */
} lane_t;

struct stream {
  reader_t *reader;
  row_map_t map;
  partition_t partition;
  int first_shard, shards;
  int64_t rows;           /* of this rank */
  int64_t slots;          /* rows that the buffer holds */
  feed_t feeds[ARRAYS];   /* of formats with row_size 0: none */
  const scaler_t *scaler; /* of targets, or NULL */

  order_t order; /* walks over steps */
  uint64_t seed;
  int64_t batch, steps;
  int64_t ring; /* slots of a shard */
  lane_t *lanes;
  int next_lane;

  int64_t half; /* walks over parts: rows of half the buffer */
  int64_t part_first, part_end, part_filled;

  int64_t next_wanted; /* the consumer's: the part that comes next, and its first row */
  int64_t wanted_first;
};

struct reader {
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

/* ---- reader.c ---- */

/* Another walk begins, in the given step or part; the one before ends. */
void reader_begin(stream_t *stream, read_t (*read)(stream_t *stream, ls_error *error), int64_t from);
void reader_rest(reader_t *reader);
void reader_resume(reader_t *reader);

/* Waits until a step or part is there, or never will be. */
void reader_wait(const reader_t *reader, int64_t number);

/* Rows of the split to slots, n <= TAKE_ROWS; targets scaled. By the reader. */
ls_status stream_take(stream_t *stream, const int64_t *rows, const uint32_t *slots, int64_t n,
                      ls_error *error);

/* A split to be streamed: its arrays, and where in the buffer its rows pass. store is open for the time of
 * the call. */
ls_status stream_create(reader_t *reader, const store_t *store, const rows_t *rows,
                        const row_format_t formats[ARRAYS], split_t *split, ls_error *error);

#endif
