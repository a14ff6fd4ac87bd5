/* Inside the model room: what a graph and a tape are made of. */
#ifndef MODEL_GRAPH_IMPL_H
#define MODEL_GRAPH_IMPL_H

#include "base/arena.h"
#include "model/op.h"

/* A parameter array and where it lies. */
typedef struct {
  parameter_t about;
  size_t node;
  size_t offset; /* in the parameter vector */
  size_t count;  /* of the plain array */
} array_t;

/* A tile of the gradient and how it is computed. */
typedef struct {
  tile_t place;
  size_t node;
  enum {
    PIECE_WEIGHT,
    PIECE_SUM,       /* over rows of the delta: biases, shifts */
    PIECE_PRODUCT,   /* over rows of the delta times the factors: scales */
    PIECE_STATISTIC, /* over the records of a slice */
  } kind;
  dense_tile_t dense; /* weights: the tile within its layer */
  int record;         /* statistics: RECORD_SUM or RECORD_SQUARES */
} piece_t;

struct graph {
  const precision_t *precision; /* of training */
  node_t *nodes;                /* in order of computation; the last is the output */
  size_t n_nodes;
  array_t *arrays; /* in graph order: weight, bias, weight, …; then statistics */
  size_t n_arrays;
  piece_t *pieces;                /* in order of offset */
  size_t n_pieces, largest_piece; /* the latter in floats */
  size_t weight_floats, trained_floats, floats;
  size_t buffer_floats; /* the vector and, behind it, copies of weights */
  int64_t parameters;
  size_t plain_floats;
  arena_t arena; /* owns all of the above */
};

struct tape {
  const graph_t *graph;
  float **values;  /* by node */
  float **deltas;  /* by node; NULL where not needed */
  float **factors; /* by node; NULL where not kept */
  float **records; /* by node, slice by slice; NULL where not kept */
  /* by node, NULL for all but dense: what the gradient of the weights reads, slice by slice */
  float **columns, **panels;
  int64_t rows, slice_rows; /* slice_rows 0: no training */
  int64_t slice_words;      /* along the depth of the weights' gradient */
  arena_t arena;
};

/* Records of a slice. */
static inline int64_t tape_records(const tape_t *tape) {
  return (tape->slice_rows + RECORD_EVERY - 1) / RECORD_EVERY;
}

/* Gives every array its place in the vector; for graph_create, when all nodes are there (parameters.c). */
ls_status parameters_place(graph_t *graph, ls_error *error);
void parameters_place_copies(graph_t *graph); /* behind the vector, by the graph's precision */

/* Cuts the placed vector into tiles (tiles.c). */
ls_status tiles_cut(graph_t *graph, ls_error *error);

/* 2 x weights for each pass of training that this node takes part in; 0 for all but dense. */
double node_flops_per_row(const graph_t *graph, const node_t *node);

static inline const node_t *graph_output_node(const graph_t *graph) {
  return &graph->nodes[graph->n_nodes - 1];
}

#endif
