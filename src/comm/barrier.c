/* A counter and a round number. The last participant to arrive resets the counter and starts the next round.
 * The others wait until the round number changes. */
#include "comm/barrier.h"

#include "base/clock.h"

#include <limits.h>

void barrier_init(barrier_t *barrier, int participants) {
  atomic_init(&barrier->waiting, 0);
  atomic_init(&barrier->round, 0);
  barrier->participants = participants;
}

bool barrier_wait(barrier_t *barrier, idler_t *idler, double limit) {
  unsigned round = atomic_load_explicit(&barrier->round, memory_order_relaxed);
  int before = atomic_fetch_add_explicit(&barrier->waiting, 1, memory_order_acq_rel);
  if (before + 1 == barrier->participants) {
    atomic_store_explicit(&barrier->waiting, 0, memory_order_relaxed);
    atomic_store_explicit(&barrier->round, round + 1, memory_order_release);
    return true;
  }
  double asleep = 0; /* time of the first sleep, 0: none yet */
  for (int tries = 0; atomic_load_explicit(&barrier->round, memory_order_acquire) == round;
       tries += tries < INT_MAX) {
    if (!idle(idler, tries) || limit <= 0) continue;
    double now = clock_seconds();
    if (asleep <= 0) asleep = now;
    if (now - asleep > limit) return false;
  }
  return true;
}
