/* A block of rows meets the kernels in pieces that stay in cache. For each row and candidate, the logarithm
 * of the sum of exponentials goes on from piece to piece: the largest exponent so far, and the sum of the
 * others beside it. Distances and exponents are computed in double, because in many dimensions or with narrow
 * kernels they are far larger than a log-density. What is left of an exponent beside the largest one fits
 * into a float. */
#include "cluster/cross.h"

#include "math/functions.h"
#include "math/squares.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE = 256, LANES = 8 }; /* kernels at a time */

/* log sum of exp e: largest + log sum. */
typedef struct {
  double largest, sum;
} log_sum_t;

/* The memory of a thread. */
typedef struct {
  float *x;          /* (SUMS_BLOCK, inputs): rows of the block that are kernels */
  int64_t *own;      /* (SUMS_BLOCK): their kernels */
  float *panels;     /* a piece of the kernels */
  double *squares;   /* (SUMS_BLOCK, PIECE): distances */
  double *exponents; /* (PIECE) */
  float *beside;     /* (PIECE): exponents less the largest one */
  log_sum_t *states; /* (SUMS_BLOCK, candidates) */
} tester_t;

typedef struct {
  const kernel_rows_t *kernels;
  const uint16_t *folds;    /* (kernels); NULL: each is a fold of its own */
  const double *left;       /* (folds + 1): the weight of the kernels outside a fold */
  const int64_t *kernel_of; /* (training rows): the kernel that is made of a row; -1: none */
  const double *h;
  size_t n;
  tester_t *testers; /* (threads) */
} testing_t;

/* Sums e (n), in lanes that are added in pairs: the same order on every CPU. */
static double sum_of(const float *e, int64_t n) {
  double lanes[LANES] = {0};
  int64_t k = 0;
  for (; k + LANES <= n; k += LANES)
    for (int j = 0; j < LANES; j++) lanes[j] += (double)e[k + j];
  for (int j = 0; k < n; k++, j++) lanes[j] += (double)e[k];
  for (int half = LANES / 2; half > 0; half /= 2)
    for (int j = 0; j < half; j++) lanes[j] += lanes[j + half];
  return lanes[0];
}

static double largest_of(const double *e, int64_t n) {
  double lanes[LANES];
  int64_t k = 0;
  for (int j = 0; j < LANES; j++) lanes[j] = -INFINITY;
  for (; k + LANES <= n; k += LANES)
    for (int j = 0; j < LANES; j++) lanes[j] = e[k + j] > lanes[j] ? e[k + j] : lanes[j];
  for (int j = 0; k < n; k++, j++) lanes[j] = e[k] > lanes[j] ? e[k] : lanes[j];
  for (int j = 1; j < LANES; j++) lanes[0] = lanes[j] > lanes[0] ? lanes[j] : lanes[0];
  return lanes[0];
}

/* Takes the exponents e (n) into the sum. beside (n): memory. */
static void log_sum_add(log_sum_t *state, int64_t n, const double *e, float *beside) {
  const double largest = largest_of(e, n);
  if (largest == -INFINITY) return;
  if (largest > state->largest) {
    state->sum = state->sum > 0 ? state->sum * exp(state->largest - largest) : 0;
    state->largest = largest;
  }
  for (int64_t k = 0; k < n; k++) beside[k] = (float)(e[k] - state->largest);
  floats_exp((size_t)n, beside, beside);
  state->sum += sum_of(beside, n);
}

/* Leaves out the kernels of a row's fold; own: the row's kernel. */
static void leave_out(const testing_t *testing, int64_t own, int64_t first, int64_t n, double *exponents) {
  const uint16_t *folds = testing->folds;
  if (folds == NULL && own >= first && own < first + n) exponents[own - first] = -INFINITY;
  for (int64_t k = 0; k < n && folds != NULL; k++)
    if (folds[first + k] == folds[own]) exponents[k] = -INFINITY;
}

/* One row meets kernels first .. first + n - 1, which are `squares` away. */
static void meet(const testing_t *testing, const tester_t *tester, int64_t own, int64_t first, int64_t n,
                 const double *squares, log_sum_t *states) {
  const double *logs = testing->kernels->logs + first;
  double *exponents = tester->exponents;
  for (size_t c = 0; c < testing->n; c++) {
    const double inverse = 0.5 / (testing->h[c] * testing->h[c]);
    for (int64_t k = 0; k < n; k++) exponents[k] = logs[k] - squares[k] * inverse;
    leave_out(testing, own, first, n, exponents);
    log_sum_add(&states[c], n, exponents, tester->beside);
  }
}

static int64_t pick_rows(const testing_t *testing, tester_t *tester, const sums_block_t *block) {
  const int64_t inputs = testing->kernels->inputs;
  int64_t rows = 0;
  for (int64_t r = 0; r < block->rows; r++) {
    const int64_t own = testing->kernel_of[block->number + r];
    if (own < 0) continue;
    memcpy(tester->x + rows * inputs, block->x + r * inputs, (size_t)inputs * sizeof *block->x);
    tester->own[rows++] = own;
  }
  return rows;
}

static void add_block(void *context, const sums_block_t *block, double *leaf) {
  const testing_t *testing = context;
  const kernel_rows_t *kernels = testing->kernels;
  tester_t *tester = &testing->testers[block->thread];
  const int64_t inputs = kernels->inputs, rows = pick_rows(testing, tester, block);
  if (rows == 0) return; /* with density.rows, a block may have no kernel */
  for (size_t i = 0; i < (size_t)rows * testing->n; i++) tester->states[i] = (log_sum_t){-INFINITY, 0};
  for (int64_t first = 0; first < kernels->n; first += PIECE) {
    const int64_t n = kernels->n - first < PIECE ? kernels->n - first : PIECE;
    const dense_layout_t layout = dense_layout(inputs, n);
    dense_pack(&layout, kernels->rows + first * inputs, tester->panels);
    squares_in_double(&layout, rows, tester->x, tester->panels, NULL, PIECE, tester->squares);
    for (int64_t r = 0; r < rows; r++)
      meet(testing, tester, tester->own[r], first, n, tester->squares + r * PIECE,
           tester->states + (size_t)r * testing->n);
  }
  for (int64_t r = 0; r < rows; r++)
    for (size_t c = 0; c < testing->n; c++) {
      const log_sum_t *state = &tester->states[(size_t)r * testing->n + c];
      const double own = exp(kernels->logs[tester->own[r]]);
      const double left = testing->folds != NULL ? testing->left[testing->folds[tester->own[r]]] : 1 - own;
      if (own > 0 && state->sum > 0) leaf[c] += own * (state->largest + log(state->sum) - log(left));
    }
}

/* Of K folds, from 1, the weight of the others. */
static ls_status weigh_folds(testing_t *testing, arena_t *arena, ls_error *error) {
  const kernel_rows_t *kernels = testing->kernels;
  size_t folds = 0;
  for (int64_t k = 0; k < kernels->n && testing->folds != NULL; k++)
    if (testing->folds[k] > folds) folds = testing->folds[k];
  double *left = arena_new(arena, folds + 1, sizeof *left);
  if (left == NULL) return error_set(error, LS_NO_MEMORY, "no memory for %zu folds", folds);
  for (size_t f = 0; f <= folds; f++) left[f] = 1;
  for (int64_t k = 0; k < kernels->n && testing->folds != NULL; k++)
    left[testing->folds[k]] -= exp(kernels->logs[k]);
  testing->left = left;
  return LS_OK;
}

/* From sums of exponents to logarithms of densities. */
static void finish(const testing_t *testing, double *scores) {
  const double pi = 3.14159265358979323846, d = (double)testing->kernels->inputs;
  for (size_t c = 0; c < testing->n; c++) scores[c] -= d * log(testing->h[c]) + d / 2 * log(2 * pi);
}

static ls_status prepare(testing_t *testing, const gather_t *gather, int threads, arena_t *arena,
                         ls_error *error) {
  const kernel_rows_t *kernels = testing->kernels;
  const size_t inputs = (size_t)kernels->inputs, all = (size_t)gather->split->partition.rows;
  const dense_layout_t layout = dense_layout(kernels->inputs, PIECE);
  int64_t *kernel_of = arena_new(arena, all, sizeof *kernel_of);
  testing->testers = arena_new(arena, (size_t)threads, sizeof *testing->testers);
  bool has_all = kernel_of != NULL && testing->testers != NULL;
  for (int t = 0; t < threads && has_all; t++) {
    tester_t *tester = &testing->testers[t];
    tester->x = arena_new(arena, SUMS_BLOCK * inputs, sizeof(float));
    tester->own = arena_new(arena, SUMS_BLOCK, sizeof(int64_t));
    tester->panels = arena_new(arena, (size_t)layout.elements, sizeof(float));
    tester->squares = arena_new(arena, SUMS_BLOCK * PIECE, sizeof(double));
    tester->exponents = arena_new(arena, PIECE, sizeof(double));
    tester->beside = arena_new(arena, PIECE, sizeof(float));
    tester->states = arena_new(arena, SUMS_BLOCK * testing->n, sizeof(log_sum_t));
    has_all = tester->x != NULL && tester->own != NULL && tester->panels != NULL && tester->squares != NULL &&
              tester->exponents != NULL && tester->beside != NULL && tester->states != NULL;
  }
  if (!has_all) return error_set(error, LS_NO_MEMORY, "no memory to compare %zu bandwidths", testing->n);
  for (size_t i = 0; i < all; i++) kernel_of[i] = -1;
  for (int64_t k = 0; k < kernels->n; k++) kernel_of[kernels->numbers[k]] = k;
  testing->kernel_of = kernel_of;
  return weigh_folds(testing, arena, error);
}

ls_status cross_validate(world_t *world, const gather_t *gather, int threads, const kernel_rows_t *kernels,
                         const uint16_t *folds, const interrupt_t *interrupt, const double *h, size_t n,
                         double *scores, ls_error *error) {
  testing_t testing = {.kernels = kernels, .folds = folds, .h = h, .n = n};
  const sums_inputs_t asked = {.world = world,
                               .gather = gather,
                               .threads = threads,
                               .elements = n,
                               .everywhere = true,
                               .interrupt = interrupt};
  arena_t arena = {0};
  sums_t *sums = NULL;
  ls_status status = world_agree(world, prepare(&testing, gather, threads, &arena, error), error);
  if (status == LS_OK) status = sums_create(&asked, &sums, error);
  if (status == LS_OK) status = sums_run(sums, add_block, &testing, scores, error);
  if (status == LS_OK) finish(&testing, scores);
  sums_destroy(&sums);
  arena_free(&arena);
  return status;
}

size_t cross_best(const double *scores, size_t n) {
  size_t best = 0;
  for (size_t i = 1; i < n; i++)
    if (scores[i] > scores[best]) best = i;
  return best;
}
