#include "step/waiting.h"

#include "base/activity.h"
#include "base/clock.h"

#include <limits.h>

const char *engine_phase_name(engine_phase_t phase) {
  static const char *const names[] = {
#define ENGINE_PHASE_NAME(code, name) [code] = name,
      ENGINE_PHASES(ENGINE_PHASE_NAME)
#undef ENGINE_PHASE_NAME
  };
  return names[phase];
}

void waiter_mark(waiter_t *waiter, engine_phase_t phase) {
  double now = clock_seconds();
  waiter->seconds[phase] += now - waiter->mark;
  waiter->mark = now;
}

bool waiter_failed(const waiter_t *waiter) {
  return atomic_load_explicit(waiter->failed, memory_order_relaxed) != 0;
}

bool waiter_meet(waiter_t *waiter, barrier_t *barrier) {
  bool came = barrier_wait(barrier, &waiter->idler, waiter->limit);
  if (!came) atomic_store(waiter->failed, EXCHANGE_FAILED);
  waiter_mark(waiter, PHASE_WAIT);
  return came;
}

/* Another thread of this rank either finishes or reports a failure. Only other ranks can disappear, so only
 * waiting for them has a time limit. */
bool waiter_pause(waiter_t *waiter, patience_t *patience) {
  if (waiter_failed(waiter)) return false;
  bool slept = idle(&waiter->idler, patience->polls);
  patience->polls += patience->polls < INT_MAX / 2;
  if (!slept || waiter->limit <= 0) return true;
  double now = clock_seconds();
  activity_waits(now);
  if (waited(&patience->time, now) > waiter->limit) atomic_store(waiter->failed, EXCHANGE_FAILED);
  return true;
}

bool waiter_await(waiter_t *waiter, const atomic_long *counter, long number) {
  patience_t patience = {0};
  while (atomic_load_explicit(counter, memory_order_acquire) < number)
    if (!waiter_pause(waiter, &patience)) return false;
  return true;
}
