/* Lloyd's iteration. A pass gives each row to the nearest centre, and adds up the rows of each cluster,
 * exactly (exact.h). From the sums follow the next centres, and the objective without a further look at the
 * rows: with m the mean of all rows, S_k the sum of x − m over the rows of centre c_k, and n_k their weight,
 *
 *   Σ w ‖x − c‖²  =  Σ w ‖x − m‖²  −  2 Σ_k (c_k − m)·S_k  +  Σ_k n_k ‖c_k − m‖².
 *
 * Most rows stay where they are, and that can be known with little work (assign.h). What a pass knows of the
 * rows saves work in the next one and is no part of a checkpoint: the first pass of a resumed run looks at
 * all distances and comes to the same bits.
 *
 * A centre without rows moves to the row that is farthest from its own centre; several such centres move to
 * the farthest rows. That lowers the objective, so no centre is lost. */
#include "cluster/kmeans.h"

#include "cluster/assign.h"
#include "cluster/picks.h"
#include "cluster/seeding.h"
#include "cluster/survey.h"
#include "nearest/exact.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  fit_inputs_t in;
  int64_t k, inputs;
  exact_t exact;
  assign_t assign;
  sums_t *pass;    /* a pass that gathers the rows that it needs */
  sums_t *scan;    /* a pass over all rows */
  bool has_mean;   /* m and the units of sums are known */
  bool has_bounds; /* what is known of the rows is that of the last pass */
  double squares;  /* Σ w ‖x − m‖² */
  int64_t moved;   /* rows, by all ranks */
  bool knows_moved;
  int64_t empty;  /* centres without rows in the last pass */
  picks_t *picks; /* room for k rows */
  float *far;     /* (k, inputs) */
  seeding_t seeding;
  arena_t arena;
} kmeans_t;

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

static ls_status run_pass(kmeans_t *kmeans, const float *values, ls_error *error) {
  const bool is_first = !kmeans->has_bounds;
  const assign_pass_t kind = assign_begin(&kmeans->assign, values, is_first);
  sums_t *sums = kind == ASSIGN_SOME ? kmeans->pass : kmeans->scan;
  double squares = 0;
  exact_begin(&kmeans->exact);
  TRY(sums_run(sums, assign_blocks[kind], &kmeans->assign, &squares, error));
  TRY(exact_end(&kmeans->exact, kmeans->in.world, !is_first, error));
  kmeans->moved = assign_end(&kmeans->assign);
  TRY(world_sum_i64(kmeans->in.world, &kmeans->moved, 1, error));
  if (is_first) kmeans->squares = squares;
  kmeans->knows_moved = !is_first;
  kmeans->has_bounds = true;
  return LS_OK;
}

/* Once. */
static ls_status know_rows(kmeans_t *kmeans, ls_error *error) {
  if (!kmeans->has_mean) TRY(survey_rows(&kmeans->in, &kmeans->exact, error));
  kmeans->has_mean = true;
  return LS_OK;
}

static ls_status look(void *own, const float *values, double *objective, ls_error *error) {
  kmeans_t *kmeans = own;
  TRY(know_rows(kmeans, error));
  TRY(run_pass(kmeans, values, error));
  kmeans->empty = 0;
  for (int64_t k = 0; k < kmeans->k; k++) kmeans->empty += !(exact_weight(&kmeans->exact, k) > 0);
  *objective = find_objective(kmeans, values);
  return LS_OK;
}

/* ---- new centres ---- */

static void offer_far_rows(void *context, const sums_block_t *block, double *leaf) {
  const kmeans_t *kmeans = context;
  const row_t *rows = kmeans->assign.bounds.rows + block->row;
  (void)leaf;
  for (int64_t r = 0; r < block->rows; r++) {
    const float *x = block->x + r * kmeans->inputs;
    const float *centre = kmeans->assign.values + rows[r].cluster * kmeans->inputs;
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
  TRY(know_rows(kmeans, error));
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
  arena_t *arena = &kmeans->arena;
  kmeans->far = arena_new(arena, (size_t)(kmeans->k * kmeans->inputs), sizeof *kmeans->far);
  if (kmeans->far == NULL)
    return error_set(error, LS_NO_MEMORY, "no memory for %" PRId64 " clusters", kmeans->k);
  TRY(exact_create(kmeans->k, kmeans->inputs, kmeans->in.threads, arena, &kmeans->exact, error));
  return assign_create(&kmeans->in, &kmeans->exact, arena, &kmeans->assign, error);
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
  sums_inputs_t inputs = {.world = in->world,
                          .gather = in->gather,
                          .threads = in->threads,
                          .elements = 1,
                          .everywhere = true,
                          .interrupt = in->interrupt};
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
