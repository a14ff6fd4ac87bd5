/* Lloyd's iteration. A pass gives each row to the nearest centre, and adds up in double, by the tree: the
 * weights of the rows of each centre, and their sums. From these follow the next centres, and the objective
 * without a further look at the rows: with S_k the sum of the rows of centre c_k and n_k their weight,
 *
 *   Σ w ‖x − c‖²  =  Σ w ‖x‖²  −  2 Σ_k c_k·S_k  +  Σ_k n_k ‖c_k‖².
 *
 * A centre without rows moves to the row that is farthest from its own centre; several such centres move to
 * the farthest rows. That lowers the objective, so no centre is lost. */
#include "cluster/kmeans.h"

#include "cluster/nearest.h"
#include "cluster/picks.h"
#include "cluster/seeding.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A leaf: these numbers, then the weight of each centre's rows, then the sums of each centre's rows. */
enum { SUM_SQUARES, SUM_MOVED, SUM_WEIGHTS };

enum { COLUMNS = 64 }; /* added for all rows of a block before the next columns: their sums stay in cache */

typedef struct {
  fit_inputs_t in;
  int64_t k, inputs;
  nearest_t nearest;
  sums_t *sums;     /* of leaves as above */
  sums_t *scan;     /* passes that only look at rows */
  double *total;    /* a leaf: of the last pass */
  int32_t *cluster; /* (rows of this rank): the centre that each row belongs to */
  float *norms;     /* (rows of this rank) */
  bool has_norms;
  bool has_clusters,
      knows_moved; /* of the present start: clusters of rows; those of the pass before the last */
  double squares;  /* Σ w ‖x‖² */
  int64_t empty;   /* centres without rows in the last pass */
  picks_t *picks;  /* room for k rows */
  float *rows;     /* (k, inputs) */
  float *before;   /* (k, inputs): the centres of the last pass */
  seeding_t seeding;
  arena_t arena;
} kmeans_t;

/* ---- a pass ---- */

static void add_row(const kmeans_t *kmeans, const sums_block_t *block, int64_t r, int64_t first, int64_t n,
                    double *sums) {
  const float *x = block->x + r * kmeans->inputs + first;
  double *restrict sum = sums + kmeans->cluster[block->row + r] * kmeans->inputs + first;
  if (block->weights == NULL) {
    for (int64_t c = 0; c < n; c++) sum[c] += (double)x[c];
  } else {
    const double weight = (double)block->weights[r];
    for (int64_t c = 0; c < n; c++) sum[c] += weight * (double)x[c];
  }
}

/* In the first pass: the norms of the rows, and their squares. */
static void add_norms(const kmeans_t *kmeans, const sums_block_t *block, double *leaf) {
  for (int64_t r = 0; r < block->rows; r++) {
    const double squares = squared_norm(kmeans->inputs, block->x + r * kmeans->inputs);
    kmeans->norms[block->row + r] = norm_of(squares);
    leaf[SUM_SQUARES] += block->weights != NULL ? (double)block->weights[r] * squares : squares;
  }
}

static void add_block(void *context, const sums_block_t *block, double *leaf) {
  const kmeans_t *kmeans = context;
  int32_t found[SUMS_BLOCK], *cluster = kmeans->cluster + block->row;
  double *weights = leaf + SUM_WEIGHTS, *sums = weights + kmeans->k;
  if (!kmeans->has_norms) add_norms(kmeans, block, leaf);
  nearest_find(&kmeans->nearest, block->thread, block->rows, block->x, kmeans->norms + block->row, found);
  for (int64_t r = 0; r < block->rows; r++) {
    leaf[SUM_MOVED] += found[r] != cluster[r];
    weights[found[r]] += block->weights != NULL ? (double)block->weights[r] : 1;
    cluster[r] = found[r];
  }
  for (int64_t first = 0; first < kmeans->inputs; first += COLUMNS) {
    const int64_t n = kmeans->inputs - first < COLUMNS ? kmeans->inputs - first : COLUMNS;
    for (int64_t r = 0; r < block->rows; r++) add_row(kmeans, block, r, first, n, sums);
  }
}

static double find_objective(const kmeans_t *kmeans, const float *values) {
  const double *weights = kmeans->total + SUM_WEIGHTS, *sums = weights + kmeans->k;
  double objective = kmeans->squares;
  for (int64_t k = 0; k < kmeans->k; k++) {
    const double *sum = sums + k * kmeans->inputs;
    const float *centre = values + k * kmeans->inputs;
    double product = 0, squares = 0;
    for (int64_t c = 0; c < kmeans->inputs; c++) {
      product += (double)centre[c] * sum[c];
      squares += (double)centre[c] * (double)centre[c];
    }
    objective += weights[k] * squares - 2 * product;
  }
  return fmax(0, objective);
}

static ls_status look(void *own, const float *values, double *objective, ls_error *error) {
  kmeans_t *kmeans = own;
  nearest_set(&kmeans->nearest, values, kmeans->k);
  TRY(sums_run(kmeans->sums, add_block, kmeans, kmeans->total, error));
  if (!kmeans->has_norms) kmeans->squares = kmeans->total[SUM_SQUARES];
  kmeans->has_norms = true;
  kmeans->knows_moved = kmeans->has_clusters;
  kmeans->has_clusters = true;
  kmeans->empty = 0;
  for (int64_t k = 0; k < kmeans->k; k++) kmeans->empty += !(kmeans->total[SUM_WEIGHTS + k] > 0);
  *objective = find_objective(kmeans, values);
  return LS_OK;
}

/* ---- new centres ---- */

static void offer_far_rows(void *context, const sums_block_t *block, double *leaf) {
  const kmeans_t *kmeans = context;
  (void)leaf;
  for (int64_t r = 0; r < block->rows; r++) {
    const float *x = block->x + r * kmeans->inputs;
    const float *centre = kmeans->nearest.plain + kmeans->cluster[block->row + r] * kmeans->inputs;
    const double distance = squared_distance(kmeans->inputs, x, centre);
    if ((block->weights == NULL || block->weights[r] > 0) && distance > 0)
      picks_offer(kmeans->picks, block->thread, -distance, block->number + r, x);
  }
}

/* Moves the centres without rows to the rows that are farthest from the centres of the last pass. */
static ls_status fill_empty(kmeans_t *kmeans, float *values, ls_error *error) {
  int64_t found = 0, next = 0;
  double nothing = 0;
  picks_begin(kmeans->picks, kmeans->empty);
  TRY(sums_run(kmeans->scan, offer_far_rows, kmeans, &nothing, error));
  TRY(picks_collect(kmeans->picks, kmeans->rows, NULL, &found, error));
  if (found == 0) return seeding_too_few(&kmeans->in, kmeans->k - kmeans->empty, error);
  for (int64_t k = 0; k < kmeans->k && next < found; k++)
    if (!(kmeans->total[SUM_WEIGHTS + k] > 0))
      memcpy(values + k * kmeans->inputs, kmeans->rows + next++ * kmeans->inputs,
             (size_t)kmeans->inputs * sizeof *values);
  return LS_OK;
}

static ls_status improve(void *own, int64_t epoch, float *values, ls_error *error) {
  kmeans_t *kmeans = own;
  const double *weights = kmeans->total + SUM_WEIGHTS, *sums = weights + kmeans->k;
  (void)epoch;
  if (kmeans->empty > 0) { /* which looks at the centres before they move */
    memcpy(kmeans->before, values, (size_t)(kmeans->k * kmeans->inputs) * sizeof *values);
    kmeans->nearest.plain = kmeans->before;
    TRY(fill_empty(kmeans, values, error));
  }
  for (int64_t k = 0; k < kmeans->k; k++)
    for (int64_t c = 0; c < kmeans->inputs && weights[k] > 0; c++)
      values[k * kmeans->inputs + c] = (float)(sums[k * kmeans->inputs + c] / weights[k]);
  return LS_OK;
}

static ls_status seed(void *own, int64_t start, float *values, ls_error *error) {
  kmeans_t *kmeans = own;
  kmeans->has_clusters = false;
  return seeding_run(&kmeans->seeding, start, values, error);
}

static bool has_settled(const settings_t *settings, double before, double now) {
  return before - now <= settings->cluster.tolerance * before;
}

static void describe(const void *own, char *text, size_t size) {
  const kmeans_t *kmeans = own;
  const double rows = kmeans->total[SUM_MOVED];
  char number[32], moved[64] = "", empty[64] = "";
  snprintf(number, sizeof number, "%.0f", rows);
  if (rows >= 1000) text_write_grouped(rows, number, sizeof number);
  if (kmeans->knows_moved) snprintf(moved, sizeof moved, "%s row%s moved", number, rows == 1 ? "" : "s");
  if (kmeans->empty > 0)
    snprintf(empty, sizeof empty, "%s%" PRId64 " cluster%s without rows", moved[0] != '\0' ? ", " : "",
             kmeans->empty, kmeans->empty == 1 ? "" : "s");
  snprintf(text, size, "%s%s", moved, empty);
}

/* ---- set-up ---- */

static ls_status make_arrays(kmeans_t *kmeans, ls_error *error) {
  const size_t rows = (size_t)kmeans->in.gather->split->rows, values = (size_t)(kmeans->k * kmeans->inputs);
  arena_t *arena = &kmeans->arena;
  kmeans->total = arena_new(arena, SUM_WEIGHTS + (size_t)kmeans->k + values, sizeof *kmeans->total);
  kmeans->cluster = arena_new(arena, rows, sizeof *kmeans->cluster);
  kmeans->norms = arena_new(arena, rows, sizeof *kmeans->norms);
  kmeans->rows = arena_new(arena, values, sizeof *kmeans->rows);
  kmeans->before = arena_new(arena, values, sizeof *kmeans->before);
  if (kmeans->total == NULL || kmeans->cluster == NULL || kmeans->norms == NULL || kmeans->rows == NULL ||
      kmeans->before == NULL)
    return error_set(error, LS_NO_MEMORY, "no memory for the clusters of %zu rows", rows);
  return nearest_create(kmeans->k, kmeans->inputs, kmeans->in.threads, arena, &kmeans->nearest, error);
}

static void destroy(void *own) {
  kmeans_t *kmeans = own;
  if (kmeans == NULL) return;
  seeding_free(&kmeans->seeding);
  picks_destroy(&kmeans->picks);
  sums_destroy(&kmeans->scan);
  sums_destroy(&kmeans->sums);
  arena_free(&kmeans->arena);
  free(kmeans);
}

static ls_status make_sums(kmeans_t *kmeans, ls_error *error) {
  const fit_inputs_t *in = &kmeans->in;
  sums_inputs_t inputs = {.world = in->world,
                          .gather = in->gather,
                          .threads = in->threads,
                          .elements = SUM_WEIGHTS + (size_t)(kmeans->k * (1 + kmeans->inputs)),
                          .everywhere = true};
  TRY(sums_create(&inputs, &kmeans->sums, error));
  inputs.elements = 1;
  TRY(sums_create(&inputs, &kmeans->scan, error));
  TRY(picks_create(in->world, kmeans->k, kmeans->inputs, in->threads, &kmeans->picks, error));
  return seeding_create(in, kmeans->scan, kmeans->picks, &kmeans->seeding, error);
}

static ls_status create(const fit_inputs_t *inputs, void **own, ls_error *error) {
  kmeans_t *kmeans = calloc(1, sizeof *kmeans);
  ls_status status = kmeans == NULL ? error_set(error, LS_NO_MEMORY, "no memory for k-means") : LS_OK;
  if (status == LS_OK) {
    kmeans->in = *inputs;
    kmeans->k = inputs->settings->cluster.k;
    kmeans->inputs = inputs->gather->features->inputs;
    status = make_arrays(kmeans, error);
  }
  status = world_agree(inputs->world, status, error);
  if (status == LS_OK) status = make_sums(kmeans, error);
  if (status == LS_OK)
    *own = kmeans;
  else
    destroy(kmeans);
  return status;
}

const fit_method_t kmeans_method = {
    .name = "kmeans",
    .meaning = "Lloyd's iteration: rows belong to the nearest centre, centres are the means of their rows",
    .create = create,
    .destroy = destroy,
    .seed = seed,
    .look = look,
    .improve = improve,
    .has_settled = has_settled,
    .describe = describe,
};
