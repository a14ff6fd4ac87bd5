/* Sums over the rows of a split: vectors of doubles, added in the order of the tree over shards, so that they
 * have the same bits on any number of nodes, ranks and threads.
 *
 * A leaf of the tree is the vector of one shard. A function of the caller computes it: it gets the shard's
 * rows as the network would see them, block by block in order, and adds what they contribute. Rows may be in
 * memory or streamed. Threads divide the work in one of two ways:
 *
 *   apart      each thread computes the leaves of some shards. `add` is called by one thread at a time for a
 *              leaf; it works alone, so its order of additions is fixed. Each thread needs a few vectors of
 *              its own. For vectors that are small beside the work of a block: clusters, mixtures.
 *   together   all threads compute one leaf. `add` is called by all of them for the same block; they divide
 *              the elements of the leaf among them (`#pragma omp for`), and each element is added up by one
 *              thread, in the order of the rows. For large vectors: products of all columns.
 *
 * A shard's blocks begin at the same rows on any layout, and with or without a stream. So `add` may also
 * compute sums of its own over a block, for example by products in float.
 *
 * A pass over the rows looks like this; `add_apart` in tests/mpi/sums.c is a whole example.
 *
 *   sums_create(&inputs, &sums, &error);                      once, at set-up
 *   sums_run(sums, add_squares, &context, total, &error);     as often as needed, with any `add`
 *   sums_destroy(&sums);
 */
#ifndef SUMS_SUMS_H
#define SUMS_SUMS_H

#include "comm/world.h"
#include "features/gather.h"
#include "sums/interrupt.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SUMS_BLOCK = 128 }; /* most rows of a block */

/* Consecutive rows of one shard. */
typedef struct {
  const float *x;       /* (rows, inputs): as the network sees them; NULL if the caller gathers */
  const float *targets; /* (rows, width of the split) as a loss takes them; NULL unless they are wanted */
  const float *weights; /* (rows): weights of mean 1; NULL: all 1 */
  int64_t rows;         /* 1 to SUMS_BLOCK */
  int64_t row;          /* the first one's number among this rank's rows, from 0 */
  int64_t number;       /* the first one's number among all rows of the split */
  int64_t resident;     /* and in memory, for gather_features */
  int thread;           /* which calls, from 0: for memory of its own */
} sums_block_t;

/* Adds what the rows of a block contribute to a leaf (elements), which is zero before the first block of a
 * shard. Must not fail, allocate or communicate. What it writes elsewhere must belong to the thread, or to
 * the rows of the block (work apart) or the thread's elements (work together). */
typedef void sums_add_t(void *context, const sums_block_t *block, double *leaf);

/* Everything is borrowed for the life of the sums. */
typedef struct {
  world_t *world;
  const gather_t *gather; /* of the split whose rows are added up */
  int threads;
  size_t elements;              /* of a leaf: at least 1 */
  bool together;                /* see above */
  bool wants_targets;           /* of the split, which has some */
  bool gathers_some;            /* blocks come without x, since `add` gathers only some rows by itself */
  bool everywhere;              /* the total is wanted on every rank, else only on rank 0 */
  const interrupt_t *interrupt; /* ends a pass early; NULL: nothing does. Only for work apart */
} sums_inputs_t;

typedef struct sums sums_t;

/* Allocates all memory that passes need: see sums_bytes. *out is caller-owned (sums_destroy) and untouched on
 * failure. Collective. */
ls_status sums_create(const sums_inputs_t *inputs, sums_t **out, ls_error *error);
void sums_destroy(sums_t **sums);

/* total (elements) = the sum of the leaves of all shards; NULL where the total is not wanted. `add` is called
 * once for each block of this rank's rows. Counts rows for base/progress.h. LS_STOPPED on all ranks if the
 * pass was interrupted: then total is untouched, and what `add` has written elsewhere is of some rows only.
 * Collective. */
ls_status sums_run(sums_t *sums, sums_add_t *add, void *context, double *total, ls_error *error);

/* Bytes that sums of `elements` elements need on a rank with `shards` of all `all` shards. Pure. */
double sums_bytes(size_t elements, bool together, int threads, int shards, int64_t inputs);

#endif
