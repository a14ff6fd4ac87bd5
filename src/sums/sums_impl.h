/* Private to the room: sums.c computes this rank's subtrees, collect.c adds those of all ranks. */
#ifndef SUMS_SUMS_IMPL_H
#define SUMS_SUMS_IMPL_H

#include "base/arena.h"
#include "data/stream.h"
#include "math/tree.h"
#include "sums/sums.h"

/* How rank 0 adds the subtrees of all ranks, `at_once` elements of each at a time. */
typedef struct {
  int *counts;   /* (ranks): number of subtrees */
  size_t *sizes; /* (ranks): bytes to send */
  size_t at_once;
  double *send, *receive, *stack;
  int *plan; /* the postfix program of the additions */
  int length;
} collect_t;

/* The memory of a thread, or of all threads that work together. */
typedef struct {
  float *x, *targets, *weights; /* a block of rows */
  double *levels;               /* (depth, elements): right subtrees of the present task */
} worker_t;

struct sums {
  sums_inputs_t in;
  const split_t *split;
  int64_t inputs;
  tree_node_t pieces[TREE_MAX_PIECES]; /* this rank's largest subtrees */
  int first_task[TREE_MAX_PIECES];     /* of each piece */
  int n_pieces;
  tree_node_t *tasks; /* the subtrees that the pieces consist of, of at most `most` leaves */
  int n_tasks, most, depth;
  double *results;   /* (n_tasks, elements) */
  worker_t *workers; /* (threads), or one for all */
  /* levels of tasks that go on in the next part of streamed rows: [carried] of the one that begins a part */
  double *carry[2];
  int carried;
  part_t part; /* the rows that are in memory */
  interruption_t interruption;
  collect_t collect;
  arena_t arena;
};

/* Plans how the subtrees of all ranks become the total. Not collective. */
ls_status collect_plan(sums_t *sums, ls_error *error);

/* The rank's subtree of piece k. */
static inline double *piece_sum(const sums_t *sums, int k) {
  return sums->results + (size_t)sums->first_task[k] * sums->in.elements;
}

/* total (elements, where it is wanted) = the sum of all ranks' pieces, in the order of the tree. Collective.
 */
ls_status collect_pieces(sums_t *sums, double *total, ls_error *error);

#endif
