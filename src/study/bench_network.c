/* Measures the user's neural network: the passes of each layer alone, and whole steps by phase. */
#include "base/arena.h"
#include "base/clock.h"
#include "base/float_mode.h"
#include "base/progress.h"
#include "math/dense.h"
#include "math/tree.h"
#include "study/bench_impl.h"

#include <math.h>
#include <omp.h>
#include <string.h>

/* ---- layers ---- */

/* One thread's copy of a layer, and of the rows of a kernel call and of a weight gradient. */
typedef struct {
  const precision_t *precision;
  dense_layout_t layout;
  int64_t rows, slice_rows;
  float *x, *y, *w, *transposed, *columns, *panels, *words, *tile;
} layer_t;

static bool layer_create(const precision_t *precision, const parameter_t *weight, const slice_shape_t *shape,
                         arena_t *arena, layer_t *out) {
  layer_t layer = {.precision = precision,
                   .layout = dense_layout(weight->shape[1], weight->shape[0]),
                   .rows = shape->call_rows,
                   .slice_rows = shape->padded};
  const int64_t slice_words = precision_words(precision, layer.slice_rows);
  const struct {
    float **array;
    int64_t floats;
  } arrays[] = {
      {&layer.x, layer.rows * layer.layout.in},
      {&layer.y, layer.rows * layer.layout.out},
      {&layer.w, layer.layout.elements},
      {&layer.transposed, dense_transposed_floats(precision, &layer.layout)},
      {&layer.columns, slice_words * layer.layout.in},
      {&layer.panels, slice_words * layer.layout.padded_out},
      {&layer.words, layer.rows * (layer.layout.padded_in + layer.layout.padded_out + PRECISION_MOST_DEPTH)},
      {&layer.tile, DENSE_TILE_FLOATS}};
  for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) {
    float *array = arena_new(arena, (size_t)arrays[i].floats, sizeof(float));
    if (array == NULL) return false;
    *arrays[i].array = array;
  }
  *out = layer;
  return true;
}

/* All operands are zero; the kernels here run equally fast for any values. */
typedef void (*pass_run_t)(const layer_t *layer);

static void run_forward(const layer_t *layer) {
  const float *x = dense_factors(layer->precision, layer->rows, layer->layout.in, layer->x, layer->words);
  dense_forward(layer->precision, &layer->layout, activation_find("relu"), layer->rows, x, layer->w, NULL,
                layer->y);
}

static void run_backward_data(const layer_t *layer) {
  const float *dy = dense_factors(layer->precision, layer->rows, layer->layout.out, layer->y, layer->words);
  dense_backward_data(layer->precision, &layer->layout, layer->rows, dy, layer->transposed, layer->x);
}

static void run_backward_weights(const layer_t *layer) {
  for (int64_t i = 0; i < dense_tiles(&layer->layout); i++) {
    dense_tile_t tile = dense_tile(&layer->layout, i);
    dense_sum_t sum = {layer->tile, tile.elements};
    dense_backward_weights(layer->precision, &tile, layer->slice_rows,
                           (dense_slice_t){layer->columns, layer->panels}, NULL, &sum, 1);
  }
}

/* FLOP/s of this thread while the others do the same. */
static double measure_pass(const team_t *team, const layer_t *layer, int64_t rows, pass_run_t run) {
  double rates[REPEATS];
  double flops = 2.0 * (double)rows * (double)layer->layout.in * (double)layer->layout.out;
  for (int i = 0; i < REPEATS; i++) {
    int64_t calls = 0;
    bench_meet(team, team->barrier);
    double began = clock_seconds(), seconds = 0;
    for (; seconds < team->seconds / (3 * REPEATS); seconds = clock_seconds() - began, calls++) run(layer);
    rates[i] = flops * (double)calls / seconds;
  }
  return median(rates, REPEATS);
}

static ls_status measure_layer(const team_t *team, const precision_t *precision, const parameter_t *weight,
                               const slice_shape_t *shape, bool hands_on, bench_layer_t *out,
                               ls_error *error) {
  double rates[3] = {0};
  bool short_of_memory = false;
  progress_beat();
#pragma omp parallel num_threads(team->threads) reduction(+ : rates[:3]) reduction(|| : short_of_memory)
  {
    arena_t arena = {0};
    layer_t layer = {0};
    omp_set_num_threads(1);
    float_mode_begin();
    short_of_memory = !layer_create(precision, weight, shape, &arena, &layer);
    if (!short_of_memory) {
      rates[0] += measure_pass(team, &layer, layer.rows, run_forward);
      if (hands_on) rates[1] += measure_pass(team, &layer, layer.rows, run_backward_data);
      rates[2] += measure_pass(team, &layer, layer.slice_rows, run_backward_weights);
    }
    arena_free(&arena);
  }
  ls_status status = short_of_memory ? error_set(error, LS_NO_MEMORY, "no memory to measure a layer") : LS_OK;
  TRY(world_agree(team->world, status, error));
  double *figures[] = {&out->forward, &out->backward_data, &out->backward_weights};
  for (int i = 0; i < 3; i++) TRY(mean_over_ranks(team->world, rates[i], team->threads, figures[i], error));
  out->in = weight->shape[1];
  out->out = weight->shape[0];
  memcpy(out->name, weight->name, sizeof out->name);
  char *slash = strrchr(out->name, '/');
  if (slash != NULL) *slash = '\0';
  return LS_OK;
}

ls_status bench_layers(const team_t *team, const training_t *training, bench_t *out, ls_error *error) {
  const graph_t *graph = training->graph;
  const precision_t *precision = NULL;
  TRY(precision_find(training->settings->train.precision, &precision, error));
  slice_shape_t shape = slice_shape(training->settings->train.global_batch_size, training->layout->shards);
  out->block_rows = shape.call_rows;
  out->slice_rows = shape.padded;
  out->precision = (int)(precision - precisions);
  bool hands_on = false; /* a delta, to what is trained before the layer */
  for (size_t i = 0; i < graph_parameter_count(graph) && out->n_layers < BENCH_LAYERS; i++) {
    const parameter_t *parameter = graph_parameter(graph, i);
    if (!parameter->is_weight || parameter->dims != 2) continue;
    if (!parameter->is_table)
      TRY(measure_layer(team, precision, parameter, &shape, hands_on, &out->layers[out->n_layers++], error));
    hands_on = true;
  }
  return LS_OK;
}

/* ---- steps ---- */

/* Position in a sequence of steps that continues from epoch to epoch. */
typedef struct {
  const training_t *training;
  int64_t per_epoch, done;
} epoch_walk_t;

static ls_status walk_on(epoch_walk_t *walk, int64_t steps, ls_error *error) {
  engine_t *engine = walk->training->engine;
  while (steps > 0) {
    int64_t at = walk->done % walk->per_epoch,
            n = walk->per_epoch - at < steps ? walk->per_epoch - at : steps;
    if (at == 0) engine_begin_epoch(engine, walk->done / walk->per_epoch);
    TRY(engine_run(engine, at, at + n, walk->done, false, error));
    walk->done += n;
    steps -= n;
  }
  return LS_OK;
}

/* Floats of the transposed weights that backward-data reads, for all layers but the first. Each update
 * rewrites them. */
static double copied_floats(const graph_t *graph, const precision_t *precision) {
  double floats = 0;
  bool first = true;
  for (size_t i = 0; i < graph_parameter_count(graph); i++) {
    const parameter_t *parameter = graph_parameter(graph, i);
    if (!parameter->is_weight || parameter->dims != 2) continue;
    dense_layout_t layout = dense_layout(parameter->shape[1], parameter->shape[0]);
    if (!first && !parameter->is_table) floats += (double)dense_transposed_floats(precision, &layout);
    first = false;
  }
  return floats;
}

/* Least bytes that the sums and the update of one step read and write: the optimiser's state, the parameters
 * and their transposed copies. With several nodes the partial sums of one node are added; on a single node
 * they stay in cache. */
static double update_bytes(const training_t *training, const precision_t *precision, double parameters) {
  const world_t *world = training->world;
  int states = optimizer_find(training->settings->optimizer.name)->states;
  double vectors = 2.0 * states + 2.0;
  if (world_nodes(world) > 1)
    for (int r = 0; r < world_size(world); r++) {
      tree_node_t pieces[TREE_MAX_PIECES];
      int shards = training->layout->shards, size = world_size(world);
      vectors += tree_cover(shards, rank_first_shard(shards, size, r), rank_shards(shards, size, r), pieces);
    }
  return (vectors * parameters + copied_floats(training->graph, precision)) * sizeof(float);
}

/* Steps that are measured together, and their result. */
typedef struct {
  int64_t steps;
  double seconds, rows;
} chunk_t;

static ls_status run_chunk(epoch_walk_t *walk, chunk_t *chunk, ls_error *error) {
  const training_t *training = walk->training;
  int64_t first = walk->done, batch = training->settings->train.global_batch_size;
  TRY(world_barrier(training->world, error));
  double began = clock_seconds();
  TRY(walk_on(walk, chunk->steps, error));
  chunk->seconds = clock_seconds() - began;
  chunk->rows = 0;
  for (int64_t t = first; t < walk->done; t++)
    chunk->rows += (double)step_rows(training->partition, batch, t % walk->per_epoch);
  return LS_OK;
}

/* Measures chunks of steps, and the peak before the first chunk and after each one. Clock rates drift and
 * other processes come and go, so each chunk is compared only with the peaks around it. */
static ls_status run_chunks(const team_t *team, epoch_walk_t *walk, int64_t steps, bench_t *out,
                            ls_error *error) {
  double seconds[REPEATS], shares[REPEATS], all = 0, rows = 0, before = 0, after = 0;
  double flops_per_row = graph_flops_per_row(walk->training->graph);
  const int instruction = bench_peak_precision(out);
  TRY(bench_peak(team, instruction, team->seconds / REPEATS, &before, error));
  for (int i = 0; i < REPEATS; i++, before = after) {
    chunk_t chunk = {.steps = steps};
    TRY(run_chunk(walk, &chunk, error));
    TRY(bench_peak(team, instruction, team->seconds / REPEATS, &after, error));
    shares[i] = chunk.rows * flops_per_row / chunk.seconds / ((before + after) / 2);
    seconds[i] = chunk.seconds;
    all += chunk.seconds;
    rows += chunk.rows;
  }
  out->run.steps = steps * REPEATS;
  out->run.step_seconds = median(seconds, REPEATS) / (double)steps;
  out->run.rows = rows / (double)out->run.steps / out->run.step_seconds;
  out->run.flops = out->run.rows * flops_per_row;
  out->run.share = median(shares, REPEATS);
  out->run.mean_seconds = all / (double)out->run.steps; /* on this rank */
  return LS_OK;
}

ls_status bench_steps(const team_t *team, const training_t *training, bench_t *out, ls_error *error) {
  world_t *world = training->world;
  epoch_walk_t walk = {training,
                       epoch_steps(training->partition, training->settings->train.global_batch_size),
                       1}; /* one step is already done: the first step of start_up */
  double before[PHASES], after[PHASES], began = clock_seconds();
  TRY(walk_on(&walk, 2, error));
  double step = (clock_seconds() - began) / 2;
  int64_t chunk = (int64_t)fmax(1, fmin(1e6, team->seconds / fmax(step, 1e-6)));
  TRY(world_broadcast(world, &chunk, sizeof chunk, 0, error));
  TRY(walk_on(&walk, (chunk + 3) / 4, error));

  engine_seconds(training->engine, before);
  TRY(run_chunks(team, &walk, chunk, out, error));
  engine_seconds(training->engine, after);
  for (int p = 0; p < PHASES; p++)
    TRY(mean_over_ranks(world, (after[p] - before[p]) / (double)out->run.steps, 1, &out->run.phases[p],
                        error));
  TRY(mean_over_ranks(world, out->run.mean_seconds, 1, &out->run.mean_seconds, error));
  out->parameters = graph_parameters(training->graph);
  out->run.update_bytes = update_bytes(training, &precisions[out->precision], (double)out->parameters);
  return LS_OK;
}
