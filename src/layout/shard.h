/* Which rank owns which rows, and the order of rows: pure arithmetic, no data.
 *
 * N rows are cut into S contiguous shards; shard j has share(N, j) = floor(N / S) + (j < N mod S) rows. After
 * t steps of batch B, M = min(t B, N) rows have been used, share(M, j) of them from shard j. So every batch
 * has rows of every shard, slices differ by at most one row, and an epoch visits every row exactly once. The
 * slice of a shard depends only on N, B, S and t. All functions are pure and thread-safe. */
#ifndef LAYOUT_SHARD_H
#define LAYOUT_SHARD_H

#include "base/error.h"
#include "base/random.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct {
  int64_t rows; /* N, of the whole split */
  int shards;   /* S */
} partition_t;

/* The number of rows of shard j, and its first row. */
int64_t shard_rows(partition_t partition, int shard);
int64_t shard_first(partition_t partition, int shard);

/* Steps in an epoch: ceil(N / B). */
int64_t epoch_steps(partition_t partition, int64_t batch);

/* Rows of shard j that are used before step t of an epoch, 0 <= t <= epoch_steps. The slice of step t is
 * [slice_begin(t), slice_begin(t + 1)) of the shard's order. */
int64_t slice_begin(partition_t partition, int64_t batch, int shard, int64_t step);

/* Rows of the whole batch of step t (B, or fewer in the last step). */
int64_t step_rows(partition_t partition, int64_t batch, int64_t step);

/* The largest slice: ceil(B / S) rows. Kernel calls are sized for it. */
int64_t slice_rows(int64_t batch, int shards);

/* The shards of rank r of W. They are contiguous, and the counts differ by at most one. */
int rank_first_shard(int shards, int ranks, int rank);
int rank_shards(int shards, int ranks, int rank);

/* The default S for batches of training rows: 64 if shards then have 32 to 256 rows of the batch, a larger
 * power of two for larger batches, a smaller one for smaller batches. Small batches have up to 4 shards of at
 * least 8 rows, or of at least 32 if a layer normalises over them; a batch below 16 rows has 1. A batch
 * larger than all rows counts as all rows. The number of ranks has no influence. */
int shards_auto(int64_t batch, int64_t rows, bool normalises_batches);

/* LS_BAD_SETTINGS if S does not suit the batch. The message names the remedy: a larger batch, or
 * parallel.shards=N with the rows that a shard would then have. */
ls_status shards_check(int64_t batch, int shards, ls_error *error);

typedef enum { ORDER_NONE, ORDER_BLOCKS, ORDER_FULL } order_t;
enum { ORDER_BLOCK_ROWS = 1024 };

/* The order of shard j's n rows in an epoch: order[k] is the k-th row, counted within the shard. full: a
 * random permutation. blocks: blocks of ORDER_BLOCK_ROWS in random order, and the rows of each block
 * permuted. none: file order. */
void order_fill(order_t order, uint64_t seed, int64_t epoch, int shard, int64_t n, uint32_t *out);

/* The same order, delivered block by block to callers that do not store all of it. */
typedef struct {
  order_t order;
  random_stream_t stream;
  int64_t n, next;       /* rows; the next block */
  uint32_t *block_order; /* (order_blocks), borrowed */
} order_walk_t;

/* The number of blocks of an order, and the rows of the largest block: 1024, or all n rows with `full`. */
int64_t order_blocks(order_t order, int64_t n);
int64_t order_block_rows(order_t order, int64_t n);

/* block_order: memory for order_blocks entries, borrowed from the caller. */
void order_begin(order_walk_t *walk, order_t order, uint64_t seed, int64_t epoch, int shard, int64_t n,
                 uint32_t *block_order);

/* Fills in the rows of the next block, in order, and returns their number; 0 at the end. */
int64_t order_next(order_walk_t *walk, uint32_t *out);

/* Finds an order by its name (full, blocks, none). */
ls_status order_parse(const char *name, order_t *out, ls_error *error);

#endif
