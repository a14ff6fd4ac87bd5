/* Rows of all ranks come together on rank 0, which writes files. */
#include "layout/shard.h"
#include "request/request.h"

#include <stdlib.h>

ls_status rows_collect(world_t *world, const split_t *split, size_t row_bytes, const void *mine, void *all,
                       ls_error *error) {
  int n = world_size(world), shards = split->partition.shards;
  size_t *sizes = malloc((size_t)n * sizeof *sizes);
  ls_status status = LS_OK;
  if (sizes == NULL) status = error_set(error, LS_NO_MEMORY, "no memory for the table of ranks");
  status = world_agree(world, status, error);
  for (int r = 0; r < n && status == LS_OK; r++) {
    int first = rank_first_shard(shards, n, r);
    sizes[r] = row_bytes * (size_t)(shard_first(split->partition, first + rank_shards(shards, n, r)) -
                                    shard_first(split->partition, first));
  }
  if (status == LS_OK) status = world_gather_pieces(world, mine, sizes, all, 0, error);
  free(sizes);
  return status;
}
