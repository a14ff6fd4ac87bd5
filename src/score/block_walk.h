/* A walk over this rank's rows of a split, block by block, by several threads: rows of a block are of one
 * shard, and which blocks there are follows from the shards alone. Not collective. */
#ifndef SCORE_BLOCK_WALK_H
#define SCORE_BLOCK_WALK_H

#include "data/dataset.h"
#include "data/stream.h"
#include "score/predictor.h"

/* Up to PREDICT_ROWS rows. */
typedef struct {
  int64_t number;   /* of this rank's blocks */
  int64_t row, n;   /* rows [row, row + n) of this rank's */
  int64_t resident; /* where the first of them is */
  row_place_t place;
} row_block_t;

typedef struct {
  const split_t *split; /* borrowed */
  int64_t blocks;
  int64_t *begin;     /* (shards + 1): first block of each own shard */
  int64_t *first_row; /* (shards + 1): first row of each, of this rank's */
  part_t part;        /* which rows are resident */
} block_walk_t;

/* Cuts the rows into blocks. Memory comes from the arena. */
ls_status block_walk_create(const split_t *split, arena_t *arena, block_walk_t *out, ls_error *error);

/* Waits for the first rows, walk->part. block_walk_end follows, also after a failure. */
ls_status block_walk_begin(block_walk_t *walk, ls_error *error);
/* From those to the last: each block once, by any of `threads` threads (score/threads.h). `what` is for
 * progress: "evaluating"; NULL: none is shown. */
ls_status block_walk_run(block_walk_t *walk, const char *what, int threads,
                         void (*take)(void *context, int thread, const row_block_t *block), void *context,
                         ls_error *error);
void block_walk_end(block_walk_t *walk);

#endif
