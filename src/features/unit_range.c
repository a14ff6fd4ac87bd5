#include "features/unit_range.h"

#include "data/split_walk.h"
#include "features/gather.h"

#include <inttypes.h>
#include <stdlib.h>

#define ROUNDING 1e-6F

enum { BLOCK_ROWS = 128 };

/* The first value outside that a shard has. */
typedef struct {
  bool there;
  int64_t column;
  float value;
} outsider_t;

typedef struct {
  gather_t gather;
  const objective_t *objective;
  float *values;      /* (BLOCK_ROWS, width) */
  outsider_t *shards; /* (shards of this rank) */
} unit_search_t;

static void look_at_row(const unit_search_t *search, const float *values, outsider_t *found) {
  for (size_t h = 0; h < search->objective->n && !found->there; h++) {
    const head_t *head = &search->objective->heads[h];
    for (int64_t c = head->first_target;
         c < head->first_target + head->targets && loss_takes_shares(head->loss); c++) {
      if (values[c] >= -ROUNDING && values[c] <= 1 + ROUNDING) continue;
      *found = (outsider_t){true, c, values[c]};
      return;
    }
  }
}

static void look_at_rows(void *context, const split_walk_t *walk) {
  unit_search_t *search = context;
  outsider_t *found = &search->shards[walk->shard];
  const int64_t width = search->gather.split->width;
  for (int64_t at = 0; at < walk->rows && !found->there; at += BLOCK_ROWS) {
    const int64_t n = walk->rows - at < BLOCK_ROWS ? walk->rows - at : BLOCK_ROWS;
    uint32_t rows[BLOCK_ROWS];
    for (int64_t i = 0; i < n; i++) rows[i] = (uint32_t)(walk->first + at + i);
    gather_targets(&search->gather, rows, n, search->values);
    for (int64_t i = 0; i < n && !found->there; i++) look_at_row(search, search->values + i * width, found);
  }
}

static ls_status report(const unit_search_t *search, const char *file, ls_error *error) {
  const features_t *features = search->gather.features;
  for (int s = 0; s < search->gather.split->shards; s++) {
    const outsider_t *found = &search->shards[s];
    if (!found->there) continue;
    const int64_t column = features->source != NULL ? features->source[found->column] : found->column;
    return error_set(
        error, LS_BAD_DATA,
        "%s: column %" PRId64
        " (counted from 0) of a training row is %g for the network, and binary_cross_entropy with "
        "data.targets: x needs features from 0 to 1: set data.scaling={name: minmax, range: [0, 1]}, "
        "or take the loss mse",
        file, column, (double)found->value);
  }
  return LS_OK;
}

ls_status unit_range_check(world_t *world, const split_t *train, const features_t *features,
                           const objective_t *objective, const char *file, ls_error *error) {
  unit_search_t search = {.objective = objective};
  bool is_asked = false;
  for (size_t h = 0; h < objective->n; h++) is_asked |= loss_takes_shares(objective->heads[h].loss);
  if (!is_asked) return LS_OK;
  ls_status status = gather_create(train, features, &search.gather, error);
  if (status == LS_OK) {
    search.values = calloc(BLOCK_ROWS * (size_t)train->width, sizeof *search.values);
    search.shards = calloc((size_t)train->shards + 1, sizeof *search.shards);
    if (search.values == NULL || search.shards == NULL)
      status = error_set(error, LS_NO_MEMORY, "no memory to look at the range of features");
  }
  TRY_OR_DONE(world_agree(world, status, error));
  TRY_OR_DONE(split_walk(world, train, look_at_rows, &search, error));
  status = world_agree(world, report(&search, file, error), error);
done:
  gather_free(&search.gather);
  free(search.values);
  free(search.shards);
  return status;
}
