#include "cluster/survey.h"

#include "cluster/range.h"
#include "sums/sums.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The largest |x| of each column, and the largest weight behind them; 0: all weights are 1. */
typedef struct {
  int64_t inputs;
  int threads;
  float *most; /* (threads, inputs + 1) */
} columns_survey_t;

static void look_at_rows(void *context, const sums_block_t *block, double *leaf) {
  const columns_survey_t *survey = context;
  const int64_t inputs = survey->inputs;
  float *most = survey->most + block->thread * (inputs + 1);
  for (int64_t r = 0; r < block->rows; r++) {
    const float *x = block->x + r * inputs;
    const double weight = block->weights != NULL ? (double)block->weights[r] : 1;
    leaf[inputs] += weight;
    if (block->weights != NULL && block->weights[r] > most[inputs]) most[inputs] = block->weights[r];
    for (int64_t c = 0; c < inputs; c++) {
      const float size = fabsf(x[c]);
      leaf[c] += weight * (double)x[c];
      most[c] = size > most[c] ? size : most[c];
    }
  }
}

/* The first thread's numbers become the largest over all threads and ranks: floats that are not negative are
 * in the order of their bits. */
static ls_status find_most(const columns_survey_t *survey, world_t *world, int64_t *bits, ls_error *error) {
  const int64_t n = survey->inputs + 1;
  for (int64_t c = 0; c < n; c++) {
    float most = 0;
    uint32_t word;
    for (int t = 0; t < survey->threads; t++)
      if (survey->most[t * n + c] > most) most = survey->most[t * n + c];
    memcpy(&word, &most, sizeof word);
    bits[c] = word;
  }
  TRY(world_max_i64(world, bits, (size_t)n, error));
  for (int64_t c = 0; c < n; c++) {
    const uint32_t word = (uint32_t)bits[c];
    memcpy(&survey->most[c], &word, sizeof word);
  }
  return LS_OK;
}

ls_status survey_rows(const fit_inputs_t *inputs, exact_t *exact, ls_error *error) {
  const size_t n = (size_t)exact->inputs + 1;
  const sums_inputs_t passes = {.world = inputs->world,
                                .gather = inputs->gather,
                                .threads = inputs->threads,
                                .elements = n,
                                .everywhere = true,
                                .interrupt = inputs->interrupt};
  columns_survey_t survey = {.inputs = exact->inputs,
                             .threads = inputs->threads,
                             .most = calloc((size_t)inputs->threads * n, sizeof(float))};
  sums_t *sums = NULL;
  double *total = malloc(n * sizeof *total);
  int64_t *bits = malloc(n * sizeof *bits);
  ls_status status = survey.most == NULL || total == NULL || bits == NULL
                         ? error_set(error, LS_NO_MEMORY, "no memory for a mean")
                         : LS_OK;
  TRY_OR_DONE(world_agree(inputs->world, status, error));
  TRY_OR_DONE(sums_create(&passes, &sums, error));
  TRY_OR_DONE(sums_run(sums, look_at_rows, &survey, total, error));
  TRY_OR_DONE(find_most(&survey, inputs->world, bits, error));
  for (int64_t c = 0; c < exact->inputs; c++) total[c] = (double)(float)(total[c] / total[exact->inputs]);
  TRY_OR_DONE(range_check(survey.most, exact->inputs, inputs->settings->data.file, error));
  exact_scale(exact, inputs->gather->split->partition.rows, total, survey.most, survey.most[exact->inputs]);
done:
  sums_destroy(&sums);
  free(survey.most);
  free(total);
  free(bits);
  return status;
}
