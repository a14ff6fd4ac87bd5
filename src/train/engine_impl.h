/* Inside of the engine: its parts, and what engine.c, rows.c, fold.c and update.c share. */
#ifndef TRAIN_ENGINE_IMPL_H
#define TRAIN_ENGINE_IMPL_H

#include "comm/barrier.h"
#include "comm/window.h"
#include "math/tree.h"
#include "train/engine.h"

enum { MOST_TOGETHER = 16 }; /* kernel calls of a thread at once */

/* One thread's own things, on cache lines of its own. */
typedef struct {
  _Alignas(64) graph_worker_t *kernels;
  int32_t *labels; /* (block_rows) */
  uint32_t *rows;  /* (together, block_rows): where streamed rows are */
  float *values;   /* (block_rows, targets) */
  float *weights;  /* (block_rows) */
  float *levels;   /* (fold_depth - 1, largest tile): where sums of left-hand subtrees wait */
  float *tile;     /* (largest tile): its sum over all shards, when nobody else needs it */
  float *gradient; /* GRAPH_BLOCK floats: a block of the mean gradient */
  float *stack;    /* (depth of the sum, GRAPH_BLOCK) */
  double mark;     /* when the current phase began */
  double seconds[PHASES];
  double *timeline; /* (timed_steps, PHASES): `seconds` as they stood behind each step; NULL when not kept */
} worker_t;

/* How some vectors are added up in tree order: a postfix program over them. Element i of vector k is at
 * pieces[k][i - first]. */
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

/* Why steps ended early: this node's exchange with others, or, as all nodes know, some rank's reader. */
enum { EXCHANGE_FAILED = 1, READER_FAILED = 2 };

/* What the threads of all ranks of a node share beside parameters: lives in a window (or, with reduce: mpi,
 * in plain memory, since then each rank is a node of its own). */
typedef struct {
  barrier_t barrier;
  _Alignas(64) atomic_int failed; /* 0, EXCHANGE_FAILED (1) or READER_FAILED */
  _Alignas(64) double norms[];    /* per parameter block: sum of squares of the gradient */
} control_t;

/* The exchange between nodes, present when there are several. */
typedef struct {
  sum_t *own; /* (own_pieces): each node piece from the ranks' partial sums */
  int own_pieces;
  float *send, *receive; /* slices of node pieces to and from the ranks of this lane */
  int *send_counts, *receive_counts, *lane_counts, *norm_counts; /* (nodes) each */
  size_t lane_first, lane_count;                                 /* blocks of this lane's slices */
} exchange_t;

/* Layer-wise optimisers: every array of weights is cut at the borders of blocks, in order of offset. The
 * squares of w and u over piece p are at [2 p] and [2 p + 1] of the control's squares; an array's norm adds
 * its pieces in the tree. */
typedef struct {
  size_t array;
  size_t offset, floats; /* in the vector */
} trust_piece_t;
typedef struct {
  trust_piece_t *pieces;
  size_t n_pieces;     /* 0: the optimiser is not layer-wise */
  size_t *array_first; /* (arrays + 1): first piece of each */
  size_t *block_first; /* (blocks + 1) */
  double *squares;     /* (2 n_pieces): shared by the node */
  int *counts;         /* (nodes): doubles of this lane's slices, for the exchange */
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
  float *partials; /* (own_pieces, floats) */
  control_t *control;
  barrier_t *team;                     /* this rank's threads */
  tree_node_t pieces[TREE_MAX_PIECES]; /* this rank's subtrees */
  int n_pieces;
  int fold_depth; /* sums of a tile at work at once */

  sum_t total;                         /* the gradient sum on this rank's slice */
  slice_t slice;                       /* updated by this rank; count 0 for a rank without lane */
  slice_t *slices;                     /* (ranks): of every rank, for saving */
  float *states[OPTIMIZER_MAX_STATES]; /* (slice) */
  float *gradient; /* (slice): where it waits while its norm is found; with reduce: mpi also the sum */
  exchange_t exchange;
  trust_t trust;
  lbfgs_t *lbfgs; /* NULL for other optimisers */

  tape_t *tape;
  stream_t *stream;               /* of the training rows, NULL when they are in memory */
  int64_t epoch, stream_step;     /* the epoch's number; the step that the stream's walk comes to, -1: none */
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

/* The three phases, each called by all threads of a rank. With update_while_folding the fold does the update
 * too: tile by tile, while the gradient is in cache and by the thread that made it. */
void rows_phase(engine_t *engine, worker_t *worker, const step_t *step);
void fold_phase(engine_t *engine, worker_t *worker, const step_t *step);
void update_phase(engine_t *engine, worker_t *worker, int thread, const step_t *step, ls_error *error);

/* Whether one rank holds all shards, and nothing asks for the gradient as a whole. */
bool update_while_folding(const engine_t *engine, const step_t *step);
/* Hyper-parameters of this step. */
optimizer_step_t update_settings(const engine_t *engine, const step_t *step);
/* Applies the gradient sum of floats [first, first + count), all weights or all biases, whole blocks or tiles
 * of the slice that this rank updates. */
void update_floats(engine_t *engine, worker_t *worker, const step_t *step, const optimizer_step_t *update,
                   size_t first, size_t count, const float *sum);

/* Set-up of the update: plans, slices, exchange. Collective. */
ls_status update_create(engine_t *engine, ls_error *error);

/* Layer-wise optimisers (trust.c): the plan, and the share of the control that its squares take, before
 * anything is made; the rest of it when slices are known; the update itself, from the gradient that waits in
 * engine->gradient. */
ls_status trust_plan(engine_t *engine, ls_error *error);
ls_status trust_create(engine_t *engine, ls_error *error);
void trust_update(engine_t *engine, worker_t *worker, int thread, slice_t part, const optimizer_step_t *step,
                  ls_error *error);

/* L-BFGS (lbfgs.c), when the optimiser is that: what it needs beside states, after update_create; and steps
 * [from, to) of an epoch. Collective. */
ls_status lbfgs_create(engine_t *engine, ls_error *error);
ls_status lbfgs_run(engine_t *engine, int64_t from, int64_t to, ls_error *error);
/* Losses and gradient of a step at the present parameters, left in step_loss and gradient. Collective. */
ls_status engine_evaluate(engine_t *engine, int64_t step, ls_error *error);

/* What update.c lends to trust.c. */
slice_t slice_number(const engine_t *engine, int lane, int node);
/* Doubles of all blocks, or pieces, become known to the whole node, and to other nodes: `lane` is where those
 * of this lane's slices begin. */
void share_squares(engine_t *engine, worker_t *worker, int thread, double *lane, const int *counts,
                   ls_error *error);
/* Sum of squares of n floats, n a multiple of 8, in eight lanes that are added in a fixed order. */
double sum_squares(const float *g, size_t n);

/* Adds the seconds since the last mark to a phase. */
void worker_mark(worker_t *worker, engine_phase_t phase);
/* Puts the step, which has just ended, at place `at` of the worker's timeline. */
void worker_record(engine_t *engine, worker_t *worker, int thread, const step_t *step, int64_t at);
/* Waits for this rank's threads, or for all threads of the node, and counts it as waiting. */
bool team_wait(engine_t *engine, worker_t *worker);
bool node_wait(engine_t *engine, worker_t *worker); /* false: in vain */
/* Whether somebody has waited in vain: the step, and the run with it, is over. */
bool step_failed(const engine_t *engine);

#endif
