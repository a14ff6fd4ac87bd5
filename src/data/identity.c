#include "data/identity.h"

#include "base/checksum.h"
#include "data/window.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- one array ---- */

/* Sampled rows take at most so much memory, but for the first and the last. */
enum { SAMPLE_BYTES = 8 << 20 };

static int64_t row_elements(const store_array_t *array) {
  int64_t elements = 1;
  for (int i = 1; i < array->dims; i++) elements *= array->shape[i];
  return elements;
}

/* Every value of the file's type is exact in this one. */
static store_type_t exact_type(const store_array_t *array) {
  if (!array->is_integer) return STORE_F64;
  return array->is_signed ? STORE_I64 : STORE_U64;
}

static ls_status sample(const store_t *store, const char *name, const store_array_t *array, uint64_t *out,
                        ls_error *error) {
  int64_t rows = array->dims == 0 ? 1 : array->shape[0], width = row_elements(array);
  if (rows == 0 || width == 0) return LS_OK;
  int64_t most = SAMPLE_BYTES / 8 / width, n = most < IDENTITY_ROWS ? most : IDENTITY_ROWS;
  if (n < 2) n = 2;
  if (n > rows) n = rows;
  const size_t bytes = (size_t)n * (size_t)width * 8;
  int64_t at[IDENTITY_ROWS] = {0};
  for (int64_t i = 1; i < n; i++) at[i] = (int64_t)((double)(rows - 1) * (double)i / (double)(n - 1));
  void *sampled = malloc(bytes + 1); /* also for no rows */
  if (sampled == NULL)
    return error_set(error, LS_NO_MEMORY, "%s: no memory for %" PRId64 " rows of %s", store_path(store), n,
                     name);
  ls_status status = store_read_each(store, name, at, n, exact_type(array), sampled, error);
  if (status == LS_OK) *out = checksum_of(sampled, bytes);
  free(sampled);
  return status;
}

ls_status identity_look(const store_t *store, const char *name, array_identity_t *out, ls_error *error) {
  store_array_t array = {0};
  array_identity_t identity;
  memset(&identity, 0, sizeof identity);
  TRY(store_describe(store, name, &array, error));
  TRY(sample(store, name, &array, &identity.sample, error));
  while (*name == '/') name++;
  snprintf(identity.name, sizeof identity.name, "%s", name);
  snprintf(identity.type, sizeof identity.type, "%s%zu",
           !array.is_integer ? "float"
           : array.is_signed ? "int"
                             : "uint",
           8 * array.element_bytes);
  identity.dims = array.dims;
  memcpy(identity.shape, array.shape, sizeof identity.shape);
  for (int i = array.dims; i < STORE_MAX_DIMS; i++) identity.shape[i] = 0;
  *out = identity;
  return LS_OK;
}

/* ---- differences ---- */

static int64_t rows_of(const array_identity_t *array) {
  return array->dims == 0 ? 1 : array->shape[0];
}

static void shape_text(const array_identity_t *array, char *out, size_t size) {
  size_t used = 0;
  out[0] = '\0';
  for (int64_t i = 0; i < array->dims && used < size; i++)
    used += (size_t)snprintf(out + used, size - used, "%s%" PRId64, i > 0 ? " x " : "", array->shape[i]);
}

static bool same_shape(const array_identity_t *a, const array_identity_t *b) {
  return a->dims == b->dims && memcmp(a->shape, b->shape, sizeof a->shape) == 0;
}

/* A sentence about the first difference: `a` has something and `b`, to which the verb belongs, something
 * else. False if there is none. */
static bool difference(const array_identity_t *a, const char *verb, const array_identity_t *b, char *out,
                       size_t size) {
  char shapes[2][160];
  shape_text(a, shapes[0], sizeof shapes[0]);
  shape_text(b, shapes[1], sizeof shapes[1]);
  if (a->name[0] == '\0' && b->name[0] == '\0') return false;
  if (a->name[0] == '\0' || b->name[0] == '\0')
    snprintf(out, size, "%s is %s", a->name[0] != '\0' ? a->name : b->name,
             a->name[0] != '\0' ? "there, and was not used" : "not used");
  else if (strcmp(a->name, b->name) != 0)
    snprintf(out, size, "%s is in the place of %s", a->name, b->name);
  else if (rows_of(a) != rows_of(b))
    snprintf(out, size, "%s has %" PRId64 " rows, and %s %" PRId64, a->name, rows_of(a), verb, rows_of(b));
  else if (!same_shape(a, b))
    snprintf(out, size, "%s is %s, and %s %s", a->name, shapes[0], verb, shapes[1]);
  else if (strcmp(a->type, b->type) != 0)
    snprintf(out, size, "%s holds %s, and %s %s", a->name, a->type, verb, b->type);
  else if (a->has_digest && b->has_digest ? a->digest != b->digest : a->sample != b->sample)
    snprintf(out, size, "%s has the same shape but other values", a->name);
  else
    return false;
  return true;
}

void identity_compare(const data_identity_t *then, const data_identity_t *now, char *out, size_t size) {
  out[0] = '\0';
  for (int s = 0; s < IDENTITY_SPLITS - 1; s++)
    for (int k = 0; k < IDENTITY_KINDS; k++)
      if (difference(&now->arrays[s][k], "had", &then->arrays[s][k], out, size)) return;
}

static ls_status compare_with_root(const char *file, const char *host, const data_identity_t *mine,
                                   const data_identity_t *roots, ls_error *error) {
  char what[512];
  for (int s = 0; s < IDENTITY_SPLITS; s++)
    for (int k = 0; k < IDENTITY_KINDS; k++)
      if (difference(&mine->arrays[s][k], "rank 0 sees", &roots->arrays[s][k], what, sizeof what))
        return error_set(error, LS_BAD_DATA,
                         "%s on %s is another file than rank 0 reads: %s; give all nodes the same file", file,
                         host, what);
  return LS_OK;
}

ls_status identity_agree(world_t *world, const char *file, ls_status status, const data_identity_t *mine,
                         ls_error *error) {
  data_identity_t roots;
  memcpy(&roots, mine, sizeof roots);
  TRY(world_agree(world, status, error));
  TRY(world_broadcast(world, &roots, sizeof roots, 0, error));
  return world_agree(
      world, compare_with_root(file, world_host(world, world_rank(world)), mine, &roots, error), error);
}

/* ---- digests ---- */

/* What of a split lies in memory, as rows that are dealt to shards: with windows, the time steps. */
typedef struct {
  partition_t partition;
  int64_t first; /* resident row with which own shard 0 begins */
  const void *arrays[IDENTITY_KINDS];
  size_t row_bytes[IDENTITY_KINDS];
} resident_t;

static resident_t resident_rows(const split_t *split) {
  const windows_t *windows = split->windows;
  resident_t rows = {.partition = split->partition};
  int64_t features = split->features, width = split->width;
  if (windows != NULL) {
    rows.partition = windows->time;
    rows.first = shard_first(windows->time, split->first_shard) - windows->begin;
    features = windows->columns;
    width = windows->targets;
  }
  rows.arrays[IDENTITY_X] = split->x;
  rows.row_bytes[IDENTITY_X] = (size_t)features * element_size(split->type);
  rows.arrays[IDENTITY_Y] = split->labels != NULL ? (const void *)split->labels : split->y;
  rows.row_bytes[IDENTITY_Y] =
      split->labels != NULL ? sizeof *split->labels : (size_t)width * element_size(split->y_type);
  rows.arrays[IDENTITY_WEIGHTS] = split->weights;
  rows.row_bytes[IDENTITY_WEIGHTS] = sizeof *split->weights;
  return rows;
}

void identity_sum(const split_t *split, int s, uint64_t *sums) {
  const resident_t rows = resident_rows(split);
  int shard = split->first_shard + s;
  int64_t first =
      rows.first + shard_first(rows.partition, shard) - shard_first(rows.partition, split->first_shard);
  int64_t n = shard_rows(rows.partition, shard);
  for (int k = 0; k < IDENTITY_KINDS; k++)
    sums[k * split->shards + s] =
        rows.arrays[k] == NULL ? 0
                               : checksum_of((const char *)rows.arrays[k] + (size_t)first * rows.row_bytes[k],
                                             (size_t)n * rows.row_bytes[k]);
}

ls_status identity_gather(world_t *world, const split_t *split, const uint64_t *sums,
                          array_identity_t arrays[IDENTITY_KINDS], ls_error *error) {
  int ranks = world_size(world), shards = split->partition.shards;
  if (split->stream != NULL || split->partition.rows == 0) return LS_OK;
  size_t *sizes = calloc((size_t)ranks, sizeof *sizes);
  uint64_t *all = calloc((size_t)shards, sizeof *all);
  ls_status status = LS_OK;
  if (sizes == NULL || all == NULL) status = error_set(error, LS_NO_MEMORY, "no memory for digests");
  TRY_OR_DONE(world_agree(world, status, error));
  for (int r = 0; r < ranks; r++) sizes[r] = (size_t)rank_shards(shards, ranks, r) * sizeof *all;
  for (int k = 0; k < IDENTITY_SERIES; k++) {
    TRY_OR_DONE(world_gather_pieces(world, sums + k * split->shards, sizes, all, 0, error));
    if (arrays[k].name[0] == '\0') continue;
    arrays[k].digest = checksum_of(all, (size_t)shards * sizeof *all);
    arrays[k].has_digest = 1;
  }
done:
  free(sizes);
  free(all);
  return status;
}
