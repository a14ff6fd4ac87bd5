/* Means, the choice of a method, and what follows from the vectors. */
#include "components/components_impl.h"

#include "base/activity.h"
#include "features/row_weights.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* ---- what the settings ask for ---- */

static bool is_share(const components_settings_t *settings) {
  return settings->n < 1;
}

static int64_t most_there_can_be(int64_t inputs, int64_t rows) {
  return inputs < rows ? inputs : rows;
}

int64_t components_most(const components_settings_t *settings, int64_t inputs, int64_t rows) {
  return is_share(settings) ? most_there_can_be(inputs, rows) : (int64_t)settings->n;
}

ls_status components_check(const components_settings_t *settings, int64_t inputs, int64_t rows,
                           ls_error *error) {
  const int64_t most = most_there_can_be(inputs, rows);
  const bool is_randomized = strcmp(settings->method, "randomized") == 0;
  if (rows < 2) return error_set(error, LS_BAD_DATA, "components need at least two rows of weight above 0");
  if (is_share(settings) && is_randomized)
    return error_set(error, LS_BAD_SETTINGS,
                     "components.n: a share of the variance needs all eigenvalues, which the randomized "
                     "method does not find: give a number of components, or components.method=exact");
  if (!is_share(settings) && settings->n != floor(settings->n))
    return error_set(error, LS_BAD_SETTINGS,
                     "components.n: %g is neither a whole number of components nor a share of the variance "
                     "below 1",
                     settings->n);
  if (is_share(settings) || settings->n <= (double)most) return LS_OK;
  return error_set(error, LS_BAD_SETTINGS,
                   "components.n: %.0f components of %" PRId64 " training rows with %" PRId64
                   " features; there are at most %" PRId64,
                   settings->n, rows, inputs, most);
}

/* Products of both methods; an eigenproblem costs as much as 10 inputs³ of them. */
bool components_exact(const components_settings_t *settings, int64_t inputs, int64_t rows) {
  const double d = (double)inputs, all = (double)rows;
  const double l = settings->n + (double)settings->oversampling, passes = (double)settings->iterations + 1;
  if (strcmp(settings->method, "auto") != 0) return strcmp(settings->method, "exact") == 0;
  return is_share(settings) || l >= d || all * d * d / 2 + 10 * d * d * d <= passes * 2 * all * d * l;
}

/* ---- sums of columns ---- */

enum { SUM_WEIGHT, SUM_ROWS, WEIGHT_SUMS };

static void add_weight(double weight, double *sums) {
  if (!(weight > 0)) return;
  sums[SUM_WEIGHT] += weight;
  sums[SUM_ROWS] += 1;
}

static ls_status sum_weights(fitting_t *fitting, ls_error *error) {
  const split_t *split = fitting->in->gather->split;
  const double rows = (double)split->partition.rows;
  double sums[WEIGHT_SUMS] = {rows, rows};
  if (split->weights != NULL)
    TRY(row_weights_sum(fitting->in->world, split, WEIGHT_SUMS, add_weight, sums, error));
  fitting->weight = sums[SUM_WEIGHT];
  fitting->rows = (int64_t)sums[SUM_ROWS];
  row_count_t count;
  TRY(row_weights_count(fitting->in->world, split, &count, error));
  fitting->count = count.rows;
  return LS_OK;
}

static void add_columns(void *context, const sums_block_t *block, double *leaf) {
  const int64_t inputs = ((const fitting_t *)context)->inputs;
  for (int64_t r = 0; r < block->rows; r++) {
    const double weight = block->weights == NULL ? 1 : (double)block->weights[r];
    const float *x = block->x + r * inputs;
    for (int64_t c = 0; c < inputs; c++) leaf[c] += weight * (double)x[c];
  }
}

static void add_squares(void *context, const sums_block_t *block, double *leaf) {
  const fitting_t *fitting = context;
  for (int64_t r = 0; r < block->rows; r++) {
    const double weight = block->weights == NULL ? 1 : (double)block->weights[r];
    const float *x = block->x + r * fitting->inputs;
    for (int64_t c = 0; c < fitting->inputs; c++) {
      const double z = (double)x[c] - fitting->mean[c];
      leaf[c] += weight * z * z;
    }
  }
}

/* mean (inputs), and the sum of all squares of differences from it. work: (inputs). */
static ls_status sum_columns(fitting_t *fitting, double *mean, double *work, ls_error *error) {
  const sums_inputs_t inputs = {.world = fitting->in->world,
                                .gather = fitting->in->gather,
                                .threads = fitting->in->threads,
                                .elements = (size_t)fitting->inputs,
                                .everywhere = true};
  sums_t *sums = NULL;
  TRY(sums_create(&inputs, &sums, error));
  ls_status status = sums_run(sums, add_columns, fitting, mean, error);
  for (int64_t c = 0; c < fitting->inputs && status == LS_OK; c++) mean[c] /= fitting->weight;
  fitting->mean = mean;
  if (status == LS_OK) status = sums_run(sums, add_squares, fitting, work, error);
  fitting->squares = 0;
  for (int64_t c = 0; c < fitting->inputs && status == LS_OK; c++) fitting->squares += work[c];
  sums_destroy(&sums);
  TRY(status);
  if (isfinite(fitting->squares) && fitting->squares > 0) return LS_OK;
  if (fitting->squares == 0)
    return error_set(error, LS_BAD_DATA,
                     "all training rows are equal, so there is no direction in which they vary");
  return error_set(error, LS_DIVERGED, "the variance of the training rows is not finite");
}

/* ---- results ---- */

/* Directions without variance are directions of rounding, so they cannot be brought to variance 1. */
static ls_status check_whitening(const fitting_t *fitting, const components_t *components, ls_error *error) {
  static const double negligible = 1e-14;
  if (!fitting->in->settings->whiten) return LS_OK;
  for (int64_t i = 0; i < components->n; i++)
    if (!(components->variance[i] > negligible * components->total))
      return error_set(error, LS_BAD_SETTINGS,
                       "%s: component %" PRId64 " has no variance that could become 1: take %s=%" PRId64
                       " or fewer",
                       fitting->in->whiten_key, i + 1, fitting->in->count_key, i);
  return LS_OK;
}

/* The variance along a component is its sum of squares, divided by the weight of all rows and corrected for
 * the mean: n / (n - 1), with as many rows n as the weights stand for. Without weights that is 1 / (n - 1) of
 * the sum. */
static void fill_figures(const fitting_t *fitting, const double *squares, components_t *out) {
  const double n = fitting->count, factor = n / (n - 1) / fitting->weight;
  for (int64_t i = 0; i < out->n; i++) out->variance[i] = factor * squares[i];
  for (int64_t i = 0; i < out->n; i++) out->singular[i] = sqrt(squares[i] * (n / fitting->weight));
  out->total = factor * fitting->squares;
}

static ls_status make_arrays(components_t *out, ls_error *error) {
  const size_t n = (size_t)out->n, inputs = (size_t)out->inputs;
  out->mean = arena_new(&out->arena, inputs, sizeof(double));
  out->vectors = arena_new(&out->arena, n * inputs, sizeof(double));
  out->variance = arena_new(&out->arena, n, sizeof(double));
  out->singular = arena_new(&out->arena, n, sizeof(double));
  const bool is_there =
      out->mean != NULL && out->vectors != NULL && out->variance != NULL && out->singular != NULL;
  if (is_there) return LS_OK;
  return error_set(error, LS_NO_MEMORY, "no memory for %" PRId64 " components of %" PRId64 " features",
                   out->n, out->inputs);
}

/* Brings what rank 0 found to all ranks. */
static ls_status share(const fitting_t *fitting, const directions_t *found, components_t *out,
                       ls_error *error) {
  world_t *world = fitting->in->world;
  out->n = found->n;
  TRY(world_broadcast(world, &out->n, sizeof out->n, 0, error));
  TRY(world_agree(world, make_arrays(out, error), error));
  const size_t vectors = (size_t)(out->n * out->inputs) * sizeof(double);
  if (world_rank(world) == 0) {
    memcpy(out->vectors, found->vectors, vectors);
    fill_figures(fitting, found->squares, out);
  }
  memcpy(out->mean, fitting->mean, (size_t)out->inputs * sizeof(double));
  TRY(world_broadcast(world, out->vectors, vectors, 0, error));
  TRY(world_broadcast(world, out->variance, (size_t)out->n * sizeof(double), 0, error));
  TRY(world_broadcast(world, out->singular, (size_t)out->n * sizeof(double), 0, error));
  TRY(world_broadcast(world, &out->total, sizeof out->total, 0, error));
  return check_whitening(fitting, out, error);
}

static ls_status fit(fitting_t *fitting, arena_t *arena, components_t *out, ls_error *error) {
  const components_settings_t *settings = fitting->in->settings;
  const size_t inputs = (size_t)fitting->inputs;
  double *mean = arena_new(arena, inputs, sizeof *mean), *work = arena_new(arena, inputs, sizeof *work);
  directions_t found = {0};
  ls_status status = LS_OK;
  if (mean == NULL || work == NULL)
    status = error_set(error, LS_NO_MEMORY, "no memory for the means of %zu features", inputs);
  TRY(world_agree(fitting->in->world, status, error));
  TRY(sum_weights(fitting, error));
  TRY(components_check(settings, fitting->inputs, fitting->rows, error));
  activity_set("adding up the columns");
  TRY(sum_columns(fitting, mean, work, error));
  const bool is_exact = components_exact(settings, fitting->inputs, fitting->rows);
  fitting->n = is_share(settings) ? 0 : (int64_t)settings->n;
  TRY((is_exact ? covariance_fit : randomized_fit)(fitting, arena, &found, error));
  out->method = is_exact ? "exact" : "randomized";
  out->rows = fitting->rows;
  return share(fitting, &found, out, error);
}

ls_status components_fit(const components_inputs_t *inputs, components_t *out, ls_error *error) {
  components_inputs_t in = *inputs;
  if (in.count_key == NULL) in.count_key = "components.n";
  if (in.whiten_key == NULL) in.whiten_key = "components.whiten";
  fitting_t fitting = {.in = &in, .inputs = in.gather->features->inputs};
  components_t components = {.inputs = fitting.inputs};
  arena_t arena = {0};
  ls_status status = fit(&fitting, &arena, &components, error);
  arena_free(&arena);
  if (status == LS_OK)
    *out = components;
  else
    components_free(&components);
  return status;
}
