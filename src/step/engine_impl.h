/* Inside of the engine: its parts, and what its files share. */
#ifndef STEP_ENGINE_IMPL_H
#define STEP_ENGINE_IMPL_H

#include "comm/barrier.h"
#include "comm/window.h"
#include "math/tree.h"
#include "step/engine.h"

enum { MOST_TOGETHER = 16 }; /* kernel calls of a thread at once */

/* One thread's own things, on cache lines of its own. */
typedef struct {
  _Alignas(64) graph_worker_t *kernels;
  int32_t *labels; /* (block_rows) */
  uint32_t *rows;  /* (block_rows): where streamed rows are */
  float *values;   /* (block_rows, targets) */
  float *weights;  /* (block_rows) */
  float *levels;   /* (fold_depth - 1, largest tile): where sums of left-hand subtrees wait */
  float *gradient; /* GRAPH_BLOCK floats: a block of the mean gradient */
  float *stack;    /* (depth of the sum, GRAPH_BLOCK) */
  idler_t idler;   /* how it waits */
  double mark;     /* when the current phase began */
  double seconds[PHASES];
  double *timeline; /* (timed_steps, PHASES): `seconds` as they stood behind each step; NULL when not kept */
} worker_t;

/* How some vectors are added up in tree order: a postfix program over them. What vector k has of block b
 * begins at pieces[k] + b GRAPH_BLOCK - first. */
typedef struct {
  const float **pieces;
  size_t first;
  int *program;
  int length;
  int depth;
} sum_t;

/* A run of parameter blocks. */
typedef struct {
  size_t first, count; /* in blocks of GRAPH_BLOCK */
} slice_t;

/* Blocks that go through the exchange together (slices.c). */
typedef struct {
  slice_t blocks;
  slice_t own; /* what of them this rank updates; count 0 for a rank without lane */
  size_t at;   /* own blocks of the buckets before: where this slice lies in what a rank holds for its own */
} bucket_t;

/* Why steps ended early: this node's exchange with others, or, as all nodes know, some rank's reader. */
enum { EXCHANGE_FAILED = 1, READER_FAILED = 2 };

/* What the threads of all ranks of a node share beside parameters: lives in a window (or, with reduce: mpi,
 * in plain memory, since then each rank is a node of its own). */
typedef struct {
  barrier_t barrier;                     /* of all threads */
  barrier_t lanes;                       /* of those that drive the exchange, one for each lane */
  _Alignas(64) atomic_int failed;        /* 0, EXCHANGE_FAILED (1) or READER_FAILED */
  _Alignas(64) atomic_int reader_failed; /* 1 where nodes still have to tell each other */
  /* with several nodes: the last step, as ticks count them, in which a rank of this node, and of any, wanted
   * the run to end */
  _Alignas(64) atomic_long halt_wanted;
  _Alignas(64) atomic_long halt_known;
} control_t;

/* How far the node is with a bucket, and with a stage: counted over all steps, never set back, so that who
 * waits for a step knows the number to wait for. Lies behind the control, one for each bucket. */
typedef struct {
  _Alignas(64) atomic_long folded;  /* tiles of the bucket, by all ranks */
  _Alignas(64) atomic_long handed;  /* stage of this number: ranks whose deltas have come down to it */
  _Alignas(64) atomic_long arrived; /* lanes whose slices of new parameters are there */
} progress_t;

/* A place for a tile's sums in every rank's segment, on one node: how many ranks, over all steps, have folded
 * a tile into theirs, and have taken of it what they own. Slots lie behind the progress. */
typedef struct {
  _Alignas(64) atomic_long folded;
  _Alignas(64) atomic_long updated;
} slot_t;

/* Sections that begin with the same node: what backward goes through at once. Of the order in which the fold
 * takes tiles, those before end_tile are folded before it goes on to the stage below. */
typedef struct {
  size_t node;
  long end_tile;
} stage_t;

typedef struct exchange exchange_t;

/* Layer-wise optimisers: every array of weights is cut at the borders of blocks, in order of offset. The
 * squares of w and u over piece p are at [2 p] and [2 p + 1] of the control's squares; an array's norm adds
 * its pieces in the tree. */
typedef struct {
  size_t array;
  size_t offset, floats; /* in the vector */
} trust_piece_t;
typedef struct {
  trust_piece_t *pieces;
  size_t n_pieces;       /* 0: the optimiser is not layer-wise */
  size_t *array_first;   /* (arrays + 1): first piece of each */
  size_t *block_first;   /* (blocks + 1) */
  size_t *block_squares; /* (blocks + 1): twice those */
  double *squares;       /* (2 n_pieces): shared by the node */
} trust_t;

typedef struct lbfgs lbfgs_t;

struct engine {
  engine_inputs_t in;
  const optimizer_t *optimizer;
  const schedule_t *schedule;
  schedule_plan_t rates;
  gather_t gather;
  slice_shape_t shape;
  bool shared;      /* reduce: shared */
  int nodes, lanes; /* as the update sees them: 1 and 1 with reduce: mpi */
  size_t floats, blocks, weight_blocks, trained_blocks; /* behind the latter: running statistics */

  window_t *parameter_window, *partial_window, *control_window; /* NULL with reduce: mpi */
  float *parameters;
  float *partials; /* (own pieces, piece_floats): sums over this rank's subtrees; whole vectors, or, on one
                      node, (n_slots, slot_floats): tiles on their way (fold.c) */
  size_t piece_floats, slot_floats;
  int n_slots;
  long *own_turns, n_own_turns; /* of the order below: where this rank updates some */
  slot_t *slots;
  control_t *control;
  progress_t *progress;                /* (buckets): shared by the node, as are norms */
  double *norms;                       /* (blocks): sums of squares of the gradient */
  barrier_t *team;                     /* this rank's threads */
  tree_node_t pieces[TREE_MAX_PIECES]; /* this rank's subtrees */
  int n_pieces;
  int fold_depth; /* sums of a tile at work at once */

  size_t bucket_floats;  /* about so many weights in a bucket, of which */
  double bucket_seconds; /* a node's part is so long on the line */
  section_t *sections;   /* the network as the exchange cuts it: whole on one node */
  size_t n_sections;
  stage_t *stages; /* of several nodes only, as is the exchange */
  size_t n_stages;
  size_t *tile_order;                  /* (tiles): in which order they are folded; NULL with reduce: mpi */
  bucket_t *buckets;                   /* one for each section and one for what is not weights; or one */
  size_t n_buckets, own_blocks;        /* the latter: of this rank, in all buckets */
  int *lane_of;                        /* (ranks): -1 for a rank that updates nothing */
  int updaters;                        /* threads of this rank that share an update */
  sum_t total;                         /* on one node: the gradient sum */
  float *states[OPTIMIZER_MAX_STATES]; /* (own blocks) */
  float *gradient; /* (own blocks): where it waits while its norm is found; with reduce: mpi also the sum */
  exchange_t *exchange;            /* NULL on one node and for a rank without lane */
  long ticks;                      /* steps of all runs before this one */
  _Alignas(64) atomic_int waiting; /* threads that wait for new parameters */
  engine_wants_t *wants_halt;      /* NULL: runs end at their end */
  void *halt_context;
  trust_t trust;
  lbfgs_t *lbfgs; /* NULL for other optimisers */

  tape_t *tape;
  stream_t *stream;               /* of the training rows, NULL when they are in memory */
  int64_t epoch, stream_step;     /* the epoch's number; the step that the stream's walk comes to, -1: none */
  order_t shuffle;                /* in which order rows come */
  uint32_t *order;                /* (rows): resident row that comes k-th, shard by shard; without a stream */
  int64_t *shard_begin;           /* (own shards + 1): first resident row of each own shard */
  int64_t steps_done;             /* of the epoch */
  int64_t timed;                  /* steps on the timelines */
  int64_t *timed_rows;            /* (timed_steps): rows of each */
  double *block_loss;             /* (own shards, blocks, heads) */
  double *step_loss, *epoch_loss; /* (own shards, heads) */
  double norm;

  worker_t *workers; /* (threads) */
  _Alignas(64) atomic_long next_block;
  _Alignas(64) atomic_long next_tile;
  _Alignas(64) atomic_long next_own; /* of own_turns */
  arena_t arena;
};

/* A step as its threads see it. */
typedef struct {
  int64_t step;    /* of the epoch */
  int64_t updates; /* before this one, in the whole run */
  int64_t rows;    /* of the whole batch */
  int64_t freedom; /* those less one for each kernel call that has some: degrees of freedom of a variance */
  bool want_norm;
  bool keep; /* leave the gradient in engine->gradient and update nothing */
} step_t;

/* ---- rows.c ---- */

/* A step on one node, phase by phase, each called by all threads of a rank. Fold does the update too, tile by
 * tile, but where the whole gradient must be there first, or the library adds up ranks; it is false when
 * others were waited for in vain. */
void rows_phase(engine_t *engine, worker_t *worker, const step_t *step);
bool fold_phase(engine_t *engine, worker_t *worker, int thread, const step_t *step, long tick);
void update_phase(engine_t *engine, worker_t *worker, int thread, const step_t *step, ls_error *error);

/* Rows by parts. Calls of the rows phase are numbered in the order of parts; a part ends before call
 * number `end`, and its threads share it. Forward through a section, gather before the first and loss behind
 * the last; backward from one node to another (graph_backward_between). */
void rows_forward(engine_t *engine, worker_t *worker, const step_t *step, const section_t *section, long end);
void rows_backward(engine_t *engine, worker_t *worker, size_t above, size_t below, long end);
long rows_calls(const engine_t *engine); /* of one part */
/* This step's slice of own shard s: rows [begin, begin + count) of the shard's order. */
int64_t slice_of(const engine_t *engine, int s, const step_t *step, int64_t *begin);

/* ---- fold.c ---- */

/* This rank's partial sums of one tile, to its whole vectors. */
void fold_pieces(engine_t *engine, worker_t *worker, const step_t *step, size_t tile);
/* Loss sums of this rank's shards, once a step and when all losses are there. By one thread. */
void add_losses(engine_t *engine, const step_t *step);
/* Where partial sums lie: before windows are made, when the most threads that a rank of the node has are
 * known. Then the order of tiles on one node. */
void fold_plan_ring(engine_t *engine, int most_threads);
ls_status fold_create(engine_t *engine, ls_error *error);
int fold_slots(int most_threads, int places, size_t tiles);
size_t fold_slot_floats(const graph_t *graph);

/* ---- update.c ---- */

/* Whether parameters are new when the fold is over. */
bool updated_by_fold(const engine_t *engine, const step_t *step);
/* Hyper-parameters of this step. */
optimizer_step_t update_settings(const engine_t *engine, const step_t *step);
/* Applies the gradient sum of floats [first, first + count), all weights or all biases, whole blocks or tiles
 * of the slice that this rank updates. */
void update_floats(engine_t *engine, worker_t *worker, const bucket_t *bucket, const step_t *step,
                   const optimizer_step_t *update, size_t first, size_t count, const float *sum);
/* New parameters [first, first + count) into the copies that products read, while they are in cache. With
 * several nodes the exchange does that, for all nodes' slices. */
void copy_parameters(const engine_t *engine, size_t first, size_t count);
/* Whether the whole gradient must be there before any of it is applied. */
bool gradient_waits(const engine_t *engine, const step_t *step);
/* The same, made a mean and put where the gradient waits; `count` within one block. */
void keep_floats(engine_t *engine, worker_t *worker, const bucket_t *bucket, const step_t *step, size_t first,
                 size_t count, const float *sum);
/* This updater's part of the rank's slice of a bucket: applied at once; or, made a mean, put where it waits,
 * with the squares of its blocks for the norm; and when all of the gradient waits, its update. */
void update_bucket(engine_t *engine, worker_t *worker, const bucket_t *bucket, const step_t *step,
                   const optimizer_step_t *update, const sum_t *total, int thread);
void keep_gradient(engine_t *engine, worker_t *worker, const bucket_t *bucket, const step_t *step,
                   const sum_t *total, int thread);
void update_waiting(engine_t *engine, worker_t *worker, int thread, const step_t *step,
                    const optimizer_step_t *update, ls_error *error);
slice_t own_part(const engine_t *engine, const bucket_t *bucket, int thread);

/* Where the float at `offset` of the vector lies in what this rank holds for its own slices. */
static inline size_t slice_index(const bucket_t *bucket, size_t offset) {
  return offset - bucket->own.first * GRAPH_BLOCK + bucket->at * GRAPH_BLOCK;
}
float *gradient_at(const engine_t *engine, const bucket_t *bucket, size_t offset);
void states_at(const engine_t *engine, const bucket_t *bucket, size_t offset,
               float *states[OPTIMIZER_MAX_STATES]);

/* Set-up of the update: buffers, plans, exchange; when slices are known. */
ls_status update_create(engine_t *engine, ls_error *error);

/* Waits for those of the node who update: threads, or with several nodes the lanes' ranks. */
bool updaters_wait(engine_t *engine, worker_t *worker);
/* Doubles that belong to blocks, those of block b at squares[first[b]] up to first[b + 1] (first NULL: one
 * for each), become known to the whole node, and to other nodes. By all updaters. */
void share_squares(engine_t *engine, worker_t *worker, double *squares, const size_t *first, ls_error *error);
/* Sum of squares of n floats, n a multiple of 8, in eight lanes that are added in a fixed order. */
double sum_squares(const float *g, size_t n);

/* ---- slices.c ---- */

/* Finds out how large buckets should be, from how fast messages are between nodes. Collective. Sums do not
 * depend on it. */
ls_status slices_plan(engine_t *engine, ls_error *error);
ls_status slices_create(engine_t *engine, ls_error *error); /* sections, buckets, who updates what */
slice_t bucket_slice(const engine_t *engine, size_t bucket, int lane, int node);
slice_t rank_slice(const engine_t *engine, size_t bucket, int rank);
slice_t bucket_lane(const engine_t *engine, size_t bucket); /* this rank's lane's slices, all nodes */
size_t section_bucket(const engine_t *engine, size_t section);
/* Between a whole vector and a rank's slices, bucket after bucket. The second is collective; the vector is
 * that of rank 0, NULL elsewhere. */
void scatter_slices(const engine_t *engine, const float *vector, float *slices);
ls_status gather_slices(engine_t *engine, const float *slices, float *vector, ls_error *error);

/* ---- sums.c ---- */

/* The program that makes sum(0, leaves) of pieces; the vectors that hold them are the caller's to fill in. */
ls_status sum_create(engine_t *engine, int leaves, const tree_node_t *pieces, int n_pieces, sum_t *sum,
                     ls_error *error);
/* Subtrees of this node's ranks, rank by rank, with the vectors that hold them; and those of a whole node. */
int node_pieces(const engine_t *engine, tree_node_t *pieces, const float **vectors);
int cover_node(const engine_t *engine, int node, tree_node_t pieces[TREE_MAX_PIECES]);
/* The sum of n floats, at most a block, from pieces[k] + at on: runs the program on a stack in cache. The
 * result may be one of the vectors itself. And that of a block. */
const float *sum_floats(const sum_t *sum, size_t at, size_t n, float *stack);
const float *sum_block(const sum_t *sum, size_t block, float *stack);

/* ---- exchange.c and staged.c: several nodes ---- */

ls_status exchange_create(engine_t *engine, ls_error *error);
void exchange_destroy(engine_t *engine);
int exchange_depth(const engine_t *engine); /* of its sums */
/* Whether this rank has a lane: then one more thread, the one that made the world, drives it. */
bool exchange_takes_part(const engine_t *engine);
/* One step of the exchange, by that thread; `tick` counts all steps of the engine. */
void exchange_step(engine_t *engine, worker_t *worker, const step_t *step, long tick, ls_error *error);
/* The same step by the rank's other threads; false when it cannot be done, since the one before has failed.
 */
bool staged_step(engine_t *engine, worker_t *worker, int thread, const step_t *step, long tick);
/* Whether the run ends before step `tick`, since some rank wanted it in the step before. */
bool staged_halted(engine_t *engine, worker_t *worker, int thread, long tick);
/* Waits until all parameters that step `tick` begins with are there; false: in vain. */
bool staged_end(engine_t *engine, worker_t *worker, long tick);
ls_status staged_create(engine_t *engine, ls_error *error); /* stages, and the order of tiles */
long bucket_tiles(const engine_t *engine, size_t bucket);   /* that have a share in it */
size_t bucket_stage(const engine_t *engine, size_t bucket); /* whose fold completes it */
/* This lane's doubles of all blocks to and from other nodes (share_squares); new parameters, all at once. */
void exchange_doubles(engine_t *engine, double *values, const size_t *first, ls_error *error);
ls_status exchange_whole(engine_t *engine, ls_error *error);

/* ---- trust.c ---- */

/* Layer-wise optimisers: the plan, and the share of the control that its squares take, before anything is
 * made; the update itself, from the gradient that waits. */
ls_status trust_plan(engine_t *engine, ls_error *error);
void trust_update(engine_t *engine, worker_t *worker, int thread, const optimizer_step_t *step,
                  ls_error *error);

/* L-BFGS (lbfgs.c), when the optimiser is that: what it needs beside states, after update_create; and steps
 * [from, to) of an epoch. Collective. */
ls_status lbfgs_create(engine_t *engine, ls_error *error);
ls_status lbfgs_run(engine_t *engine, int64_t from, int64_t to, ls_error *error);
/* Losses and gradient of a step at the present parameters, left in step_loss and gradient. Collective. */
ls_status engine_evaluate(engine_t *engine, int64_t step, ls_error *error);

/* ---- engine.c ---- */

/* Adds the seconds since the last mark to a phase. */
void worker_mark(worker_t *worker, engine_phase_t phase);
/* Puts the step, which has just ended, at place `at` of the worker's timeline. */
void worker_record(engine_t *engine, worker_t *worker, int thread, const step_t *step, int64_t at);
/* Waits for this rank's threads, or for all threads of the node, and counts it as waiting. */
bool team_wait(engine_t *engine, worker_t *worker);
bool node_wait(engine_t *engine, worker_t *worker); /* false: in vain */
bool lanes_wait(engine_t *engine, worker_t *worker);
/* Waits for a counter that only grows; false when the step fails meanwhile, or nothing comes in time. */
bool count_wait(engine_t *engine, worker_t *worker, const atomic_long *counter, long number);
/* For who looks at more than a counter: called after each look in vain, with {0} before the first. False when
 * it is no use to go on. */
typedef struct {
  int looks;
  double asleep; /* since when */
} patience_t;
bool wait_on(engine_t *engine, worker_t *worker, patience_t *patience);
/* Whether somebody has waited in vain: the step, and the run with it, is over. */
bool step_failed(const engine_t *engine);

#endif
