#include "data/split_walk.h"

#include "data/stream.h"
#include "math/tree.h"

#include <stdlib.h>
#include <string.h>

typedef void (*take_t)(void *context, const split_walk_t *walk);

/* The rows of a part, shard by shard. */
static void walk_part(const split_t *split, const part_t *part, take_t take, void *context) {
  int64_t begin = 0;
  for (int s = 0; s < split->shards; s++) {
    int64_t end = begin + shard_rows(split->partition, split->first_shard + s);
    int64_t first = part->first > begin ? part->first : begin;
    int64_t last = part->first + part->rows < end ? part->first + part->rows : end;
    const split_walk_t walk = {s, part->resident + first - part->first, first, last - first};
    if (walk.rows > 0) take(context, &walk);
    begin = end;
  }
}

ls_status split_walk(world_t *world, const split_t *split, take_t take, void *context, ls_error *error) {
  part_t part = {0};
  parts_begin(split);
  ls_status status = parts_next(split, &part, error);
  while (status == LS_OK && part.rows > 0) {
    walk_part(split, &part, take, context);
    status = parts_next(split, &part, error);
  }
  parts_end(split);
  return world_agree(world, status, error);
}

ls_status split_sum(world_t *world, const split_t *split, size_t width, const double *own, double *total,
                    ls_error *error) {
  int ranks = world_size(world), shards = split->partition.shards;
  double *all = malloc((size_t)shards * width * sizeof *all + 1);
  size_t *sizes = malloc((size_t)ranks * sizeof *sizes);
  ls_status status = LS_OK;
  if (all == NULL || sizes == NULL) status = error_set(error, LS_NO_MEMORY, "no memory for sums over shards");
  TRY_OR_DONE(world_agree(world, status, error));
  for (int r = 0; r < ranks; r++) sizes[r] = (size_t)rank_shards(shards, ranks, r) * width * sizeof *own;
  TRY_OR_DONE(world_gather_pieces(world, own, sizes, all, -1, error));
  tree_sum_vectors(all, shards, width);
  memcpy(total, all, width * sizeof *total);
done:
  free(all);
  free(sizes);
  return status;
}
