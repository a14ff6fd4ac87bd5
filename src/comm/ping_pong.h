/* How long messages take: between two ranks, there and back. The exchange between nodes measures itself by
 * the functions of world.h; this is what it is compared with. */
#ifndef COMM_PING_PONG_H
#define COMM_PING_PONG_H

#include "comm/world.h"

/* Seconds that a message of `size` bytes takes between the ranks a and b: half a round trip, the median of
 * `repeats` (at most PING_PONG_REPEATS) after as many to warm up. The other ranks wait. Collective; all ranks
 * get the figure. */
enum { PING_PONG_REPEATS = 64 };
ls_status ping_pong(world_t *world, int a, int b, size_t size, int repeats, double *seconds, ls_error *error);

#endif
