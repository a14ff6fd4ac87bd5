/* The network as a model of two numbers: a message of n bytes takes alpha + beta n seconds, alpha the
 * latency, 1 / beta the bandwidth (Hockney 1994). Fitted for each level at which ranks are apart: two ranks
 * of a node, two of different nodes, and the exchange of gradients between nodes as training does it. */
#ifndef STUDY_NETWORK_H
#define STUDY_NETWORK_H

#include "comm/world.h"

/* X(code, name in JSON, what people read) */
#define NETWORK_LEVELS(X)                                                                                    \
  X(NETWORK_IN_NODE, "in_node", "two ranks of a node")                                                       \
  X(NETWORK_BETWEEN_NODES, "between_nodes", "two ranks of different nodes")                                  \
  X(NETWORK_EXCHANGE, "exchange", "the exchange of gradients, by what a node sends")
typedef enum {
#define NETWORK_CODE(code, name, text) code,
  NETWORK_LEVELS(NETWORK_CODE)
#undef NETWORK_CODE
      NETWORK_LEVEL_COUNT
} network_level_t;
const char *network_name(network_level_t level);
const char *network_text(network_level_t level);

enum { NETWORK_SIZES = 11 };

typedef struct {
  int sizes; /* 0: there are no two ranks so far apart */
  double bytes[NETWORK_SIZES], seconds[NETWORK_SIZES];
  double alpha; /* seconds */
  double beta;  /* seconds per byte */
} network_line_t;

/* The line alpha + beta n that lies nearest in relative terms: least squares of (alpha + beta n - t) / t, so
 * that small messages count as much as large ones. */
void network_fit(network_line_t *line);

/* Measures all levels. Collective; all ranks get the figures. */
ls_status network_measure(world_t *world, network_line_t lines[NETWORK_LEVEL_COUNT], ls_error *error);

#endif
