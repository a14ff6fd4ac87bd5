/* The network as a graph of primitive ops, with reverse-mode differentiation.
 *
 * An op is a row of functions (op.c, op_tied.c, op_random.c, op_penalty.c, op_row.c, op_batch.c,
 * op_table.c, op_fitted.c): dense and tied (with their activations fused), activation, softmax, layer_norm,
 * batch_norm, dropout, noise, sample, penalty, add, join, take, embedding, centres, gaussians. Forward visits
 * the nodes in order, backward in reverse. Each op turns the delta of its output (dL/dy) into the deltas of
 * its inputs. If a value is used more than once, the deltas are added. Weight gradients are computed
 * afterwards, tile by tile, from the values and deltas on the tape. So threads can first share the rows and
 * then the blocks of weights, and a tile is summed over shards while it is in cache.
 *
 * The graph is constant after creation and shared by all threads. A graph_worker_t holds the scratch memory
 * of one thread. The parameter vector is one flat buffer. Each region is padded with zeros to whole blocks of
 * GRAPH_BLOCK floats. In training, the copies of the weights follow in the same buffer: transposed for
 * backward, and in bf16 also rounded for forward.
 *
 *   | weights of all layers | biases, scales, shifts | statistics | copies of weights |
 *   |- graph_weight_floats -|                        |            |                   |
 *   |------------- graph_trained_floats -------------|            |                   |
 *   |----------------------- graph_floats ------------------------|                   |
 *   |------------------------------ graph_buffer_floats ------------------------------| */
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

/* Builds and checks the graph. LS_BAD_SETTINGS with the line of the layer. *out is caller-owned.
 * Thread-safe. */
ls_status graph_create(const layer_settings_t *layers, size_t n_layers, int64_t inputs, graph_t **out,
                       ls_error *error);

/* A table of trained vectors, one for each category of a column. */
typedef struct {
  int64_t vectors, width;
} graph_table_t;

/* The same for a network whose last n_tables inputs are numbers of vectors, from 0: input t of them chooses a
 * vector of tables[t], and any other number, such as -1, stands for no vector, that is, zeros. The layers see
 * the other inputs and then the vectors, table by table. */
ls_status graph_create_with_tables(const layer_settings_t *layers, size_t n_layers, int64_t inputs,
                                   const graph_table_t *tables, size_t n_tables, graph_t **out,
                                   ls_error *error);
/* The same, and backward also computes the delta of the inputs (tape_input_delta). LS_BAD_SETTINGS for an
 * activation without a slope. */
ls_status graph_create_for_inputs(const layer_settings_t *layers, size_t n_layers, int64_t inputs,
                                  const graph_table_t *tables, size_t n_tables, graph_t **out,
                                  ls_error *error);
void graph_destroy(graph_t **graph);

/* Sets the precision (precision.h) of dense products on tapes for training. All other products, and all
 * products of a new graph, are in fp32. Call it before creating anything from the graph. LS_BAD_SETTINGS,
 * with no change, for an unknown name, or for tied layers in another precision than fp32. */
ls_status graph_choose_precision(graph_t *graph, const char *name, ls_error *error);

int64_t graph_inputs(const graph_t *graph);
int64_t graph_outputs(const graph_t *graph);
size_t graph_floats(const graph_t *graph);        /* size of the vector, a multiple of GRAPH_BLOCK */
size_t graph_weight_floats(const graph_t *graph); /* size of the weight region, a multiple of GRAPH_BLOCK */
size_t graph_buffer_floats(const graph_t *graph); /* the vector and the copies after it */
/* Size of the regions that are trained, a multiple of GRAPH_BLOCK. The rest holds the running statistics of
 * batch_norm. Their part of the gradient vector holds the sums from which they are updated, and
 * graph_step_statistics replaces the optimiser there. */
size_t graph_trained_floats(const graph_t *graph);
/* The name of a last layer whose parameters are fitted, not trained by gradients: centres1, gaussians1; else
 * NULL. */
const char *graph_fitted_layer(const graph_t *graph);
/* LS_BAD_SETTINGS for a network with a fitted layer: an engine cannot train it. */
ls_status graph_check_trained(const graph_t *graph, ls_error *error);
bool graph_has_samples(const graph_t *graph);    /* sampling has an effect: a layer dropout or sample */
bool graph_is_random(const graph_t *graph);      /* in training: these, or noise */
bool graph_has_penalty(const graph_t *graph);    /* layers that add to the loss of a row */
int64_t graph_parameters(const graph_t *graph);  /* trained parameters, without padding */
size_t graph_plain_floats(const graph_t *graph); /* all plain arrays together, statistics last */
/* 2 x weights for each pass: forward, backward-weights and, if anything before the layer is trained,
 * backward-data. */
double graph_flops_per_row(const graph_t *graph);
/* Floats on the tape per row; train: with deltas and everything else that backward needs. */
size_t graph_tape_floats(const graph_t *graph, bool train);

/* A parameter array as files describe it. */
typedef struct {
  char name[64]; /* for example dense1/weight, dense1/bias */
  int dims;
  int64_t shape[2]; /* (out, in) or (out) */
  int64_t fan_in, fan_out;
  bool is_weight;
  bool is_table;     /* of weights: an embedding's, which no product multiplies */
  bool is_statistic; /* not trained */
  const char *init;  /* name of the initialisation; zeros or ones unless it is a weight */
} parameter_t;
size_t graph_parameter_count(const graph_t *graph);
const parameter_t *graph_parameter(const graph_t *graph, size_t i);
size_t parameter_values(const parameter_t *parameter); /* in the array: the product of its shape */

/* The place of array i in the vector. `floats` includes the padding of its layout. Both are multiples of
 * 16. */
typedef struct {
  size_t offset, floats;
} extent_t;
extent_t graph_extent(const graph_t *graph, size_t i);

/* Copies parameter array i between a vector and a plain row-major array. The vector may be any with the
 * layout of the parameter vector (gradient, optimiser state). Not for the step loop. */
void graph_unpack(const graph_t *graph, size_t i, const float *vector, float *plain);
/* Rows [first, first + count) of the plain array; the rows of an array with one dimension are its values. */
void graph_unpack_rows(const graph_t *graph, size_t i, const float *vector, int64_t first, int64_t count,
                       float *plain);
void graph_pack(const graph_t *graph, size_t i, const float *plain, float *vector);

/* LS_BAD_DATA unless the factors of full and tied gaussians are lower triangular: the kernels count on it. */
ls_status graph_check_factors(const graph_t *graph, const float *vector, ls_error *error);

/* Updates the copies of the weights from floats [first, first + count) of the vector, whole blocks or tiles.
 * Call it after every change of weights and before the next forward or backward pass of training. Thread-safe
 * for different ranges. */
void graph_transpose(const graph_t *graph, float *buffer, size_t first, size_t count);

/* Whether a layer reads such a copy in forward: outside of training too, if it is there (pass_t). */
bool graph_is_tied(const graph_t *graph);

/* The XXH3-64 checksum of the plain parameters in graph order. */
ls_status graph_checksum(const graph_t *graph, const float *vector, uint64_t *out, ls_error *error);

/* Prints a line per node: name, outputs, activation, parameters, FLOPs per row. */
void graph_print(const graph_t *graph, FILE *out);

/* Print the computation graph, forward and backward: as text with a line per op, or for Graphviz. `origin`
 * says where the inputs come from; NULL: they are the features. */
void graph_print_passes(const graph_t *graph, const char *origin, FILE *out);
void graph_print_dot(const graph_t *graph, const char *origin, FILE *out);

/* ---- the tape: values that forward leaves for backward ---- */

/* Creates buffers for the values of every node for `rows` rows; each buffer is (rows, width), row-major. With
 * slice_rows > 0 (training) also for deltas and for the operands of the weight gradients. The rows are then
 * cut into slices, one per shard, and rows must be a multiple of slice_rows:
 *
 *   rows of the tape   | slice 0                     | slice 1                     | …
 *   kernel calls       | call | call | call | call   | call | call | call | call   | …
 *
 * *out is caller-owned. */
ls_status tape_create(const graph_t *graph, int64_t rows, int64_t slice_rows, tape_t **out, ls_error *error);
void tape_destroy(tape_t **tape);
float *tape_input(tape_t *tape, int64_t row);        /* (·, inputs), starting at this row */
float *tape_output(tape_t *tape, int64_t row);       /* (·, outputs): logits or predictions */
float *tape_output_delta(tape_t *tape, int64_t row); /* dL/d output, to be filled in before backward */
const float *tape_input_delta(const tape_t *tape, int64_t row); /* dL/d input, of graph_create_for_inputs */
const float *tape_values(const tape_t *tape, size_t node, int64_t row); /* (·, width): what a node computes */

/* ---- the work of one thread ---- */

/* Options of a forward pass. */
typedef struct {
  bool training;       /* layers draw random numbers, batch_norm uses the rows of the call */
  bool sampling;       /* dropout and sample draw, all else is as in inference */
  uint64_t seed, step; /* of what layers draw */
  uint64_t shard;
  int64_t row;     /* index of the first row within the slice of its shard */
  int64_t padding; /* rows at the end of the call that do not count; batch_norm ignores them */
  bool has_copies; /* the copies of the weights are there, as in training: tied layers need not make them */
} pass_t;

/* Creates the scratch memory of one thread for up to `most_calls` calls of `rows` rows at a time; train: for
 * the backward pass too. Call it in the thread that will use it. *out is caller-owned. */
ls_status graph_worker_create(const graph_t *graph, int64_t rows, int64_t most_calls, bool train,
                              graph_worker_t **out, ls_error *error);
void graph_worker_destroy(graph_worker_t **worker);
/* From now on a call has `rows` rows, at most as many as at creation. Not for training. */
void graph_worker_rows(graph_worker_t *worker, int64_t rows);

/* Forward for `calls` calls of `rows` rows each, consecutive on the tape from `row` on, from tape_input to
 * tape_output. passes (calls). Several calls at once are faster, because products read the weights only once;
 * the bits of a call are the same as if it were alone. In training each call must lie within one slice. With
 * batch_norm it must be the whole slice or have at least 64 rows. */
void graph_forward(graph_worker_t *worker, const float *parameters, tape_t *tape, int64_t row, int64_t calls,
                   const pass_t *passes);
/* Backward for the same rows, from tape_output_delta to the operands of the weight gradients. parameters: the
 * whole buffer, with the copies. */
void graph_backward(graph_worker_t *worker, const float *parameters, tape_t *tape, int64_t row,
                    int64_t calls);

/* The part of the network behind a node: forward from the values of the node, which the caller has put on the
 * tape (tape_node), to tape_output, as in inference. graph_check_cut: LS_USAGE if a later node also takes a
 * value from before it. */
ls_status graph_check_cut(const graph_t *graph, size_t node, ls_error *error);
void graph_forward_from(graph_worker_t *worker, size_t node, const float *parameters, tape_t *tape,
                        int64_t row);
float *tape_node(tape_t *tape, size_t node, int64_t row); /* (·, width of the node) */

/* ---- penalties: what layers add to the loss of a row (model/penalty.h) ---- */

/* out[r] = the sum of the penalties of row `row` + r after a forward pass, r < n. */
void graph_penalties(const graph_t *graph, const tape_t *tape, int64_t row, int64_t n, double *out);

/* How much the penalties of rows count in backward: (·), to be filled in before backward. NULL on a tape of a
 * network without penalties. */
float *tape_weights(tape_t *tape, int64_t row);

/* ---- forward and backward by sections, when parameters arrive and gradients leave piece by piece ---- */

/* The part of forward that becomes possible with one run of weights: nodes [first, end). If several sections
 * share a dense layer, each computes outputs [from, to) of node `first`; the last of them also computes the
 * remaining nodes. Sections with the same first node are one stage of backward. */
typedef struct {
  size_t first, end;
  int64_t from, to; /* 0, 0: the whole layer */
  size_t offset;    /* start of its weights in the vector; they end where the next section's start */
} section_t;

/* Cuts the network into sections of about `floats` weights. Larger layers are cut; smaller ones are combined
 * with their neighbours. Returns the number of sections, and writes them unless `sections` is NULL. */
size_t graph_cut(const graph_t *graph, size_t floats, section_t *sections);
size_t graph_nodes(const graph_t *graph);                       /* number of nodes; node 0 is the input */
const char *graph_node_name(const graph_t *graph, size_t node); /* dense1, dropout1, … */
int64_t graph_node_width(const graph_t *graph, size_t node);
size_t graph_tile_node(const graph_t *graph, size_t i); /* the node whose parameters are in tile i */

/* Forward for one section. All sections in order are the same as graph_forward. */
void graph_forward_section(graph_worker_t *worker, const section_t *section, const float *parameters,
                           tape_t *tape, int64_t row, int64_t calls, const pass_t *passes);
/* Part of graph_backward. First propagates the delta of node `above` to its inputs (`above` = graph_nodes:
 * starts at the output instead). Goes back to node `below` and settles it, so that the gradient of its
 * parameters can be computed, but does not propagate its delta yet. */
void graph_backward_between(graph_worker_t *worker, size_t above, size_t below, const float *parameters,
                            tape_t *tape, int64_t row, int64_t calls);

/* ---- the gradient ---- */

/* The gradient vector is cut into tiles: weights of all layers, then biases, and so on. They cover everything
 * except the padding between arrays. A tile is `runs` contiguous runs of the vector: run r is [offset + r
 * stride, + floats). */
typedef struct {
  size_t offset, floats;
  size_t runs, stride;
} tile_t;
size_t graph_tiles(const graph_t *graph);
tile_t graph_tile(const graph_t *graph, size_t i);
size_t graph_largest_tile(const graph_t *graph); /* the largest runs * floats of any tile */

/* Computes the gradient g of tile i over the slice of the tape that starts at `row` (a leaf of the tree), and
 * adds it to the sums that are waiting for it: sums[0] = sums[0] + (sums[1] + … (sums[pending - 1] + g)), or
 * sums[0] = g when pending is 0. Run r of sum k is at sums[k].floats + r sums[k].panel. */
void graph_tile_gradient(graph_worker_t *worker, const tape_t *tape, int64_t row, size_t tile,
                         const dense_sum_t *sums, int pending);
/* The same with g = 0, for a shard without rows. */
void graph_tile_zero(const graph_t *graph, size_t tile, const dense_sum_t *sums, int pending);

/* Updates the statistics in floats [first, first + n) of the vector; `out` points to float `first`. With sums
 * from the tiles, a running mean m becomes (1 - momentum) m + momentum (sum of x) / rows. A running variance
 * v becomes (1 - momentum) v + momentum (sum of squares) / freedom. freedom is the number of rows minus the
 * number of calls; if it is 0, v does not change. Thread-safe for different ranges. */
void graph_step_statistics(const graph_t *graph, size_t first, size_t n, const float *sums, double rows,
                           double freedom, float *out);

/* LS_BAD_SETTINGS when a network with batch_norm would be trained with calls of one row. */
ls_status graph_check_rows(const graph_t *graph, int64_t rows, ls_error *error);

/* ---- reference ---- */

/* The same network in double, without optimisations, for tests and gradient checks. plain: all parameter
 * arrays in graph order, as graph_unpack gives them. x (rows, inputs), y (rows, outputs), penalties
 * (rows) or NULL. Random numbers as in `pass`; batch_norm takes all rows as one call. */
ls_status graph_reference(const graph_t *graph, const double *plain, int64_t rows, const double *x,
                          const pass_t *pass, double *y, double *penalties, ls_error *error);

#endif
