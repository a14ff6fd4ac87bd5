/* Numbers that are not finite: the first step of a run whose loss or gradient has one, and the first one
 * among parameters and state of the optimiser.
 *
 * Steps look at sums of losses, and at gradients block by block while a block is in the first-level cache. So
 * every step is covered, and the first bad one is known exactly. With train.on_nan=skip such a step changes
 * nothing: all updaters see the same norm and the same word about the loss, so all decide the same. */
#ifndef STEP_FAULT_H
#define STEP_FAULT_H

#include "step/engine.h"

#include <stdatomic.h>

/* Written by any thread of the rank during steps; read and cleared between steps, or by the thread that
 * answers `wants`. */
typedef struct {
  _Alignas(64) atomic_llong loss; /* 0, or the key of the first fault: step, then shard */
  atomic_llong gradient;          /* the same; step, then place in the vector in FAULT_FLOATS floats */
} faults_t;
enum { FAULT_FLOATS = 16 }; /* arrays of parameters begin at multiples of it */

/* Notes a fault in the step after `updates` updates, if it is the first. Thread-safe. */
void fault_note(atomic_llong *first, int64_t updates, size_t where);

#endif
