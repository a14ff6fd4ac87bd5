/* Models the interconnect with two numbers: a message of n bytes takes alpha + beta n seconds, where alpha is
 * the latency and 1 / beta the bandwidth (Hockney 1994). The line is fitted separately for two ranks of one
 * node, two ranks of different nodes, and the exchange of a training step between all nodes. */
#ifndef STUDY_INTERCONNECT_H
#define STUDY_INTERCONNECT_H

#include "comm/world.h"

/* X(code, name in JSON, text for users) */
#define INTERCONNECT_LEVELS(X)                                                                               \
  X(INTERCONNECT_IN_NODE, "in_node", "two ranks of a node")                                                  \
  X(INTERCONNECT_BETWEEN_NODES, "between_nodes", "two ranks of different nodes")                             \
  X(INTERCONNECT_EXCHANGE, "exchange", "an exchange between all nodes, by what a node sends")
typedef enum {
#define INTERCONNECT_CODE(code, name, text) code,
  INTERCONNECT_LEVELS(INTERCONNECT_CODE)
#undef INTERCONNECT_CODE
      INTERCONNECT_LEVEL_COUNT
} interconnect_level_t;
const char *interconnect_name(interconnect_level_t level);
const char *interconnect_text(interconnect_level_t level);

enum { INTERCONNECT_SIZES = 11 };

typedef struct {
  int sizes; /* 0: no two ranks are at this level */
  double bytes[INTERCONNECT_SIZES], seconds[INTERCONNECT_SIZES];
  double alpha; /* seconds */
  double beta;  /* seconds per byte */
} interconnect_line_t;

/* Fits the line alpha + beta n with the smallest relative errors: least squares of (alpha + beta n - t) / t,
 * so that small and large messages have the same weight. */
void interconnect_fit(interconnect_line_t *line);

/* Measures all levels. All ranks get the figures. Collective. */
ls_status interconnect_measure(world_t *world, interconnect_line_t lines[INTERCONNECT_LEVEL_COUNT],
                               ls_error *error);

#endif
