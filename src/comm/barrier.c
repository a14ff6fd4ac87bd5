/* A counter and a round number: the last to arrive resets the counter and starts the next round, the others
 * wait for the round to change. */
#include "comm/barrier.h"

#include <sched.h>
#include <time.h>

enum {
  SPINS = 4000,  /* some 20 to 100 us: a neighbour that is only a little late */
  YIELDS = 2000, /* then let others have the core: some may be who we wait for */
  NAP_NANOSECONDS = 50000,
};

static void spin(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

void barrier_relax(int tries) {
  if (tries < SPINS) {
    spin();
  } else if (tries < SPINS + YIELDS) {
    sched_yield();
  } else {
    nanosleep(&(struct timespec){0, NAP_NANOSECONDS}, NULL);
  }
}

void barrier_init(barrier_t *barrier, int participants) {
  atomic_init(&barrier->waiting, 0);
  atomic_init(&barrier->round, 0);
  barrier->participants = participants;
}

void barrier_wait(barrier_t *barrier) {
  unsigned round = atomic_load_explicit(&barrier->round, memory_order_relaxed);
  int before = atomic_fetch_add_explicit(&barrier->waiting, 1, memory_order_acq_rel);
  if (before + 1 == barrier->participants) {
    atomic_store_explicit(&barrier->waiting, 0, memory_order_relaxed);
    atomic_store_explicit(&barrier->round, round + 1, memory_order_release);
    return;
  }
  for (int tries = 0; atomic_load_explicit(&barrier->round, memory_order_acquire) == round; tries++)
    barrier_relax(tries);
}
