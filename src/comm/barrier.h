/* A barrier in memory, for the threads of one rank or for all threads of all ranks of a node.
 *
 * The last to arrive opens it for all. Those who wait spin briefly, then yield, then sleep, so that more
 * threads than cores slow down in proportion instead of collapsing. It lives in memory that all participants
 * share: a window, or plain memory inside a rank. What was written before barrier_wait is seen by everyone
 * after it. */
#ifndef COMM_BARRIER_H
#define COMM_BARRIER_H

#include <stdatomic.h>

typedef struct {
  _Alignas(64) atomic_int waiting; /* how many have arrived in this round */
  _Alignas(64) atomic_uint round;
  _Alignas(64) int participants;
} barrier_t;

/* By one participant, before any other uses it. */
void barrier_init(barrier_t *barrier, int participants);

/* Thread-safe; all participants must call it. */
void barrier_wait(barrier_t *barrier);

/* How one waits here: the try number `tries` (from 0) spins, yields or sleeps. For loops that wait for
 * something else. */
void barrier_relax(int tries);

#endif
