#include "landscape/first_rows.h"

#include <string.h>

/* An array of a split: its rows on this rank, and the bytes of one. */
typedef struct {
  const void *own;
  size_t bytes;
} rows_array_t;

/* How many of the first n rows are among the rows of a rank, whose shards are [shard, shard + shards). */
static int64_t rows_among(partition_t partition, int shard, int shards, int64_t n) {
  const int64_t first = shard_first(partition, shard);
  const int64_t end = shard < partition.shards && shards > 0 ? shard_first(partition, shard + shards - 1) +
                                                                   shard_rows(partition, shard + shards - 1)
                                                             : first;
  const int64_t last = end < n ? end : n;
  return last > first ? last - first : 0;
}

/* The first n rows of one array on every rank; NULL if no rank has the array. Collective. */
static ls_status gather_rows(world_t *world, const split_t *split, rows_array_t array, int64_t n,
                             arena_t *arena, char **out, ls_error *error) {
  const int ranks = world_size(world), shards = split->partition.shards;
  int64_t is_there = array.own != NULL;
  TRY(world_max_i64(world, &is_there, 1, error));
  *out = NULL;
  if (is_there == 0) return LS_OK;
  char *all = arena_new(arena, (size_t)n, array.bytes);
  size_t *sizes = arena_new(arena, (size_t)ranks, sizeof *sizes);
  ls_status status = all == NULL || sizes == NULL
                         ? error_set(error, LS_NO_MEMORY, "no memory for the first rows of a split")
                         : LS_OK;
  TRY(world_agree(world, status, error));
  for (int r = 0; r < ranks; r++)
    sizes[r] = array.bytes * (size_t)rows_among(split->partition, rank_first_shard(shards, ranks, r),
                                                rank_shards(shards, ranks, r), n);
  TRY(world_gather_pieces(world, array.own, sizes, all, -1, error));
  *out = all;
  return LS_OK;
}

static void *place(char *all, size_t bytes, int64_t row) {
  return all == NULL ? NULL : all + (size_t)row * bytes;
}

ls_status first_rows(world_t *world, const split_t *split, int64_t n, arena_t *arena, split_t *out,
                     ls_error *error) {
  split_t first = *split;
  if (n >= split->partition.rows) {
    *out = first;
    return LS_OK;
  }
  if (split->windows != NULL || split->stream != NULL) /* the same on every rank */
    return error_set(error, LS_BAD_SETTINGS, "the first rows can be taken of rows in memory, not of %s",
                     split->windows != NULL ? "windows: leave --rows out"
                                            : "rows that are streamed: raise data.memory_limit");
  const size_t width = (size_t)split->width, values = (size_t)split->features;
  const size_t x_bytes = values * element_size(split->type), y_bytes = width * element_size(split->y_type);
  const bool has_own_targets = split->targets != NULL && (const void *)split->targets != split->y;
  char *x = NULL, *labels = NULL, *y = NULL, *targets = NULL, *weights = NULL;
  TRY(gather_rows(world, split, (rows_array_t){split->x, x_bytes}, n, arena, &x, error));
  TRY(gather_rows(world, split, (rows_array_t){split->labels, sizeof(int32_t)}, n, arena, &labels, error));
  TRY(gather_rows(world, split, (rows_array_t){split->y, y_bytes}, n, arena, &y, error));
  TRY(gather_rows(world, split,
                  (rows_array_t){has_own_targets ? split->targets : NULL, width * sizeof(float)}, n, arena,
                  &targets, error));
  TRY(gather_rows(world, split, (rows_array_t){split->weights, sizeof(float)}, n, arena, &weights, error));
  first.partition.rows = n;
  const int64_t row = shard_first(first.partition, split->first_shard);
  first.rows = rows_among(first.partition, split->first_shard, split->shards, n);
  first.x = place(x, x_bytes, row);
  first.labels = place(labels, sizeof(int32_t), row);
  first.y = place(y, y_bytes, row);
  first.targets = targets != NULL ? place(targets, width * sizeof(float), row) : first.y;
  first.weights = place(weights, sizeof(float), row);
  *out = first;
  return LS_OK;
}
