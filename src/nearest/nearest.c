#include "nearest/nearest.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { LANES = 8, ROUGH_LANES = 32, SCORE_LANES = NEAREST_GROUPS };

/* ---- in double ---- */

double squared_distance(int64_t n, const float *x, const float *c) {
  double sum[LANES] = {0}, total = 0;
  int64_t i = 0;
  for (; i + LANES <= n; i += LANES)
    for (int l = 0; l < LANES; l++) {
      const double difference = (double)x[i + l] - (double)c[i + l];
      sum[l] += difference * difference;
    }
  for (int l = 0; i < n; i++, l++) {
    const double difference = (double)x[i] - (double)c[i];
    sum[l] += difference * difference;
  }
  for (int l = 0; l < LANES; l++) total += sum[l];
  return total;
}

float rough_distance(int64_t n, const float *x, const float *c) {
  float sum[ROUGH_LANES] = {0}, total = 0;
  int64_t i = 0;
  for (; i + ROUGH_LANES <= n; i += ROUGH_LANES)
    for (int l = 0; l < ROUGH_LANES; l++) sum[l] += (x[i + l] - c[i + l]) * (x[i + l] - c[i + l]);
  for (int l = 0; i < n; i++, l++) sum[l] += (x[i] - c[i]) * (x[i] - c[i]);
  for (int l = 0; l < ROUGH_LANES; l++) total += sum[l];
  return total;
}

/* No term is negative, so errors do not grow by cancellation: a difference, its square and all sums. */
double rough_part(int64_t n) {
  return 1.01 * (double)(n + 4) * 0x1p-24;
}

double squared_norm(int64_t n, const float *x) {
  double sum[LANES] = {0}, total = 0;
  int64_t i = 0;
  for (; i + LANES <= n; i += LANES)
    for (int l = 0; l < LANES; l++) sum[l] += (double)x[i + l] * (double)x[i + l];
  for (int l = 0; i < n; i++, l++) sum[l] += (double)x[i] * (double)x[i];
  for (int l = 0; l < LANES; l++) total += sum[l];
  return total;
}

float norm_of(double squares) {
  return (float)(sqrt(squares) * (1 + 0x1p-20));
}

/* ---- centres ---- */

ls_status nearest_create(int64_t centres, int64_t inputs, int threads, arena_t *arena, nearest_t *out,
                         ls_error *error) {
  nearest_t nearest = {.centres = centres, .inputs = inputs, .identity = activation_find("identity")};
  const int64_t panels = (centres + DENSE_PANEL - 1) / DENSE_PANEL;
  nearest.layout = dense_layout(inputs, panels * DENSE_PANEL);
  const size_t elements = (size_t)nearest.layout.elements, outputs = (size_t)nearest.layout.out;
  nearest.mean = arena_new(arena, (size_t)inputs, sizeof *nearest.mean);
  nearest.shifted = arena_new(arena, outputs * (size_t)inputs, sizeof *nearest.shifted);
  nearest.panels = arena_new(arena, elements, sizeof *nearest.panels);
  nearest.offsets = arena_new(arena, outputs, sizeof *nearest.offsets);
  nearest.scores = arena_new(arena, (size_t)threads, sizeof *nearest.scores);
  bool is_there = nearest.mean != NULL && nearest.shifted != NULL && nearest.panels != NULL &&
                  nearest.offsets != NULL && nearest.scores != NULL;
  for (int t = 0; t < threads && is_there; t++) {
    nearest.scores[t] = arena_new(arena, NEAREST_ROWS * outputs, sizeof(float));
    is_there = nearest.scores[t] != NULL;
  }
  if (!is_there)
    return error_set(error, LS_NO_MEMORY, "no memory for distances to %" PRId64 " centres", centres);
  *out = nearest;
  return LS_OK;
}

static void find_mean(nearest_t *nearest) {
  memset(nearest->mean, 0, (size_t)nearest->inputs * sizeof *nearest->mean);
  for (int64_t k = 0; k < nearest->centres; k++)
    for (int64_t i = 0; i < nearest->inputs; i++)
      nearest->mean[i] += (double)nearest->plain[k * nearest->inputs + i];
  for (int64_t i = 0; i < nearest->inputs; i++)
    nearest->mean[i] = (double)(float)(nearest->mean[i] / (double)nearest->centres);
}

void nearest_set(nearest_t *nearest, const float *centres, int64_t n, const double *mean) {
  const int64_t inputs = nearest->inputs;
  const size_t floats = (size_t)nearest->layout.out * (size_t)inputs;
  nearest->centres = n;
  nearest->plain = centres;
  nearest->norm = nearest->offset = 0;
  if (mean != NULL)
    memcpy(nearest->mean, mean, (size_t)inputs * sizeof *mean);
  else
    find_mean(nearest);
  memset(nearest->shifted, 0, floats * sizeof *nearest->shifted);
  for (int64_t k = 0; k < n; k++) {
    double squares = 0, product = 0;
    for (int64_t i = 0; i < inputs; i++) {
      const double c = (double)centres[k * inputs + i] - nearest->mean[i];
      nearest->shifted[k * inputs + i] = (float)c;
      squares += c * c;
      product += nearest->mean[i] * c;
    }
    nearest->offsets[k] = (float)(-0.5 * squares - product);
    nearest->norm = fmax(nearest->norm, sqrt(squares));
    nearest->offset = fmax(nearest->offset, 0.5 * squares + fabs(product));
  }
  for (int64_t k = n; k < nearest->layout.out; k++) nearest->offsets[k] = -FLT_MAX;
  dense_pack(&nearest->layout, nearest->shifted, nearest->panels);
}

/* ---- rows ---- */

/* The largest of n scores, a multiple of SCORE_LANES, the place of one that is as large, and the largest of
 * the others. */
typedef struct {
  float best, second;
  int32_t place;
} two_best_t;

static two_best_t two_best(int64_t n, const float *scores, float others[SCORE_LANES]) {
  float best[SCORE_LANES], second[SCORE_LANES];
  int32_t place[SCORE_LANES];
  for (int l = 0; l < SCORE_LANES; l++) best[l] = scores[l], second[l] = -FLT_MAX, place[l] = l;
  for (int64_t k = SCORE_LANES; k < n; k += SCORE_LANES)
    for (int l = 0; l < SCORE_LANES; l++) {
      const float score = scores[k + l], lower = score < best[l] ? score : best[l];
      place[l] = score > best[l] ? (int32_t)k + l : place[l];
      best[l] = score > best[l] ? score : best[l];
      second[l] = lower > second[l] ? lower : second[l];
    }
  two_best_t two = {best[0], second[0], place[0]};
  for (int l = 1; l < SCORE_LANES; l++) {
    const float lower = best[l] < two.best ? best[l] : two.best;
    if (best[l] > two.best) two.place = place[l];
    if (best[l] > two.best) two.best = best[l];
    if (lower > two.second) two.second = lower;
    if (second[l] > two.second) two.second = second[l];
  }
  if (others == NULL) return two;
  memcpy(others, best, sizeof best);
  others[two.place % SCORE_LANES] = second[two.place % SCORE_LANES];
  return two;
}

/* The nearest of the centres whose scores are at least `least`. */
static int32_t nearest_of_best(const nearest_t *nearest, const float *scores, double least, const float *x) {
  double smallest = INFINITY;
  int32_t place = 0;
  for (int64_t k = 0; k < nearest->centres; k++) {
    if ((double)scores[k] < least) continue;
    const double distance = squared_distance(nearest->inputs, x, nearest->plain + k * nearest->inputs);
    if (distance < smallest) place = (int32_t)k;
    if (distance < smallest) smallest = distance;
  }
  return place;
}

/* Nothing is known of the scores. */
static void forget(score_t *score) {
  score->best = -INFINITY;
  score->error = 0;
  for (int l = 0; l < SCORE_LANES; l++) score->others[l] = INFINITY;
}

void nearest_find(const nearest_t *nearest, int thread, int64_t rows, const float *x, const float *norms,
                  int32_t *out, score_t *scores_out) {
  const int64_t outputs = nearest->layout.out;
  const double unit = 2.02 * (double)(nearest->inputs + 4) * 0x1p-24;
  const double flushed = 2 * (double)(nearest->inputs + 4) * (double)FLT_MIN; /* numbers that became 0 */
  float *scores = nearest->scores[thread];
  dense_forward(&precisions[PRECISION_FP32], &nearest->layout, nearest->identity, rows, x, nearest->panels,
                nearest->offsets, scores);
  for (int64_t r = 0; r < rows; r++) {
    const float *row = scores + r * outputs;
    score_t *score = scores_out != NULL ? &scores_out[r] : NULL;
    const two_best_t two = two_best(outputs, row, score != NULL ? score->others : NULL);
    const double bound = unit * ((double)norms[r] * nearest->norm + nearest->offset) + flushed;
    out[r] = two.place;
    if (score != NULL) score->best = (double)two.best;
    if (score != NULL) score->error = bound;
    const bool is_sound = bound < NEAREST_MOST_ERROR;
    if (is_sound && (double)two.best - (double)two.second > bound) continue;
    const double least = is_sound ? (double)two.best - bound : -INFINITY;
    out[r] = nearest_of_best(nearest, row, least, x + r * nearest->inputs);
    if (score == NULL) continue;
    score->others[two.place % SCORE_LANES] = two.best;
    if (!is_sound) forget(score);
  }
}
