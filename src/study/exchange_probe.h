/* The exchange of a training step (step/exchange.h) by itself: the same buckets, messages and polling, but no
 * rows, sums or updates. Each node sends one partial sum. */
#ifndef STUDY_EXCHANGE_PROBE_H
#define STUDY_EXCHANGE_PROBE_H

#include "comm/world.h"

typedef struct exchange_probe exchange_probe_t;

/* An exchange of a parameter vector of `blocks` blocks (GRAPH_BLOCK), between all nodes of the world, of
 * which there are several. *out is caller-owned and untouched on failure. Collective. */
ls_status exchange_probe_create(world_t *world, size_t blocks, exchange_probe_t **out, ls_error *error);
void exchange_probe_destroy(exchange_probe_t **probe); /* not collective */

/* One exchange. Nothing to do for a rank without a lane. Collective over lanes. LS_COMM. */
ls_status exchange_probe_run(exchange_probe_t *probe, ls_error *error);

/* Bytes that a node sends in one exchange, mean over the nodes. */
double exchange_probe_bytes(const world_t *world, size_t blocks);

/* The parameter vector (blocks * GRAPH_BLOCK floats), and where this rank's lane lies in its bucket b: *first
 * and *count in floats; count 0 for a rank without a lane. False: there is no bucket b. Borrowed. */
float *exchange_probe_vector(exchange_probe_t *probe);
bool exchange_probe_bucket(const exchange_probe_t *probe, size_t b, size_t *first, size_t *count);

#endif
