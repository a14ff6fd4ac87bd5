/* Lloyd's iteration. A pass gives each row to the nearest centre, and adds up the rows of each cluster,
 * exactly (exact.h). From the sums follow the next centres, and the objective without a further look at the
 * rows: with m the mean of all rows, S_k the sum of x − m over the rows of centre c_k, and n_k their weight,
 *
 *   Σ w ‖x − c‖²  =  Σ w ‖x − m‖²  −  2 Σ_k (c_k − m)·S_k  +  Σ_k n_k ‖c_k − m‖².
 *
 * Most rows stay where they are, and that can be known without looking at them (Hamerly: "Making k-means even
 * faster", 2010; Ding et al.: "Yinyang k-means", 2015). For each row there is an upper bound u of the
 * distance to its centre, and for each group of centres a lower bound l of the distance to the others in it.
 * When centres move, u grows by the way of the row's centre, and l shrinks by the longest way in the group.
 * While u < l for all groups, nothing has changed for the row. Otherwise its distances are computed. Bounds
 * allow for rounding, so the choice is always that of a pass over all distances, and a resumed run, which has
 * no bounds at first, comes to the same bits. Bounds take 88 bytes a row.
 *
 * A centre without rows moves to the row that is farthest from its own centre; several such centres move to
 * the farthest rows. That lowers the objective, so no centre is lost. */
#include "cluster/kmeans.h"

#include "cluster/exact.h"
#include "cluster/nearest.h"
#include "cluster/picks.h"
#include "cluster/seeding.h"
#include "cluster/survey.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS = 64 }; /* added for all rows of a block before the next columns: their sums stay in cache */

/* What is known of a row: at most `upper` from its centre. */
typedef struct {
  int32_t cluster;
  float upper;
  float norm;     /* ‖x‖, rounded up */
  double squares; /* ‖x − m‖² */
} row_t;

/* What a thread has of its own. */
typedef struct {
  float *x;      /* (SUMS_BLOCK, inputs): rows whose distances are computed */
  int64_t moved; /* rows that have changed their cluster in this pass */
} desk_t;

/* How far the centres have moved since the last pass. */
typedef struct {
  float *of;                                             /* (k) */
  float longest[NEAREST_GROUPS], second[NEAREST_GROUPS]; /* of each group */
  int32_t farthest[NEAREST_GROUPS]; /* the centre that has moved farthest; -1: none has moved */
} ways_t;

typedef struct {
  fit_inputs_t in;
  int64_t k, inputs;
  nearest_t nearest;
  exact_t exact;
  sums_t *pass;  /* a pass that gathers the rows that it needs */
  sums_t *scan;  /* a pass over all rows */
  float *lower;  /* (rows of this rank, NEAREST_GROUPS): at least so far from the other centres of a group */
  row_t *rows;   /* (rows of this rank) */
  desk_t *desks; /* (threads) */
  float *values; /* (k, inputs): the centres of the last pass */
  float *mean;   /* (inputs): m */
  ways_t ways;
  bool has_mean;   /* m and the units of sums are known */
  bool has_bounds; /* the rows' clusters and bounds are those of the last pass */
  double squares;  /* Σ w ‖x − m‖² */
  int64_t moved;   /* rows, by all ranks */
  bool knows_moved;
  int64_t empty;  /* centres without rows in the last pass */
  picks_t *picks; /* room for k rows */
  float *far;     /* (k, inputs) */
  seeding_t seeding;
  arena_t arena;
} kmeans_t;

static double weight_of(const sums_block_t *block, int64_t r) {
  return block->weights != NULL ? (double)block->weights[r] : 1;
}

/* ---- distances of some rows ---- */

/* A little more, and less, than the square root of a number that may be negative by rounding. */
static float root_above(double square) {
  return square > 0 ? (float)(sqrt(square) * (1 + 0x1p-20)) : 0;
}

static float root_below(double square) {
  return square > 0 ? (float)(sqrt(square) * (1 - 0x1p-20)) : 0;
}

/* With a score −½‖x − c‖² + ½‖x − m‖², ‖x − c‖² is ‖x − m‖² less twice the score. */
static void set_bounds(row_t *row, const score_t *score, float *lower) {
  const double room = 4 * score->error + 0x1p-40 * row->squares;
  row->upper = root_above(row->squares - 2 * score->best + room);
  for (int g = 0; g < NEAREST_GROUPS; g++)
    lower[g] = root_below(row->squares - 2 * (double)score->others[g] - room);
}

/* Finds the clusters of n rows of the block, whose numbers in the block are in `which`; x (n, inputs). */
static void find_rows(const kmeans_t *kmeans, const sums_block_t *block, const int32_t *which, int64_t n,
                      const float *x, bool is_first) {
  int32_t found[SUMS_BLOCK], before[SUMS_BLOCK];
  float norms[SUMS_BLOCK] = {0};
  score_t scores[SUMS_BLOCK];
  row_t *rows = kmeans->rows + block->row;
  for (int64_t i = 0; i < n; i++) norms[i] = rows[which[i]].norm;
  nearest_find(&kmeans->nearest, block->thread, n, x, norms, found, scores);
  for (int64_t i = 0; i < n; i++) {
    row_t *row = &rows[which[i]];
    before[i] = row->cluster;
    row->cluster = found[i];
    set_bounds(row, &scores[i], kmeans->lower + (block->row + which[i]) * NEAREST_GROUPS);
    kmeans->desks[block->thread].moved += found[i] != before[i];
  }
  for (int64_t first = 0; first < kmeans->inputs && is_first; first += COLUMNS) {
    const int64_t columns = kmeans->inputs - first < COLUMNS ? kmeans->inputs - first : COLUMNS;
    for (int64_t i = 0; i < n; i++)
      exact_add(&kmeans->exact, block->thread, found[i], x + i * kmeans->inputs, weight_of(block, which[i]),
                first, columns);
  }
  for (int64_t i = 0; i < n && !is_first; i++) {
    const float *row = x + i * kmeans->inputs;
    const double weight = weight_of(block, which[i]);
    if (found[i] == before[i]) continue;
    exact_remove(&kmeans->exact, block->thread, before[i], row, weight);
    exact_add(&kmeans->exact, block->thread, found[i], row, weight, 0, kmeans->inputs);
  }
}

/* ---- passes ---- */

/* In the first pass of all: the norms of the rows. */
static void find_norms(const kmeans_t *kmeans, const sums_block_t *block, double *leaf) {
  for (int64_t r = 0; r < block->rows; r++) {
    const float *x = block->x + r * kmeans->inputs;
    row_t *row = &kmeans->rows[block->row + r];
    row->norm = norm_of(squared_norm(kmeans->inputs, x));
    row->squares = squared_distance(kmeans->inputs, x, kmeans->mean);
    *leaf += weight_of(block, r) * row->squares;
  }
}

/* A pass over all distances. */
static void look_at_all(void *context, const sums_block_t *block, double *leaf) {
  const kmeans_t *kmeans = context;
  int32_t which[SUMS_BLOCK];
  find_norms(kmeans, block, leaf);
  for (int64_t r = 0; r < block->rows; r++) which[r] = (int32_t)r;
  find_rows(kmeans, block, which, block->rows, block->x, true);
}

/* Moves the bounds of a block's rows. Returns how many rows may have another centre now, and their numbers.
 */
static int64_t move_bounds(const kmeans_t *kmeans, const sums_block_t *block, int32_t *which) {
  const ways_t *ways = &kmeans->ways;
  row_t *rows = kmeans->rows + block->row;
  int64_t n = 0;
  for (int64_t r = 0; r < block->rows; r++) {
    const int32_t own = rows[r].cluster, group = own % NEAREST_GROUPS;
    float *lower = kmeans->lower + (block->row + r) * NEAREST_GROUPS, way[NEAREST_GROUPS];
    memcpy(way, ways->longest, sizeof way);
    if (own == ways->farthest[group]) way[group] = ways->second[group];
    for (int g = 0; g < NEAREST_GROUPS; g++) {
      const float left = (lower[g] - way[g]) * (1 - 0x1p-20F);
      lower[g] = left > 0 ? left : 0;
    }
    rows[r].upper = (rows[r].upper + ways->of[own]) * (1 + 0x1p-20F);
    const float bound = rows[r].upper * (1 + 0x1p-16F);
    bool stays = true;
    for (int g = 0; g < NEAREST_GROUPS; g++) stays = stays & (bound < lower[g]);
    if (!stays) which[n++] = (int32_t)r;
  }
  return n;
}

/* A pass over the distances that may have changed what a row belongs to. */
static void look_at_some(void *context, const sums_block_t *block, double *leaf) {
  const kmeans_t *kmeans = context;
  float *x = kmeans->desks[block->thread].x;
  int32_t which[SUMS_BLOCK];
  uint32_t resident[SUMS_BLOCK];
  (void)leaf;
  const int64_t n = move_bounds(kmeans, block, which);
  if (n == 0) return;
  for (int64_t i = 0; i < n; i++) resident[i] = (uint32_t)(block->resident + which[i]);
  gather_features(kmeans->in.gather, resident, n, x);
  find_rows(kmeans, block, which, n, x, false);
}

static void find_ways(kmeans_t *kmeans, const float *values) {
  ways_t *ways = &kmeans->ways;
  for (int g = 0; g < NEAREST_GROUPS; g++) ways->longest[g] = ways->second[g] = 0, ways->farthest[g] = -1;
  for (int64_t k = 0; k < kmeans->k; k++) {
    const int64_t g = k % NEAREST_GROUPS;
    const float way = root_above(
        squared_distance(kmeans->inputs, values + k * kmeans->inputs, kmeans->values + k * kmeans->inputs));
    ways->of[k] = way;
    if (way > ways->longest[g]) {
      ways->second[g] = ways->longest[g];
      ways->longest[g] = way;
      ways->farthest[g] = (int32_t)k;
    } else if (way > ways->second[g]) {
      ways->second[g] = way;
    }
  }
}

static double find_objective(const kmeans_t *kmeans, const float *values) {
  double objective = kmeans->squares;
  for (int64_t k = 0; k < kmeans->k; k++) {
    double product = 0, squares = 0;
    for (int64_t c = 0; c < kmeans->inputs; c++) {
      const double centre = (double)values[k * kmeans->inputs + c] - kmeans->exact.mean[c];
      product += centre * exact_sum(&kmeans->exact, k, c);
      squares += centre * centre;
    }
    objective += exact_weight(&kmeans->exact, k) * squares - 2 * product;
  }
  return fmax(0, objective);
}

static ls_status run_pass(kmeans_t *kmeans, ls_error *error) {
  const bool is_first = !kmeans->has_bounds;
  double squares = 0;
  kmeans->moved = 0;
  exact_begin(&kmeans->exact);
  for (int t = 0; t < kmeans->in.threads; t++) kmeans->desks[t].moved = 0;
  if (is_first)
    TRY(sums_run(kmeans->scan, look_at_all, kmeans, &squares, error));
  else
    TRY(sums_run(kmeans->pass, look_at_some, kmeans, &squares, error));
  TRY(exact_end(&kmeans->exact, kmeans->in.world, !is_first, error));
  for (int t = 0; t < kmeans->in.threads; t++) kmeans->moved += kmeans->desks[t].moved;
  TRY(world_sum_i64(kmeans->in.world, &kmeans->moved, 1, error));
  if (is_first) kmeans->squares = squares;
  kmeans->knows_moved = !is_first;
  kmeans->has_bounds = true;
  return LS_OK;
}

static ls_status look(void *own, const float *values, double *objective, ls_error *error) {
  kmeans_t *kmeans = own;
  if (!kmeans->has_mean) {
    TRY(survey_rows(&kmeans->in, &kmeans->exact, error));
    kmeans->has_mean = true;
    for (int64_t c = 0; c < kmeans->inputs; c++) kmeans->mean[c] = (float)kmeans->exact.mean[c];
  }
  if (kmeans->has_bounds) find_ways(kmeans, values);
  memcpy(kmeans->values, values, (size_t)(kmeans->k * kmeans->inputs) * sizeof *values);
  nearest_set(&kmeans->nearest, kmeans->values, kmeans->k, kmeans->exact.mean);
  TRY(run_pass(kmeans, error));
  kmeans->empty = 0;
  for (int64_t k = 0; k < kmeans->k; k++) kmeans->empty += !(exact_weight(&kmeans->exact, k) > 0);
  *objective = find_objective(kmeans, values);
  return LS_OK;
}

/* ---- new centres ---- */

static void offer_far_rows(void *context, const sums_block_t *block, double *leaf) {
  const kmeans_t *kmeans = context;
  (void)leaf;
  for (int64_t r = 0; r < block->rows; r++) {
    const float *x = block->x + r * kmeans->inputs;
    const float *centre = kmeans->values + kmeans->rows[block->row + r].cluster * kmeans->inputs;
    const double distance = squared_distance(kmeans->inputs, x, centre);
    if (weight_of(block, r) > 0 && distance > 0)
      picks_offer(kmeans->picks, block->thread, -distance, block->number + r, x);
  }
}

/* Moves the centres without rows to the rows that are farthest from the centres of the last pass. */
static ls_status fill_empty(kmeans_t *kmeans, float *values, ls_error *error) {
  int64_t found = 0, next = 0;
  double nothing = 0;
  picks_begin(kmeans->picks, kmeans->empty);
  TRY(sums_run(kmeans->scan, offer_far_rows, kmeans, &nothing, error));
  TRY(picks_collect(kmeans->picks, kmeans->far, NULL, &found, error));
  if (found == 0) return seeding_too_few(&kmeans->in, kmeans->k - kmeans->empty, error);
  for (int64_t k = 0; k < kmeans->k && next < found; k++)
    if (!(exact_weight(&kmeans->exact, k) > 0))
      memcpy(values + k * kmeans->inputs, kmeans->far + next++ * kmeans->inputs,
             (size_t)kmeans->inputs * sizeof *values);
  return LS_OK;
}

static ls_status improve(void *own, int64_t epoch, float *values, ls_error *error) {
  kmeans_t *kmeans = own;
  (void)epoch;
  if (kmeans->empty > 0) TRY(fill_empty(kmeans, values, error));
  for (int64_t k = 0; k < kmeans->k; k++) {
    const double weight = exact_weight(&kmeans->exact, k);
    for (int64_t c = 0; c < kmeans->inputs && weight > 0; c++)
      values[k * kmeans->inputs + c] =
          (float)(kmeans->exact.mean[c] + exact_sum(&kmeans->exact, k, c) / weight);
  }
  return LS_OK;
}

static ls_status seed(void *own, int64_t start, float *values, ls_error *error) {
  kmeans_t *kmeans = own;
  kmeans->has_bounds = false;
  return seeding_run(&kmeans->seeding, start, values, error);
}

static bool has_settled(const settings_t *settings, double before, double now) {
  return before - now <= settings->cluster.tolerance * before;
}

static void describe(const void *own, char *text, size_t size) {
  const kmeans_t *kmeans = own;
  char number[32], moved[64] = "", empty[64] = "";
  snprintf(number, sizeof number, "%" PRId64, kmeans->moved);
  if (kmeans->moved >= 1000) text_write_grouped((double)kmeans->moved, number, sizeof number);
  if (kmeans->knows_moved)
    snprintf(moved, sizeof moved, "%s row%s moved", number, kmeans->moved == 1 ? "" : "s");
  if (kmeans->empty > 0)
    snprintf(empty, sizeof empty, "%s%" PRId64 " cluster%s without rows", moved[0] != '\0' ? ", " : "",
             kmeans->empty, kmeans->empty == 1 ? "" : "s");
  snprintf(text, size, "%s%s", moved, empty);
}

/* ---- set-up ---- */

static ls_status make_arrays(kmeans_t *kmeans, ls_error *error) {
  const size_t rows = (size_t)kmeans->in.gather->split->rows, values = (size_t)(kmeans->k * kmeans->inputs);
  const size_t threads = (size_t)kmeans->in.threads, inputs = (size_t)kmeans->inputs;
  arena_t *arena = &kmeans->arena;
  kmeans->rows = arena_new(arena, rows, sizeof *kmeans->rows);
  kmeans->lower = arena_new(arena, rows * NEAREST_GROUPS, sizeof *kmeans->lower);
  kmeans->desks = arena_new(arena, threads, sizeof *kmeans->desks);
  kmeans->values = arena_new(arena, values, sizeof *kmeans->values);
  kmeans->ways.of = arena_new(arena, (size_t)kmeans->k, sizeof *kmeans->ways.of);
  kmeans->far = arena_new(arena, values, sizeof *kmeans->far);
  kmeans->mean = arena_new(arena, inputs, sizeof *kmeans->mean);
  bool is_there = kmeans->rows != NULL && kmeans->lower != NULL && kmeans->desks != NULL &&
                  kmeans->values != NULL && kmeans->ways.of != NULL && kmeans->far != NULL &&
                  kmeans->mean != NULL;
  for (size_t t = 0; t < threads && is_there; t++) {
    kmeans->desks[t].x = arena_new(arena, SUMS_BLOCK * inputs, sizeof(float));
    is_there = kmeans->desks[t].x != NULL;
  }
  if (!is_there) return error_set(error, LS_NO_MEMORY, "no memory for the clusters of %zu rows", rows);
  TRY(exact_create(kmeans->k, kmeans->inputs, kmeans->in.threads, arena, &kmeans->exact, error));
  return nearest_create(kmeans->k, kmeans->inputs, kmeans->in.threads, arena, &kmeans->nearest, error);
}

static void destroy(void *own) {
  kmeans_t *kmeans = own;
  if (kmeans == NULL) return;
  seeding_free(&kmeans->seeding);
  picks_destroy(&kmeans->picks);
  sums_destroy(&kmeans->scan);
  sums_destroy(&kmeans->pass);
  arena_free(&kmeans->arena);
  free(kmeans);
}

static ls_status make_sums(kmeans_t *kmeans, ls_error *error) {
  const fit_inputs_t *in = &kmeans->in;
  sums_inputs_t inputs = {
      .world = in->world, .gather = in->gather, .threads = in->threads, .elements = 1, .everywhere = true};
  TRY(sums_create(&inputs, &kmeans->scan, error));
  inputs.gathers_some = true;
  TRY(sums_create(&inputs, &kmeans->pass, error));
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
