/* What somebody who waits for others does between two looks: spins at first, then yields, then sleeps. So
 * whoever is only a little late is noticed at once, and more threads than cores slow down in proportion
 * instead of collapsing. */
#ifndef COMM_IDLE_H
#define COMM_IDLE_H

enum {
  IDLE_SPINS = 4000
}; /* looks before it yields, some 20 to 100 us: a neighbour that is only a little late */

/* `tries`: looks so far. True when it slept, so that the clock may be asked too. Thread-safe. */
_Bool idle(int tries);

/* Asks the kernel to let the calling thread run as soon as it wakes, though others keep the core busy (for
 * one that mostly sleeps), or no longer. Threads inherit it from whoever makes them: between the two calls
 * make none, or it gains nothing over them. A kernel that does not know how takes no notice. */
void idle_wake_promptly(_Bool on);

#endif
