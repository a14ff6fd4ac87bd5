/* The partition in closed form. Everything here follows from one function: share(n, parts, j), the size of
 * part j when n things are dealt out as evenly as can be, the first parts getting one more. */
#include "layout/shard.h"

#include "base/text.h"

#include <inttypes.h>

static int64_t share(int64_t n, int64_t parts, int64_t j) {
  return n / parts + (j < n % parts);
}

/* share(n, parts, 0) + … + share(n, parts, j - 1). */
static int64_t shares_before(int64_t n, int64_t parts, int64_t j) {
  int64_t larger = n % parts;
  return n / parts * j + (j < larger ? j : larger);
}

int64_t shard_rows(partition_t partition, int shard) {
  return share(partition.rows, partition.shards, shard);
}

int64_t shard_first(partition_t partition, int shard) {
  return shares_before(partition.rows, partition.shards, shard);
}

int64_t epoch_steps(partition_t partition, int64_t batch) {
  return partition.rows / batch + (partition.rows % batch != 0);
}

/* M = min(t B, N), rows used before step t. */
static int64_t rows_before(partition_t partition, int64_t batch, int64_t step) {
  if (step >= epoch_steps(partition, batch)) return partition.rows;
  return step * batch;
}

int64_t slice_begin(partition_t partition, int64_t batch, int shard, int64_t step) {
  return share(rows_before(partition, batch, step), partition.shards, shard);
}

int64_t step_rows(partition_t partition, int64_t batch, int64_t step) {
  return rows_before(partition, batch, step + 1) - rows_before(partition, batch, step);
}

int64_t slice_rows(int64_t batch, int shards) {
  return share(batch, shards, 0);
}

int rank_first_shard(int shards, int ranks, int rank) {
  return (int)shares_before(shards, ranks, rank);
}

int rank_shards(int shards, int ranks, int rank) {
  return (int)share(shards, ranks, rank);
}

/* ---- the number of shards ---- */

enum {
  USUAL_SHARDS = 64,
  FEWEST_ROWS = 32, /* of a shard in a step */
  FEW_SHARDS = 4,
  FEWEST_ROWS_OF_FEW = 8,
  MOST_ROWS = 256,
  MOST_SHARDS = 1 << 20,
};

/* What a shard costs: each tile of the weight gradients is computed for one shard after the other, and every
 * shard but the first adds one addition for each weight to the products of its rows. With 32 rows that is
 * little. With 8 rows it is up to an eighth of the products of the weight gradients. A small batch accepts
 * this for up to four shards, so that two to four ranks, or threads, share its rows. Batch normalisation
 * needs the rows: its mean and variance are those of a shard's part of the batch. */
int shards_auto(int64_t batch, int64_t rows, bool normalises_batches) {
  int64_t most = batch < rows ? batch : rows;
  int64_t fewest_of_few = normalises_batches ? FEWEST_ROWS : FEWEST_ROWS_OF_FEW;
  int shards = USUAL_SHARDS;
  while (shards > FEW_SHARDS && most / shards < FEWEST_ROWS) shards /= 2;
  while (shards > 1 && most / shards < fewest_of_few) shards /= 2;
  while (shards < MOST_SHARDS && slice_rows(most, shards) > MOST_ROWS) shards *= 2;
  return shards;
}

ls_status shards_check(int64_t batch, int shards, ls_error *error) {
  if (batch < 1) return error_set(error, LS_BAD_SETTINGS, "train.global_batch_size must be at least 1");
  if (shards < 1) return error_set(error, LS_BAD_SETTINGS, "parallel.shards must be at least 1");
  if (shards <= batch) return LS_OK;
  int fitting = shards_auto(batch, batch, false);
  return error_set(error, LS_BAD_SETTINGS,
                   "parallel.shards is %d but a batch has only %" PRId64
                   " rows (train.global_batch_size): set parallel.shards=%d, which makes %" PRId64
                   " rows a shard, or a larger batch",
                   shards, batch, fitting, slice_rows(batch, fitting));
}

/* ---- order ---- */

typedef struct {
  choice_t choice;
  bool in_blocks; /* of ORDER_BLOCK_ROWS, else one block is the whole shard */
  bool permuted;
} order_row_t;

static const order_row_t order_table[] = {
    [ORDER_NONE] = {{"none", "as they lie in the file"}, true, false},
    [ORDER_BLOCKS] = {{"blocks", "blocks of 1024 rows in random order, rows permuted within each"},
                      true,
                      true},
    [ORDER_FULL] = {{"full", "a random permutation"}, false, true},
};

int64_t order_block_rows(order_t order, int64_t n) {
  return order_table[order].in_blocks && n > ORDER_BLOCK_ROWS ? ORDER_BLOCK_ROWS : n;
}

int64_t order_blocks(order_t order, int64_t n) {
  return n == 0 ? 0 : (n - 1) / order_block_rows(order, n) + 1;
}

void order_begin(order_walk_t *walk, order_t order, uint64_t seed, int64_t epoch, int shard, int64_t n,
                 uint32_t *block_order) {
  *walk = (order_walk_t){.order = order,
                         .stream = {seed, RANDOM_SHUFFLE, (uint64_t)epoch, (uint64_t)shard},
                         .n = n,
                         .block_order = block_order};
  if (order == ORDER_BLOCKS) random_permutation(&walk->stream, (size_t)order_blocks(order, n), block_order);
}

/* A block's rows are permuted by a stream of their own, named by (shard, block + 1); the shard's own stream
 * puts the blocks in order, or the rows where the shard is one block. */
int64_t order_next(order_walk_t *walk, uint32_t *out) {
  if (walk->next == order_blocks(walk->order, walk->n)) return 0;
  int64_t block = walk->order == ORDER_BLOCKS ? walk->block_order[walk->next] : walk->next;
  int64_t rows = order_block_rows(walk->order, walk->n), first = block * rows;
  if (walk->n - first < rows) rows = walk->n - first;
  walk->next++;
  if (!order_table[walk->order].permuted) {
    for (int64_t i = 0; i < rows; i++) out[i] = (uint32_t)(first + i);
    return rows;
  }
  random_stream_t inner = walk->stream;
  if (walk->order == ORDER_BLOCKS) inner.shard |= (uint64_t)(block + 1) << 32;
  random_permutation(&inner, (size_t)rows, out);
  for (int64_t i = 0; i < rows; i++) out[i] += (uint32_t)first;
  return rows;
}

/* The order of the blocks waits at the end of `out`: as many rows as there are blocks to come, or more, come
 * after every block, so an entry is read before rows are written over it. */
void order_fill(order_t order, uint64_t seed, int64_t epoch, int shard, int64_t n, uint32_t *out) {
  order_walk_t walk;
  order_begin(&walk, order, seed, epoch, shard, n, out + (n - order_blocks(order, n)));
  for (int64_t rows; (rows = order_next(&walk, out)) > 0;) out += rows;
}

static bool order_choice(size_t i, choice_t *out) {
  if (i >= sizeof order_table / sizeof order_table[0]) return false;
  *out = order_table[i].choice;
  return true;
}

ls_status order_parse(const char *name, order_t *out, ls_error *error) {
  char names[64];
  int found = choice_find(order_choice, name);
  choice_names(order_choice, names, sizeof names);
  if (found < 0) return error_set(error, LS_BAD_SETTINGS, "data.shuffle: '%s' is not one of %s", name, names);
  *out = (order_t)found;
  return LS_OK;
}
