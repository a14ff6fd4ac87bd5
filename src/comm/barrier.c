/* A counter and a round number. The last participant to arrive resets the counter and starts the next round.
 * The others wait until the round number changes. */
#include "comm/barrier.h"

#include "base/activity.h"
#include "base/clock.h"

#include <limits.h>

void barrier_init(barrier_t *barrier, int participants) {
  atomic_init(&barrier->waiting, 0);
  atomic_init(&barrier->round, 0);
  barrier->participants = participants;
  atomic_init(&barrier->is_broken, false);
}

bool barrier_wait(barrier_t *barrier, idler_t *idler, double limit) {
  if (atomic_load_explicit(&barrier->is_broken, memory_order_relaxed)) return false;
  unsigned round = atomic_load_explicit(&barrier->round, memory_order_relaxed);
  int before = atomic_fetch_add_explicit(&barrier->waiting, 1, memory_order_acq_rel);
  if (before + 1 == barrier->participants) {
    atomic_store_explicit(&barrier->waiting, 0, memory_order_relaxed);
    atomic_store_explicit(&barrier->round, round + 1, memory_order_release);
    return true;
  }
  waited_t time = {0};
  for (int tries = 0; atomic_load_explicit(&barrier->round, memory_order_acquire) == round;
       tries += tries < INT_MAX) {
    if (!idle(idler, tries) || limit <= 0) continue;
    double now = clock_seconds();
    activity_waits(now);
    if (waited(&time, now) > limit) atomic_store(&barrier->is_broken, true);
    if (atomic_load_explicit(&barrier->is_broken, memory_order_relaxed)) return false;
  }
  if (time.last > 0) activity_beat(); /* it does not wait any more */
  return true;
}
