/* What a waiting thread does between two polls: it spins at first, to notice a short delay at once, and
 * sleeps after that.
 *
 * Spinning does not help when other threads want the same core (more threads than cores, another busy
 * process). It uses up the thread's time slice; the kernel then runs the other thread for a whole slice, some
 * milliseconds. A sleeping thread runs soon after it wakes, on another core if one is free. So a thread that
 * was often preempted recently does not spin. With more threads than cores, the program then slows down in
 * proportion and does not collapse. */
#ifndef COMM_IDLE_H
#define COMM_IDLE_H

#include <stdbool.h>

enum { IDLE_SPINS = 4000 }; /* polls before the first sleep, some 20 to 100 us */

/* A thread's record of its own preemptions, kept from one wait to the next. Start from {0}. */
typedef struct {
  bool crowded;   /* other threads want this core */
  double since;   /* time of the last check */
  long preempted; /* preemptions up to the last check */
} idler_t;

/* Call between two polls. `tries`: calls before this one in the same wait. Returns true when the call slept;
 * the caller can then afford to read the clock. `idler` belongs to the calling thread; NULL for a thread that
 * seldom waits. Thread-safe. */
bool idle(idler_t *idler, int tries);

/* How long a wait has taken, for a time limit. Start from {0}. Call waited after each poll that slept; `now`
 * is the time. A stretch in which the process could not run, because the job was suspended, counts as a
 * second at most: the others could not come either. Returns the seconds so far. */
typedef struct {
  double last, seconds;
} waited_t;
double waited(waited_t *waited, double now);

/* Asks the kernel to run the calling thread as soon as it wakes, even on a busy core; false restores the
 * default. Meant for a thread that mostly sleeps. New threads inherit the setting, so create none while it is
 * on: they would have the same priority and cancel the effect. Kernels without this feature ignore the
 * call. */
void idle_wake_promptly(bool on);

#endif
