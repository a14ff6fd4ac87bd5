#include "cluster/assign.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { COLUMNS = 64 }; /* added for all rows of a block before the next columns: their sums stay in cache */

/* A row may have FEW candidates, and one more for every CENTRES_PER_CANDIDATE centres. A row with more
 * candidates joins a product of matrices. */
enum { FEW = 2, CENTRES_PER_CANDIDATE = 32 };

_Static_assert((int)SUMS_BLOCK <= (int)NEAREST_ROWS, "nearest_find takes a whole block");

/* ---- set-up ---- */

ls_status assign_create(const fit_inputs_t *inputs, exact_t *exact, arena_t *arena, assign_t *out,
                        ls_error *error) {
  const split_t *split = inputs->gather->split;
  const bool has_sketch = split->stream == NULL && split->rows > 0; /* memory is scarce with a stream */
  assign_t assign = {.k = exact->k,
                     .inputs = exact->inputs,
                     .threads = inputs->threads,
                     .gather = inputs->gather,
                     .exact = exact};
  const size_t threads = (size_t)assign.threads, width = (size_t)assign.inputs;
  assign.desks = arena_new(arena, threads, sizeof *assign.desks);
  assign.values = arena_new(arena, (size_t)assign.k * width, sizeof *assign.values);
  assign.mean = arena_new(arena, width, sizeof *assign.mean);
  if (assign.desks == NULL || assign.values == NULL || assign.mean == NULL)
    return error_set(error, LS_NO_MEMORY, "no memory for clusters with %zu threads", threads);
  TRY(bounds_create(assign.k, (size_t)split->rows, arena, &assign.bounds, error));
  TRY(nearest_create(assign.k, assign.inputs, assign.threads, arena, &assign.nearest, error));
  TRY(sketch_create(has_sketch ? sketch_axes(assign.k, assign.inputs) : 0, assign.k, assign.inputs,
                    split->rows, assign.threads, arena, &assign.sketch, error));
  for (size_t t = 0; t < threads; t++) {
    desk_t *desk = &assign.desks[t];
    desk->x = arena_new(arena, SUMS_BLOCK * width, sizeof(float));
    desk->room = arena_new(arena, SUMS_BLOCK * (size_t)assign.sketch.most, sizeof(float));
    desk->scores = arena_new(arena, SUMS_BLOCK * (size_t)assign.sketch.shape.out, sizeof(float));
    if (desk->x == NULL || desk->room == NULL || desk->scores == NULL)
      return error_set(error, LS_NO_MEMORY, "no memory for rows of %zu threads", threads);
  }
  *out = assign;
  return LS_OK;
}

/* ---- passes ---- */

assign_pass_t assign_begin(assign_t *assign, const float *values, bool is_first) {
  sketch_t *sketch = &assign->sketch;
  const double *mean = assign->exact->mean;
  if (!is_first) bounds_find_ways(&assign->bounds, assign->inputs, assign->values, values);
  memcpy(assign->values, values, (size_t)(assign->k * assign->inputs) * sizeof *values);
  for (int64_t c = 0; c < assign->inputs; c++) assign->mean[c] = (float)mean[c];
  for (int t = 0; t < assign->threads; t++) {
    assign->desks[t].moved = 0;
    assign->desks[t].cost = (sketch_cost_t){0};
  }
  nearest_set(&assign->nearest, assign->values, assign->k, mean);
  if (is_first) sketch->is_known = false;
  const bool chooses = !is_first && sketch_is_due(sketch);
  if (chooses) sketch_choose(sketch, assign->values, mean);
  if (sketch->is_known) sketch_set(sketch, assign->values, mean);
  return is_first ? ASSIGN_FIRST : chooses ? ASSIGN_AXES : ASSIGN_SOME;
}

int64_t assign_end(assign_t *assign) {
  int64_t moved = 0;
  for (int t = 0; t < assign->threads; t++) {
    moved += assign->desks[t].moved;
    if (assign->sketch.is_known) sketch_count(&assign->sketch, &assign->desks[t].cost);
  }
  return moved;
}

static double weight_of(const sums_block_t *block, int64_t r) {
  return block->weights != NULL ? (double)block->weights[r] : 1;
}

/* ---- rows whose distances to all centres are looked at ---- */

/* The clusters of n rows of the block, whose numbers in the block are in `which`; x (n, inputs). */
static void find_by_products(const assign_t *assign, const sums_block_t *block, const int32_t *which,
                             int64_t n, const float *x, int32_t *found) {
  float norms[SUMS_BLOCK] = {0};
  score_t scores[SUMS_BLOCK];
  for (int64_t i = 0; i < n; i++) norms[i] = assign->bounds.rows[block->row + which[i]].norm;
  nearest_find(&assign->nearest, block->thread, n, x, norms, found, scores);
  for (int64_t i = 0; i < n; i++)
    bounds_set(&assign->bounds, block->row + which[i], scores[i].best, scores[i].others, scores[i].error);
}

/* Gives row r of the block to a cluster, and takes it from that of the last pass. */
static void give(const assign_t *assign, const sums_block_t *block, int64_t r, int32_t cluster,
                 const float *x, desk_t *counts) {
  row_t *row = &assign->bounds.rows[block->row + r];
  if (row->cluster == cluster) return;
  exact_move(assign->exact, block->thread, row->cluster, cluster, x, weight_of(block, r));
  row->cluster = cluster;
  counts->moved++;
}

static void gather(const assign_t *assign, const sums_block_t *block, const int32_t *which, int64_t n,
                   float *x) {
  uint32_t resident[SUMS_BLOCK] = {0};
  for (int64_t i = 0; i < n; i++) resident[i] = (uint32_t)(block->resident + which[i]);
  gather_features(assign->gather, resident, n, x);
}

static void look_at_all(const assign_t *assign, const sums_block_t *block, const int32_t *which, int64_t n,
                        desk_t *counts) {
  int32_t found[SUMS_BLOCK];
  float *x = assign->desks[block->thread].x;
  if (n == 0) return;
  gather(assign, block, which, n, x);
  find_by_products(assign, block, which, n, x, found);
  for (int64_t i = 0; i < n; i++) give(assign, block, which[i], found[i], x + i * assign->inputs, counts);
}

/* ---- rows whose sketches are looked at ---- */

/* Sets the bounds of a row whose nearest centre is known: its score is at least `low`. */
static void settle(const assign_t *assign, int64_t row, int32_t cluster, double low, float *scores,
                   double error) {
  float others[NEAREST_GROUPS];
  scores[cluster] = -FLT_MAX;
  for (int g = 0; g < NEAREST_GROUPS; g++) others[g] = scores[g];
  for (int64_t k = NEAREST_GROUPS; k < assign->sketch.shape.out; k += NEAREST_GROUPS)
    for (int g = 0; g < NEAREST_GROUPS; g++)
      others[g] = scores[k + g] > others[g] ? scores[k + g] : others[g];
  bounds_set(&assign->bounds, row, low, others, error);
}

/* The nearest of a few centres in double; of equal ones the first. */
static int32_t nearest_of(const assign_t *assign, const float *x, const int32_t *centres, int64_t n) {
  double smallest = INFINITY;
  int32_t nearest = 0;
  for (int64_t i = 0; i < n; i++) {
    const double distance = squared_distance(assign->inputs, x, assign->values + centres[i] * assign->inputs);
    if (distance > smallest || (distance == smallest && centres[i] > nearest)) continue;
    smallest = distance;
    nearest = centres[i];
  }
  return nearest;
}

/* Measures the distances of a row to its candidates, the most likely one first, and leaves out those that are
 * certainly farther. What distances tell of scores replaces what the sketch has told. Returns the nearest.
 * *low: its score is at least that. */
static int32_t measure(const assign_t *assign, double squares, const glance_t *glance, const float *x,
                       float *scores, double *low, desk_t *counts) {
  const double part = rough_part(assign->inputs), tiny = FLT_MIN * (double)assign->inputs;
  int32_t near[SKETCH_CANDIDATES];
  double closest[SKETCH_CANDIDATES], reach = INFINITY; /* at least and at most so far */
  int64_t n = 0, left = 0;
  for (int64_t i = -1; i < glance->n; i++) {
    const int32_t k = i < 0 ? glance->best : glance->candidates[i];
    if (i >= 0 && (k == glance->best || squares - 2 * ((double)scores[k] + glance->error) > reach)) continue;
    const double distance = (double)rough_distance(assign->inputs, x, assign->values + k * assign->inputs);
    const double more = distance * (1 + 2 * part) + tiny;
    near[n] = k;
    closest[n] = distance * (1 - part) - tiny;
    scores[k] = (float)(0.5 * (squares - closest[n++]));
    reach = more < reach ? more : reach;
  }
  counts->cost.measured += n;
  for (int64_t i = 0; i < n; i++)
    if (closest[i] <= reach) near[left++] = near[i];
  *low = 0.5 * (squares - reach);
  return left == 1 ? near[0] : nearest_of(assign, x, near, left);
}

/* Looks at the sketches of rows of the block. Those that need their features wait. */
typedef struct {
  int32_t open[SUMS_BLOCK], vague[SUMS_BLOCK];
  glance_t glances[SUMS_BLOCK]; /* of the open rows */
  float *scores[SUMS_BLOCK];
  int64_t n_open, n_vague;
} waiting_t;

static void look_at_sketches(const assign_t *assign, const sums_block_t *block, const int32_t *which,
                             int64_t n, waiting_t *waiting) {
  const sketch_t *sketch = &assign->sketch;
  const desk_t *desk = &assign->desks[block->thread];
  int64_t most = FEW + assign->k / CENTRES_PER_CANDIDATE;
  if (most > SKETCH_CANDIDATES) most = SKETCH_CANDIDATES;
  waiting->n_open = waiting->n_vague = 0;
  if (n == 0) return;
  sketch_scores(sketch, block->row, which, n, desk->room, desk->scores);
  for (int64_t i = 0; i < n; i++) {
    const int64_t r = block->row + which[i];
    const row_t *row = &assign->bounds.rows[r];
    float *scores = desk->scores + i * sketch->shape.out;
    glance_t *glance = &waiting->glances[waiting->n_open];
    sketch_glance(sketch, row, sketch->rests[r], assign->bounds.lower + r * NEAREST_GROUPS, scores, glance);
    if (glance->n == 0 || glance->n > most) {
      waiting->vague[waiting->n_vague++] = which[i];
      continue;
    }
    if (glance->n == 1) settle(assign, r, glance->best, glance->low, scores, glance->error);
    if (glance->n == 1 && glance->best == row->cluster) continue;
    waiting->scores[waiting->n_open] = scores;
    waiting->open[waiting->n_open++] = which[i];
  }
}

static void look_at_open(const assign_t *assign, const sums_block_t *block, const waiting_t *waiting,
                         desk_t *counts) {
  float *x = assign->desks[block->thread].x;
  if (waiting->n_open == 0) return;
  gather(assign, block, waiting->open, waiting->n_open, x);
  for (int64_t i = 0; i < waiting->n_open; i++, x += assign->inputs) {
    const int64_t r = block->row + waiting->open[i];
    const glance_t *glance = &waiting->glances[i];
    int32_t cluster = glance->best;
    double low = 0;
    if (glance->n > 1) {
      cluster = measure(assign, assign->bounds.rows[r].squares, glance, x, waiting->scores[i], &low, counts);
      settle(assign, r, cluster, low, waiting->scores[i], glance->error);
    }
    give(assign, block, waiting->open[i], cluster, x, counts);
  }
}

/* ---- the kinds of a pass ---- */

static void look_first(void *context, const sums_block_t *block, double *leaf) {
  const assign_t *assign = context;
  const int64_t inputs = assign->inputs;
  int32_t which[SUMS_BLOCK], found[SUMS_BLOCK];
  row_t *rows = assign->bounds.rows + block->row;
  for (int64_t r = 0; r < block->rows; r++) {
    const float *x = block->x + r * inputs;
    which[r] = (int32_t)r;
    rows[r].norm = norm_of(squared_norm(inputs, x));
    rows[r].squares = squared_distance(inputs, x, assign->mean);
    *leaf += weight_of(block, r) * rows[r].squares;
  }
  find_by_products(assign, block, which, block->rows, block->x, found);
  for (int64_t r = 0; r < block->rows; r++) rows[r].cluster = found[r];
  for (int64_t first = 0; first < inputs; first += COLUMNS) {
    const int64_t columns = inputs - first < COLUMNS ? inputs - first : COLUMNS;
    for (int64_t r = 0; r < block->rows; r++)
      exact_add(assign->exact, block->thread, found[r], block->x + r * inputs, weight_of(block, r), first,
                columns);
  }
}

static void look_at_some(void *context, const sums_block_t *block, double *leaf) {
  const assign_t *assign = context;
  int32_t which[SUMS_BLOCK];
  (void)leaf;
  const int64_t n = bounds_move(&assign->bounds, block->row, block->rows, which);
  desk_t *desk = &assign->desks[block->thread], counts = {.cost.asked = n};
  if (assign->sketch.is_known) {
    waiting_t waiting;
    look_at_sketches(assign, block, which, n, &waiting);
    look_at_open(assign, block, &waiting, &counts);
    counts.cost.vague = waiting.n_vague;
    look_at_all(assign, block, waiting.vague, waiting.n_vague, &counts);
  } else {
    look_at_all(assign, block, which, n, &counts);
  }
  desk->cost.asked += counts.cost.asked;
  desk->cost.vague += counts.cost.vague;
  desk->cost.measured += counts.cost.measured;
  desk->moved += counts.moved;
}

static void look_with_new_axes(void *context, const sums_block_t *block, double *leaf) {
  const assign_t *assign = context;
  sketch_take(&assign->sketch, block->row, block->rows, block->x, assign->bounds.rows + block->row);
  look_at_some(context, block, leaf);
}

sums_add_t *const assign_blocks[] = {
    [ASSIGN_FIRST] = look_first,
    [ASSIGN_AXES] = look_with_new_axes,
    [ASSIGN_SOME] = look_at_some,
};
