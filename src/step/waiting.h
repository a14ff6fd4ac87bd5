/* The time of one thread: it measures the phases of a step and waits for other threads.
 *
 * A wait ends in one of three ways: the event happens; another thread of the node reports a failure; or
 * nothing happens for `limit` seconds, and the waiting thread reports a failure itself. Only the thread that
 * owns the waiter may call these functions. */
#ifndef STEP_WAITING_H
#define STEP_WAITING_H

#include "comm/barrier.h"
#include "step/engine.h"

/* Why steps end early. EXCHANGE_FAILED: other ranks did not come, or messages failed. READER_FAILED: the
 * rows of some rank could not be read; all nodes know. */
enum { EXCHANGE_FAILED = 1, READER_FAILED = 2 };

typedef struct {
  idler_t idler;
  atomic_int *failed;     /* of the node: 0, EXCHANGE_FAILED or READER_FAILED */
  double limit;           /* seconds; 0: for ever */
  double mark;            /* when the present phase began */
  double seconds[PHASES]; /* since the engine was made */
  double *timeline;       /* (timed_steps, PHASES): `seconds` at the end of each step; NULL: not kept */
} waiter_t;

/* Ends the present phase: the seconds since the last mark belong to `phase`. */
void waiter_mark(waiter_t *waiter, engine_phase_t phase);

/* Whether a failure has been reported: the step, and the run with it, is over. */
bool waiter_failed(const waiter_t *waiter);

/* Waits at a barrier, and counts the time as waiting. False: the others did not come in time. */
bool waiter_meet(waiter_t *waiter, barrier_t *barrier);

/* Waits until a counter that only grows has reached `number`. False: a failure, or nothing in time. */
bool waiter_await(waiter_t *waiter, const atomic_long *counter, long number);

/* Back-off state for polling loops. Start from {0}; call waiter_pause after each failed poll. It returns
 * false when the loop must give up. */
typedef struct {
  int polls;
  waited_t time; /* since the first poll that slept */
} patience_t;
bool waiter_pause(waiter_t *waiter, patience_t *patience);

#endif
