/* Who waits spins at first, unless others want its core; who is to run as soon as it wakes has a slice of its
 * own, until it says otherwise, and leaves none to threads that are made later. */
#include "base/clock.h"
#include "comm/idle.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

/* The slice of the calling thread in nanoseconds, by sched_getattr(2). */
static uint64_t slice(void) {
  struct {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
  } attributes = {.size = sizeof attributes};
  cr_assert_eq(syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0), 0);
  return attributes.runtime;
}

/* Kernels before 6.12 know one slice for all. */
static bool kernel_has_slices(void) {
  struct utsname name;
  int major = 0, minor = 0;
  cr_assert_eq(uname(&name), 0);
  cr_assert_eq(sscanf(name.release, "%d.%d", &major, &minor), 2);
  return major > 6 || (major == 6 && minor >= 12);
}

typedef struct {
  uint64_t slice;
  int slack;
} wake_t;

static wake_t wake(void) {
  return (wake_t){slice(), prctl(PR_GET_TIMERSLACK)};
}

static void *wake_of_thread(void *out) {
  *(wake_t *)out = wake();
  return NULL;
}

Test(idle, wakes_promptly_until_told_otherwise) {
  pthread_t thread;
  wake_t before = wake(), later = {0};
  idle_wake_promptly(true);
  wake_t prompt = wake();
  idle_wake_promptly(false);
  cr_assert_eq(pthread_create(&thread, NULL, wake_of_thread, &later), 0);
  cr_assert_eq(pthread_join(thread, NULL), 0);
  cr_assert_lt(prompt.slack, before.slack);
  if (kernel_has_slices())
    cr_assert_lt(prompt.slice, before.slice);
  else
    cr_assert_eq(prompt.slice, before.slice);
  cr_assert_eq(later.slack, before.slack);
  cr_assert_eq(later.slice, before.slice);
}

Test(idle, leaves_the_scheduling_class_as_it_is) {
  cr_assert_eq(sched_setscheduler(0, SCHED_BATCH, &(struct sched_param){0}), 0);
  idle_wake_promptly(true);
  cr_assert_eq(sched_getscheduler(0), SCHED_BATCH);
  idle_wake_promptly(false);
  cr_assert_eq(sched_getscheduler(0), SCHED_BATCH);
}

Test(idle, sleeps_after_some_looks) {
  idler_t idler = {0};
  int tries = 0;
  while (!idle(&idler, tries)) tries++;
  cr_assert_eq(tries, IDLE_SPINS);
  cr_assert(idle(NULL, IDLE_SPINS));
}

static void *keep_busy(void *end) {
  while (!atomic_load((atomic_bool *)end)) {
  }
  return NULL;
}

/* All threads on the one core that this process is on now. */
static void stay_here(void) {
  cpu_set_t here;
  CPU_ZERO(&here);
  CPU_SET((size_t)sched_getcpu(), &here);
  cr_assert_eq(sched_setaffinity(0, sizeof here, &here), 0);
}

Test(idle, does_not_spin_where_others_want_the_core, .timeout = 60) {
  pthread_t neighbour;
  atomic_bool end = false;
  idler_t idler = {0};
  stay_here();
  cr_assert_eq(pthread_create(&neighbour, NULL, keep_busy, &end), 0);
  double began = clock_seconds();
  while (!idler.crowded && clock_seconds() - began < 30) idle(&idler, 0); /* many short waits */
  cr_assert(idler.crowded);
  cr_assert(idle(&idler, 0), "sleeps at once");
  atomic_store(&end, true);
  pthread_join(neighbour, NULL);
}
