/* Who owns which rows, and in which order they come: arithmetic alone, no data.
 *
 * Rows are cut into S contiguous shards; shard j of N rows holds share(N, j) = floor(N / S) + (j < N mod S)
 * of them. After t steps of batch B, M = min(t B, N) rows have been used, share(M, j) of them from shard j:
 * so every batch takes from every shard, slices differ by one row at most, an epoch visits every row exactly
 * once, and what a shard gives depends on N, B, S and t alone. All functions are pure and thread-safe. */
#ifndef DATA_SHARD_H
#define DATA_SHARD_H

#include "base/error.h"
#include "base/random.h"

#include <stdint.h>

typedef struct {
  int64_t rows; /* N, of the whole split */
  int shards;   /* S */
} partition_t;

/* Rows of shard j, and the first of them. */
int64_t shard_rows(partition_t partition, int shard);
int64_t shard_first(partition_t partition, int shard);

/* Steps in an epoch: ceil(N / B). */
int64_t epoch_steps(partition_t partition, int64_t batch);

/* Rows that shard j has given before step t of an epoch, 0 <= t <= epoch_steps: its slice of step t is
 * [slice_begin(t), slice_begin(t + 1)) of its own order. */
int64_t slice_begin(partition_t partition, int64_t batch, int shard, int64_t step);

/* Rows of the whole batch of step t (B, or fewer in the last step). */
int64_t step_rows(partition_t partition, int64_t batch, int64_t step);

/* The most rows that any shard gives to a step: ceil(B / S), the row count that kernels are made for. */
int64_t slice_rows(int64_t batch, int shards);

/* The shards of rank r of W: contiguous, counts differ by one at most. */
int rank_first_shard(int shards, int ranks, int rank);
int rank_shards(int shards, int ranks, int rank);

/* S for a batch: 64 where that makes 32 to 256 rows a shard, a smaller power of two for smaller batches (at
 * least 1), a larger one for larger batches. */
int shards_auto(int64_t batch);

/* LS_BAD_SETTINGS when S does not suit the batch and the ranks, with the remedy (a larger batch, or
 * parallel.shards=N with the rows that a shard would then have). */
ls_status shards_check(int64_t batch, int shards, int ranks, ls_error *error);

typedef enum { ORDER_NONE, ORDER_BLOCKS, ORDER_FULL } order_t;
enum { ORDER_BLOCK_ROWS = 1024 };

/* The order in which shard j's n rows come in an epoch: order[k] is the row (within the shard) that comes
 * k-th. full: a random permutation; blocks: blocks of ORDER_BLOCK_ROWS in random order, rows within each
 * permuted; none: as they lie. */
void order_fill(order_t order, uint64_t seed, int64_t epoch, int shard, int64_t n, uint32_t *out);

/* The same order block by block, for those who do not hold all of it. */
typedef struct {
  order_t order;
  random_stream_t stream;
  int64_t n, next;       /* rows; the block that comes next */
  uint32_t *block_order; /* (order_blocks), borrowed */
} order_walk_t;

/* Blocks of an order, and rows of the largest: 1024, but all n of them with full. */
int64_t order_blocks(order_t order, int64_t n);
int64_t order_block_rows(order_t order, int64_t n);

/* block_order is the caller's memory for order_blocks entries. */
void order_begin(order_walk_t *walk, order_t order, uint64_t seed, int64_t epoch, int shard, int64_t n,
                 uint32_t *block_order);

/* The rows of the next block, in order; how many they are, 0 at the end. */
int64_t order_next(order_walk_t *walk, uint32_t *out);

/* By name (full, blocks, none). */
ls_status order_parse(const char *name, order_t *out, ls_error *error);

#endif
