/* What somebody who waits for others does between two looks: spins at first, so that who is only a little
 * late is noticed at once, then sleeps.
 *
 * Where others want the core as well (more threads than cores, a busy neighbour) spinning is no use: it takes
 * from the thread's share of the core, the kernel takes the core away when that is spent, and the thread then
 * stands behind its neighbour for a whole slice, some milliseconds. One that sleeps runs soon after it wakes,
 * on another core if that is free. So a thread that was often pushed off its core lately does not spin, and
 * more threads than cores slow down in proportion instead of collapsing. */
#ifndef COMM_IDLE_H
#define COMM_IDLE_H

#include <stdbool.h>

enum {
  IDLE_SPINS = 4000
}; /* looks before it sleeps, some 20 to 100 us: a neighbour that is only a little late */

/* What a thread knows of itself from one wait to the next; {0} is a new one. */
typedef struct {
  bool crowded;   /* others want its core */
  double since;   /* when that was found out, and */
  long preempted; /* how often the core had been taken from it by then */
} idler_t;

/* Between two looks; `tries`: looks so far in this wait. True when it slept, so that the clock may be asked
 * too. `idler`: the calling thread's, NULL for one that waits seldom. Thread-safe. */
bool idle(idler_t *idler, int tries);

/* Asks the kernel to let the calling thread run as soon as it wakes, though others keep the core busy (for
 * one that mostly sleeps), or no longer. Threads inherit it from whoever makes them: between the two calls
 * make none, or it gains nothing over them. A kernel that does not know how takes no notice. */
void idle_wake_promptly(bool on);

#endif
