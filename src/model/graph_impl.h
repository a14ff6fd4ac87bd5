/* Private to the model room: the members of a graph and of a tape. */
#ifndef MODEL_GRAPH_IMPL_H
#define MODEL_GRAPH_IMPL_H

#include "base/arena.h"
#include "model/op.h"

/* A parameter array and its place. */
typedef struct {
  parameter_t about;
  size_t node;
  size_t offset; /* in the vector */
  size_t count;  /* elements of the plain array */
  /* of matrices: `blocks` of them lie one after the other, each in this layout (in the node); else NULL */
  const dense_layout_t *layout;
  int64_t blocks;
} array_t;

/* A tile of the gradient, and how to compute it. */
typedef struct {
  tile_t place;
  size_t node;
  enum {
    PIECE_WEIGHT,
    PIECE_VECTORS,   /* sum over rows of the delta, in the column of the row's vector: embeddings */
    PIECE_SUM,       /* sum over rows of the delta: biases, shifts */
    PIECE_PRODUCT,   /* sum over rows of delta times factors: scales */
    PIECE_STATISTIC, /* sum over the records of a slice */
  } kind;
  dense_tile_t dense; /* PIECE_WEIGHT, PIECE_VECTORS: the tile within its layer */
  int record;         /* PIECE_STATISTIC: RECORD_SUM or RECORD_SQUARES */
} piece_t;

struct graph {
  const precision_t *precision; /* used in training */
  bool wants_input_delta;       /* backward goes on to the input */
  node_t *nodes;                /* in order of computation; the last is the output */
  size_t n_nodes;
  array_t *arrays; /* in graph order: weight, bias, weight, …; statistics last */
  size_t n_arrays;
  piece_t *pieces;                /* in order of offset */
  size_t n_pieces, largest_piece; /* largest_piece: in floats */
  size_t weight_floats, trained_floats, floats;
  size_t buffer_floats; /* the vector and the copies of weights after it */
  int64_t parameters;
  size_t plain_floats;
  arena_t arena; /* owns all of the above */
};

struct tape {
  const graph_t *graph;
  float **values;  /* by node */
  float **deltas;  /* by node; NULL where not needed */
  float **factors; /* by node; NULL where not kept */
  float **records; /* by node, slice after slice; NULL where not kept */
  /* by node, NULL unless dense or tied: operands of the weight gradient, slice after slice */
  float **columns, **panels;
  float *weights;           /* (rows): how much the penalties of rows count; NULL where there are none */
  int64_t rows, slice_rows; /* slice_rows 0: no training */
  int64_t slice_words;      /* words per slice along the depth of the weight gradient */
  arena_t arena;
};

/* Records per slice. */
static inline int64_t tape_records(const tape_t *tape) {
  return (tape->slice_rows + RECORD_EVERY - 1) / RECORD_EVERY;
}

/* Appends the input, the readers of tables and the ops of all layers, in order of computation (nodes.c).
 * LS_BAD_SETTINGS with the line of the layer, LS_NO_MEMORY. */
ls_status nodes_append(graph_t *graph, const layer_settings_t *layers, size_t n_layers, int64_t inputs,
                       const graph_table_t *tables, size_t n_tables, ls_error *error);

/* Finds which nodes need a delta (backward_plan_t). Again after nodes have been appended (nodes.c). */
void mark_needed_deltas(graph_t *graph);

static inline ls_status graph_no_memory(ls_error *error) {
  return error_set(error, LS_NO_MEMORY, "no memory for the network's graph");
}

/* Places every array in the vector. For graph_create, when all nodes exist (parameters.c). */
ls_status parameters_place(graph_t *graph, ls_error *error);
void parameters_place_copies(graph_t *graph); /* after the vector, for the graph's precision */

/* Cuts the placed vector into tiles (tiles.c). */
ls_status tiles_cut(graph_t *graph, ls_error *error);

/* 2 x weights for each training pass of this node; for a fitted layer the operations of forward; else 0. */
double node_flops_per_row(const graph_t *graph, const node_t *node);

static inline const node_t *graph_output_node(const graph_t *graph) {
  return &graph->nodes[graph->n_nodes - 1];
}

#endif
