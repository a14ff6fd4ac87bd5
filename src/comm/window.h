/* Memory shared by the ranks of a node. Each rank owns one segment (which may be empty) and can access all
 * others.
 *
 *   node's memory:  [ segment of place 0 ] [ segment of place 1 ] [ segment of place 2 ]
 *                   ^                      ^                      ^
 *                   window_segment(w, 0)   window_segment(w, 1)   window_segment(w, 2)
 *
 * For one copy shared by all ranks, place 0 asks for all bytes and the others ask for none. Segments are at
 * different addresses in different ranks, so they must not contain pointers. */
#ifndef COMM_WINDOW_H
#define COMM_WINDOW_H

#include "comm/world.h"

typedef struct window window_t;

/* Creates a segment of `bytes` bytes for every rank of the node, zeroed and 64-byte aligned. `bytes` may
 * differ between ranks and may be 0. Collective over the world: a failure on one rank is a failure on all,
 * with a message that says how much was requested and what to do. *out is caller-owned; window_destroy is
 * collective. */
ls_status window_create(world_t *world, size_t bytes, const char *what, window_t **out, ls_error *error);
void window_destroy(window_t **window);

/* The segment of the rank at `place` of this node. Constant for the life of the window. */
void *window_segment(const window_t *window, int place);

#endif
