/* clang-format off */
/* The exchange between nodes: a reduce-scatter and an allgather, cut into buckets, with the update in between.
 *
 * Each rank with a lane has a thread that drives the exchange. MPI libraries make progress only inside their
 * functions, so one thread keeps calling them while the others compute. Each bucket advances through these
 * states independently:
 *
 *   FOLDING            waits until all ranks of this node have folded all tiles of the bucket
 *      |               adds up the node's subtrees over the lane's blocks
 *   GRADIENT_READY     waits until few enough buckets are being sent
 *      |               ---- each other node's share of the subtrees ---->   the lane's ranks
 *   GRADIENT_SENT      <--- their subtrees over the own share -----------   on other nodes
 *   GRADIENT_HERE      adds up all subtrees in the order of the tree, updates the own share
 *      |
 *   PARAMETERS_READY   waits until few enough buckets are being sent
 *      |               ---- new parameters of the own share ------------>   the lane's ranks
 *   PARAMETERS_SENT    <--- new parameters of their shares --------------   on other nodes
 *   PARAMETERS_HERE    waits until deltas have passed through the old transposed copies; renews the copies
 *      |
 *   COPIED
 *      |
 *   ARRIVED            the next step may go forward through the bucket's weights
 *
 * If a step needs the whole gradient before the update, all buckets wait at PARAMETERS_READY. New parameters
 * may replace the old ones early: a rank that has folded a bucket has finished forward through its weights.
 * Only the transposed copies have to wait, because deltas still pass through them.
 *
 * Few buckets are sent at a time, and the buckets that the next step needs first are sent first, because a
 * message cannot overtake one that has begun.
 *
 * Private to the strategy `overlapped`: exchange_create.c makes it, exchange.c runs it, overlapped.c uses it.
 * `bench --network` runs it without rows and updates (study/exchange_probe.c). */
/* clang-format on */
#ifndef STEP_EXCHANGE_H
#define STEP_EXCHANGE_H

#include "comm/barrier.h"
#include "comm/transfer.h"
#include "step/buckets.h"
#include "step/fold.h"

#include <stdatomic.h>

/* ---- what the threads of a node share ---- */

/* Progress of a bucket, and of a stage of backward, counted over all steps and never reset, so a waiting
 * thread can compute its target. */
typedef struct {
  _Alignas(64) atomic_long folded;  /* folded tiles of the bucket, over all ranks */
  _Alignas(64) atomic_long handed;  /* for the stage with this number: ranks whose deltas have reached it */
  _Alignas(64) atomic_long arrived; /* lanes whose new parameters have arrived */
} progress_t;

typedef struct {
  barrier_t lanes;                       /* of the communicating threads of the node */
  _Alignas(64) atomic_int reader_failed; /* 1: a reader of this node failed; other nodes do not know yet */
  _Alignas(64) atomic_long
      halt_wanted; /* tick + 1 of the last step in which a rank of this node asked to end the run */
  _Alignas(64) atomic_long halt_known; /* the same, for any node */
  _Alignas(64) atomic_long
      bad_loss; /* tick + 1 of the last step whose loss was not finite: of this node, then of any */
} signals_t;

/* ---- the exchange of one rank ---- */

/* The state of a bucket within a step. */
typedef enum {
  FOLDING,
  GRADIENT_READY,
  GRADIENT_SENT,
  GRADIENT_HERE,
  PARAMETERS_READY,
  PARAMETERS_SENT,
  PARAMETERS_HERE,
  COPIED,
  ARRIVED,
} way_t;

/* The work of the fold for a bucket. */
typedef struct {
  size_t stage; /* the stage of backward whose fold completes the bucket */
  long tiles;   /* of one rank, in a step */
} bucket_fold_t;

/* A bucket during a step. */
typedef struct {
  way_t way;
  bool leaves; /* some of its messages are not sent yet */
  size_t stage;
  long tiles;         /* of all ranks of the node, in a step */
  block_range_t lane; /* the shares of this lane */
  const float **sums; /* (own_subtrees): this node's subtrees over the lane's blocks */
  float *made;        /* memory for those subtrees that are sums over several ranks, (subtree, lane) */
  float *received;    /* subtrees of other nodes over the own share, (subtree, share) */
  tree_plan_t total;  /* the gradient sum of the own share */
  int sending, gradients, parameters; /* incomplete messages: sent; received gradients and parameters */
} route_t;

typedef struct {
  const plan_t *plan;
  int node, lane, ranks; /* this node, this rank's lane, ranks of this node */
  float *parameters;     /* the vector: borrowed */
  signals_t *signals;    /* shared by the node */
  progress_t *progress;  /* (buckets): shared by the node */
  atomic_int *failed;    /* of the node: waiting.h */
  atomic_int *waiting;   /* the number of computing threads of this rank that wait for new parameters */
  tree_plan_t *own;      /* (own_subtrees): each subtree of this node from the ranks' partial sums */
  int own_subtrees;
  int *node_subtrees; /* (nodes): subtrees of each node */
  route_t *routes;    /* (buckets) */
  float *words;       /* (nodes): the word of each node in a step */
  int open_words;     /* incomplete messages of words */
  transfer_t *transfer;
} exchange_t;

/* The input of exchange_create. Plan, parameters, vectors and shared counters are borrowed for the life of
 * the exchange, everything else for the call. */
typedef struct {
  const plan_t *plan;
  int node, lane, ranks;
  int leaves;                  /* shards of the job */
  const tree_node_t *subtrees; /* (n_subtrees): of this node's ranks, rank by rank */
  const float *const *vectors; /* (n_subtrees): their sums, whole vectors */
  int n_subtrees;
  const tree_node_t (*covers)[TREE_MAX_PIECES]; /* (nodes): the subtrees of each whole node */
  const int *n_covers;                          /* (nodes) */
  const bucket_fold_t *folds;                   /* (buckets) */
  float *parameters;
  signals_t *signals;
  progress_t *progress;
  atomic_int *failed, *waiting;
} exchange_setup_t;

/* Measures how fast messages are between nodes, and chooses buckets for a vector of `vector_floats` floats,
 * large enough to keep the line busy. Sums do not depend on it. Needs several nodes. Collective. */
ls_status exchange_division(world_t *world, size_t vector_floats, division_t *out, ls_error *error);

/* Memory comes from the arena. The caller sets out->transfer, with room for exchange_messages. Not
 * collective. LS_NO_MEMORY. */
ls_status exchange_create(const exchange_setup_t *setup, arena_t *arena, exchange_t *out, ls_error *error);
size_t exchange_messages(const exchange_t *exchange); /* at a time, at most */
int exchange_depth(const exchange_t *exchange);       /* of all its plans: sums on the stack */

/* ---- one step ---- */

typedef struct {
  long tick;    /* counts all steps */
  bool waits;   /* the update needs the whole gradient first */
  bool keep;    /* nothing is updated: parameters stay as they are */
  double nap;   /* seconds between two polls while this rank computes */
  double limit; /* seconds without progress before the exchange gives up; 0: never */
  float *stack; /* for tree_plan_add */

  void (*update)(void *context, size_t bucket); /* updates the own share from routes[bucket].total */
  bool (*update_whole)(
      void *context); /* if `waits`: called when all gradients have arrived; false: it failed */
  void (*renew_copies)(void *context, block_range_t blocks);
  ls_status (*give_up)(void *context,
                       const char *why); /* returns an error that names the nodes that do not answer */
  void *context;
} exchange_step_t;

/* Runs one step of the exchange, until all buckets have arrived. *reader_failed: a reader has failed on some
 * node, and the next step must not begin. LS_COMM: messages failed or did not arrive. All lanes of all nodes
 * make the same calls, with the same tick, waits and keep. */
ls_status exchange_run(exchange_t *exchange, const exchange_step_t *step, bool *reader_failed,
                       ls_error *error);

#endif
