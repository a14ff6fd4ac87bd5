/* A barrier in shared memory, for the threads of one rank or for all threads of all ranks of a node.
 *
 * The last participant to arrive releases all others; waiting threads idle (comm/idle.h). The barrier must be
 * in memory that all participants share: a window, or plain memory inside a rank. Writes before barrier_wait
 * are visible to every participant after it. */
#ifndef COMM_BARRIER_H
#define COMM_BARRIER_H

#include "comm/idle.h"

#include <stdatomic.h>
#include <stdbool.h>

typedef struct {
  _Alignas(64) atomic_int waiting; /* participants that have arrived in this round */
  _Alignas(64) atomic_uint round;
  _Alignas(64) int participants;
  atomic_bool is_broken;
} barrier_t;

/* One participant calls this before any other uses the barrier. */
void barrier_init(barrier_t *barrier, int participants);

/* Waits until all participants have called it. Thread-safe. `idler` belongs to the calling thread, or is NULL
 * (idle.h). Returns false when some participants have not arrived after about `limit` seconds (0: waits for
 * ever). Then the barrier is broken: later calls return false at once. */
bool barrier_wait(barrier_t *barrier, idler_t *idler, double limit);

#endif
