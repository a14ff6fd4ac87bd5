/* A barrier in memory, for the threads of one rank or for all threads of all ranks of a node.
 *
 * The last to arrive opens it for all; those who wait idle (comm/idle.h). It lives in memory that all
 * participants share: a window, or plain memory inside a rank. What was written before barrier_wait is seen
 * by everyone after it. */
#ifndef COMM_BARRIER_H
#define COMM_BARRIER_H

#include "comm/idle.h"

#include <stdatomic.h>
#include <stdbool.h>

typedef struct {
  _Alignas(64) atomic_int waiting; /* how many have arrived in this round */
  _Alignas(64) atomic_uint round;
  _Alignas(64) int participants;
} barrier_t;

/* By one participant, before any other uses it. */
void barrier_init(barrier_t *barrier, int participants);

/* Thread-safe; all participants must call it. `idler`: the calling thread's, or NULL (idle.h). False when
 * some have not come for `limit` seconds (0: waits for ever): the barrier is of no more use then. */
bool barrier_wait(barrier_t *barrier, idler_t *idler, double limit);

#endif
