/* Gaussian mixtures and the figures of clusters on several ranks against the same from the definition: leaves
 * of shards, added by the tree. */
#include "cluster/em.h"
#include "cluster/maximize.h"
#include "math/tree.h"
#include "quality/quality.h"
#include "quality/separation.h"
#include "quality/silhouette.h"

#include "mpi/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { D = 3, K = 4, SHARDS = 7, ROWS = 1500, BLOCK = 128, ITERATIONS = 2, CLASSES = 3 };

static const float start_centres[K * D] = {0, 0, 0, 4, 1, 0, 1, 6, 2, 9, 9, 9};

/* Groups of rows around three points. */
static float value(int64_t r, int64_t c) {
  const int64_t group = r % 3;
  return (float)((r * 7919 + c * 104729) % 10007) / 4003.0F + (float)(group * (c + 2));
}

static float label(int64_t r) {
  return (float)(r % CLASSES) * 10 - 5;
}

/* This rank's rows. */
typedef struct {
  split_t split;
  features_t features;
  gather_t gather;
} rows_t;

static void make_rows(world_t *world, rows_t *rows) {
  static const float one = 1;
  ls_error error = {0};
  const int rank = world_rank(world), ranks = world_size(world);
  *rows = (rows_t){.split = {.partition = {ROWS, SHARDS},
                             .first_shard = rank_first_shard(SHARDS, ranks, rank),
                             .shards = rank_shards(SHARDS, ranks, rank),
                             .features = D,
                             .type = ELEMENT_F32,
                             .width = 1,
                             .y_type = ELEMENT_F32,
                             .factors = &one},
                   .features = {.columns = D, .encoded = D, .inputs = D}};
  split_t *split = &rows->split;
  const int64_t first = shard_first(split->partition, split->first_shard);
  split->rows = shard_first(split->partition, split->first_shard + split->shards) - first;
  float *x = malloc((size_t)split->rows * D * sizeof *x + 1);
  split->targets = malloc((size_t)split->rows * sizeof *x + 1);
  for (int64_t r = 0; r < split->rows; r++) {
    for (int c = 0; c < D; c++) x[r * D + c] = value(first + r, c);
    split->targets[r] = label(first + r);
  }
  split->x = x;
  split->y = split->targets;
  CHECK_OK(gather_create(split, &rows->features, &rows->gather, &error));
}

static void free_rows(rows_t *rows) {
  gather_free(&rows->gather);
  free(rows->split.x);
  free(rows->split.targets);
}

/* ---- mixtures ---- */

typedef struct {
  float mean[K * D], factor[K * D * D], offset[K];
} parameters_t;

static gaussians_floats_t floats_of(parameters_t *parameters) {
  return (gaussians_floats_t){parameters->mean, parameters->factor, parameters->offset};
}

/* One pass, plainly. Returns the sum of the log-densities. */
static double define_pass(const gaussians_t *before, covariance_form_t form, bool is_hard, arena_t *arena,
                          parameters_t *parameters) {
  const partition_t partition = {ROWS, SHARDS};
  const size_t elements = moments_elements(form, K, D);
  double *leaves = arena_new(arena, SHARDS * elements, sizeof *leaves);
  double *scatter = arena_new(arena, SHARDS * scatter_elements(D), sizeof *scatter);
  double *sums = arena_new(arena, SHARDS * D, sizeof *sums), centre[D];
  moments_worker_t worker;
  ls_error error = {0};
  float x[BLOCK * D];
  const moments_pass_t pass = {before, form, is_hard, BLOCK};
  gaussians_floats_t floats = floats_of(parameters);
  CHECK_OK(moments_worker_create(before, BLOCK, arena, &worker, &error));
  for (int s = 0; s < SHARDS; s++)
    for (int64_t r = shard_first(partition, s); r < shard_first(partition, s + 1); r++)
      for (int c = 0; c < D; c++) sums[s * D + c] += (double)value(r, c);
  tree_sum_vectors(sums, SHARDS, D);
  for (int c = 0; c < D; c++) centre[c] = sums[c] / ROWS;
  for (int s = 0; s < SHARDS; s++)
    for (int64_t at = shard_first(partition, s), end = shard_first(partition, s + 1); at < end; at += BLOCK) {
      const int64_t n = end - at < BLOCK ? end - at : BLOCK;
      for (int64_t i = 0; i < n * D; i++) x[i] = value(at + i / D, i % D);
      moments_add(&pass, &worker, n, x, NULL, leaves + (size_t)s * elements);
      if (form == COVARIANCE_TIED)
        scatter_add(D, &worker, n, x, NULL, centre, scatter + (size_t)s * scatter_elements(D));
    }
  tree_sum_vectors(leaves, SHARDS, elements);
  tree_sum_vectors(scatter, SHARDS, scatter_elements(D));
  const component_sums_t moments = moments_of(form, K, D, leaves);
  const scatter_t all = {centre, scatter};
  const maximize_t inputs = {.covariance = form,
                             .k = K,
                             .d = D,
                             .regularization = 1e-3,
                             .mean = before->mean,
                             .moments = &moments,
                             .scatter = &all};
  CHECK_OK(gaussians_maximize(&inputs, &floats, &error));
  return *moments.log_density;
}

/* log_density (ITERATIONS) */
static void define(covariance_form_t form, parameters_t *parameters, double *log_density) {
  arena_t arena = {0};
  ls_error error = {0};
  gaussians_t round, present;
  CHECK_OK(gaussians_create(COVARIANCE_DIAGONAL, K, D, &arena, &round, &error));
  CHECK_OK(gaussians_create(form, K, D, &arena, &present, &error));
  gaussians_take_centres(&round, start_centres);
  define_pass(&round, form, true, &arena, parameters);
  for (int i = 0; i < ITERATIONS; i++) {
    const gaussians_floats_t floats = floats_of(parameters);
    gaussians_read(&present, &floats);
    log_density[i] = define_pass(&present, form, false, &arena, parameters);
  }
  arena_free(&arena);
}

static void check_mixture(world_t *world, const rows_t *rows, covariance_form_t form, int threads) {
  parameters_t expected = {.offset = {0}}, found = {.offset = {0}};
  double logs[ITERATIONS], log_density = 0;
  ls_error error = {0};
  em_t *em = NULL;
  gaussians_floats_t floats = floats_of(&found);
  const em_inputs_t inputs = {.world = world,
                              .gather = &rows->gather,
                              .threads = threads,
                              .covariance = form,
                              .components = K,
                              .regularization = 1e-3};
  define(form, &expected, logs);
  CHECK_OK(em_create(&inputs, &em, &error));
  CHECK_OK(em_start(em, start_centres, &floats, &error));
  for (int i = 0; i < ITERATIONS; i++) {
    CHECK_OK(em_look(em, &floats, &log_density, &error));
    CHECK_OK(em_improve(em, &floats, &error));
    CHECK(log_density == logs[i], "form %d, iteration %d: %.17g, not %.17g", (int)form, i, log_density,
          logs[i]);
  }
  CHECK(memcmp(&found, &expected, sizeof found) == 0, "form %d with %d threads", (int)form, threads);
  em_destroy(&em);
}

/* Without regularisation, the component of the rows at one point has no variance. */
static void check_singular(world_t *world, rows_t *rows) {
  ls_error error = {0};
  em_t *em = NULL;
  parameters_t found = {.offset = {1}};
  gaussians_floats_t floats = floats_of(&found);
  const em_inputs_t inputs = {
      .world = world, .gather = &rows->gather, .threads = 1, .covariance = COVARIANCE_FULL, .components = K};
  float *x = rows->split.x;
  for (int64_t r = 0; r < rows->split.rows; r++) x[r * D] = 0.25F;
  CHECK_OK(em_create(&inputs, &em, &error));
  CHECK(em_start(em, start_centres, &floats, &error) == LS_BAD_DATA, "%s", error.message);
  CHECK(strstr(error.message, "covariance of component") != NULL, "%s", error.message);
  CHECK(found.offset[0] >= 1, "untouched");
  em_destroy(&em);
}

/* ---- figures ---- */

/* A dense layer whose largest output belongs to the nearest centre: c x - |c|²/2. */
static float *make_network(graph_t **graph) {
  const layer_settings_t layer = {
      .kind = LAYER_DENSE, .units = K, .activation = "identity", .init = "auto", .bias = true};
  float bias[K] = {0};
  ls_error error = {0};
  CHECK_OK(graph_create(&layer, 1, D, graph, &error));
  const size_t bytes = graph_floats(*graph) * sizeof(float);
  float *parameters = aligned_alloc(ARENA_ALIGNMENT, bytes);
  memset(parameters, 0, bytes);
  for (int i = 0; i < K * D; i++) bias[i / D] -= start_centres[i] * start_centres[i] / 2;
  graph_pack(*graph, 0, start_centres, parameters);
  graph_pack(*graph, 1, bias, parameters);
  return parameters;
}

static int nearest(const float *x) {
  double best = INFINITY;
  int found = 0;
  for (int k = 0; k < K; k++) {
    double square = 0;
    for (int c = 0; c < D; c++) square += pow((double)x[c] - (double)start_centres[k * D + c], 2);
    if (square < best) found = k;
    if (square < best) best = square;
  }
  return found;
}

/* All rows, plainly: no sample, since there are fewer. */
static void define_figures(double *silhouette, double *davies_bouldin, agreement_t *agreement) {
  enum { STRIDE = (ROWS + 63) / 64 * 64 };
  static float columns[D * STRIDE];
  static int32_t cluster[ROWS];
  static double found[ROWS], distances[STRIDE];
  double sizes[K] = {0};
  int64_t table[CLASSES * K] = {0};
  double means[K * D] = {0}, counts[K] = {0}, widths[K] = {0}, sums[K];
  ls_error error = {0};
  for (int64_t r = 0; r < ROWS; r++) {
    const float x[D] = {value(r, 0), value(r, 1), value(r, 2)};
    cluster[r] = nearest(x);
    sizes[cluster[r]]++;
    table[r % CLASSES * K + cluster[r]]++;
    for (int c = 0; c < D; c++) columns[c * STRIDE + r] = x[c];
  }
  for (int64_t r = 0; r < ROWS; r++)
    for (int c = 0; c < D; c++) means[cluster[r] * D + c] += (double)value(r, c) / sizes[cluster[r]];
  for (int64_t r = 0; r < ROWS; r++) {
    double square = 0;
    for (int c = 0; c < D; c++) square += pow((double)value(r, c) - means[cluster[r] * D + c], 2);
    widths[cluster[r]] += sqrt(square) / sizes[cluster[r]];
  }
  for (int k = 0; k < K; k++) counts[k] = sizes[k];
  const silhouette_t all = {.rows = ROWS,
                            .columns = D,
                            .clusters = K,
                            .stride = STRIDE,
                            .x = columns,
                            .cluster = cluster,
                            .sizes = sizes};
  silhouette_find(&all, 0, ROWS, distances, sums, found);
  *silhouette = 0;
  for (int r = 0; r < ROWS; r++) *silhouette += found[r] / ROWS;
  *davies_bouldin = separation_find(K, D, counts, means, widths);
  CHECK_OK(agreement_find(CLASSES, K, table, NULL, agreement, &error));
}

static void check_figures(world_t *world, const rows_t *rows, int threads, quality_t *first) {
  graph_t *graph = NULL;
  float *parameters = make_network(&graph);
  double silhouette, davies_bouldin;
  agreement_t agreement;
  quality_t found = {.rows = 0};
  ls_error error = {0};
  const quality_inputs_t inputs = {.world = world,
                                   .graph = graph,
                                   .parameters = parameters,
                                   .gather = &rows->gather,
                                   .threads = threads,
                                   .has_labels = true,
                                   .covariance = "full",
                                   .mean_log_density = -2};
  define_figures(&silhouette, &davies_bouldin, &agreement);
  CHECK_OK(quality_find(&inputs, &found, &error));
  CHECK(found.rows == ROWS && found.sample == ROWS && found.clusters == K, "%ld", (long)found.sample);
  CHECK(fabs(found.silhouette - silhouette) < 1e-12, "%.17g, not %.17g", found.silhouette, silhouette);
  CHECK(fabs(found.davies_bouldin - davies_bouldin) < 1e-12, "%.17g", found.davies_bouldin);
  CHECK(found.classes == CLASSES, "%ld classes", (long)found.classes);
  CHECK(memcmp(&found.agreement, &agreement, sizeof agreement) == 0, "%.17g", found.agreement.purity);
  CHECK(found.criteria.parameters == 3 + 12 + 24, "%ld", (long)found.criteria.parameters);
  if (first->rows > 0) CHECK(memcmp(first, &found, sizeof found) == 0, "other threads, other bits");
  *first = found;
  free(parameters);
  graph_destroy(&graph);
}

int main(int argc, char **argv) {
  world_t *world = NULL;
  ls_error error = {0};
  rows_t rows;
  quality_t quality = {.rows = 0};
  CHECK_OK(world_create(&argc, &argv, &world, &error));
  if (world == NULL) return 1;
  make_rows(world, &rows);
  for (int threads = 1; threads <= 3; threads += 2) {
    for (covariance_form_t form = COVARIANCE_FULL; form <= COVARIANCE_SPHERICAL; form++)
      check_mixture(world, &rows, form, threads);
    check_figures(world, &rows, threads, &quality);
  }
  check_singular(world, &rows);
  free_rows(&rows);
  world_destroy(&world);
  return failures;
}
