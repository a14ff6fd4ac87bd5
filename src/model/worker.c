/* The work of one thread: its scratch memory, forward, backward, and the tiles of the gradient. */
#include "model/graph.h"

#include "math/tree.h"
#include "model/graph_impl.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct graph_worker {
  const graph_t *graph;
  int64_t rows; /* rows per call */
  bool train;
  float *scratch; /* (most_calls, rows, widest delta that is added to) */
  float *bias;    /* (largest tile): sums over rows that are still to be added */
  float *words;   /* (most_calls, rows, most words of a row): factors other than floats */
  float *work;    /* the most that an op needs for a call */
  arena_t arena;
};

/* ---- creation ---- */

/* The largest width of a delta that any op adds to. */
static int64_t scratch_width(const graph_t *graph) {
  int64_t width = 0;
  for (size_t i = 0; i < graph->n_nodes; i++)
    for (int k = 0; k < graph->nodes[i].op->n_inputs; k++) {
      int64_t w = graph->nodes[graph->nodes[i].inputs[k]].width;
      if (graph->nodes[i].backward.adds_to[k] && w > width) width = w;
    }
  return width;
}

/* The most words that a row of factors needs; 0 when rows of floats are the factors. */
static int64_t most_words(const graph_t *graph) {
  int64_t most = 0;
  if (graph->precision->factors == 1) return 0;
  for (size_t i = 0; i < graph->n_nodes; i++) {
    const node_t *node = &graph->nodes[i];
    if (node->op != &op_dense) continue;
    int64_t wide = node->dense.layout.in > node->width ? node->dense.layout.in : node->width;
    int64_t words = precision_words(graph->precision, wide);
    if (words > most) most = words;
  }
  return most;
}

/* The most floats that an op needs besides the tape. */
static size_t most_work(const graph_t *graph, int64_t rows) {
  size_t most = 0;
  for (size_t i = 0; i < graph->n_nodes; i++) {
    const node_t *node = &graph->nodes[i];
    const size_t own = node->op->work != NULL ? node->op->work(node, rows) : 0;
    if (own > most) most = own;
  }
  return most;
}

ls_status graph_worker_create(const graph_t *graph, int64_t rows, int64_t most_calls, bool train,
                              graph_worker_t **out, ls_error *error) {
  graph_worker_t *worker = calloc(1, sizeof *worker);
  if (worker == NULL) goto no_memory;
  worker->graph = graph;
  worker->rows = rows;
  worker->train = train;
  size_t row_bytes = train ? (size_t)scratch_width(graph) * sizeof(float) : 0;
  worker->scratch = arena_new(&worker->arena, (size_t)(most_calls * rows), row_bytes);
  worker->bias = arena_new(&worker->arena, train ? graph_largest_tile(graph) : 0, sizeof(float));
  size_t words = train ? (size_t)most_words(graph) : 0;
  worker->words = arena_new(&worker->arena, (size_t)(most_calls * rows), words * sizeof(float));
  worker->work = arena_new(&worker->arena, most_work(graph, rows), sizeof(float));
  if (worker->scratch == NULL || worker->bias == NULL || worker->words == NULL || worker->work == NULL)
    goto no_memory;
  *out = worker;
  return LS_OK;
no_memory:
  graph_worker_destroy(&worker);
  return error_set(error, LS_NO_MEMORY, "no memory for a thread's share of the work");
}

void graph_worker_destroy(graph_worker_t **worker) {
  if (worker == NULL || *worker == NULL) return;
  graph_worker_t *w = *worker;
  arena_free(&w->arena);
  free(w);
  *worker = NULL;
}

void graph_worker_rows(graph_worker_t *worker, int64_t rows) {
  worker->rows = rows;
}

/* ---- forward and backward ---- */

static float *at_row(float *const *buffers, const node_t *node, int64_t row) {
  float *first = buffers[node->number];
  return first == NULL ? NULL : first + row * node->width;
}

/* Record k of the slice that starts at row `slice`. */
static float *record_of(const tape_t *tape, const node_t *node, int64_t slice, int64_t k) {
  int64_t first = slice / tape->slice_rows * tape_records(tape);
  return tape->records[node->number] + (first + k) * RECORD_FLOATS(node->width);
}

/* The operand of the weight gradient for the slice that contains `row`. */
static float *slice_at(const tape_t *tape, float *first, int64_t row, int64_t width) {
  return first + row / tape->slice_rows * tape->slice_words * width;
}

static call_t prepare(const graph_worker_t *worker, const node_t *node, const float *parameters, tape_t *tape,
                      int64_t row) {
  call_t call = {.node = node,
                 .rows = worker->rows,
                 .precision = &precisions[PRECISION_FP32],
                 .words = worker->words,
                 .work = worker->work,
                 .parameters = parameters,
                 .to = node->width,
                 .y = at_row(tape->values, node, row),
                 .factors = at_row(tape->factors, node, row),
                 .weights = tape->weights != NULL ? tape->weights + row : NULL,
                 .dy = at_row(tape->deltas, node, row)};
  for (int k = 0; k < node->op->n_inputs; k++)
    call.x[k] = at_row(tape->values, &worker->graph->nodes[node->inputs[k]], row);
  if (tape->slice_rows == 0) return call;
  call.precision = worker->graph->precision;
  call.slice_rows = tape->slice_rows;
  call.slice_row = row % tape->slice_rows;
  if (tape->records[node->number] != NULL) {
    assert(worker->rows >= RECORD_EVERY || worker->rows == tape->slice_rows || call.slice_row == 0);
    call.record = record_of(tape, node, row - call.slice_row, call.slice_row / RECORD_EVERY);
  }
  if (tape->columns[node->number] == NULL) return call;
  call.columns = slice_at(tape, tape->columns[node->number], row, node->dense.layout.in);
  call.panels = slice_at(tape, tape->panels[node->number], row, node->dense.layout.padded_out);
  return call;
}

/* All rows of the calls as one call, for an op that spans. */
static call_t prepare_all(const graph_worker_t *worker, const node_t *node, const float *parameters,
                          tape_t *tape, int64_t row, int64_t calls) {
  call_t all = prepare(worker, node, parameters, tape, row);
  all.rows = calls * worker->rows;
  return all;
}

void graph_forward(graph_worker_t *worker, const float *parameters, tape_t *tape, int64_t row, int64_t calls,
                   const pass_t *passes) {
  const section_t whole = {.first = 1, .end = worker->graph->n_nodes};
  graph_forward_section(worker, &whole, parameters, tape, row, calls, passes);
}

void graph_forward_section(graph_worker_t *worker, const section_t *section, const float *parameters,
                           tape_t *tape, int64_t row, int64_t calls, const pass_t *passes) {
  for (size_t i = section->first; i < section->end; i++) {
    const node_t *node = &worker->graph->nodes[i];
    if (node->op->spans) {
      call_t all = prepare_all(worker, node, parameters, tape, row, calls);
      all.has_copies = tape->slice_rows > 0 || passes[0].has_copies;
      if (i == section->first && section->to > 0) {
        all.from = section->from;
        all.to = section->to;
      }
      node->op->forward(&all);
      if (all.to < node->width) return; /* later sections do the rest */
    }
    void (*each)(const call_t *call) = node->op->spans ? node->op->finish : node->op->forward;
    for (int64_t k = 0; k < calls && each != NULL; k++) {
      call_t call = prepare(worker, node, parameters, tape, row + k * worker->rows);
      call.pass = &passes[k];
      each(&call);
    }
  }
}

void graph_forward_from(graph_worker_t *worker, size_t node, const float *parameters, tape_t *tape,
                        int64_t row) {
  static const pass_t inference;
  const section_t rest = {.first = node + 1, .end = worker->graph->n_nodes};
  graph_forward_section(worker, &rest, parameters, tape, row, 1, &inference);
}

static void add_to(float *restrict sum, const float *restrict share, size_t n) {
  for (size_t i = 0; i < n; i++) sum[i] += share[i];
}

/* Propagates the delta of a node to its inputs, for the rows of `call`, which start at `row`. */
static void hand_on(graph_worker_t *worker, const call_t *call, tape_t *tape, int64_t row) {
  const node_t *node = call->node;
  for (int k = 0; k < node->op->n_inputs; k++) {
    const node_t *input = &worker->graph->nodes[node->inputs[k]];
    if (!input->backward.needs_delta) continue;
    float *dx = at_row(tape->deltas, input, row);
    node->op->backward(call, k, node->backward.adds_to[k] ? worker->scratch : dx);
    if (node->backward.adds_to[k]) add_to(dx, worker->scratch, (size_t)(call->rows * input->width));
  }
}

static void settle_node(const graph_worker_t *worker, const node_t *node, const float *parameters,
                        tape_t *tape, int64_t row, int64_t calls) {
  if (!node->backward.needs_delta || node->op->settle == NULL) return;
  for (int64_t k = 0; k < calls; k++) {
    call_t call = prepare(worker, node, parameters, tape, row + k * worker->rows);
    node->op->settle(&call);
  }
}

static void hand_on_node(graph_worker_t *worker, const node_t *node, const float *parameters, tape_t *tape,
                         int64_t row, int64_t calls) {
  if (!node->backward.needs_delta) return;
  if (node->op->spans) {
    call_t all = prepare_all(worker, node, parameters, tape, row, calls);
    hand_on(worker, &all, tape, row);
    return;
  }
  for (int64_t k = 0; k < calls; k++) {
    call_t call = prepare(worker, node, parameters, tape, row + k * worker->rows);
    hand_on(worker, &call, tape, row + k * worker->rows);
  }
}

void graph_backward(graph_worker_t *worker, const float *parameters, tape_t *tape, int64_t row,
                    int64_t calls) {
  const size_t last = worker->graph->wants_input_delta ? 0 : 1;
  graph_backward_between(worker, worker->graph->n_nodes, last, parameters, tape, row, calls);
}

/* Backward visits all uses of a node before the node itself, so its delta is complete by then. */
void graph_backward_between(graph_worker_t *worker, size_t above, size_t below, const float *parameters,
                            tape_t *tape, int64_t row, int64_t calls) {
  const node_t *nodes = worker->graph->nodes;
  if (above < worker->graph->n_nodes) hand_on_node(worker, &nodes[above], parameters, tape, row, calls);
  for (size_t i = above; i-- > below;) {
    settle_node(worker, &nodes[i], parameters, tape, row, calls);
    if (i > below) hand_on_node(worker, &nodes[i], parameters, tape, row, calls);
  }
}

/* ---- the gradient ---- */

/* db_j = sum over rows of dz_ij, in row order. */
static void sum_columns(int64_t rows, int64_t width, const float *restrict dz, float *restrict out) {
  memset(out, 0, (size_t)width * sizeof *out);
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < width; j++) out[j] += dz[i * width + j];
}

/* The same for dy times the factors that scale multiplied. */
static void sum_products(int64_t rows, int64_t width, const float *restrict dy, const float *restrict factors,
                         float *restrict out) {
  memset(out, 0, (size_t)width * sizeof *out);
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < width; j++) out[j] += dy[i * width + j] * factors[i * width + j];
}

/* Sums one entry of the records of a slice, in the order of its calls. */
static void sum_records(const tape_t *tape, const node_t *node, int64_t slice, int which,
                        float *restrict out) {
  memset(out, 0, (size_t)node->width * sizeof *out);
  for (int64_t k = 0; k < tape_records(tape); k++) {
    const float *record = record_of(tape, node, slice, k) + RECORD_HEAD + which * node->width;
    for (int64_t j = 0; j < node->width; j++) out[j] += record[j];
  }
}

/* Computes the gradient of anything but weights: sums over the slice that starts at `row`. */
static void sum_piece(const tape_t *tape, const piece_t *piece, const node_t *node, int64_t row, float *out) {
  if (piece->kind == PIECE_STATISTIC)
    sum_records(tape, node, row, piece->record, out);
  else if (piece->kind == PIECE_PRODUCT)
    sum_products(tape->slice_rows, node->width, at_row(tape->deltas, node, row),
                 at_row(tape->factors, node, row), out);
  else
    sum_columns(tape->slice_rows, node->width, at_row(tape->deltas, node, row), out);
}

/* sum (panels, elements of the tile): dW = sum over rows of dz_i in the column of the row's vector, in row
 * order. */
static void sum_vectors(const graph_t *graph, const tape_t *tape, const dense_tile_t *tile,
                        const node_t *node, int64_t row, float *restrict sum) {
  memset(sum, 0, (size_t)(tile->panels * tile->elements) * sizeof *sum);
  const float *x = at_row(tape->values, &graph->nodes[node->inputs[0]], row);
  const float *dz = at_row(tape->deltas, node, row) + tile->first_output;
  for (int64_t r = 0; r < tape->slice_rows; r++, x += node->table.stride, dz += node->width) {
    int64_t k = op_embedding_vector(node, x) - tile->first_input;
    if (k < 0 || k >= tile->inputs) continue;
    for (int64_t o = 0; o < tile->outputs; o++)
      sum[o / DENSE_PANEL * tile->elements + k * DENSE_PANEL + o % DENSE_PANEL] += dz[o];
  }
}

/* sums[0] = sums[0] + (sums[1] + ... (sums[pending - 1] + g)) for g (panels, elements of the tile). */
static void add_tile(const dense_tile_t *tile, const float *g, const dense_sum_t *sums, int pending) {
  for (int64_t p = 0; p < tile->panels; p++)
    for (int64_t i = 0; i < tile->elements; i++) {
      float sum = g[p * tile->elements + i];
      for (int k = pending; k-- > 0;) sum = sums[k].floats[p * sums[k].panel + i] + sum;
      sums[0].floats[p * sums[0].panel + i] = sum;
    }
}

static dense_slice_t dense_slice(const tape_t *tape, const node_t *node, int64_t row) {
  return (dense_slice_t){.columns = slice_at(tape, tape->columns[node->number], row, node->dense.layout.in),
                         .panels =
                             slice_at(tape, tape->panels[node->number], row, node->dense.layout.padded_out)};
}

/* dW of a tile through the tied layers that share the weights, in the order of backward. False: none do. */
static bool add_tied(const graph_worker_t *worker, const tape_t *tape, int64_t row, const piece_t *piece,
                     dense_sum_t sum) {
  const graph_t *graph = worker->graph;
  int pending = 0;
  if (!graph->nodes[piece->node].dense.is_shared) return false;
  for (size_t i = graph->n_nodes; i-- > piece->node;) {
    const node_t *node = &graph->nodes[i];
    if (node->op != &op_tied || node->dense.source != piece->node) continue;
    dense_backward_weights(graph->precision, &piece->dense, tape->slice_rows, dense_slice(tape, node, row),
                           NULL, &sum, pending);
    pending = 1;
  }
  return true;
}

/* dW of a tile. The share of tied layers is the innermost of the sums that wait, so a leaf of the tree is the
 * sum of all uses of the weights, in one order on every layout. */
static void weight_gradient(graph_worker_t *worker, const tape_t *tape, int64_t row, const piece_t *piece,
                            const dense_sum_t *sums, int pending) {
  const node_t *node = &worker->graph->nodes[piece->node];
  const bool last = row + tape->slice_rows >= tape->rows;
  const dense_slice_t next = dense_slice(tape, node, last ? row : row + tape->slice_rows);
  dense_sum_t all[TREE_MAX_DEPTH + 1];
  const dense_sum_t tied = {worker->bias, piece->dense.elements};
  if (add_tied(worker, tape, row, piece, pending > 0 ? tied : sums[0])) {
    if (pending > 0) memcpy(all, sums, (size_t)pending * sizeof *sums);
    all[pending] = pending > 0 ? tied : sums[0];
    sums = all;
    pending++;
  }
  dense_backward_weights(worker->graph->precision, &piece->dense, tape->slice_rows,
                         dense_slice(tape, node, row), last ? NULL : &next, sums, pending);
}

void graph_tile_gradient(graph_worker_t *worker, const tape_t *tape, int64_t row, size_t tile,
                         const dense_sum_t *sums, int pending) {
  const piece_t *piece = &worker->graph->pieces[tile];
  const node_t *node = &worker->graph->nodes[piece->node];
  if (piece->kind == PIECE_WEIGHT) {
    weight_gradient(worker, tape, row, piece, sums, pending);
    return;
  }
  if (piece->kind == PIECE_VECTORS) {
    sum_vectors(worker->graph, tape, &piece->dense, node, row, worker->bias);
    add_tile(&piece->dense, worker->bias, sums, pending);
    return;
  }
  sum_piece(tape, piece, node, row, pending > 0 ? worker->bias : sums[0].floats);
  if (pending == 0) return;
  for (int k = pending; k-- > 0;)
    for (int64_t j = 0; j < node->width; j++) worker->bias[j] = sums[k].floats[j] + worker->bias[j];
  memcpy(sums[0].floats, worker->bias, (size_t)node->width * sizeof(float));
}

void graph_tile_zero(const graph_t *graph, size_t tile, const dense_sum_t *sums, int pending) {
  const tile_t place = graph_tile(graph, tile);
  for (size_t r = 0; r < place.runs; r++)
    for (size_t i = 0; i < place.floats; i++) {
      float sum = 0;
      for (int k = pending; k-- > 0;) sum = sums[k].floats[r * (size_t)sums[k].panel + i] + sum;
      sums[0].floats[r * (size_t)sums[0].panel + i] = sum;
    }
}
