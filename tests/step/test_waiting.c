/* How long a thread waits for others, and what it keeps of its time: the phases of each step. */
#include "step/waiting.h"

#include "step/engine_impl.h"

#include <criterion/criterion.h>
#include <time.h>

/* Pauses of a thread that waits for something that does not come: true as long as it waits on. */
static bool waits_on(waiter_t *waiter, double seconds) {
  patience_t patience = {.polls = IDLE_SPINS};
  struct timespec began, now;
  clock_gettime(CLOCK_MONOTONIC, &began);
  for (;;) {
    if (!waiter_pause(waiter, &patience)) return false;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if ((double)(now.tv_sec - began.tv_sec) + 1e-9 * (double)(now.tv_nsec - began.tv_nsec) > seconds)
      return true;
  }
}

Test(waiting, has_no_end_without_a_limit) {
  atomic_int failed = 0;
  waiter_t waiter = {.failed = &failed};
  cr_assert(waits_on(&waiter, 0.05));
  cr_assert_eq(atomic_load(&failed), 0);
}

Test(waiting, ends_at_its_limit, .timeout = 60) {
  atomic_int failed = 0;
  waiter_t waiter = {.failed = &failed, .limit = 0.02};
  cr_assert_not(waits_on(&waiter, 30));
  cr_assert_eq(atomic_load(&failed), EXCHANGE_FAILED, "the other threads are not told");
}

Test(waiting, ends_when_another_thread_has_failed) {
  atomic_int failed = READER_FAILED;
  waiter_t waiter = {.failed = &failed};
  cr_assert_not(waits_on(&waiter, 30));
  cr_assert_eq(atomic_load(&failed), READER_FAILED);
}

/* Two threads that have counted their seconds over three steps. */
Test(waiting, seconds_of_a_step_are_those_since_the_step_before) {
  enum { STEPS = 3, THREADS = 2 };
  double lines[THREADS][STEPS * PHASES];
  layout_t layout = {.threads = THREADS};
  static thread_t threads[THREADS];
  static engine_t engine;
  engine.in.layout = &layout;
  engine.threads = threads;
  for (int w = 0; w < THREADS; w++) {
    threads[w].waiter.timeline = lines[w];
    for (int t = 0; t < STEPS; t++)
      for (int p = 0; p < PHASES;
           p++) /* of step t and phase p: (t + 1) (p + 1) seconds, thread 0 twice that */
        lines[w][t * PHASES + p] =
            (t > 0 ? lines[w][(t - 1) * PHASES + p] : 0) + (t + 1) * (p + 1) * (w == 0 ? 2 : 1);
  }
  for (int t = 0; t < STEPS; t++) {
    double seconds[STEP_SECONDS];
    engine_step_seconds(&engine, t, seconds);
    for (int p = 0; p < PHASES; p++) cr_assert_float_eq(seconds[p], 1.5 * (t + 1) * (p + 1), 1e-12);
    cr_assert_float_eq(seconds[PHASES], 2.0 * (t + 1) * (PHASE_EXCHANGE + 1), 1e-12,
                       "the longest time that a thread waited for messages");
  }
}
