#include "features/landmarks.h"

#include "base/random.h"
#include "features/gather.h"
#include "data/split_walk.h"

#include <inttypes.h>
#include <stdlib.h>

typedef struct {
  const gather_t *gather; /* of scaled features */
  int64_t first;          /* this rank's first row among all */
  const bool *chosen;     /* (all rows) */
  int64_t width;
  float *next; /* where the next landmark of this rank goes */
} collecting_t;

static void take_landmarks(void *context, const split_walk_t *walk) {
  collecting_t *collecting = context;
  for (int64_t r = 0; r < walk->rows; r++) {
    if (!collecting->chosen[collecting->first + walk->row + r]) continue;
    gather_range(collecting->gather, walk->first + r, 1, collecting->next);
    collecting->next += collecting->width;
  }
}

/* How many of the rows of each rank are chosen, in bytes of features. */
static void count_bytes(const world_t *world, const split_t *split, const bool *chosen, size_t row_bytes,
                        size_t *sizes) {
  int ranks = world_size(world), shards = split->partition.shards;
  for (int r = 0; r < ranks; r++) {
    int first = rank_first_shard(shards, ranks, r), n = rank_shards(shards, ranks, r);
    int64_t end = shard_first(split->partition, first + n);
    sizes[r] = 0;
    for (int64_t i = shard_first(split->partition, first); i < end; i++)
      sizes[r] += chosen[i] ? row_bytes : 0;
  }
}

/* all (landmarks, encoded): collected from the ranks that hold them. */
static ls_status collect(world_t *world, const split_t *split, const gather_t *gather, const bool *chosen,
                         size_t *sizes, float *mine, float *all, ls_error *error) {
  int64_t width = gather->features->encoded;
  collecting_t collecting = {.gather = gather,
                             .first = shard_first(split->partition, split->first_shard),
                             .chosen = chosen,
                             .width = width,
                             .next = mine};
  count_bytes(world, split, chosen, (size_t)width * sizeof *mine, sizes);
  TRY(split_walk(world, split, take_landmarks, &collecting, error));
  return world_gather_pieces(world, mine, sizes, all, -1, error);
}

static ls_status fit_centres(world_t *world, uint64_t seed, const split_t *split, const features_t *plain,
                             basis_t *basis, ls_error *error) {
  random_stream_t stream = {seed, RANDOM_BASIS, BASIS_LANDMARKS, 0};
  size_t floats = (size_t)(basis->outputs * basis->inputs);
  bool *chosen = malloc((size_t)split->partition.rows);
  size_t *sizes = calloc((size_t)world_size(world), sizeof *sizes);
  float *mine = malloc(floats * sizeof *mine), *all = malloc(floats * sizeof *all);
  gather_t gather = {0};
  ls_status status = LS_OK;
  if (chosen == NULL || sizes == NULL || mine == NULL || all == NULL)
    status = error_set(error, LS_NO_MEMORY, "no memory for %" PRId64 " landmark rows", basis->outputs);
  if (status == LS_OK) status = gather_create(split, plain, &gather, error);
  TRY_OR_DONE(world_agree(world, status, error));
  random_subset(&stream, split->partition.rows, basis->outputs, chosen);
  TRY_OR_DONE(collect(world, split, &gather, chosen, sizes, mine, all, error));
  basis_set_centres(basis, all);
done:
  gather_free(&gather);
  free(chosen);
  free(sizes);
  free(mine);
  free(all);
  return status;
}

ls_status landmarks_fit(world_t *world, const settings_t *settings, const split_t *train,
                        features_t *features, ls_error *error) {
  int64_t own = settings->data.basis.seed;
  uint64_t seed = own == SETTINGS_AUTO ? settings->train.seed : (uint64_t)own;
  ls_status status = basis_create(&settings->data.basis, seed, features->encoded, train->partition.rows,
                                  &features->basis, error);
  TRY(world_agree(world, status, error));
  features->inputs = features->basis.outputs;
  if (!basis_has_landmarks(&features->basis)) return LS_OK;
  features_t plain = *features;
  plain.basis = (basis_t){0};
  plain.inputs = plain.encoded;
  return fit_centres(world, seed, train, &plain, &features->basis, error);
}
