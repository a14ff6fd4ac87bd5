/* Three stages of patience. */
#include "comm/idle.h"

#include <sched.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
  YIELDS = 2000, /* then let others have the core: some may be who we wait for */
  NAP_NANOSECONDS = 50000,
  SHORTEST_SLICE = 100000, /* nanoseconds: the least that Linux takes */
  SLACK_NANOSECONDS = 1000,
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

/* Since Linux 6.12 a thread may have a slice of its own length (sched(7), EEVDF): one with a shorter slice
 * takes the core from one with a longer slice when it wakes. The C library has no struct for it. */
void idle_wake_promptly(_Bool on) {
  struct {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
  } attributes = {.size = sizeof attributes, .policy = SCHED_OTHER, .runtime = on ? SHORTEST_SLICE : 0};
  prctl(PR_SET_TIMERSLACK, on ? SLACK_NANOSECONDS : 0); /* 0, here and there: what is usual */
#ifdef SYS_sched_setattr
  attributes.nice = getpriority(PRIO_PROCESS, 0);
  syscall(SYS_sched_setattr, 0, &attributes, 0);
#endif
}
