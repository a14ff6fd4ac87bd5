#include "cluster/fit_memory.h"

#include "cluster/gaussians.h"
#include "cluster/kernel_density.h"
#include "cluster/moments.h"
#include "cluster/picks.h"
#include "cluster/seeding.h"
#include "math/panels.h"
#include "nearest/exact.h"
#include "nearest/nearest.h"
#include "nearest/sketch.h"
#include "sums/sums.h"

#include <math.h>
#include <string.h>

enum { CANDIDATES = 5 }; /* `k-means||` collects CANDIDATES rows for each centre (seeding.c) */

static fit_memory_t sum_of(fit_memory_t a, fit_memory_t b) {
  return (fit_memory_t){a.rows + b.rows, a.sums + b.sums, a.blocks + b.blocks};
}

static double pass_bytes(const fit_size_t *size, double elements) {
  return sums_bytes((size_t)elements, false, size->threads, size->shards, size->inputs);
}

/* ---- k-means ---- */

/* nearest_create */
static fit_memory_t nearest_memory(const fit_size_t *size, double centres) {
  const double outputs = ceil(centres / DENSE_PANEL) * DENSE_PANEL;
  return (fit_memory_t){.sums = 2 * outputs * (double)size->inputs * sizeof(float),
                        .blocks = size->threads * SUMS_BLOCK * outputs * sizeof(float)};
}

/* picks_create, with room for the k rows that it collects */
static double picks_bytes(const fit_size_t *size) {
  const double k = (double)size->settings->cluster.k, values = k * (double)size->inputs * sizeof(float);
  return size->threads * (values + 2 * k * (sizeof(pick_t) + sizeof(int64_t))) + 2 * values +
         (1 + 2.0 * size->ranks) * k * sizeof(pick_t);
}

/* seeding_create: the way to the first centres */
static fit_memory_t seeding_memory(const fit_size_t *size) {
  const cluster_settings_t *cluster = &size->settings->cluster;
  const bool has_candidates = strcmp(cluster->init, "k-means||") == 0;
  const bool has_trials = strcmp(cluster->init, "greedy") == 0;
  const bool has_distances = has_candidates || has_trials || strcmp(cluster->init, "k-means++") == 0;
  const double n = 1 + CANDIDATES * (double)cluster->k;
  fit_memory_t memory = {.rows = has_distances ? (double)size->rows * sizeof(double) : 0,
                         .sums = picks_bytes(size)};
  if (has_trials) {
    const double trials = (double)seeding_trials(cluster->k);
    memory.sums +=
        2 * (trials + DENSE_PANEL) * (double)size->inputs * sizeof(float) + pass_bytes(size, trials);
    memory.blocks += size->threads * SUMS_BLOCK * trials * sizeof(float);
  }
  if (!has_candidates) return memory;
  memory.rows += (double)size->rows * sizeof(float);
  memory.sums += n * (double)size->inputs * sizeof(float) + 2 * n * sizeof(double) + pass_bytes(size, n);
  return sum_of(memory, nearest_memory(size, n));
}

/* What k-means and mini-batches share: sums of clusters, distances, blocks. */
static fit_memory_t centres_memory(const fit_size_t *size) {
  const double k = (double)size->settings->cluster.k, inputs = (double)size->inputs;
  const fit_memory_t own = {.sums = (size->threads + 1) * k * (1 + inputs) * sizeof(int64_t),
                            .blocks = size->threads * SUMS_BLOCK * inputs * sizeof(float)};
  return sum_of(own, sum_of(nearest_memory(size, k), seeding_memory(size)));
}

/* sketch_create, and its part of a block */
static fit_memory_t sketch_memory(const fit_size_t *size) {
  const int64_t axes = size->is_streamed ? 0 : sketch_axes(size->settings->cluster.k, size->inputs);
  const double n = (double)axes, k = (double)size->settings->cluster.k, inputs = (double)size->inputs;
  if (axes == 0) return (fit_memory_t){0};
  return (fit_memory_t){.rows = (double)size->rows * (n + 1) * sizeof(float),
                        .sums = inputs * (n * (sizeof(double) + 2 * sizeof(float)) + k * sizeof(double)),
                        .blocks = size->threads * SUMS_BLOCK * (n + k) * sizeof(float)};
}

/* Clusters and bounds of rows (assign.c, bounds.c). */
static fit_memory_t kmeans_memory(const fit_size_t *size) {
  const double k = (double)size->settings->cluster.k, inputs = (double)size->inputs;
  const fit_memory_t own = {.rows = (double)size->rows * (sizeof(row_t) + NEAREST_GROUPS * sizeof(float)),
                            .sums = 2 * k * inputs * sizeof(float) + 2 * pass_bytes(size, 1)};
  return sum_of(sum_of(own, sketch_memory(size)), centres_memory(size));
}

/* The order of rows, and centres in double (minibatch.c, batches.c). */
static fit_memory_t minibatch_memory(const fit_size_t *size) {
  const double k = (double)size->settings->cluster.k, inputs = (double)size->inputs;
  const fit_memory_t own = {.rows = size->is_streamed ? 0 : (double)size->rows * sizeof(uint32_t),
                            .sums = 4 * k * inputs * sizeof(float) + pass_bytes(size, 1)};
  return sum_of(own, centres_memory(size));
}

/* ---- Gaussian mixtures ---- */

/* Present parameters, and those that follow from the moments on rank 0 (gaussians.c, maximize.c). */
static double gaussians_bytes(const fit_size_t *size, covariance_form_t form) {
  const double k = (double)size->settings->cluster.k, width = (double)gaussians_width(size->inputs);
  const double area = width * width;
  const double factor = form == COVARIANCE_FULL ? k * area : form == COVARIANCE_TIED ? area : k * width;
  const double present = factor + 6 * k * width;
  const double next = factor + 2 * k * width + (form <= COVARIANCE_TIED ? 3 * area : 0);
  return sizeof(double) * (present + (size->is_root ? next : 0));
}

/* EM, and k-means that each start begins with; em.c, moments.c */
static fit_memory_t mixture_memory(const fit_size_t *size) {
  const int64_t k = size->settings->cluster.k;
  const double width = (double)gaussians_width(size->inputs), rows = SUMS_BLOCK;
  covariance_form_t form = COVARIANCE_FULL;
  covariance_form_find(size->settings->cluster.covariance, &form, NULL);
  const double elements = (double)moments_elements(form, k, size->inputs);
  const double turned = 2 * rows * width, logs = rows * (double)k; /* the larger of both is the scratch */
  const double scratch = form <= COVARIANCE_TIED || turned > logs ? turned : logs;
  const double worker = rows * width * sizeof(float) + scratch * sizeof(double) +
                        rows * (double)k * (sizeof(double) + sizeof(share_t));
  const fit_memory_t own = {.sums = pass_bytes(size, elements) +
                                    (size->is_root ? elements * sizeof(double) : 0) +
                                    gaussians_bytes(size, form),
                            .blocks = size->threads * worker};
  return sum_of(own, kmeans_memory(size));
}

/* ---- kernels ---- */

/* All kernels on every rank; the larger of what collects them and what compares bandwidths (kernels.c,
 * cross.c). */
static fit_memory_t kernels_memory(const fit_size_t *size) {
  enum { PIECE = 256 };
  const double n = (double)size->settings->cluster.k, inputs = (double)size->inputs;
  const double all = (double)size->all_rows, own = n * (double)size->rows / all;
  const double h = (double)kernels_epochs(size->settings);
  const double kernel = inputs * sizeof(float) + sizeof(double) + sizeof(int64_t) +
                        (size->settings->density.folds > 0 ? sizeof(uint16_t) : 0);
  const double collecting = all + (double)size->rows * sizeof(int64_t) + own * (inputs + 1) * sizeof(float);
  const double testing = all * sizeof(int64_t);
  const double tester = (SUMS_BLOCK + PIECE) * inputs * sizeof(float) + SUMS_BLOCK * PIECE * sizeof(double) +
                        SUMS_BLOCK * h * 2 * sizeof(double);
  return (fit_memory_t){.rows = n * kernel + fmax(collecting, testing),
                        .sums = pass_bytes(size, 2 + inputs),
                        .blocks = size->threads * tester};
}

/* ---- all ---- */

fit_memory_t fit_memory(const fit_size_t *size) {
  static const struct {
    const char *method;
    fit_memory_t (*memory)(const fit_size_t *size);
  } table[] = {{"kmeans", kmeans_memory},
               {"minibatch", minibatch_memory},
               {"mixture", mixture_memory},
               {"kernels", kernels_memory}};
  for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
    if (strcmp(table[i].method, size->settings->cluster.method) == 0) return table[i].memory(size);
  return (fit_memory_t){0};
}
