/* Message latency: round trips between two ranks. The exchange between nodes measures itself with the
 * functions of world.h; this is the figure to compare with. */
#ifndef COMM_PING_PONG_H
#define COMM_PING_PONG_H

#include "comm/world.h"

/* Measures how long a message of `size` bytes takes between ranks a and b, in seconds: half a round trip, the
 * median of `repeats` (at most PING_PONG_REPEATS) round trips after the same number of warm-up trips. The
 * other ranks wait. Collective; all ranks get the result. */
enum { PING_PONG_REPEATS = 64 };
ls_status ping_pong(world_t *world, int a, int b, size_t size, int repeats, double *seconds, ls_error *error);

#endif
