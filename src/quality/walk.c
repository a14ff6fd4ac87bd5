/* Two passes over the rows. The first one finds the cluster of each row, and adds up what the last layer
 * sees, for the mean of each cluster; it also copies the rows of the sample. The second one adds up the
 * distances to these means. */
#include "quality/quality_impl.h"

#include "base/random.h"
#include "layout/shard.h"
#include "score/threads.h"
#include "sums/sums.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What a thread computes a block with. */
typedef struct {
  graph_worker_t *worker;
  tape_t *tape;
  ls_status status; /* of its set-up */
  ls_error error;
} walker_t;

typedef struct {
  const quality_inputs_t *inputs;
  walked_t *walked;
  size_t node; /* what the last layer sees */
  walker_t *threads;
} pass_context_t;

/* ---- set-up ---- */

static void create_thread(void *context, int number) {
  const pass_context_t *pass = context;
  walker_t *thread = &pass->threads[number];
  const graph_t *graph = pass->inputs->graph;
  thread->status = tape_create(graph, SUMS_BLOCK, 0, &thread->tape, &thread->error);
  if (thread->status == LS_OK)
    thread->status = graph_worker_create(graph, SUMS_BLOCK, 1, false, &thread->worker, &thread->error);
}

static ls_status create_threads(pass_context_t *pass, ls_error *error) {
  threads_run(pass->inputs->threads, create_thread, pass);
  for (int t = 0; t < pass->inputs->threads; t++) {
    if (pass->threads[t].status == LS_OK) continue;
    if (error != NULL) *error = pass->threads[t].error;
    return pass->threads[t].status;
  }
  return LS_OK;
}

static void destroy_threads(pass_context_t *pass) {
  for (int t = 0; t < pass->inputs->threads && pass->threads != NULL; t++) {
    graph_worker_destroy(&pass->threads[t].worker);
    tape_destroy(&pass->threads[t].tape);
  }
}

/* Rows of the sample: all, or QUALITY_SAMPLE of them by chance. This rank's are in a row. */
static ls_status choose_sample(const quality_inputs_t *inputs, walked_t *walked, ls_error *error) {
  const split_t *split = inputs->gather->split;
  const int64_t rows = split->partition.rows, most = QUALITY_SAMPLE;
  const random_stream_t stream = {.seed = inputs->seed, .purpose = RANDOM_SILHOUETTE};
  bool *chosen = malloc((size_t)rows + 1);
  walked->n_sample = rows < most ? rows : most;
  walked->numbers = arena_new(&walked->arena, (size_t)walked->n_sample, sizeof *walked->numbers);
  if (chosen == NULL || walked->numbers == NULL) {
    free(chosen);
    return error_set(error, LS_NO_MEMORY, "no memory for a sample of the rows");
  }
  random_subset(&stream, rows, walked->n_sample, chosen);
  const int64_t begin = shard_first(split->partition, split->first_shard), end = begin + split->rows;
  for (int64_t r = 0, n = 0; r < rows; r++) {
    if (!chosen[r]) continue;
    walked->first += r < begin;
    walked->own += r >= begin && r < end;
    walked->numbers[n++] = r;
  }
  free(chosen);
  return LS_OK;
}

static ls_status make_memory(const quality_inputs_t *inputs, pass_context_t *pass, walked_t *walked,
                             ls_error *error) {
  arena_t *arena = &walked->arena;
  const size_t rows = (size_t)inputs->gather->split->rows, k = (size_t)walked->clusters;
  TRY(choose_sample(inputs, walked, error));
  const size_t own = (size_t)walked->own, columns = (size_t)walked->columns;
  walked->cluster = arena_new(arena, rows, sizeof *walked->cluster);
  walked->labels = inputs->has_labels ? arena_new(arena, rows, sizeof *walked->labels) : NULL;
  walked->counts = arena_new(arena, k * (1 + columns) + 1, sizeof(double));
  walked->widths = arena_new(arena, k, sizeof(double));
  walked->sample = arena_new(arena, own * columns, sizeof *walked->sample);
  walked->sample_cluster = arena_new(arena, own, sizeof *walked->sample_cluster);
  if (inputs->gather->split->weights != NULL) {
    walked->weights = arena_new(arena, rows, sizeof *walked->weights);
    walked->sample_weight = arena_new(arena, own, sizeof *walked->sample_weight);
    if (walked->weights == NULL || walked->sample_weight == NULL)
      return error_set(error, LS_NO_MEMORY, "no memory for the weights of %zu rows", rows);
  }
  pass->threads = arena_new(arena, (size_t)inputs->threads, sizeof *pass->threads);
  if (walked->cluster == NULL || (walked->labels == NULL && inputs->has_labels) || walked->counts == NULL ||
      walked->widths == NULL || walked->sample == NULL || walked->sample_cluster == NULL ||
      pass->threads == NULL)
    return error_set(error, LS_NO_MEMORY, "no memory for the clusters of %zu rows", rows);
  walked->means = walked->counts + k;
  return create_threads(pass, error);
}

/* ---- the passes ---- */

/* Runs the network for a block. Returns what the last layer sees (rows, columns); *z are the outputs. */
static const float *run_network(const pass_context_t *pass, const sums_block_t *block, const float **z) {
  const graph_t *graph = pass->inputs->graph;
  walker_t *thread = &pass->threads[block->thread];
  const pass_t forward = {.seed = 0};
  memcpy(tape_input(thread->tape, 0), block->x,
         (size_t)(block->rows * graph_inputs(graph)) * sizeof *block->x);
  graph_worker_rows(thread->worker, block->rows);
  graph_forward(thread->worker, pass->inputs->parameters, thread->tape, 0, 1, &forward);
  *z = tape_output(thread->tape, 0);
  return tape_values(thread->tape, pass->node, 0);
}

static int32_t largest(int64_t n, const float *z) {
  int32_t best = 0;
  for (int32_t k = 1; k < n; k++)
    if (z[k] > z[best]) best = k;
  return best;
}

/* Copies those rows of a block that are of the sample. */
static void copy_sample(walked_t *walked, const sums_block_t *block, const float *x) {
  const int64_t columns = walked->columns, end = walked->first + walked->own;
  int64_t low = walked->first, high = end;
  while (low < high) { /* the first of them that is not before the block */
    const int64_t middle = (low + high) / 2;
    if (walked->numbers[middle] < block->number)
      low = middle + 1;
    else
      high = middle;
  }
  for (; low < end && walked->numbers[low] < block->number + block->rows; low++) {
    const int64_t r = walked->numbers[low] - block->number, to = low - walked->first;
    memcpy(walked->sample + to * columns, x + r * columns, (size_t)columns * sizeof *x);
    walked->sample_cluster[to] = walked->cluster[block->row + r];
    if (walked->weights != NULL) walked->sample_weight[to] = walked->weights[block->row + r];
  }
}

/* Of row r of a block: its weight in the file, scaled. */
static double weight_of(const pass_context_t *pass, const sums_block_t *block, int64_t r) {
  const walked_t *walked = pass->walked;
  if (walked->weights == NULL) return 1;
  return (double)row_weight(pass->inputs->gather->split, block->resident + r) * walked->rows.scale;
}

/* leaf: counts (clusters), sums (clusters, columns), pairs of rows with themselves (1) */
static void add_rows(void *context, const sums_block_t *block, double *leaf) {
  const pass_context_t *pass = context;
  walked_t *walked = pass->walked;
  const int64_t columns = walked->columns, clusters = walked->clusters;
  const float *z, *x = run_network(pass, block, &z);
  for (int64_t r = 0; r < block->rows; r++) {
    const int32_t own = largest(clusters, z + r * clusters);
    double *sums = leaf + clusters + own * columns;
    walked->cluster[block->row + r] = own;
    if (walked->labels != NULL) walked->labels[block->row + r] = block->targets[r];
    const double weight = weight_of(pass, block, r);
    if (walked->weights != NULL) walked->weights[block->row + r] = weight;
    leaf[own] += weight;
    leaf[clusters * (1 + columns)] += walked->rows.are_whole ? weight : weight * weight;
    for (int64_t c = 0; c < columns; c++) sums[c] += weight * (double)x[r * columns + c];
  }
  copy_sample(walked, block, x);
}

/* leaf: distances (clusters) */
static void add_distances(void *context, const sums_block_t *block, double *leaf) {
  const pass_context_t *pass = context;
  const walked_t *walked = pass->walked;
  const int64_t columns = walked->columns;
  const float *z, *x = run_network(pass, block, &z);
  for (int64_t r = 0; r < block->rows; r++) {
    const int32_t own = walked->cluster[block->row + r];
    const double *mean = walked->means + own * columns;
    double square = 0;
    for (int64_t c = 0; c < columns; c++) {
      const double difference = (double)x[r * columns + c] - mean[c];
      square += difference * difference;
    }
    leaf[own] += walked->weights == NULL ? sqrt(square) : walked->weights[block->row + r] * sqrt(square);
  }
}

static ls_status run_pass(pass_context_t *pass, size_t elements, sums_add_t *add, double *total,
                          ls_error *error) {
  const quality_inputs_t *inputs = pass->inputs;
  const sums_inputs_t request = {.world = inputs->world,
                                 .gather = inputs->gather,
                                 .threads = inputs->threads,
                                 .elements = elements,
                                 .wants_targets = inputs->has_labels,
                                 .everywhere = true};
  sums_t *sums = NULL;
  TRY(sums_create(&request, &sums, error));
  ls_status status = sums_run(sums, add, pass, total, error);
  sums_destroy(&sums);
  return status;
}

double quality_bytes(const quality_size_t *size) {
  const double rows = size->all_rows < QUALITY_SAMPLE ? (double)size->all_rows : QUALITY_SAMPLE;
  const double k = (double)size->clusters, columns = (double)size->columns;
  return (double)size->rows * sizeof(int32_t) + (double)size->all_rows + k * (2 + columns) * sizeof(double) +
         rows * (2 * columns + k) * sizeof(float) +
         sums_bytes((size_t)(k * (1 + columns)), false, size->threads, size->shards, size->columns);
}

static void divide(walked_t *walked, double *values, int64_t columns) {
  for (int64_t k = 0; k < walked->clusters; k++)
    for (int64_t c = 0; c < columns && walked->counts[k] > 0; c++)
      values[k * columns + c] /= walked->counts[k];
}

ls_status walk_rows(const quality_inputs_t *inputs, walked_t *walked, ls_error *error) {
  pass_context_t pass = {.inputs = inputs, .walked = walked, .node = graph_nodes(inputs->graph) - 2};
  walked->clusters = graph_outputs(inputs->graph);
  walked->columns = graph_node_width(inputs->graph, pass.node);
  const size_t k = (size_t)walked->clusters, columns = (size_t)walked->columns;
  TRY(row_weights_count(inputs->world, inputs->gather->split, &walked->rows, error));
  ls_status status = world_agree(inputs->world, make_memory(inputs, &pass, walked, error), error);
  if (status == LS_OK) status = run_pass(&pass, k * (1 + columns) + 1, add_rows, walked->counts, error);
  if (status == LS_OK) walked->self = walked->counts[k * (1 + columns)];
  if (status == LS_OK) divide(walked, walked->means, walked->columns);
  if (status == LS_OK) status = run_pass(&pass, k, add_distances, walked->widths, error);
  if (status == LS_OK) divide(walked, walked->widths, 1);
  destroy_threads(&pass);
  return status;
}
