/* Ops that draw random numbers in training: dropout, noise and sample. A number depends on the seed, the
 * step, the shard, the row within the shard's slice, the op and the column, never on who computes it. */
#include "model/op.h"

#include "math/functions.h"

#include <math.h>
#include <string.h>

enum { CHUNK = 256 }; /* a multiple of the eight words of a random block */

static size_t call_floats(const call_t *call) {
  return (size_t)call->rows * (size_t)call->node->width;
}

/* What an op draws. */
typedef enum { DRAW_MASK, DRAW_NORMAL } draw_t;

/* The random words for columns [first, first + n) of a row; first is a multiple of 8. Each row starts with a
 * new block, so rows can be computed in any order and grouping. */
static void row_words(const node_t *node, draw_t draw, const pass_t *pass, int64_t row, int64_t first,
                      size_t n, uint32_t *words) {
  random_stream_t stream = {.seed = pass->seed,
                            .purpose = RANDOM_LAYER,
                            .time = pass->step,
                            .shard = pass->shard + ((uint64_t)draw << 32)};
  uint64_t blocks_per_row = (uint64_t)(node->width + 7) / 8;
  uint64_t block = ((uint64_t)node->number << 40) + (uint64_t)row * blocks_per_row + (uint64_t)first / 8;
  random_u32(&stream, block, n, words);
}

/* ---- dropout: y = m x, with m = 0 with probability p, otherwise 1/(1 - p) (Srivastava et al. 2014; scaled
 * in training, so inference needs no scaling) ---- */

/* A value is dropped if its word is below this. */
static uint32_t threshold_of(const node_t *node) {
  return (uint32_t)(node->rate * 0x1p32);
}

/* y = x. */
static void pass_on(const call_t *call) {
  size_t n = call_floats(call);
  memcpy(call->y, call->x[0], n * sizeof(float));
  if (call->factors != NULL)
    for (size_t i = 0; i < n; i++) call->factors[i] = 1.0F;
}

static void dropout_row(const call_t *call, int64_t r) {
  const node_t *node = call->node;
  const uint32_t threshold = threshold_of(node);
  const float kept = (float)(1.0 / (1.0 - node->rate));
  uint32_t words[CHUNK];
  float factors[CHUNK];
  for (int64_t first = 0; first < node->width; first += CHUNK) {
    int64_t left = node->width - first;
    size_t n = (size_t)(left < CHUNK ? left : CHUNK);
    const float *x = call->x[0] + r * node->width + first;
    float *y = call->y + r * node->width + first;
    row_words(node, DRAW_MASK, call->pass, call->pass->row + r, first, n, words);
    for (size_t i = 0; i < n; i++) factors[i] = words[i] >= threshold ? kept : 0.0F;
    for (size_t i = 0; i < n; i++) y[i] = x[i] * factors[i];
    if (call->factors != NULL) memcpy(call->factors + r * node->width + first, factors, n * sizeof *factors);
  }
}

static void dropout_forward(const call_t *call) {
  if ((call->pass->training || call->pass->sampling) && call->node->rate > 0) {
    for (int64_t r = 0; r < call->rows; r++) dropout_row(call, r);
    return;
  }
  pass_on(call);
}

static void masked_backward(const call_t *call, int input, float *dx) {
  (void)input;
  size_t n = call_floats(call);
  for (size_t i = 0; i < n; i++) dx[i] = call->dy[i] * call->factors[i];
}

static void dropout_reference(const node_t *node, const double *plain, const pass_t *pass, int64_t row,
                              const double *const *x, double *y) {
  (void)plain;
  if (!pass->training && !pass->sampling) {
    memcpy(y, x[0], (size_t)node->width * sizeof(double));
    return;
  }
  uint32_t words[8];
  for (int64_t i = 0; i < node->width; i++) {
    if (i % 8 == 0) row_words(node, DRAW_MASK, pass, row, i, 8, words);
    y[i] = words[i % 8] >= threshold_of(node) ? x[0][i] / (1.0 - node->rate) : 0.0;
  }
}

const op_t op_dropout = {.name = "dropout",
                         .formula = "y = m x, m = 0 with probability rate, else 1/(1 - rate)",
                         .derivative = "dx = m dy",
                         .n_inputs = 1,
                         .keeps_factors = true,
                         .in_place = 0,
                         .forward = dropout_forward,
                         .backward = masked_backward,
                         .reference = dropout_reference};

/* ---- noise: y = m (x + deviation e), with e standard normal, and m = 0 with probability `mask`, otherwise
 * 1 (Vincent et al. 2010); y = x outside of training. Nothing makes up for what is masked: the next layers
 * are to see a row with gaps. ---- */

/* Standard normal numbers of a row (Box and Muller 1958), in float with functions that have the same bits
 * everywhere: words 2i and 2i + 1 are the radius and the angle of numbers 2i and 2i + 1. A radius has 24
 * bits, so no number is beyond 5.8. */
void op_normals(const node_t *node, const pass_t *pass, int64_t row, int64_t first, size_t n, float *out) {
  const float turn = 6.2831853F, unit = 0x1p-24F;
  uint32_t words[CHUNK] = {0};
  float radius[CHUNK / 2], angle[CHUNK], cosine[CHUNK];
  const size_t pairs = (n + 1) / 2;
  row_words(node, DRAW_NORMAL, pass, row, first, 2 * pairs, words);
  for (size_t i = 0; i < pairs; i++) {
    radius[i] = -unit * (float)(words[2 * i] >> 8);
    angle[2 * i] = turn * (unit * (float)(words[2 * i + 1] >> 8));
    angle[2 * i + 1] = angle[2 * i] - turn / 4;
  }
  floats_log1p(pairs, radius, radius);
  floats_cos(2 * pairs, angle, cosine);
  for (size_t i = 0; i < n; i++) out[i] = sqrtf(-2.0F * radius[i / 2]) * cosine[i];
}

static void noise_row(const call_t *call, int64_t r) {
  const node_t *node = call->node;
  const uint32_t threshold = threshold_of(node);
  const float deviation = (float)node->deviation;
  const int64_t row = call->pass->row + r;
  uint32_t words[CHUNK];
  float normal[CHUNK] = {0}, factors[CHUNK];
  for (int64_t first = 0; first < node->width; first += CHUNK) {
    int64_t left = node->width - first;
    size_t n = (size_t)(left < CHUNK ? left : CHUNK);
    const float *x = call->x[0] + r * node->width + first;
    float *y = call->y + r * node->width + first;
    if (deviation > 0) op_normals(node, call->pass, row, first, n, normal);
    if (threshold > 0) row_words(node, DRAW_MASK, call->pass, row, first, n, words);
    for (size_t i = 0; i < n; i++) factors[i] = threshold == 0 || words[i] >= threshold ? 1.0F : 0.0F;
    for (size_t i = 0; i < n; i++) y[i] = factors[i] * (x[i] + deviation * normal[i]);
    if (call->factors != NULL) memcpy(call->factors + r * node->width + first, factors, n * sizeof *factors);
  }
}

static void noise_forward(const call_t *call) {
  if (call->pass->training) {
    for (int64_t r = 0; r < call->rows; r++) noise_row(call, r);
    return;
  }
  pass_on(call);
}

static void noise_reference(const node_t *node, const double *plain, const pass_t *pass, int64_t row,
                            const double *const *x, double *y) {
  (void)plain;
  uint32_t words[8] = {0};
  float normal[8] = {0};
  for (int64_t i = 0; i < node->width; i++) {
    if (i % 8 == 0 && pass->training) row_words(node, DRAW_MASK, pass, row, i, 8, words);
    if (i % 8 == 0 && pass->training) op_normals(node, pass, row, i, 8, normal);
    bool is_masked = pass->training && words[i % 8] < threshold_of(node);
    y[i] = is_masked ? 0 : x[0][i] + node->deviation * (double)normal[i % 8];
  }
}

const op_t op_noise = {.name = "noise",
                       .formula = "y = m (x + deviation e), e normal, m = 0 with probability mask, else 1",
                       .derivative = "dx = m dy",
                       .n_inputs = 1,
                       .keeps_factors = true,
                       .in_place = 0,
                       .forward = noise_forward,
                       .backward = masked_backward,
                       .reference = noise_reference};

/* ---- sample (Kingma and Welling 2014): x holds means m, then logarithms s of variances; y = m + exp(s/2) e
 * in training and for samples, with e standard normal, and y = m in inference. The divergence of this normal
 * distribution from the standard one, (1/2) sum (m^2 + exp(s) - 1 - s), times beta is a penalty of the row:
 * appendix B there. ---- */

static bool draws(const node_t *node, const pass_t *pass) {
  return (pass->training || pass->sampling) && node->deviation > 0;
}

static void sample_row(const call_t *call, int64_t r) {
  const int64_t width = call->node->width;
  float normal[CHUNK], deviation[CHUNK];
  for (int64_t first = 0; first < width; first += CHUNK) {
    int64_t left = width - first;
    size_t n = (size_t)(left < CHUNK ? left : CHUNK);
    const float *m = call->x[0] + r * 2 * width + first, *s = m + width;
    float *y = call->y + r * width + first;
    op_normals(call->node, call->pass, call->pass->row + r, first, n, normal);
    for (size_t i = 0; i < n; i++) deviation[i] = 0.5F * s[i];
    floats_exp(n, deviation, deviation);
    for (size_t i = 0; i < n; i++) y[i] = m[i] + deviation[i] * normal[i];
  }
}

static void sample_forward(const call_t *call) {
  const int64_t width = call->node->width;
  const bool is_random = draws(call->node, call->pass);
  for (int64_t r = 0; r < call->rows; r++) {
    if (is_random)
      sample_row(call, r);
    else
      memcpy(call->y + r * width, call->x[0] + r * 2 * width, (size_t)width * sizeof *call->y);
  }
}

/* dm = dy + w beta m, ds = dy (y - m) / 2 + w beta (exp(s) - 1) / 2, where w is how much the row counts. */
static void sample_backward(const call_t *call, int input, float *dx) {
  const int64_t width = call->node->width;
  float variance[CHUNK];
  (void)input;
  for (int64_t r = 0; r < call->rows; r++) {
    const float beta = call->weights != NULL ? call->weights[r] * (float)call->node->beta : 0.0F;
    for (int64_t first = 0; first < width; first += CHUNK) {
      int64_t left = width - first;
      size_t n = (size_t)(left < CHUNK ? left : CHUNK);
      const float *m = call->x[0] + r * 2 * width + first, *s = m + width;
      const float *y = call->y + r * width + first, *dy = call->dy + r * width + first;
      float *dm = dx + r * 2 * width + first, *ds = dm + width;
      floats_exp(n, s, variance);
      for (size_t i = 0; i < n; i++) dm[i] = dy[i] + beta * m[i];
      for (size_t i = 0; i < n; i++) ds[i] = 0.5F * (dy[i] * (y[i] - m[i]) + beta * (variance[i] - 1.0F));
    }
  }
}

static void sample_penalty(const node_t *node, int64_t rows, const float *x, const float *y, double *out) {
  float variance[CHUNK];
  (void)y;
  for (int64_t r = 0; r < rows; r++) {
    double sum = 0;
    for (int64_t first = 0; first < node->width; first += CHUNK) {
      int64_t left = node->width - first;
      size_t n = (size_t)(left < CHUNK ? left : CHUNK);
      const float *m = x + r * 2 * node->width + first, *s = m + node->width;
      floats_exp(n, s, variance);
      for (size_t i = 0; i < n; i++)
        sum += (double)m[i] * (double)m[i] + ((double)variance[i] - 1) - (double)s[i];
    }
    out[r] += 0.5 * node->beta * sum;
  }
}

static double sample_penalty_reference(const node_t *node, const double *x, const double *y) {
  double sum = 0;
  (void)y;
  for (int64_t i = 0; i < node->width; i++)
    sum += x[i] * x[i] + exp(x[node->width + i]) - 1 - x[node->width + i];
  return node->beta * sum / 2;
}

static void sample_reference(const node_t *node, const double *plain, const pass_t *pass, int64_t row,
                             const double *const *x, double *y) {
  (void)plain;
  float normal[8] = {0};
  for (int64_t i = 0; i < node->width; i++) {
    if (i % 8 == 0 && draws(node, pass)) op_normals(node, pass, row, i, 8, normal);
    y[i] = x[0][i] + exp(x[0][node->width + i] / 2) * (double)normal[i % 8];
  }
}

const op_t op_sample = {.name = "sample",
                        .formula = "x = (m, s): y = m + exp(s/2) e, e normal",
                        .derivative = "dm = dy + beta m, ds = dy (y - m) / 2 + beta (exp(s) - 1) / 2",
                        .n_inputs = 1,
                        .in_place = -1,
                        .forward = sample_forward,
                        .backward = sample_backward,
                        .penalty = sample_penalty,
                        .penalty_reference = sample_penalty_reference,
                        .reference = sample_reference};
