/* Exact components: the covariance of all features, as tiles of a triangle (math/panels.h), and its
 * eigenvectors. All threads work on one leaf, because it is large. */
#include "components/components_impl.h"

#include "base/activity.h"
#include "base/float_mode.h"
#include "base/progress.h"
#include "math/panels.h"
#include "math/symmetric.h"

#include <inttypes.h>

typedef struct {
  const fitting_t *fitting;
  double *z; /* SUMS_BLOCK rows in panels */
} covariance_t;

static void add_products(void *context, const sums_block_t *block, double *leaf) {
  const covariance_t *covariance = context;
  const int64_t inputs = covariance->fitting->inputs;
  const double *mean = covariance->fitting->mean;
#pragma omp for schedule(static)
  for (int64_t first = 0; first < inputs; first += PANEL_SIDE) {
    const int64_t end = first + PANEL_SIDE < inputs ? first + PANEL_SIDE : inputs;
    for (int64_t r = 0; r < block->rows; r++) {
      const double factor = block_factor(block, r);
      double *z = covariance->z + panels_at(SUMS_BLOCK, r, first);
      const float *x = block->x + r * inputs;
      for (int64_t c = first; c < end; c++) z[c - first] = factor * ((double)x[c] - mean[c]);
    }
  }
#pragma omp for schedule(dynamic, 1)
  for (int64_t tile = panels_width(inputs) / PANEL_SIDE - 1; tile >= 0; tile--) /* longest first */
    triangle_add(block->rows, SUMS_BLOCK, covariance->z, tile, leaf);
}

static ls_status no_memory(int64_t inputs, ls_error *error) {
  return error_set(error, LS_NO_MEMORY,
                   "no memory for the covariance of %" PRId64
                   " features: components.method=randomized needs none",
                   inputs);
}

/* total: tiles, on rank 0. */
static ls_status sum_products(const fitting_t *fitting, double *total, ls_error *error) {
  const int64_t width = panels_width(fitting->inputs);
  arena_t arena = {0};
  sums_t *sums = NULL;
  covariance_t covariance = {fitting, arena_new(&arena, (size_t)(SUMS_BLOCK * width), sizeof(double))};
  const sums_inputs_t inputs = {.world = fitting->in->world,
                                .gather = fitting->in->gather,
                                .threads = fitting->in->threads,
                                .elements = triangle_elements(width),
                                .together = true};
  ls_status status = covariance.z == NULL ? no_memory(fitting->inputs, error) : LS_OK;
  TRY_OR_DONE(world_agree(inputs.world, status, error));
  TRY_OR_DONE(sums_create(&inputs, &sums, error));
  progress_begin(fitting->in->gather->split->rows, NULL, "adding up the covariance");
  status = sums_run(sums, add_products, &covariance, total, error);
  progress_end();
done:
  sums_destroy(&sums);
  arena_free(&arena);
  return status;
}

/* The smallest number of components that explain more than this share of the variance. */
static int64_t enough(const fitting_t *fitting, const double *squares) {
  const int64_t most = fitting->inputs < fitting->rows ? fitting->inputs : fitting->rows;
  double sum = 0, all = 0;
  int64_t n = 0;
  for (int64_t i = 0; i < fitting->inputs; i++) all += squares[i];
  while (n < most && !(sum > fitting->in->settings->n * all)) sum += squares[n++];
  return n;
}

static void run_together(int threads, int64_t n, void (*work)(void *context, int64_t i), void *context) {
#pragma omp parallel num_threads(threads)
  {
    float_mode_begin();
#pragma omp for schedule(dynamic, 1)
    for (int64_t i = 0; i < n; i++) work(context, i);
  }
}

/* On rank 0. Rounding makes squares of directions without variance as small as that, of either sign. */
static ls_status find_vectors(const fitting_t *fitting, arena_t *arena, const double *total, double *matrix,
                              directions_t *out, ls_error *error) {
  const int64_t inputs = fitting->inputs, width = panels_width(inputs);
  const size_t wanted = (size_t)(fitting->n > 0 ? fitting->n : inputs);
  const symmetric_team_t team = {run_together, fitting->in->threads};
  directions_t found = {.n = fitting->n,
                        .vectors = arena_new(arena, wanted * (size_t)inputs, sizeof *found.vectors),
                        .squares = arena_new(arena, (size_t)inputs, sizeof *found.squares)};
  if (found.vectors == NULL || found.squares == NULL) return no_memory(inputs, error);
  activity_set("finding the eigenvectors of the covariance");
  triangle_unpack(width, total, matrix);
  for (int64_t i = 1; i < inputs && inputs < width; i++) /* rows of `inputs` numbers */
    for (int64_t k = 0; k <= i; k++) matrix[i * inputs + k] = matrix[i * width + k];
  TRY(symmetric_eigen(inputs, matrix, (int64_t)wanted, &team, found.vectors, found.squares, error));
  for (int64_t i = 0; i < inputs; i++)
    if (found.squares[i] < 0) found.squares[i] = 0;
  if (found.n == 0) found.n = enough(fitting, found.squares);
  *out = found;
  return LS_OK;
}

ls_status covariance_fit(const fitting_t *fitting, arena_t *arena, directions_t *out, ls_error *error) {
  const size_t width = (size_t)panels_width(fitting->inputs);
  const bool is_root = world_rank(fitting->in->world) == 0;
  double *total = is_root ? arena_new(arena, triangle_elements((int64_t)width), sizeof *total) : NULL;
  double *matrix = is_root ? arena_new(arena, width * width, sizeof *matrix) : NULL;
  const bool is_there = !is_root || (total != NULL && matrix != NULL);
  TRY(world_agree(fitting->in->world, is_there ? LS_OK : no_memory(fitting->inputs, error), error));
  TRY(sum_products(fitting, total, error));
  ls_status status = is_root ? find_vectors(fitting, arena, total, matrix, out, error) : LS_OK;
  return world_agree(fitting->in->world, status, error);
}
