/* The network as a graph of primitive ops, and reverse-mode differentiation over it.
 *
 * An op is a row of functions (op.c, op_row.c): dense (with its activation fused), activation, softmax,
 * dropout, add, join. Forward walks the nodes in order, backward in reverse; each op turns the delta of its
 * output (dL/dy) into the deltas of its inputs, adding where a value is used more than once. Weight gradients
 * come afterwards, tile by tile, from the values and deltas that the two walks left on the tape: so threads
 * can share rows first and blocks of weights second, and a tile can be folded over shards while it is in
 * cache.
 *
 * The graph is constant after creation and shared by all threads. A graph_worker_t holds one thread's
 * kernels. The parameter vector is one flat buffer: weights of all layers first, then all biases, each region
 * padded to whole blocks of GRAPH_BLOCK floats; padding is zero. In training, copies of weights lie behind
 * the vector, in the same buffer: transposed for backward, and rounded for forward where training is in bf16.
 */
#ifndef MODEL_GRAPH_H
#define MODEL_GRAPH_H

#include "base/error.h"
#include "base/random.h"
#include "config/settings.h"
#include "math/dense.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { GRAPH_BLOCK = 1024 };

typedef struct graph graph_t;
typedef struct graph_worker graph_worker_t;
typedef struct tape tape_t;

/* ---- the graph ---- */

/* Builds and checks the graph (LS_BAD_SETTINGS with the layer's line). *out is caller-owned. Thread-safe. */
ls_status graph_create(const layer_settings_t *layers, size_t n_layers, int64_t inputs, graph_t **out,
                       ls_error *error);
void graph_destroy(graph_t **graph);

/* In which precision (precision.h) the products of dense layers are computed on tapes for training; others,
 * and every new graph, compute in fp32. Before anything is made of the graph. LS_BAD_SETTINGS, and nothing
 * changed, where the CPU cannot. */
ls_status graph_choose_precision(graph_t *graph, const char *name, ls_error *error);

int64_t graph_inputs(const graph_t *graph);
int64_t graph_outputs(const graph_t *graph);
size_t graph_floats(const graph_t *graph);        /* of the parameter vector, a multiple of GRAPH_BLOCK */
size_t graph_weight_floats(const graph_t *graph); /* [0, this) are weights, then biases; same multiple */
size_t graph_buffer_floats(const graph_t *graph); /* the vector and the copies behind it */
/* [0, this) are trained, the rest are running statistics of batch_norm, whose "gradient" are the sums that
 * they are made of; same multiple. graph_step_statistics takes the place of the optimiser there. */
size_t graph_trained_floats(const graph_t *graph);
int64_t graph_parameters(const graph_t *graph);  /* trained; true count, padding not counted */
size_t graph_plain_floats(const graph_t *graph); /* of all plain arrays together, statistics last */
/* 2 x weights for forward, for backward-weights and, where something before the layer is trained,
 * backward-data. */
double graph_flops_per_row(const graph_t *graph);
/* Floats on the tape per row: values alone, or values and deltas. */
size_t graph_tape_floats(const graph_t *graph, bool train);

/* A parameter array as files name it. */
typedef struct {
  char name[64]; /* dense1/weight, dense1/bias */
  int dims;
  int64_t shape[2]; /* (out, in) or (out) */
  int64_t fan_in, fan_out;
  bool is_weight;
  bool is_statistic; /* not trained */
  const char *init;  /* weights: name of the initialisation; others: zeros or ones */
} parameter_t;
size_t graph_parameter_count(const graph_t *graph);
const parameter_t *graph_parameter(const graph_t *graph, size_t i);

/* Where array i lies in the vector: `floats` with the padding of its layout, both multiples of 16. */
typedef struct {
  size_t offset, floats;
} extent_t;
extent_t graph_extent(const graph_t *graph, size_t i);

/* Parameter array i between the vector and a plain row-major array. Any vector of the same layout may be
 * passed (gradient, optimiser state). Not for the step loop. */
ls_status graph_unpack(const graph_t *graph, size_t i, const float *vector, float *plain, ls_error *error);
ls_status graph_pack(const graph_t *graph, size_t i, const float *plain, float *vector, ls_error *error);

/* Brings the copies behind the vector up to date with its floats [first, first + count), whole blocks or
 * tiles. Needed after every change of weights and before the next forward or backward pass of training.
 * Thread-safe for different ranges. */
void graph_transpose(const graph_t *graph, float *buffer, size_t first, size_t count);

/* XXH3-64 of the plain parameters in graph order. */
ls_status graph_checksum(const graph_t *graph, const float *vector, uint64_t *out, ls_error *error);

/* A line per layer: name, shape, activation, parameters, FLOPs per row. */
void graph_print(const graph_t *graph, FILE *out);

/* The computation graph, forward and backward: as text, a line per op in the order of either walk, or for
 * Graphviz. `origin` says where its inputs come from; NULL: they are the features. */
void graph_print_passes(const graph_t *graph, const char *origin, FILE *out);
void graph_print_dot(const graph_t *graph, const char *origin, FILE *out);

/* ---- the tape: what forward leaves for backward ---- */

/* Values of every node for `rows` rows; node by node, row-major. With slice_rows > 0, deltas too, and what
 * weight gradients over slices of that many rows read: rows is a multiple of it. */
ls_status tape_create(const graph_t *graph, int64_t rows, int64_t slice_rows, tape_t **out, ls_error *error);
void tape_destroy(tape_t **tape);
float *tape_input(tape_t *tape, int64_t row);        /* (·, inputs) from this row on */
float *tape_output(tape_t *tape, int64_t row);       /* (·, outputs): logits or predictions */
float *tape_output_delta(tape_t *tape, int64_t row); /* dL/d output, to be filled before backward */

/* ---- one thread's work ---- */

/* What a forward pass needs to know beside the values. */
typedef struct {
  bool training;       /* dropout on */
  bool sampling;       /* dropout on, but all else as in use: Monte-Carlo dropout */
  uint64_t seed, step; /* of the dropout stream */
  uint64_t shard;
  int64_t row;     /* of the first row within the shard's slice */
  int64_t padding; /* rows at the end of the call that do not count: batch_norm leaves them out */
} pass_t;

/* Makes this thread's kernels for up to `most_calls` calls of `rows` rows at a time, in training for the
 * backward pass too. Call in the thread that will use it. */
ls_status graph_worker_create(const graph_t *graph, int64_t rows, int64_t most_calls, bool train,
                              graph_worker_t **out, ls_error *error);
void graph_worker_destroy(graph_worker_t **worker);

/* `calls` calls of `rows` rows each, one behind the other on the tape from `row` on, from tape_input to
 * tape_output; passes (calls). The bits of a call do not depend on its company, which is there for speed:
 * products read the weights once for all of it. In training each call lies within one slice; with batch_norm
 * it is all of it, or at least 64 rows. */
void graph_forward(graph_worker_t *worker, const float *parameters, tape_t *tape, int64_t row, int64_t calls,
                   const pass_t *passes);
/* The same rows, from tape_output_delta back to what the weight gradients need. parameters: the whole buffer.
 */
void graph_backward(graph_worker_t *worker, const float *parameters, tape_t *tape, int64_t row,
                    int64_t calls);

/* ---- the same by sections, for who gets parameters and gives gradients piece by piece ---- */

/* What forward can do once it has one run of weights: nodes [first, end), or, of a dense layer that is cut
 * between several sections, the outputs [from, to) of node `first`; the last of them does the rest of the
 * nodes. Sections that begin with the same node are one stage of the way back. */
typedef struct {
  size_t first, end;
  int64_t from, to; /* 0, 0: the whole layer */
  size_t offset;    /* where its weights begin in the parameter vector: they end where the next one's begin */
} section_t;

/* Cuts the network into sections of some `floats` weights: layers that have more are cut, those that have
 * fewer go together with their neighbours. Returns how many; writes them when `sections` is not NULL. */
size_t graph_cut(const graph_t *graph, size_t floats, section_t *sections);
size_t graph_nodes(const graph_t *graph);               /* numbered from 1; node 0 is the input */
size_t graph_tile_node(const graph_t *graph, size_t i); /* whose parameters tile i is of */

/* Sections in order do what graph_forward does. */
void graph_forward_section(graph_worker_t *worker, const section_t *section, const float *parameters,
                           tape_t *tape, int64_t row, int64_t calls, const pass_t *passes);
/* The part of graph_backward from node `above`, whose parameters' gradient can be computed already
 * (graph_nodes: from the outputs), to that which lets the gradient of node `below` be computed: `above` hands
 * its delta on through its weights, `below` not yet. */
void graph_backward_between(graph_worker_t *worker, size_t above, size_t below, const float *parameters,
                            tape_t *tape, int64_t row, int64_t calls);

/* ---- the gradient ---- */

/* The gradient vector is cut into tiles (weights of all layers, then biases), covering all but padding
 * between arrays. A tile is `runs` contiguous runs of the parameter vector: run r is [offset + r stride, +
 * floats). */
typedef struct {
  size_t offset, floats;
  size_t runs, stride;
} tile_t;
size_t graph_tiles(const graph_t *graph);
tile_t graph_tile(const graph_t *graph, size_t i);
size_t graph_largest_tile(const graph_t *graph); /* floats of all its runs */

/* The gradient g of tile i over the slice of the tape that begins at `row`, a leaf of the tree, and the sums
 * that it completes: sums[0] = sums[0] + (sums[1] + … (sums[pending - 1] + g)), or g when none is pending.
 * Run r of a sum is at floats + r stride. */
void graph_tile_gradient(graph_worker_t *worker, const tape_t *tape, int64_t row, size_t tile,
                         const dense_sum_t *sums, int pending);
/* The same where g is zero: a shard without rows. */
void graph_tile_zero(const graph_t *graph, size_t tile, const dense_sum_t *sums, int pending);

/* Statistics in the floats [first, first + n) of the vector, which `out` points at: running mean m and
 * variance v become (1 - momentum) m + momentum (sum of x) / rows, and (1 - momentum) v + momentum (sum of
 * squares) / freedom, where sums are what the tiles add up to, and freedom is rows less one for each call.
 * Without freedom v stays. Thread-safe for different ranges. */
void graph_step_statistics(const graph_t *graph, size_t first, size_t n, const float *sums, double rows,
                           double freedom, float *out);

/* LS_BAD_SETTINGS when a network with batch_norm is to be trained by calls of one row. */
ls_status graph_check_rows(const graph_t *graph, int64_t rows, ls_error *error);

/* ---- reference ---- */

/* The same network in double, plainly: for tests and gradient checks. plain: all parameter arrays
 * one after the other as graph_unpack gives them. x (rows, inputs), y (rows, outputs). Dropout as in `pass`;
 * batch_norm takes the rows as one call. */
ls_status graph_reference(const graph_t *graph, const double *plain, int64_t rows, const double *x,
                          const pass_t *pass, double *y, ls_error *error);

#endif
