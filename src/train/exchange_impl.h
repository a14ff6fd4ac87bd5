/* The exchange between nodes: what its set-up (exchange_create.c) makes and its thread (exchange.c) works
 * with. */
#ifndef TRAIN_EXCHANGE_IMPL_H
#define TRAIN_EXCHANGE_IMPL_H

#include "comm/transfer.h"
#include "train/engine_impl.h"

/* How far a bucket has come in a step. */
typedef enum {
  FOLDING,          /* waits for the node's ranks */
  GRADIENT_READY,   /* to be sent */
  GRADIENT_SENT,    /* and received */
  GRADIENT_HERE,    /* waits until it may be applied */
  PARAMETERS_READY, /* updated, to be sent; or its gradient waits for the rest */
  PARAMETERS_SENT,
  PARAMETERS_HERE,
  ARRIVED, /* as the other threads know */
} way_t;

/* What a bucket needs on its way. */
typedef struct {
  way_t way;
  bool leaves;          /* something of it is being sent */
  size_t stage;         /* whose fold completes it */
  long tiles;           /* of all ranks of the node, in a step */
  slice_t lane;         /* the slices of this lane */
  const float **pieces; /* (own_pieces): this node's subtrees over the lane's blocks */
  float *made;          /* (own_pieces, lane): those of them that several ranks make up */
  float *received;      /* subtrees of other nodes over the own slice */
  sum_t total;          /* the gradient sum on the own slice */
  transfer_t *sent, *taken;
} route_t;

struct exchange {
  sum_t *own; /* (own_pieces): each subtree of this node from the ranks' partial sums */
  int own_pieces;
  int *node_pieces; /* (nodes): subtrees of each node */
  route_t *routes;  /* (buckets) */
  double *doubles;  /* room for this lane's share of what share_squares passes round */
  int *counts;      /* (nodes) */
  /* where rows are streamed: whether a reader has failed, from each node; else NULL */
  float *words; /* (nodes) */
  transfer_t *words_sent, *words_taken;
};

#endif
