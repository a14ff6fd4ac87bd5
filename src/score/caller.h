/* The settings of OpenMP and of floating point of a program that calls lockstep as a library. Threads of
 * OpenMP outlive a parallel region and keep their floating-point mode, so the modes of all threads that
 * lockstep may use are noted, and restored, in a parallel region. */
#ifndef SCORE_CALLER_H
#define SCORE_CALLER_H

#include <fenv.h>

enum { MOST_CALLER_THREADS = 1024 };

/* {0}: nothing is noted. */
typedef struct {
  int threads; /* whose modes are known */
  int dynamic, most;
  fenv_t modes[MOST_CALLER_THREADS];
} caller_t;

/* Notes the caller's settings, and sets those of lockstep: denormals flushed, round to nearest, no traps, the
 * number of threads not adjusted. `threads`: how many lockstep will use, as far as that is known. Not within
 * a parallel region. */
void caller_leave(caller_t *caller, int threads);

/* Restores what was noted. `threads`: how many lockstep has used; those that the caller did not have get the
 * mode of the calling thread. */
void caller_return(const caller_t *caller, int threads);

#endif
