/* The exchange between nodes: what its set-up (exchange_create.c) makes and its thread (exchange.c) works
 * with. */
#ifndef STEP_EXCHANGE_IMPL_H
#define STEP_EXCHANGE_IMPL_H

#include "comm/transfer.h"
#include "step/engine_impl.h"

/* How far a bucket has come in a step. */
typedef enum {
  FOLDING,        /* waits for the node's ranks */
  GRADIENT_READY, /* to be sent */
  GRADIENT_SENT,  /* and received */
  GRADIENT_HERE,
  PARAMETERS_READY, /* updated, to be sent; or its gradient waits for the rest */
  PARAMETERS_SENT,
  PARAMETERS_HERE, /* waits until deltas have passed through the old transposed copies */
  COPIED,          /* into those */
  ARRIVED,         /* as the other threads know */
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
  /* messages that have not ended: of either kind sent, and received */
  int sending, gradients, parameters;
} route_t;

struct exchange {
  sum_t *own; /* (own_pieces): each subtree of this node from the ranks' partial sums */
  int own_pieces;
  int *node_pieces; /* (nodes): subtrees of each node */
  route_t *routes;  /* (buckets) */
  double *doubles;  /* room for this lane's share of what share_squares passes round */
  int *counts;      /* (nodes) */
  float *words;     /* (nodes): what each says in a step */
  int open_words;   /* messages that have not ended */
  transfer_t *transfer;
};

#endif
