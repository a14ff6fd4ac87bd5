/* Memory that the ranks of a node share: one copy for all of them, or a segment for each that all can read.
 */
#ifndef COMM_WINDOW_H
#define COMM_WINDOW_H

#include "comm/world.h"

typedef struct window window_t;

/* A segment of `bytes` bytes (may differ between ranks, may be 0) for every rank of the node, zeroed, 64-byte
 * aligned. Collective over the world: fails on all ranks when it fails on one, with the size that was asked
 * for and what to do. *out is caller-owned (window_destroy, collective). */
ls_status window_create(world_t *world, size_t bytes, const char *what, window_t **out, ls_error *error);
void window_destroy(window_t **window);

/* The segment of the rank at `place` of this node. Constant for the window's life. */
void *window_segment(const window_t *window, int place);

#endif
