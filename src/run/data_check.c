#include "run/data_check.h"

#include "store/store.h"

#include <stdlib.h>

static ls_status digest_split(world_t *world, int threads, const split_t *split,
                              array_identity_t arrays[IDENTITY_KINDS], ls_error *error) {
  if (split->stream != NULL || split->partition.rows == 0) return LS_OK;
  uint64_t *sums = calloc((size_t)IDENTITY_KINDS * (size_t)split->shards + 1, sizeof *sums);
  ls_status status =
      sums == NULL ? error_set(error, LS_NO_MEMORY, "no memory for checksums of shards") : LS_OK;
  TRY_OR_DONE(world_agree(world, status, error));
#pragma omp parallel for num_threads(threads) schedule(static)
  for (int s = 0; s < split->shards; s++) identity_sum(split, s, sums);
  status = identity_gather(world, split, sums, arrays, error);
done:
  free(sums);
  return status;
}

ls_status data_digest(world_t *world, int threads, dataset_t *dataset, ls_error *error) {
  TRY(digest_split(world, threads, &dataset->train, dataset->identity.arrays[0], error));
  return digest_split(world, threads, &dataset->valid, dataset->identity.arrays[1], error);
}

ls_status data_check(const char *checkpoint, const char *file, const data_identity_t *identity,
                     const log_t *log, ls_error *error) {
  data_identity_t then;
  store_t *store = NULL;
  bool known = false;
  char what[512];
  TRY(store_open(checkpoint, &store, error));
  ls_status status = identity_read(store, &then, &known, error);
  store_close(&store);
  TRY(status);
  if (!known) {
    log_info(log, "%s does not say which data it was trained on, so the data is not compared", checkpoint);
    return LS_OK;
  }
  identity_compare(&then, identity, what, sizeof what);
  if (what[0] == '\0') return LS_OK;
  return error_set(error, LS_BAD_DATA,
                   "%s is not the data that %s was trained on: %s; give the run its own data, or start anew "
                   "without --resume",
                   file, checkpoint, what);
}
