/* Three stages of patience. */
#include "comm/idle.h"

#include <sched.h>
#include <time.h>

enum {
  YIELDS = 2000, /* then let others have the core: some may be who we wait for */
  NAP_NANOSECONDS = 50000,
};

static void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

_Bool idle(int tries) {
  if (tries < IDLE_SPINS) {
    relax();
  } else if (tries < IDLE_SPINS + YIELDS) {
    sched_yield();
  } else {
    nanosleep(&(struct timespec){0, NAP_NANOSECONDS}, NULL);
    return 1;
  }
  return 0;
}
