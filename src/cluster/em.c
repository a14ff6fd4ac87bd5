#include "cluster/em.h"

#include "cluster/maximize.h"
#include "sums/sums.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct em {
  em_inputs_t in;
  int64_t d;
  gaussians_t present, centres; /* what an iteration begins with, and a start */
  moments_worker_t *workers;    /* (threads) */
  sums_t *sums;
  double *total;  /* (elements), on rank 0 */
  double *centre; /* (width): the mean of all rows, of `tied` */
  double *scatter;
  arena_t arena;
};

/* What a pass over the rows adds. */
typedef struct {
  em_t *em;
  moments_pass_t pass;
} em_pass_t;

static bool is_root(const em_t *em) {
  return world_rank(em->in.world) == 0;
}

static void add_moments(void *context, const sums_block_t *block, double *leaf) {
  const em_pass_t *pass = context;
  moments_add(&pass->pass, &pass->em->workers[block->thread], block->rows, block->x, block->weights, leaf);
}

/* ---- the scatter of all rows, which does not change between iterations ---- */

/* leaf: the sums of columns and, behind them, of the weights */
static void add_columns(void *context, const sums_block_t *block, double *leaf) {
  const em_t *em = context;
  for (int64_t r = 0; r < block->rows; r++) {
    const double weight = block->weights == NULL ? 1 : (double)block->weights[r];
    for (int64_t c = 0; c < em->d; c++) leaf[c] += weight * (double)block->x[r * em->d + c];
    leaf[em->d] += weight;
  }
}

static void add_scatter(void *context, const sums_block_t *block, double *leaf) {
  const em_t *em = context;
  scatter_add(em->d, &em->workers[block->thread], block->rows, block->x, block->weights, em->centre, leaf);
}

static ls_status run_sums(em_t *em, size_t elements, bool everywhere, sums_add_t *add, double *total,
                          ls_error *error) {
  const sums_inputs_t request = {.world = em->in.world,
                                 .gather = em->in.gather,
                                 .threads = em->in.threads,
                                 .elements = elements,
                                 .everywhere = everywhere,
                                 .interrupt = em->in.interrupt};
  sums_t *sums = NULL;
  TRY(sums_create(&request, &sums, error));
  ls_status status = sums_run(sums, add, em, total, error);
  sums_destroy(&sums);
  return status;
}

static ls_status find_scatter(em_t *em, ls_error *error) {
  const size_t width = (size_t)em->present.width;
  em->centre = arena_new(&em->arena, width + 1, sizeof(double));
  em->scatter = is_root(em) ? arena_new(&em->arena, scatter_elements(em->d), sizeof(double)) : NULL;
  ls_status status = em->centre == NULL || (is_root(em) && em->scatter == NULL)
                         ? error_set(error, LS_NO_MEMORY, "no memory for the scatter of the rows")
                         : LS_OK;
  TRY(world_agree(em->in.world, status, error));
  TRY(run_sums(em, (size_t)em->d + 1, true, add_columns, em->centre, error));
  const double weight = em->centre[em->d];
  for (int64_t c = 0; c < em->d; c++) em->centre[c] /= weight;
  return run_sums(em, scatter_elements(em->d), false, add_scatter, em->scatter, error);
}

/* ---- set-up ---- */

static ls_status make_memory(em_t *em, ls_error *error) {
  const em_inputs_t *in = &em->in;
  const size_t elements = moments_elements(in->covariance, in->components, em->d);
  TRY(gaussians_create(in->covariance, in->components, em->d, &em->arena, &em->present, error));
  TRY(gaussians_create(COVARIANCE_DIAGONAL, in->components, em->d, &em->arena, &em->centres, error));
  em->workers = arena_new(&em->arena, (size_t)in->threads, sizeof *em->workers);
  em->total = arena_new(&em->arena, is_root(em) ? elements : 0, sizeof(double));
  if (em->workers == NULL || em->total == NULL)
    return error_set(error, LS_NO_MEMORY, "no memory for a Gaussian mixture");
  for (int t = 0; t < in->threads; t++)
    TRY(moments_worker_create(&em->present, SUMS_BLOCK, &em->arena, &em->workers[t], error));
  return LS_OK;
}

ls_status em_create(const em_inputs_t *inputs, em_t **out, ls_error *error) {
  em_t *em = calloc(1, sizeof *em);
  ls_status status = em == NULL ? error_set(error, LS_NO_MEMORY, "no memory for a Gaussian mixture") : LS_OK;
  if (status == LS_OK) {
    em->in = *inputs;
    em->d = inputs->gather->features->inputs;
    status = make_memory(em, error);
  }
  TRY_OR_DONE(world_agree(inputs->world, status, error));
  const sums_inputs_t request = {.world = inputs->world,
                                 .gather = inputs->gather,
                                 .threads = inputs->threads,
                                 .elements = moments_elements(inputs->covariance, inputs->components, em->d),
                                 .interrupt = inputs->interrupt};
  TRY_OR_DONE(sums_create(&request, &em->sums, error));
  if (inputs->covariance == COVARIANCE_TIED) TRY_OR_DONE(find_scatter(em, error));
  *out = em;
  em = NULL;
done:
  em_destroy(&em);
  return status;
}

void em_destroy(em_t **em) {
  if (*em == NULL) return;
  sums_destroy(&(*em)->sums);
  arena_free(&(*em)->arena);
  free(*em);
  *em = NULL;
}

/* ---- an iteration ---- */

/* On rank 0, from the sums of all rows. */
static ls_status maximize(em_t *em, const gaussians_t *before, gaussians_floats_t *out, ls_error *error) {
  const em_inputs_t *in = &em->in;
  if (!is_root(em)) return LS_OK;
  const component_sums_t moments = moments_of(in->covariance, in->components, em->d, em->total);
  const scatter_t scatter = {em->centre, em->scatter};
  const maximize_t inputs = {.covariance = in->covariance,
                             .k = in->components,
                             .d = em->d,
                             .regularization = in->regularization,
                             .mean = before->mean,
                             .moments = &moments,
                             .scatter = &scatter};
  return gaussians_maximize(&inputs, out, error);
}

/* Sums all rows' moments around `before`. */
static ls_status run_pass(em_t *em, const gaussians_t *before, bool is_hard, ls_error *error) {
  em_pass_t pass = {
      .em = em,
      .pass = {
          .gaussians = before, .covariance = em->in.covariance, .is_hard = is_hard, .most_rows = SUMS_BLOCK}};
  return sums_run(em->sums, add_moments, &pass, em->total, error);
}

/* Fills the parameters on every rank, from the sums of a pass around `before`. */
static ls_status share_parameters(em_t *em, const gaussians_t *before, gaussians_floats_t *out,
                                  ls_error *error) {
  const em_inputs_t *in = &em->in;
  const size_t rows = (size_t)in->components, floats = rows * (size_t)em->d;
  const size_t factor = (size_t)gaussians_factor_values(in->covariance, in->components, em->d);
  TRY(world_agree(in->world, maximize(em, before, out, error), error));
  TRY(world_broadcast(in->world, out->mean, floats * sizeof(float), 0, error));
  TRY(world_broadcast(in->world, out->factor, factor * sizeof(float), 0, error));
  return world_broadcast(in->world, out->offset, rows * sizeof(float), 0, error);
}

ls_status em_start(em_t *em, const float *centres, gaussians_floats_t *out, ls_error *error) {
  gaussians_take_centres(&em->centres, centres);
  TRY(run_pass(em, &em->centres, true, error));
  return share_parameters(em, &em->centres, out, error);
}

ls_status em_look(em_t *em, const gaussians_floats_t *parameters, double *log_density, ls_error *error) {
  double found = 0;
  gaussians_read(&em->present, parameters);
  TRY(run_pass(em, &em->present, false, error));
  if (is_root(em)) found = em->total[0];
  TRY(world_broadcast(em->in.world, &found, sizeof found, 0, error));
  *log_density = found;
  return LS_OK;
}

ls_status em_improve(em_t *em, gaussians_floats_t *parameters, ls_error *error) {
  return share_parameters(em, &em->present, parameters, error);
}

void em_shares(const em_t *em, double *least, double *most) {
  const component_sums_t sums = moments_of(em->in.covariance, em->in.components, em->d, em->total);
  *least = INFINITY;
  *most = 0;
  for (int64_t k = 0; k < em->in.components; k++) {
    *least = fmin(*least, sums.shares[k] / *sums.weight);
    *most = fmax(*most, sums.shares[k] / *sums.weight);
  }
}
