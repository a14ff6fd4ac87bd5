/* Models the interconnect with two numbers: a message of n bytes takes alpha + beta n seconds, where alpha is
 * the latency and 1 / beta the bandwidth (Hockney 1994). The line is fitted separately for two ranks of one
 * node, two ranks of different nodes, and an exchange between all nodes. The measured exchange is an
 * all-to-all of slices followed by a gather. Training sends the same data in another way: bucket by bucket,
 * with messages between pairs of nodes (step/exchange.c). */
#ifndef STUDY_NETWORK_H
#define STUDY_NETWORK_H

#include "comm/world.h"

/* X(code, name in JSON, text for users) */
#define NETWORK_LEVELS(X)                                                                                    \
  X(NETWORK_IN_NODE, "in_node", "two ranks of a node")                                                       \
  X(NETWORK_BETWEEN_NODES, "between_nodes", "two ranks of different nodes")                                  \
  X(NETWORK_EXCHANGE, "exchange", "an exchange between all nodes, by what a node sends")
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
  int sizes; /* 0: no two ranks are at this level */
  double bytes[NETWORK_SIZES], seconds[NETWORK_SIZES];
  double alpha; /* seconds */
  double beta;  /* seconds per byte */
} network_line_t;

/* Fits the line alpha + beta n with the smallest relative errors: least squares of (alpha + beta n - t) / t,
 * so that small messages count as much as large ones. */
void network_fit(network_line_t *line);

/* Measures all levels. All ranks get the figures. Collective. */
ls_status network_measure(world_t *world, network_line_t lines[NETWORK_LEVEL_COUNT], ls_error *error);

#endif
