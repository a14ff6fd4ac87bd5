/* The ring between fake ranks, whose threads are threads of this process. Instead of gradients they write
 * down what they have folded, so that an update sees whether it gets what it should. */
#include "step/ring.h"

#include "step/fixture.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum { MOST_RANKS = 3, MOST_THREADS = 3, MOST_TURNS = 40, MOST_SLOTS = 40, STEPS = 30 };

/* What all ranks of the node share. */
typedef struct {
  int ranks, threads, n_slots;
  long turns;
  int slow;     /* this rank sleeps in between; -1: none */
  int absent;   /* this rank never folds; -1: none */
  double limit; /* seconds */
  barrier_t barrier;
  atomic_int failed;
  slot_t slots[MOST_SLOTS];
  long folded[MOST_RANKS][MOST_SLOTS]; /* which turn of which step a segment's slot holds */
  bool owns[MOST_RANKS][MOST_TURNS];
  long own_turns[MOST_RANKS][MOST_TURNS];
  ring_t rings[MOST_RANKS];
  atomic_int updates[MOST_RANKS][MOST_TURNS]; /* in this step */
} node_t;

typedef struct {
  node_t *node;
  int rank, thread;
  long tick;
  bool done;
  pthread_t handle;
} actor_t;

static long mark_of(const node_t *node, long tick, long turn) {
  return 1 + tick * node->turns + turn;
}

static void pause_sometimes(const actor_t *actor, long turn) {
  if (actor->rank == actor->node->slow && turn % 5 == 2) nanosleep(&(struct timespec){0, 200000}, NULL);
}

static void fold(void *context, long turn, int slot) {
  actor_t *actor = context;
  pause_sometimes(actor, turn);
  actor->node->folded[actor->rank][slot] = mark_of(actor->node, actor->tick, turn);
}

static void update(void *context, long turn, int slot) {
  actor_t *actor = context;
  node_t *node = actor->node;
  complain_unless(node->owns[actor->rank][turn], "rank %d updates turn %ld of others", actor->rank, turn);
  pause_sometimes(actor, turn + 1);
  for (int r = 0; r < node->ranks; r++)
    complain_unless(node->folded[r][slot] == mark_of(node, actor->tick, turn),
                    "rank %d updates turn %ld of step %ld, but rank %d's slot holds another", actor->rank,
                    turn, actor->tick, r);
  atomic_fetch_add(&node->updates[actor->rank][turn], 1);
}

static void check_step(node_t *node) {
  for (int r = 0; r < node->ranks; r++)
    for (long i = 0; i < node->turns; i++) {
      int n = atomic_exchange(&node->updates[r][i], 0);
      complain_unless(n == node->owns[r][i], "rank %d has updated turn %ld %d times", r, i, n);
    }
}

static void *act(void *argument) {
  actor_t *actor = argument;
  node_t *node = actor->node;
  waiter_t waiter = {.failed = &node->failed, .limit = node->limit};
  for (actor->tick = 0; actor->tick < STEPS; actor->tick++) {
    const ring_pass_t pass = {
        &node->rings[actor->rank], &waiter, actor->thread, actor->tick, fold, update, actor};
    if (actor->rank != node->absent && !ring_run(&pass)) return NULL;
    if (!waiter_meet(&waiter, &node->barrier)) return NULL;
    if (actor->rank == 0 && actor->thread == 0) check_step(node);
    if (actor->thread == 0) ring_restart(&node->rings[actor->rank]);
    if (!waiter_meet(&waiter, &node->barrier)) return NULL;
  }
  actor->done = true;
  return NULL;
}

/* Each turn has one or two owners. */
static node_t *node_create(uint64_t *stream, int ranks, int threads, int n_slots) {
  node_t *node = aligned_alloc(64, (sizeof(node_t) + 63) / 64 * 64);
  *node = (node_t){.ranks = ranks,
                   .threads = threads,
                   .n_slots = ranks > 1 ? n_slots : threads,
                   .turns = 1 + (long)draw(stream, MOST_TURNS),
                   .slow = -1,
                   .absent = -1,
                   .limit = 60};
  if (ranks > 1 && node->n_slots > node->turns) node->n_slots = (int)node->turns;
  barrier_init(&node->barrier, ranks * threads);
  for (long i = 0; i < node->turns; i++) {
    node->owns[draw(stream, (size_t)ranks)][i] = true;
    if (draw(stream, 4) == 0) node->owns[draw(stream, (size_t)ranks)][i] = true;
  }
  for (int r = 0; r < ranks; r++) {
    ring_t *ring = &node->rings[r];
    *ring = (ring_t){.turns = node->turns,
                     .n_slots = node->n_slots,
                     .ranks = ranks,
                     .slots = ranks > 1 ? node->slots : NULL,
                     .owns = node->owns[r],
                     .own_turns = node->own_turns[r]};
    for (long i = 0; i < node->turns && ranks > 1; i++)
      if (node->owns[r][i]) node->own_turns[r][ring->n_own_turns++] = i;
  }
  return node;
}

/* Runs all threads of all ranks; returns how many have done all steps. */
static int run(node_t *node) {
  actor_t actors[MOST_RANKS * MOST_THREADS];
  int n = 0, done = 0;
  for (int r = 0; r < node->ranks; r++)
    for (int t = 0; t < node->threads; t++, n++) {
      actors[n] = (actor_t){.node = node, .rank = r, .thread = t};
      cr_assert_eq(pthread_create(&actors[n].handle, NULL, act, &actors[n]), 0);
    }
  for (int i = 0; i < n; i++) {
    pthread_join(actors[i].handle, NULL);
    done += actors[i].done;
  }
  check_complaints();
  return done;
}

Test(ring, updates_see_the_sums_of_all_ranks_once) {
  uint64_t stream = 11;
  for (int i = 0; i < 30; i++) {
    int ranks = 2 + (int)draw(&stream, MOST_RANKS - 1), threads = 1 + (int)draw(&stream, MOST_THREADS);
    node_t *node = node_create(&stream, ranks, threads, 1 + (int)draw(&stream, MOST_SLOTS));
    cr_assert_eq(run(node), ranks * threads, "case %d: not all threads come to the end", i);
    free(node);
  }
}

/* One slot is the smallest ring: every turn waits for all ranks. */
Test(ring, goes_on_with_any_number_of_slots_and_a_slow_rank) {
  uint64_t stream = 12;
  for (int n_slots = 1; n_slots <= 4; n_slots++) {
    node_t *node = node_create(&stream, 2, 2, n_slots);
    node->slow = n_slots % 2;
    cr_assert_eq(run(node), 4, "not all threads come to the end with %d slots", n_slots);
    free(node);
  }
}

Test(ring, a_rank_alone_updates_each_turn_itself) {
  uint64_t stream = 13;
  for (int threads = 1; threads <= MOST_THREADS; threads++) {
    node_t *node = node_create(&stream, 1, threads, 0);
    cr_assert_eq(run(node), threads);
    free(node);
  }
}

Test(ring, gives_up_when_a_rank_does_not_come) {
  uint64_t stream = 14;
  node_t *node = node_create(&stream, 2, 1, 2);
  node->turns = MOST_TURNS;
  node->absent = 1;
  node->limit = 0.3;
  for (int r = 0; r < 2; r++) node->rings[r].turns = MOST_TURNS;
  cr_assert_eq(run(node), 0, "a step ends without a rank");
  cr_assert_eq(atomic_load(&node->failed), EXCHANGE_FAILED);
  free(node);
}
