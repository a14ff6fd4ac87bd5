/* The threads of evaluation and prediction. This is the one place in the room that makes threads and sets
 * what is global in OpenMP; what threads run knows nothing of it. */
#ifndef SCORE_THREADS_H
#define SCORE_THREADS_H

/* Calls run(context, 0), …, run(context, threads - 1), each in a thread of its own, which counts denormal
 * numbers as zero and makes no further threads. Returns when all have returned. */
void threads_run(int threads, void (*run)(void *context, int thread), void *context);

#endif
