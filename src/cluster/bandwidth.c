#include "cluster/bandwidth.h"

#include <math.h>
#include <string.h>

/* ---- rules ---- */

static double scott(double n, double d) {
  return pow(n, -1 / (d + 4));
}

static double silverman(double n, double d) {
  return pow(n * (d + 2) / 4, -1 / (d + 4));
}

/* As density.bandwidth names them (config/words.c). */
static const struct {
  const char *name;
  double (*of_normal)(double n, double d); /* for deviation 1 */
} rules[] = {{"silverman", silverman}, {"scott", scott}};

bool bandwidth_is_tried(const char *word) {
  return strcmp(word, "cross_validated") == 0;
}

double bandwidth_rule(const char *word, const spread_t *spread) {
  for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
    if (strcmp(rules[i].name, word) == 0)
      return spread->deviation * rules[i].of_normal(spread->rows, (double)spread->inputs);
  return NAN;
}

void bandwidth_candidates(const spread_t *spread, double out[BANDWIDTHS]) {
  const double most = 2 * bandwidth_rule("silverman", spread);
  for (int i = 0; i < BANDWIDTHS; i++)
    out[i] = most * pow(20, (double)(i + 1 - BANDWIDTHS) / (BANDWIDTHS - 1));
}

/* ---- the spread of rows ---- */

/* A leaf: sum of w, sum of w^2, then for each input the sum of w x, or of w (x - mean)^2. */
enum { SUM_WEIGHTS, SUM_SQUARES, SUM_INPUTS };

typedef struct {
  int64_t inputs;
  const double *mean; /* (inputs); NULL: in the first pass */
} pass_of_spread_t;

static void add_block(void *context, const sums_block_t *block, double *leaf) {
  const pass_of_spread_t *pass = context;
  for (int64_t r = 0; r < block->rows; r++) {
    const double w = block->weights != NULL ? (double)block->weights[r] : 1;
    const float *x = block->x + r * pass->inputs;
    leaf[SUM_WEIGHTS] += w;
    leaf[SUM_SQUARES] += w * w;
    for (int64_t c = 0; c < pass->inputs; c++) {
      const double value = pass->mean != NULL ? (double)x[c] - pass->mean[c] : (double)x[c];
      leaf[SUM_INPUTS + c] += w * (pass->mean != NULL ? value * value : value);
    }
  }
}

static void finish(const double *total, int64_t inputs, spread_t *out) {
  double sum = 0;
  int64_t varying = 0;
  for (int64_t c = 0; c < inputs; c++) {
    sum += total[SUM_INPUTS + c] / total[SUM_WEIGHTS];
    varying += total[SUM_INPUTS + c] > 0;
  }
  *out = (spread_t){.rows = total[SUM_WEIGHTS] * total[SUM_WEIGHTS] / total[SUM_SQUARES],
                    .inputs = inputs,
                    .deviation = varying > 0 ? sqrt(sum / (double)varying) : 0};
}

ls_status spread_find(world_t *world, const gather_t *gather, int threads, spread_t *out, ls_error *error) {
  const int64_t inputs = gather->features->inputs;
  const size_t elements = SUM_INPUTS + (size_t)inputs;
  arena_t arena = {0};
  pass_of_spread_t pass = {.inputs = inputs};
  const sums_inputs_t asked = {
      .world = world, .gather = gather, .threads = threads, .elements = elements, .everywhere = true};
  sums_t *sums = NULL;
  ls_status status = LS_OK;
  double *total = arena_new(&arena, elements, sizeof *total),
         *mean = arena_new(&arena, elements, sizeof *mean);
  if (total == NULL || mean == NULL)
    status = error_set(error, LS_NO_MEMORY, "no memory for the spread of rows");
  TRY_OR_DONE(world_agree(world, status, error));
  TRY_OR_DONE(sums_create(&asked, &sums, error));
  TRY_OR_DONE(sums_run(sums, add_block, &pass, total, error));
  for (int64_t c = 0; c < inputs; c++) mean[c] = total[SUM_INPUTS + c] / total[SUM_WEIGHTS];
  pass.mean = mean;
  TRY_OR_DONE(sums_run(sums, add_block, &pass, total, error));
  finish(total, inputs, out);
done:
  sums_destroy(&sums);
  arena_free(&arena);
  return status;
}
