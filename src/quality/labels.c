/* Labels may be any numbers: the classes are their different values, in ascending order, of all ranks. */
#include "quality/quality_impl.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Weights that are no whole numbers are counted in such parts, so that sums are whole and exact. */
#define PART_OF_ROW 0x1p-30

static int by_value(const void *a, const void *b) {
  const float x = *(const float *)a, y = *(const float *)b;
  return (x > y) - (x < y);
}

/* Sorts values and removes repetitions. Returns how many are left. */
static int64_t make_different(float *values, int64_t n) {
  int64_t kept = 0;
  qsort(values, (size_t)n, sizeof *values, by_value);
  for (int64_t i = 0; i < n; i++)
    if (kept == 0 || values[i] > values[kept - 1]) values[kept++] = values[i];
  return kept;
}

static ls_status too_many(ls_error *error) {
  return error_set(
      error, LS_BAD_DATA,
      "the labels have more than %d different values, so they are no classes to compare clusters "
      "with: name other ones with --labels PATH, or leave them out with --labels none",
      QUALITY_MOST_CLASSES);
}

static double weight_of(const walked_t *walked, int64_t row) {
  return walked->weights == NULL ? 1 : walked->weights[row];
}

/* own (own rows): a copy of the labels of rows with a weight. Returns the number of classes, at most one more
 * than there may be. */
static int64_t own_classes(const walked_t *walked, int64_t rows, float *own) {
  int64_t there = 0;
  for (int64_t r = 0; r < rows; r++)
    if (weight_of(walked, r) > 0) own[there++] = walked->labels[r];
  const int64_t n = make_different(own, there);
  return n > QUALITY_MOST_CLASSES ? QUALITY_MOST_CLASSES + 1 : n;
}

/* *all: the classes of all ranks, malloc'd. */
static ls_status gather_classes(world_t *world, const float *own, int64_t n_own, float **all, int64_t *n,
                                ls_error *error) {
  const size_t ranks = (size_t)world_size(world), size = (size_t)n_own * sizeof *own;
  size_t *sizes = calloc(ranks, sizeof *sizes), total = 0;
  float *found = NULL;
  ls_status status = sizes == NULL ? error_set(error, LS_NO_MEMORY, "no memory for classes") : LS_OK;
  TRY_OR_DONE(world_agree(world, status, error));
  TRY_OR_DONE(world_gather(world, &size, sizeof size, sizes, error));
  for (size_t r = 0; r < ranks; r++) total += sizes[r];
  found = malloc(total + 1);
  if (found == NULL) status = error_set(error, LS_NO_MEMORY, "no memory for classes");
  TRY_OR_DONE(world_agree(world, status, error));
  TRY_OR_DONE(world_gather_pieces(world, own, sizes, found, -1, error));
  *n = make_different(found, (int64_t)(total / sizeof *found));
  *all = found;
  found = NULL;
done:
  free(sizes);
  free(found);
  return status;
}

static ls_status count(const quality_inputs_t *inputs, const walked_t *walked, const float *classes,
                       int64_t n_classes, agreement_t *agreement, ls_error *error) {
  const size_t cells = (size_t)(n_classes * walked->clusters);
  const agreement_units_t units = {walked->rows.are_whole ? 1 : PART_OF_ROW, walked->self};
  int64_t *table = calloc(cells, sizeof *table);
  ls_status status =
      table == NULL ? error_set(error, LS_NO_MEMORY, "no memory for %zu counts", cells) : LS_OK;
  TRY_OR_DONE(world_agree(inputs->world, status, error));
  for (int64_t r = 0; r < inputs->gather->split->rows; r++) {
    const double weight = weight_of(walked, r);
    if (!(weight > 0)) continue;
    const float *found = bsearch(&walked->labels[r], classes, (size_t)n_classes, sizeof *classes, by_value);
    table[(found - classes) * walked->clusters + walked->cluster[r]] += llround(weight / units.unit);
  }
  TRY_OR_DONE(world_sum_i64(inputs->world, table, cells, error));
  status = world_agree(inputs->world,
                       agreement_find(n_classes, walked->clusters, table, &units, agreement, error), error);
done:
  free(table);
  return status;
}

ls_status labels_compare(const quality_inputs_t *inputs, const walked_t *walked, int64_t *classes,
                         agreement_t *agreement, ls_error *error) {
  const int64_t rows = inputs->gather->split->rows;
  float *own = malloc((size_t)rows * sizeof *own + 1), *all = NULL;
  int64_t n = 0;
  ls_status status = own == NULL ? error_set(error, LS_NO_MEMORY, "no memory for labels") : LS_OK;
  TRY_OR_DONE(world_agree(inputs->world, status, error));
  TRY_OR_DONE(gather_classes(inputs->world, own, own_classes(walked, rows, own), &all, &n, error));
  if (n > QUALITY_MOST_CLASSES) { /* on every rank */
    if (inputs->labels_are_named) status = too_many(error);
    goto done;
  }
  *classes = n;
  status = count(inputs, walked, all, n, agreement, error);
done:
  free(own);
  free(all);
  return status;
}
