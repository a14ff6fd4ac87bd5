/* Mini-batch k-means (Sculley: "Web-scale k-means clustering", 2010): centres move after every batch instead
 * of every pass over the rows. So a pass over very many rows is worth many iterations of Lloyd's.
 *
 * An epoch visits each row once, in batches (batches.h). Rows of a batch belong to the nearest centre. With
 * b_k their weight and S_k their sum, centre k becomes the mean of all rows that it has had:
 *
 *   n_k  <-  n_k + b_k          c_k  <-  c_k + (S_k - b_k c_k) / n_k
 *
 * That is a step of every row with Sculley's rate 1 / n_k, as scikit-learn's MiniBatchKMeans takes it. In the
 * first epoch of a start n_k begins at 0. Counts over all epochs would have to be kept by checkpoints, and
 * would hold centres back where early rows have led them. So in later epochs n_k begins with the weight that
 * the cluster has in a single epoch, as far as the first batch tells: with N rows and k clusters,
 *
 *   n_k  =  N (b_k + 1) / (sum of b + k)        of the first batch, before its rows are added
 *
 * (Laplace's rule keeps n_k above 0.) If clusters keep their rows, an epoch halves the way of each centre to
 * the mean of its cluster, which is where Lloyd's iteration ends. What an epoch begins with follows from the
 * centres and the number of the epoch, so a resumed run has the same bits.
 *
 * Sums of a batch are exact (exact.h), so that threads and ranks may add rows in any order. The objective is
 * the mean distance of the rows when they were seen: sums of each shard in its order, then shards by the
 * tree.
 *
 * A centre that has had no row in an epoch moves to the row that was farthest from its centre when seen. */
#include "cluster/minibatch.h"

#include "base/float_mode.h"
#include "base/progress.h"
#include "cluster/batches.h"
#include "cluster/picks.h"
#include "cluster/seeding.h"
#include "cluster/survey.h"
#include "math/tree.h"
#include "nearest/exact.h"
#include "nearest/nearest.h"

#include <inttypes.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a thread has of its own. */
typedef struct {
  float *x;           /* (SUMS_BLOCK, inputs) */
  uint32_t *resident; /* (SUMS_BLOCK) */
} batch_desk_t;

typedef struct {
  fit_inputs_t in;
  int64_t k, inputs;
  batches_t batches;
  nearest_t nearest;
  exact_t exact;       /* sums of a batch */
  bool has_units;      /* those of exact are known */
  double *centres;     /* (k, inputs): within an epoch */
  float *rounded;      /* (k, inputs): the centres that a batch looks at */
  double *counts;      /* (k): n */
  double *seen;        /* (k): weight of the epoch's rows */
  double *losses;      /* (own shards): of the epoch */
  double *all_losses;  /* (shards) */
  int64_t *bits;       /* (shards): of all_losses */
  int64_t empty;       /* centres without rows in the last epoch */
  batch_desk_t *desks; /* (threads) */
  sums_t *scan;        /* a pass over all rows, for the seeding */
  picks_t *picks;      /* room for k rows */
  float *far;          /* (k, inputs) */
  seeding_t seeding;
  arena_t arena;
} minibatch_t;

/* ---- a batch ---- */

/* Adds n rows, which are at `position` of the order of own shard s. */
static void add_rows(const minibatch_t *fit, int s, int64_t position, const uint32_t *resident, int64_t n) {
  const split_t *split = fit->in.gather->split;
  const int thread = omp_get_thread_num();
  const int64_t number = shard_first(split->partition, split->first_shard + s) + position;
  float norms[SUMS_BLOCK], *x = fit->desks[thread].x;
  int32_t found[SUMS_BLOCK];
  gather_features(fit->in.gather, resident, n, x);
  for (int64_t i = 0; i < n; i++) norms[i] = norm_of(squared_norm(fit->inputs, x + i * fit->inputs));
  nearest_find(&fit->nearest, thread, n, x, norms, found, NULL);
  for (int64_t i = 0; i < n; i++) {
    const float *row = x + i * fit->inputs;
    const double weight =
        split->weights != NULL ? (double)(row_weight(split, resident[i]) * split->factors[0]) : 1;
    const double distance = squared_distance(fit->inputs, row, fit->rounded + found[i] * fit->inputs);
    fit->losses[s] += weight * distance;
    exact_add(&fit->exact, thread, found[i], row, weight, 0, fit->inputs);
    if (weight > 0 && distance > 0) picks_offer(fit->picks, thread, -distance, number + i, row);
  }
}

static void add_slice(const minibatch_t *fit, int s, int64_t step) {
  int64_t first = 0;
  const int64_t rows = batches_slice(&fit->batches, s, step, &first);
  for (int64_t at = 0; at < rows; at += SUMS_BLOCK) {
    const int64_t n = rows - at < SUMS_BLOCK ? rows - at : SUMS_BLOCK;
    uint32_t *room = fit->desks[omp_get_thread_num()].resident;
    add_rows(fit, s, first + at, batches_rows(&fit->batches, s, step, first + at, n, room), n);
    progress_advance(n);
  }
}

/* The sums of a batch, on every rank. */
static ls_status add_batch(minibatch_t *fit, int64_t step, ls_error *error) {
  const int shards = fit->in.gather->split->shards;
  const size_t values = (size_t)(fit->k * fit->inputs);
  for (size_t i = 0; i < values; i++) fit->rounded[i] = (float)fit->centres[i];
  nearest_set(&fit->nearest, fit->rounded, fit->k, fit->exact.mean);
  exact_begin(&fit->exact);
#pragma omp parallel num_threads(fit->in.threads)
  {
    float_mode_begin();
#pragma omp for schedule(dynamic, 1)
    for (int s = 0; s < shards; s++) add_slice(fit, s, step);
  }
  TRY(world_agree(fit->in.world, batches_release(&fit->batches, step, error), error));
  return exact_end(&fit->exact, fit->in.world, false, error);
}

/* The counts that an epoch begins with; see above. */
static void begin_counts(const minibatch_t *fit, bool is_first) {
  const double rows = (double)fit->in.gather->split->partition.rows;
  double sum = 0;
  for (int64_t k = 0; k < fit->k; k++) sum += exact_weight(&fit->exact, k);
  for (int64_t k = 0; k < fit->k; k++)
    fit->counts[k] = is_first ? 0 : rows * (exact_weight(&fit->exact, k) + 1) / (sum + (double)fit->k);
}

static void move_centres(const minibatch_t *fit) {
  for (int64_t k = 0; k < fit->k; k++) {
    const double weight = exact_weight(&fit->exact, k);
    double *centre = fit->centres + k * fit->inputs;
    if (!(weight > 0)) continue;
    fit->counts[k] += weight;
    fit->seen[k] += weight;
    for (int64_t c = 0; c < fit->inputs; c++) {
      const double sum = exact_sum(&fit->exact, k, c) - weight * (centre[c] - fit->exact.mean[c]);
      centre[c] += sum / fit->counts[k];
    }
  }
}

/* ---- an epoch ---- */

static ls_status run_batches(minibatch_t *fit, bool is_first, ls_error *error) {
  for (int64_t step = 0; step < fit->batches.steps; step++) {
    TRY(interrupt_ask(fit->in.interrupt, step == 0, error));
    TRY(add_batch(fit, step, error));
    if (step == 0) begin_counts(fit, is_first);
    move_centres(fit);
  }
  return LS_OK;
}

/* The sum over all shards. Those of other ranks are 0 here, whose bits are 0: so sums of bits are exact. */
static ls_status add_losses(const minibatch_t *fit, double *objective, ls_error *error) {
  const split_t *split = fit->in.gather->split;
  const size_t shards = (size_t)split->partition.shards;
  memset(fit->bits, 0, shards * sizeof *fit->bits);
  memcpy(fit->bits + split->first_shard, fit->losses, (size_t)split->shards * sizeof *fit->losses);
  TRY(world_sum_i64(fit->in.world, fit->bits, shards, error));
  memcpy(fit->all_losses, fit->bits, shards * sizeof *fit->all_losses);
  *objective = tree_sum(fit->all_losses, split->partition.shards, 1);
  return LS_OK;
}

/* Moves the centres without rows to the farthest rows of the epoch. */
static ls_status fill_empty(minibatch_t *fit, ls_error *error) {
  int64_t found = 0, next = 0;
  fit->empty = 0;
  for (int64_t k = 0; k < fit->k; k++) fit->empty += !(fit->seen[k] > 0);
  if (fit->empty == 0) return LS_OK;
  TRY(picks_collect(fit->picks, fit->far, NULL, &found, error));
  if (found == 0) return seeding_too_few(&fit->in, fit->k - fit->empty, error);
  for (int64_t k = 0; k < fit->k && next < found; k++) {
    if (fit->seen[k] > 0) continue;
    const float *row = fit->far + next++ * fit->inputs;
    for (int64_t c = 0; c < fit->inputs; c++) fit->centres[k * fit->inputs + c] = (double)row[c];
  }
  return LS_OK;
}

/* Once. */
static ls_status know_rows(minibatch_t *fit, ls_error *error) {
  if (!fit->has_units) TRY(survey_rows(&fit->in, &fit->exact, error));
  fit->has_units = true;
  return LS_OK;
}

static ls_status pass(void *own, bool is_first, int64_t epoch, float *values, double *objective,
                      ls_error *error) {
  minibatch_t *fit = own;
  const size_t n = (size_t)(fit->k * fit->inputs);
  TRY(know_rows(fit, error));
  for (size_t i = 0; i < n; i++) fit->centres[i] = (double)values[i];
  memset(fit->seen, 0, (size_t)fit->k * sizeof *fit->seen);
  memset(fit->losses, 0, (size_t)fit->in.gather->split->shards * sizeof *fit->losses);
  picks_begin(fit->picks, fit->k);
  batches_begin(&fit->batches, epoch);
  const ls_status status = run_batches(fit, is_first, error);
  batches_end(&fit->batches);
  TRY(status);
  TRY(fill_empty(fit, error));
  for (size_t i = 0; i < n; i++) values[i] = (float)fit->centres[i];
  return add_losses(fit, objective, error);
}

static ls_status seed(void *own, int64_t start, float *values, ls_error *error) {
  minibatch_t *fit = own;
  TRY(know_rows(fit, error));
  return seeding_run(&fit->seeding, start, values, error);
}

static bool has_settled(const settings_t *settings, double before, double now) {
  return before - now <= settings->cluster.tolerance * before;
}

static void describe(const void *own, char *text, size_t size) {
  const minibatch_t *fit = own;
  text[0] = '\0';
  if (fit->empty > 0)
    snprintf(text, size, "%" PRId64 " cluster%s without rows", fit->empty, fit->empty == 1 ? "" : "s");
}

/* ---- set-up ---- */

static ls_status make_arrays(minibatch_t *fit, ls_error *error) {
  const split_t *split = fit->in.gather->split;
  const size_t values = (size_t)(fit->k * fit->inputs), k = (size_t)fit->k;
  const size_t threads = (size_t)fit->in.threads;
  arena_t *arena = &fit->arena;
  fit->centres = arena_new(arena, values, sizeof *fit->centres);
  fit->rounded = arena_new(arena, values, sizeof *fit->rounded);
  fit->far = arena_new(arena, values, sizeof *fit->far);
  fit->counts = arena_new(arena, k, sizeof *fit->counts);
  fit->seen = arena_new(arena, k, sizeof *fit->seen);
  fit->losses = arena_new(arena, (size_t)split->shards, sizeof *fit->losses);
  fit->all_losses = arena_new(arena, (size_t)split->partition.shards, sizeof *fit->all_losses);
  fit->bits = arena_new(arena, (size_t)split->partition.shards, sizeof *fit->bits);
  fit->desks = arena_new(arena, threads, sizeof *fit->desks);
  bool is_there = fit->centres != NULL && fit->rounded != NULL && fit->far != NULL && fit->counts != NULL &&
                  fit->seen != NULL && fit->losses != NULL && fit->all_losses != NULL && fit->bits != NULL &&
                  fit->desks != NULL;
  for (size_t t = 0; t < threads && is_there; t++) {
    fit->desks[t].x = arena_new(arena, SUMS_BLOCK * (size_t)fit->inputs, sizeof(float));
    fit->desks[t].resident = arena_new(arena, SUMS_BLOCK, sizeof(uint32_t));
    is_there = fit->desks[t].x != NULL && fit->desks[t].resident != NULL;
  }
  if (!is_there) return error_set(error, LS_NO_MEMORY, "no memory for %" PRId64 " clusters", fit->k);
  TRY(batches_create(&fit->in, arena, &fit->batches, error));
  TRY(exact_create(fit->k, fit->inputs, fit->in.threads, arena, &fit->exact, error));
  return nearest_create(fit->k, fit->inputs, fit->in.threads, arena, &fit->nearest, error);
}

static ls_status make_seeding(minibatch_t *fit, ls_error *error) {
  const fit_inputs_t *in = &fit->in;
  const sums_inputs_t inputs = {.world = in->world,
                                .gather = in->gather,
                                .threads = in->threads,
                                .elements = 1,
                                .everywhere = true,
                                .interrupt = in->interrupt};
  TRY(sums_create(&inputs, &fit->scan, error));
  TRY(picks_create(in->world, fit->k, fit->inputs, in->threads, &fit->picks, error));
  return seeding_create(in, fit->scan, fit->picks, &fit->seeding, error);
}

static void destroy(void *own) {
  minibatch_t *fit = own;
  if (fit == NULL) return;
  seeding_free(&fit->seeding);
  picks_destroy(&fit->picks);
  sums_destroy(&fit->scan);
  arena_free(&fit->arena);
  free(fit);
}

static ls_status create(const fit_inputs_t *inputs, void **own, ls_error *error) {
  minibatch_t *fit = calloc(1, sizeof *fit);
  ls_status status = fit == NULL ? error_set(error, LS_NO_MEMORY, "no memory for k-means") : LS_OK;
  if (status == LS_OK) {
    fit->in = *inputs;
    fit->k = inputs->settings->cluster.k;
    fit->inputs = inputs->gather->features->inputs;
    status = make_arrays(fit, error);
  }
  status = world_agree(inputs->world, status, error);
  if (status == LS_OK) status = make_seeding(fit, error);
  if (status == LS_OK)
    *own = fit;
  else
    destroy(fit);
  return status;
}

const fit_method_t minibatch_method = {
    .name = "minibatch",
    .meaning = "centres move after every batch of rows (Sculley 2010), an epoch visits each row once; for "
               "very many rows, and for data larger than memory",
    .create = create,
    .destroy = destroy,
    .seed = seed,
    .pass = pass,
    .has_settled = has_settled,
    .describe = describe,
};
