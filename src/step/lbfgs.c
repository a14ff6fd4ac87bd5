#include "step/lbfgs.h"

#include "optim/line_search.h"
#include "step/engine_impl.h"

#include <math.h>
#include <string.h>

enum { PAIRS = LBFGS_PAIRS };

struct lbfgs {
  size_t floats;       /* of this rank's share */
  float *w, *g, *d;    /* (share): the point where the iteration began, its gradient, the direction */
  double *own, *ranks; /* sums of own blocks; of all ranks' blocks, in rank order */
  double *blocks;      /* (blocks): the same in the order of the vector */
  double *losses;      /* (S, heads): sums at the last evaluation */
  double *start;       /* the same where the iteration began */
  size_t *sizes;       /* (ranks): bytes of each rank's blocks */
  bool is_known;       /* the last line search has left value and gradient at the present parameters */
  double value;        /* there */
};

/* ---- set-up ---- */

static ls_status check_settings(const engine_t *engine, ls_error *error) {
  const settings_t *settings = engine->in.settings;
  const struct {
    bool is_broken;
    const char *text;
  } rules[] = {
      {settings->train.global_batch_size < engine->in.train->partition.rows,
       "train.global_batch_size: the optimiser lbfgs needs the gradient over all rows: set it to all"},
      {settings->train.clip_norm > 0,
       "train.clip_norm: the optimiser lbfgs finds its own step: leave it out"},
      {engine->updates.skips, "train.on_nan: the optimiser lbfgs has the same rows in every step, so a step "
                              "that is skipped would be skipped for ever: leave it at stop"},
      {strcmp(settings->train.precision, "fp32") != 0,
       "train.precision: the optimiser lbfgs compares losses closer to each other than bf16 can tell: leave "
       "it at fp32"},
      {graph_is_random(engine->in.graph),
       "model.layers: the optimiser lbfgs needs the same loss every time: leave out layers that draw"},
      {engine->plan.trained_blocks < engine->plan.blocks,
       "model.layers: the optimiser lbfgs has no steps over which running statistics could be kept: leave "
       "batch_norm out"},
  };
  for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
    if (rules[i].is_broken) return error_set(error, LS_BAD_SETTINGS, "%s", rules[i].text);
  return LS_OK;
}

ls_status lbfgs_create(engine_t *engine, ls_error *error) {
  if (engine->updates.method->update != NULL) return LS_OK;
  TRY(check_settings(engine, error));
  arena_t *arena = &engine->arena;
  size_t n_losses = (size_t)engine->in.layout->shards * engine->in.objective->n;
  size_t ranks = (size_t)world_size(engine->in.world), floats = engine->plan.own_blocks * GRAPH_BLOCK;
  lbfgs_t *lbfgs = arena_new(arena, 1, sizeof *lbfgs);
  if (lbfgs == NULL) return error_set(error, LS_NO_MEMORY, "no memory for lbfgs");
  *lbfgs = (lbfgs_t){.floats = floats,
                     .w = arena_new(arena, floats, sizeof(float)),
                     .g = arena_new(arena, floats, sizeof(float)),
                     .d = arena_new(arena, floats, sizeof(float)),
                     .own = arena_new(arena, engine->plan.own_blocks, sizeof(double)),
                     .ranks = arena_new(arena, engine->plan.blocks, sizeof(double)),
                     .blocks = arena_new(arena, engine->plan.blocks, sizeof(double)),
                     .losses = arena_new(arena, n_losses, sizeof(double)),
                     .start = arena_new(arena, n_losses, sizeof(double)),
                     .sizes = arena_new(arena, ranks, sizeof(size_t))};
  if (lbfgs->w == NULL || lbfgs->g == NULL || lbfgs->d == NULL || lbfgs->own == NULL ||
      lbfgs->ranks == NULL || lbfgs->blocks == NULL || lbfgs->losses == NULL || lbfgs->start == NULL ||
      lbfgs->sizes == NULL)
    return error_set(error, LS_NO_MEMORY, "no memory for lbfgs (%.1f MB)",
                     3e-6 * (double)floats * sizeof(float));
  for (size_t r = 0; r < ranks; r++)
    lbfgs->sizes[r] = rank_share(&engine->plan, 0, (int)r).count * sizeof(double);
  engine->lbfgs = lbfgs;
  return LS_OK;
}

void lbfgs_forget(engine_t *engine) {
  engine->lbfgs->is_known = false;
}

/* ---- vectors in shares ---- */

/* The terms that are added up over a block: x y, or the penalties of x. */
typedef double (*block_term_t)(const engine_t *engine, size_t block, const float *x, const float *y);

static double dot_block(const engine_t *engine, size_t block, const float *x, const float *y) {
  double sums[8] = {0};
  (void)engine;
  (void)block;
  for (size_t i = 0; i < GRAPH_BLOCK; i += 8)
    for (size_t k = 0; k < 8; k++) sums[k] += (double)x[i + k] * (double)y[i + k];
  return tree_sum(sums, 8, 1);
}

/* l1 |w| + l2/2 w^2 */
static double penalty_block(const engine_t *engine, size_t block, const float *w, const float *unused) {
  double l1 = engine->in.settings->train.l1, l2 = engine->in.settings->train.l2, sum = 0;
  (void)unused;
  if (block >= engine->plan.weight_blocks) return 0;
  for (size_t i = 0; i < GRAPH_BLOCK; i++)
    sum += l1 * fabs((double)w[i]) + l2 / 2 * (double)w[i] * (double)w[i];
  return sum;
}

/* Adds up all blocks of all ranks in the order of the tree. */
static ls_status sum_blocks(engine_t *engine, block_term_t term, const float *x, const float *y, double *out,
                            ls_error *error) {
  lbfgs_t *lbfgs = engine->lbfgs;
  block_range_t own = engine->plan.buckets[0].own;
  size_t at = 0;
#pragma omp parallel for num_threads(engine->in.layout->threads)
  for (size_t b = 0; b < own.count; b++)
    lbfgs->own[b] = term(engine, own.first + b, x + b * GRAPH_BLOCK, y + b * GRAPH_BLOCK);
  TRY(world_gather_pieces(engine->in.world, lbfgs->own, lbfgs->sizes, lbfgs->ranks, -1, error));
  for (int r = 0; r < world_size(engine->in.world); r++) {
    block_range_t share = rank_share(&engine->plan, 0, r);
    memcpy(lbfgs->blocks + share.first, lbfgs->ranks + at, share.count * sizeof(double));
    at += share.count;
  }
  *out = tree_sum(lbfgs->blocks, (int)engine->plan.blocks, 1);
  return LS_OK;
}

static ls_status dot(engine_t *engine, const float *x, const float *y, double *out, ls_error *error) {
  return sum_blocks(engine, dot_block, x, y, out, error);
}

/* z = x + a y */
static void combine(const engine_t *engine, float *z, const float *x, double a, const float *y) {
  const float factor = (float)a;
#pragma omp parallel for num_threads(engine->in.layout->threads)
  for (size_t i = 0; i < engine->lbfgs->floats; i++) z[i] = x[i] + factor * y[i];
}

static void scale(const engine_t *engine, float *x, double a) {
  const float factor = (float)a;
#pragma omp parallel for num_threads(engine->in.layout->threads)
  for (size_t i = 0; i < engine->lbfgs->floats; i++) x[i] *= factor;
}

/* ---- evaluation ---- */

static float *own_parameters(engine_t *engine) {
  return engine->node.parameters + engine->plan.buckets[0].own.first * GRAPH_BLOCK;
}

/* Sends the new parameters of each share to all ranks, and renews the transposed copies. */
static ls_status share_parameters(engine_t *engine, ls_error *error) {
  block_range_t changed = engine->plan.buckets[0].own;
  ls_status status = LS_OK;
  if (engine->strategy->share_parameters != NULL)
    status = engine->strategy->share_parameters(engine->state.own, &changed, error);
#pragma omp parallel for num_threads(engine->in.layout->threads)
  for (size_t b = changed.first; b < changed.first + changed.count; b++)
    graph_transpose(engine->in.graph, engine->node.parameters, b * GRAPH_BLOCK, GRAPH_BLOCK);
  return world_agree(engine->in.world, status, error);
}

/* Computes the loss with penalties at the present parameters. Its gradient is in engine->updates.gradient
 * afterwards. */
static ls_status evaluate(engine_t *engine, int64_t step, double *value, ls_error *error) {
  const settings_t *settings = engine->in.settings;
  lbfgs_t *lbfgs = engine->lbfgs;
  double penalty = 0;
  TRY(steps_run(engine, &(steps_t){.from = step, .to = step + 1, .keep = true}, error));
  TRY(engine_step_loss(engine, lbfgs->losses, error));
  if (settings->train.l1 > 0 || settings->train.l2 > 0) {
    const float *w = own_parameters(engine);
    TRY(sum_blocks(engine, penalty_block, w, w, &penalty, error));
  }
  double rows = (double)step_rows(engine->in.train->partition, settings->train.global_batch_size, step);
  *value = engine_total_loss(engine, lbfgs->losses) / rows + penalty;
  return LS_OK;
}

/* ---- the direction ---- */

/* Computes d = -H g with the two loops over pairs. *n: the number of pairs. */
static ls_status find_direction(engine_t *engine, int *n, ls_error *error) {
  float **s = engine->updates.states, **y = engine->updates.states + PAIRS, *d = engine->lbfgs->d;
  double sy[PAIRS] = {0}, a[PAIRS], b = 0, yy = 0;
  memcpy(d, engine->lbfgs->g, engine->lbfgs->floats * sizeof *d);
  for (*n = 0; *n < PAIRS; ++*n) {
    TRY(dot(engine, s[*n], y[*n], &sy[*n], error));
    if (sy[*n] <= 0) break;
  }
  for (int k = 0; k < *n; k++) {
    TRY(dot(engine, s[k], d, &a[k], error));
    a[k] /= sy[k];
    combine(engine, d, d, -a[k], y[k]);
  }
  if (*n > 0) TRY(dot(engine, y[0], y[0], &yy, error));
  if (*n > 0) scale(engine, d, sy[0] / yy);
  for (int k = *n - 1; k >= 0; k--) {
    TRY(dot(engine, y[k], d, &b, error));
    combine(engine, d, d, a[k] - b / sy[k], s[k]);
  }
  scale(engine, d, -1);
  return LS_OK;
}

static void forget_pairs(engine_t *engine) {
  for (int k = 0; k < 2 * PAIRS; k++)
    memset(engine->updates.states[k], 0, engine->lbfgs->floats * sizeof(float));
}

/* Replaces the oldest pair by a new one, if its curvature is positive. Otherwise H would not be positive
 * definite. */
static ls_status remember_pair(engine_t *engine, ls_error *error) {
  lbfgs_t *lbfgs = engine->lbfgs;
  float **s = engine->updates.states, **y = engine->updates.states + PAIRS;
  float *new_s = s[PAIRS - 1], *new_y = y[PAIRS - 1];
  double sy = 0, ss = 0, yy = 0;
  combine(engine, new_s, own_parameters(engine), -1, lbfgs->w);
  combine(engine, new_y, engine->updates.gradient, -1, lbfgs->g);
  TRY(dot(engine, new_s, new_y, &sy, error));
  TRY(dot(engine, new_s, new_s, &ss, error));
  TRY(dot(engine, new_y, new_y, &yy, error));
  if (!(sy > 1e-10 * sqrt(ss * yy))) {
    memset(new_s, 0, lbfgs->floats * sizeof(float));
    return LS_OK;
  }
  memmove(s + 1, s, (PAIRS - 1) * sizeof *s);
  memmove(y + 1, y, (PAIRS - 1) * sizeof *y);
  s[0] = new_s;
  y[0] = new_y;
  return LS_OK;
}

/* ---- an iteration ---- */

/* Searches along d from w. Afterwards parameters, value and gradient are those of the step taken, or those of
 * w if there is none.
 */
static ls_status search_line(engine_t *engine, int64_t step, double slope, double first, bool *moved,
                             ls_error *error) {
  lbfgs_t *lbfgs = engine->lbfgs;
  double value = lbfgs->value;
  line_search_t search = line_search_begin(value, slope, first);
  line_search_state_t state = LINE_SEARCH_GOES_ON;
  while (state == LINE_SEARCH_GOES_ON) {
    combine(engine, own_parameters(engine), lbfgs->w, search.step, lbfgs->d);
    frozen_set(&engine->updates.frozen, engine->plan.buckets[0].own.first * GRAPH_BLOCK, lbfgs->floats,
               lbfgs->w, own_parameters(engine));
    TRY(share_parameters(engine, error));
    TRY(evaluate(engine, step, &value, error));
    TRY(dot(engine, engine->updates.gradient, lbfgs->d, &slope, error));
    state = line_search_tell(&search, value, slope);
  }
  *moved = state == LINE_SEARCH_DONE;
  lbfgs->is_known = *moved;
  if (*moved) {
    lbfgs->value = value;
    return LS_OK;
  }
  memcpy(own_parameters(engine), lbfgs->w, lbfgs->floats * sizeof(float));
  return share_parameters(engine, error);
}

static ls_status iterate(engine_t *engine, int64_t step, ls_error *error) {
  lbfgs_t *lbfgs = engine->lbfgs;
  double square = 0, slope = 0;
  bool moved = false;
  int pairs = 0;
  if (!lbfgs->is_known) TRY(evaluate(engine, step, &lbfgs->value, error));
  memcpy(lbfgs->start, lbfgs->losses,
         (size_t)engine->in.layout->shards * engine->in.objective->n * sizeof(double));
  memcpy(lbfgs->w, own_parameters(engine), lbfgs->floats * sizeof(float));
  memcpy(lbfgs->g, engine->updates.gradient, lbfgs->floats * sizeof(float));
  TRY(dot(engine, lbfgs->g, lbfgs->g, &square, error));
  engine->updates.norm = sqrt(square);
  if (square == 0) return LS_OK;
  TRY(find_direction(engine, &pairs, error));
  TRY(dot(engine, lbfgs->g, lbfgs->d, &slope, error));
  if (slope < 0)
    TRY(search_line(engine, step, slope, pairs > 0 ? 1 : fmin(1, 1 / sqrt(square)), &moved, error));
  if (moved) TRY(remember_pair(engine, error));
  if (!moved) forget_pairs(engine);
  return world_agree(engine->in.world, LS_OK, error);
}

/* Notes a loss that is not finite where the iteration began. Every rank knows the losses of all shards. */
static void look_for_fault(engine_t *engine, int64_t updates) {
  const size_t heads = engine->in.objective->n, n = (size_t)engine->in.layout->shards * heads;
  for (size_t i = 0; i < n; i++)
    if (!isfinite(engine->lbfgs->start[i])) fault_note(&engine->faults.loss, updates, i / heads);
}

ls_status lbfgs_run(engine_t *engine, int64_t from, int64_t to, int64_t updates_before, ls_error *error) {
  const layout_t *layout = engine->in.layout;
  for (int64_t t = from; t < to; t++) {
    TRY(iterate(engine, t, error));
    look_for_fault(engine, updates_before + t - from);
    /* the reported loss of a step is the loss before the update, as for all optimisers */
    engine_set_epoch_loss(engine, engine->lbfgs->start);
    memcpy(engine->rows.step_loss, engine->rows.epoch_loss,
           (size_t)layout->own_shards * engine->in.objective->n * sizeof(double));
  }
  engine->rows.steps_done = to;
  return LS_OK;
}
