/* Whether the copies of the parameters have the same bits. Every node has one; with parallel.reduce=mpi every
 * rank has one, and all of the optimiser's state. All threads of the ranks that share a copy compute its
 * checksum. */
#ifndef HEALTH_COPIES_H
#define HEALTH_COPIES_H

#include "step/engine.h"

/* The number of copies, which are numbered like the nodes or the ranks that have them. */
int copies_count(const engine_t *engine);

/* sums[c] is the checksum of copy c, the same on every rank; there must be room for as many sums as there are
 * ranks. Collective. */
ls_status copies_sum(engine_t *engine, uint64_t *sums, ls_error *error);

/* Writes which copies differ from the majority, or all of them if there is no majority, as the end of a
 * sentence for users that begins with "the parameters of". Returns whether there are any. */
bool copies_describe(const engine_t *engine, const uint64_t *sums, char *out, size_t size);

#endif
