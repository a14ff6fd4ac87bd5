/* Spins first, then sleeps. */
#include "comm/idle.h"

#include "base/clock.h"

#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
  NAP_NANOSECONDS = 50000,
  SHORTEST_SLICE = 100000, /* nanoseconds: the shortest slice that Linux accepts */
  SLACK_NANOSECONDS = 1000,
};

/* Threshold for a crowded core. A thread that shares its core is preempted about once per slice, 100 times a
 * second or more. A thread that has its core to itself is preempted a few times a second, by kernel
 * threads. */
static const double PERIOD = 0.05, MOST_PER_SECOND = 20;

static const double LONGEST_GAP = 1; /* seconds */

static void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

/* RUSAGE_THREAD exists only on Linux. Elsewhere no thread counts as crowded. */
static long times_preempted(void) {
#ifdef RUSAGE_THREAD
  struct rusage usage;
  if (getrusage(RUSAGE_THREAD, &usage) == 0) return usage.ru_nivcsw;
#endif
  return 0;
}

static void look_round(idler_t *idler) {
  double now = clock_seconds(), passed = now - idler->since;
  if (passed < PERIOD) return;
  long preempted = times_preempted();
  idler->crowded = (double)(preempted - idler->preempted) > MOST_PER_SECOND * passed;
  idler->preempted = preempted;
  idler->since = now;
}

bool idle(idler_t *idler, int tries) {
  if (idler != NULL && tries == 0) look_round(idler);
  if (tries < IDLE_SPINS && !(idler != NULL && idler->crowded)) {
    relax();
    return false;
  }
  nanosleep(&(struct timespec){0, NAP_NANOSECONDS}, NULL);
  return true;
}

double waited(waited_t *waited, double now) {
  double passed = waited->last > 0 ? now - waited->last : 0;
  waited->seconds += passed < LONGEST_GAP ? passed : LONGEST_GAP;
  waited->last = now;
  return waited->seconds;
}

/* Since Linux 6.12 each thread can have its own slice length (sched(7), EEVDF). When a thread with a shorter
 * slice wakes, it preempts a thread with a longer slice. The C library has no struct for this call. */
void idle_wake_promptly(bool on) {
  struct {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
  } attributes = {.size = sizeof attributes,
                  .policy = (uint32_t)sched_getscheduler(0),
                  .runtime = on ? SHORTEST_SLICE : 0};
  prctl(PR_SET_TIMERSLACK, on ? SLACK_NANOSECONDS : 0); /* 0 restores the default, here and for the slice */
#ifdef SYS_sched_setattr
  attributes.nice = getpriority(PRIO_PROCESS, 0);
  syscall(SYS_sched_setattr, 0, &attributes, 0);
#endif
}
