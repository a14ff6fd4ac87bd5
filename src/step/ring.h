/* clang-format off */
/* The ring: how the ranks of a node pass tiles of the gradient to each other while they are in cache.
 *
 * All ranks take the tiles of a step in one order, by turns 0, 1, 2, ... Every rank has a segment of slots in
 * shared memory, and turn i uses slot i mod n_slots of every segment:
 *
 *             slot 0            slot 1            slot 2            slot 3
 *   rank 0  | sums of tile A  | sums of tile B  | sums of tile C  | (free)          |
 *   rank 1  | sums of tile A  | sums of tile B  | (being folded)  | (free)          |
 *                |                 |                 |
 *                |                 |                 +-- rank 1 is late: nobody waits for it yet
 *                |                 +-- folded by all ranks: the owner of B's parameters adds up both sums
 *                |                     and updates
 *                +-- done by all ranks: free for turn 4
 *
 * A rank folds a tile into its slot and counts that in slot->folded. When all ranks have folded the tile, each
 * rank that owns parameters of it adds up all sums in the order of the tree and updates its parameters. Then it
 * counts that in slot->done. A rank that owns nothing of the tile counts at once. When all ranks have counted,
 * the slot is free.
 *
 * A slow rank stalls the others only when every slot holds a tile that needs it. Delays of different ranks
 * overlap instead of adding up. No deadlock: a thread that waits for a slot keeps applying ready updates, so
 * the oldest turn always makes progress.
 *
 * A rank that is alone on its node needs no counters: each of its threads has one slot, and updates each tile
 * right after folding it. This header is the protocol alone; ring.c also has the strategy that folds and
 * updates gradients with it. */
/* clang-format on */
#ifndef STEP_RING_H
#define STEP_RING_H

#include "base/arena.h"
#include "step/waiting.h"

/* Counted by all ranks of the node over all steps, never reset: so a waiting thread can compute its target.
 */
typedef struct {
  _Alignas(64) atomic_long folded;
  _Alignas(64) atomic_long done;
} slot_t;

/* A rank's view of the ring. Constant, but for the counters. */
typedef struct {
  long turns; /* of a step */
  int n_slots;
  int ranks;             /* of the node */
  slot_t *slots;         /* (n_slots): shared by the node; NULL for a rank that is alone */
  const bool *owns;      /* (turns): this rank updates some of the tile */
  const long *own_turns; /* (n_own_turns): those turns, in order; none for a rank that is alone */
  long n_own_turns;
  _Alignas(64) atomic_long next_turn; /* to be folded by this rank in this step */
  _Alignas(64) atomic_long next_own;  /* to be updated, of own_turns */
} ring_t;

/* One thread's pass through the ring in one step. `fold` and `update` do the work on a turn, whose sums are
 * in slot number `slot` of each segment. */
typedef struct {
  ring_t *ring;
  waiter_t *waiter;
  int thread; /* number of the caller among the threads of its rank */
  long tick;  /* 0, 1, 2, ...: counts all steps */
  void (*fold)(void *context, long turn, int slot);
  void (*update)(void *context, long turn, int slot);
  void *context;
} ring_pass_t;

/* Folds and updates until this rank has folded all turns and updated all of its own. Called by all threads of
 * the rank, each with a pass of its own. False: a failure, or others did not come in time. */
bool ring_run(const ring_pass_t *pass);

/* Before the next step, by one thread of the rank when all are through. */
void ring_restart(ring_t *ring);

#endif
