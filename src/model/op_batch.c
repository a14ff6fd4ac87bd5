/* Ghost batch normalisation (Ioffe and Szegedy 2015; Hoffer, Hubara, Soudry 2017): y = scale h + shift with h
 * = (x - mean) / sqrt(variance + epsilon) for each value. The mean and variance are over the rows of one
 * kernel call, a block of a shard's slice. So no rank waits for another in the middle of a pass. The cut into
 * calls depends only on the batch and S, so the means are the same for any number of ranks and threads.
 * Padding rows do not count.
 *
 * Each call writes its sums to a record on the tape. Tiles of the gradient vector add the records up in the
 * order of the tree, like everything else. graph_step_statistics updates the running statistics from these
 * sums. Inference uses the running statistics. */
#include "model/graph_impl.h"

#include <math.h>
#include <string.h>

static float *record_row(const call_t *call, int which) {
  return call->record + RECORD_HEAD + which * call->node->width;
}

/* Computes the sum, the squares and 1/deviation of each column over the first n rows. */
static void find_moments(const call_t *call, int64_t n) {
  const int64_t width = call->node->width;
  const float epsilon = (float)call->node->epsilon, *x = call->x[0];
  float *restrict sum = record_row(call, RECORD_SUM), *restrict squares = record_row(call, RECORD_SQUARES);
  float *restrict inverse = record_row(call, RECORD_INVERSE);
  memset(call->record, 0, (size_t)RECORD_FLOATS(width) * sizeof(float));
  call->record[0] = (float)n;
  if (n == 0) return;
  for (int64_t r = 0; r < n; r++)
    for (int64_t j = 0; j < width; j++) sum[j] += x[r * width + j];
  for (int64_t r = 0; r < n; r++)
    for (int64_t j = 0; j < width; j++) {
      float d = x[r * width + j] - sum[j] / (float)n;
      squares[j] += d * d;
    }
  for (int64_t j = 0; j < width; j++) inverse[j] = 1.0F / sqrtf(squares[j] / (float)n + epsilon);
}

/* Normalises with the moments of this call. */
static void normalise_by_rows(const call_t *call, int64_t n) {
  const int64_t width = call->node->width;
  const float *scale = call->parameters + call->node->norm.scale,
              *shift = call->parameters + call->node->norm.shift;
  find_moments(call, n);
  const float *sum = record_row(call, RECORD_SUM), *inverse = record_row(call, RECORD_INVERSE);
  for (int64_t r = 0; r < n; r++) {
    const float *x = call->x[0] + r * width;
    float *h = call->factors + r * width, *y = call->y + r * width;
    for (int64_t j = 0; j < width; j++) {
      h[j] = (x[j] - sum[j] / (float)n) * inverse[j];
      y[j] = scale[j] * h[j] + shift[j];
    }
  }
  size_t rest = (size_t)((call->rows - n) * width);
  memset(call->factors + n * width, 0, rest * sizeof(float));
  memset(call->y + n * width, 0, rest * sizeof(float));
}

/* Normalises with the running statistics. The record, if there is one, says that no rows count. */
static void normalise_by_running(const call_t *call) {
  const node_t *node = call->node;
  const int64_t width = node->width;
  const float *scale = call->parameters + node->norm.scale, *shift = call->parameters + node->norm.shift;
  const float *mean = call->parameters + node->norm.mean, *variance = call->parameters + node->norm.variance;
  if (call->record != NULL) {
    memset(call->record, 0, (size_t)RECORD_FLOATS(width) * sizeof(float));
    float *inverse = record_row(call, RECORD_INVERSE);
    for (int64_t j = 0; j < width; j++) inverse[j] = 1.0F / sqrtf(variance[j] + (float)node->epsilon);
  }
  for (int64_t r = 0; r < call->rows; r++)
    for (int64_t j = 0; j < width; j++) {
      float h = (call->x[0][r * width + j] - mean[j]) / sqrtf(variance[j] + (float)node->epsilon);
      if (call->factors != NULL) call->factors[r * width + j] = h;
      call->y[r * width + j] = scale[j] * h + shift[j];
    }
}

static void batch_norm_forward(const call_t *call) {
  if (call->pass->training && call->record != NULL)
    normalise_by_rows(call, call->rows - call->pass->padding);
  else
    normalise_by_running(call);
}

/* dx = scale / sqrt(variance + epsilon) (dy - mean(dy) - h mean(dy h)), with means over the n rows that
 * count. If n is 0, the statistics were fixed and dx = scale / sqrt(variance + epsilon) dy. */
static void batch_norm_backward(const call_t *call, int input, float *dx) {
  (void)input;
  const int64_t width = call->node->width, n = (int64_t)call->record[0];
  const float *scale = call->parameters + call->node->norm.scale, *inverse = record_row(call, RECORD_INVERSE);
  const float *dy = call->dy, *h = call->factors, share = n > 0 ? 1.0F / (float)n : 0.0F;
  float *restrict sum = record_row(call, RECORD_DELTA), *restrict product = record_row(call, RECORD_PRODUCT);
  memset(sum, 0, 2 * (size_t)width * sizeof *sum); /* RECORD_DELTA and RECORD_PRODUCT are consecutive */
  for (int64_t r = 0; r < n; r++)
    for (int64_t j = 0; j < width; j++) {
      sum[j] += dy[r * width + j];
      product[j] += dy[r * width + j] * h[r * width + j];
    }
  const int64_t counted = n > 0 ? n : call->rows;
  for (int64_t r = 0; r < counted; r++)
    for (int64_t j = 0; j < width; j++) {
      int64_t i = r * width + j;
      dx[i] = scale[j] * inverse[j] * (dy[i] - share * sum[j] - share * h[i] * product[j]);
    }
  memset(dx + counted * width, 0, (size_t)((call->rows - counted) * width) * sizeof *dx);
}

static void batch_norm_reference(const node_t *node, const double *plain, const pass_t *pass, int64_t rows,
                                 const double *x, double *y) {
  const int64_t width = node->width, counted = rows - pass->padding;
  for (int64_t j = 0; j < width; j++) {
    double mean = 0, variance = 0;
    for (int64_t r = 0; r < counted; r++) mean += x[r * width + j] / (double)counted;
    for (int64_t r = 0; r < counted; r++) variance += pow(x[r * width + j] - mean, 2) / (double)counted;
    if (!pass->training) mean = plain[node->norm.plain_mean + (size_t)j];
    if (!pass->training) variance = plain[node->norm.plain_variance + (size_t)j];
    double scale = plain[node->norm.plain_scale + (size_t)j] / sqrt(variance + node->epsilon);
    for (int64_t r = 0; r < rows; r++)
      y[r * width + j] = scale * (x[r * width + j] - mean) + plain[node->norm.plain_shift + (size_t)j];
  }
}

const op_t op_batch_norm = {
    .name = "batch_norm",
    .formula = "y = scale (x - mean) / deviation + shift, over the rows of a call",
    .derivative = "with h = (x - mean) / deviation: dx = scale (dy - mean dy - h mean of dy h) / deviation, "
                  "dscale = sum of dy h, dshift = sum of dy",
    .n_inputs = 1,
    .has_scale = true,
    .keeps_record = true,
    .keeps_factors = true,
    .in_place = -1,
    .forward = batch_norm_forward,
    .backward = batch_norm_backward,
    .reference_rows = batch_norm_reference};

/* ---- running statistics ---- */

/* Updates the elements of an array in [first, first + n): r <- (1 - momentum) r + momentum sum / divisor. */
static void step_array(const graph_t *graph, const array_t *array, size_t first, size_t n, const float *sums,
                       double divisor, float *out) {
  const double momentum = graph->nodes[array->node].momentum;
  size_t begin = array->offset, end = array->offset + array->count;
  if (begin < first) begin = first;
  if (end > first + n) end = first + n;
  for (size_t i = begin; i < end; i++) {
    double now = (double)out[i - first], found = (double)sums[i - first] / divisor;
    out[i - first] = (float)((1 - momentum) * now + momentum * found);
  }
}

void graph_step_statistics(const graph_t *graph, size_t first, size_t n, const float *sums, double rows,
                           double freedom, float *out) {
  for (size_t i = graph->n_arrays; i-- > 0 && graph->arrays[i].about.is_statistic;) {
    const array_t *array = &graph->arrays[i];
    bool is_mean = array->offset == graph->nodes[array->node].norm.mean;
    if (is_mean || freedom > 0) step_array(graph, array, first, n, sums, is_mean ? rows : freedom, out);
  }
}
