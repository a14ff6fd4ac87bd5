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

/* The arrays of the first n rows, whole, on every rank. Of those that no rank has, NULL. Collective. */
typedef struct {
  char *x, *labels, *y, *targets, *weights;
  size_t x_bytes, y_bytes, target_bytes; /* of a row */
} whole_t;

static ls_status gather_arrays(world_t *world, const split_t *split, int64_t n, arena_t *arena, whole_t *out,
                               ls_error *error) {
  const bool has_own_targets = split->targets != NULL && (const void *)split->targets != split->y;
  whole_t all = {.x_bytes = (size_t)split->features * element_size(split->type),
                 .y_bytes = (size_t)split->width * element_size(split->y_type),
                 .target_bytes = (size_t)split->width * sizeof(float)};
  const rows_array_t x = {split->x, all.x_bytes}, labels = {split->labels, sizeof(int32_t)},
                     y = {split->y, all.y_bytes},
                     targets = {has_own_targets ? split->targets : NULL, all.target_bytes},
                     weights = {split->weights, sizeof(float)};
  TRY(gather_rows(world, split, x, n, arena, &all.x, error));
  TRY(gather_rows(world, split, labels, n, arena, &all.labels, error));
  TRY(gather_rows(world, split, y, n, arena, &all.y, error));
  TRY(gather_rows(world, split, targets, n, arena, &all.targets, error));
  TRY(gather_rows(world, split, weights, n, arena, &all.weights, error));
  *out = all;
  return LS_OK;
}

/* A split of n rows that holds shards [shard, shard + shards) of the whole. */
static split_t part_of(const split_t *split, const whole_t *all, int64_t n, int shard, int shards) {
  split_t part = *split;
  part.partition.rows = n;
  part.first_shard = shard;
  part.shards = shards;
  const int64_t row = shard_first(part.partition, shard);
  part.rows = rows_among(part.partition, shard, shards, n);
  part.x = place(all->x, all->x_bytes, row);
  part.labels = place(all->labels, sizeof(int32_t), row);
  part.y = place(all->y, all->y_bytes, row);
  part.targets = all->targets != NULL ? place(all->targets, all->target_bytes, row) : part.y;
  part.weights = place(all->weights, sizeof(float), row);
  return part;
}

ls_status first_rows(world_t *world, const split_t *split, int64_t n, arena_t *arena, split_t *out,
                     ls_error *error) {
  whole_t all;
  if (n >= split->partition.rows) {
    *out = *split;
    return LS_OK;
  }
  if (split->windows != NULL || split->stream != NULL) /* the same on every rank */
    return error_set(error, LS_BAD_SETTINGS, "the first rows can be taken of rows in memory, not of %s",
                     split->windows != NULL ? "windows: leave --rows out"
                                            : "rows that are streamed: raise data.memory_limit");
  TRY(gather_arrays(world, split, n, arena, &all, error));
  *out = part_of(split, &all, n, split->first_shard, split->shards);
  return LS_OK;
}

ls_status whole_rows(world_t *world, const split_t *split, int64_t n, arena_t *arena, split_t *out,
                     ls_error *error) {
  whole_t all;
  if (world_size(world) == 1 || split->partition.rows == 0)
    return first_rows(world, split, n, arena, out, error);
  const int64_t rows = n < split->partition.rows ? n : split->partition.rows;
  TRY(gather_arrays(world, split, rows, arena, &all, error));
  *out = part_of(split, &all, rows, 0, split->partition.shards);
  return LS_OK;
}

bool rows_fit(const split_t *split, int64_t n, int64_t most) {
  const int64_t rows = n < split->partition.rows ? n : split->partition.rows;
  const double row = (double)split->features * (double)element_size(split->type) +
                     (double)split->width * (double)(element_size(split->y_type) + sizeof(float));
  return split->windows == NULL && split->stream == NULL && (double)rows * row <= (double)most;
}
