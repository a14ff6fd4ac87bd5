/* Leaves and their sums up to a rank's largest subtrees.
 *
 * The rank's subtrees are cut into tasks: smaller subtrees, in order. A thread, or all together, computes a
 * task leaf by leaf. With i leaves of a task done, their sums wait in as many vectors as i has binary ones,
 * like the digits of a counter. The next leaf goes into the vector behind them; then vectors are added from
 * right to left while the counter carries:
 *
 *     leaves done   waiting                        after leaf 3:  (0,2) (2,1) + leaf 3
 *     1             (0,1)                                         (0,2) (2,2)
 *     2             (0,2)                                         (0,4)
 *     3             (0,2) (2,1)
 *
 * So where a task stands follows from its number of leaves, and a task can stop at the end of a part of
 * streamed rows and go on with the next part. Only the first and the last task of a part can be cut like
 * that; each has a set of vectors that no thread owns. */
#include "sums/sums_impl.h"

#include "base/float_mode.h"
#include "base/progress.h"

#include <omp.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { TASKS_PER_THREAD = 8, ADD_ELEMENTS = 4096 };

_Static_assert((int)PART_ROWS % (int)SUMS_BLOCK == 0, "a part ends where a block ends");

/* ---- dividing work ---- */

/* Which part of some work the calling thread does: all of it, or a share beside the others. */
typedef struct {
  int thread, of;
  worker_t *worker;
} duty_t;

static size_t share_begin(size_t n, const duty_t *duty, int thread) {
  return n * (size_t)thread / (size_t)duty->of;
}

/* Waits for the threads that work on the same leaf. */
static void meet(const duty_t *duty) {
  if (duty->of > 1) {
#pragma omp barrier
  }
}

/* ---- blocks ---- */

static void gather_block(const sums_t *sums, const duty_t *duty, int64_t resident, int64_t rows) {
  const split_t *split = sums->split;
  const worker_t *worker = duty->worker;
  int64_t begin = (int64_t)share_begin((size_t)rows, duty, duty->thread);
  int64_t end = (int64_t)share_begin((size_t)rows, duty, duty->thread + 1);
  if (!sums->in.gathers_some)
    gather_range(sums->in.gather, resident + begin, end - begin, worker->x + begin * sums->inputs);
  for (int64_t r = begin; r < end && split->weights != NULL; r++)
    worker->weights[r] = row_weight(split, resident + r) * split->factors[0];
  for (int64_t r = begin; r < end && sums->in.wants_targets; r++) {
    const uint32_t row = (uint32_t)(resident + r);
    gather_targets(sums->in.gather, &row, 1, worker->targets + r * split->width);
  }
}

typedef struct {
  sums_add_t *add;
  void *context;
} summand_t;

/* Adds rows [first, end) of this rank, which are in the part, to a leaf. */
static void add_rows(sums_t *sums, const duty_t *duty, const summand_t *summand, int64_t first, int64_t end,
                     double *leaf) {
  const worker_t *worker = duty->worker;
  const int64_t resident = sums->part.resident - sums->part.first;
  const int64_t before = shard_first(sums->split->partition, sums->split->first_shard);
  for (int64_t at = first; at < end; at += SUMS_BLOCK) {
    const int64_t rows = end - at < SUMS_BLOCK ? end - at : SUMS_BLOCK;
    if (interruption_is_over(&sums->interruption)) return;
    const sums_block_t block = {.x = sums->in.gathers_some ? NULL : worker->x,
                                .targets = sums->in.wants_targets ? worker->targets : NULL,
                                .weights = sums->split->weights != NULL ? worker->weights : NULL,
                                .rows = rows,
                                .row = at,
                                .number = before + at,
                                .resident = resident + at,
                                .thread = sums->in.together ? duty->thread : omp_get_thread_num()};
    gather_block(sums, duty, resident + at, rows);
    meet(duty);
    summand->add(summand->context, &block, leaf);
    meet(duty);
    if (duty->thread == 0) progress_advance(rows);
    interruption_advance(&sums->interruption, rows, block.thread == 0);
  }
}

/* ---- tasks ---- */

static int count_ones(int n) {
  return __builtin_popcount((unsigned)n);
}

/* The vector at depth d of a task: the first is the result. */
static double *vector_at(const sums_t *sums, int task, double *levels, int d) {
  return d == 0 ? sums->results + (size_t)task * sums->in.elements
                : levels + (size_t)(d - 1) * sums->in.elements;
}

/* Adds waiting vectors until `left` of `depth` are left. */
static void carry_over(const sums_t *sums, const duty_t *duty, int task, double *levels, int depth,
                       int left) {
  size_t begin = share_begin(sums->in.elements, duty, duty->thread);
  size_t end = share_begin(sums->in.elements, duty, duty->thread + 1);
  for (; depth > left; depth--) {
    double *restrict sum = vector_at(sums, task, levels, depth - 2);
    const double *restrict right = vector_at(sums, task, levels, depth - 1);
    for (size_t i = begin; i < end; i++) sum[i] += right[i];
  }
}

static void clear_leaf(const sums_t *sums, const duty_t *duty, double *leaf) {
  size_t begin = share_begin(sums->in.elements, duty, duty->thread);
  size_t end = share_begin(sums->in.elements, duty, duty->thread + 1);
  memset(leaf + begin, 0, (end - begin) * sizeof *leaf);
}

/* The first of this rank's rows that belongs to a shard or a later one. */
static int64_t first_row(const sums_t *sums, int shard) {
  partition_t partition = sums->split->partition;
  return shard_first(partition, shard) - shard_first(partition, sums->split->first_shard);
}

/* Does what the rows of the part contribute to a task. Shards without rows, the last ones, are zero. */
static void run_task(sums_t *sums, const duty_t *duty, const summand_t *summand, int task, double *levels) {
  const tree_node_t node = sums->tasks[task];
  const int64_t part_first = sums->part.first, part_end = part_first + sums->part.rows;
  for (int i = 0; i < node.n; i++) {
    const int64_t begin = first_row(sums, node.lo + i), end = first_row(sums, node.lo + i + 1);
    const bool is_empty = begin == end && begin == sums->split->rows && part_end == begin;
    const int64_t first = begin > part_first ? begin : part_first, last = end < part_end ? end : part_end;
    const int depth = count_ones(i);
    if (first >= last && !is_empty) continue;
    double *leaf = vector_at(sums, task, levels, depth);
    if (begin == first) clear_leaf(sums, duty, leaf);
    meet(duty);
    add_rows(sums, duty, summand, first, last, leaf);
    if (last == end) carry_over(sums, duty, task, levels, depth + 1, i + 1 < node.n ? count_ones(i + 1) : 1);
    meet(duty);
  }
}

/* The tasks that have rows in the part: [*first, *end). */
static void tasks_of_part(const sums_t *sums, int *first, int *end) {
  const int64_t part_first = sums->part.first, part_end = part_first + sums->part.rows;
  int k = 0;
  while (k < sums->n_tasks && first_row(sums, sums->tasks[k].lo + sums->tasks[k].n) <= part_first) k++;
  *first = k;
  while (k < sums->n_tasks && first_row(sums, sums->tasks[k].lo) < part_end) k++;
  *end = k;
}

/* Does what the rows of the part contribute to all sums. */
static void run_part(sums_t *sums, const summand_t *summand) {
  const int64_t part_first = sums->part.first, part_end = part_first + sums->part.rows;
  atomic_int next;
  int first, end;
  tasks_of_part(sums, &first, &end);
  const tree_node_t *last = &sums->tasks[end - 1];
  const bool goes_on = first_row(sums, sums->tasks[first].lo) < part_first; /* from the part before */
  const bool is_cut = first_row(sums, last->lo + last->n) > part_end;
  if (is_cut && !(goes_on && end - 1 == first)) sums->carried = 1 - sums->carried; /* a task begins to wait */
  double *const at_end = sums->carry[sums->carried], *const at_begin = sums->carry[1 - sums->carried];
  atomic_init(&next, first);
#pragma omp parallel num_threads(sums->in.threads)
  {
    const int thread = omp_get_thread_num();
    const bool together = sums->in.together;
    const duty_t duty = {.thread = together ? thread : 0,
                         .of = together ? omp_get_num_threads() : 1,
                         .worker = &sums->workers[together ? 0 : thread]};
    int own = first;
    float_mode_begin();
    for (;;) {
      const int task = together ? own++ : atomic_fetch_add(&next, 1);
      if (task >= end) break;
      double *levels = duty.worker->levels;
      if (task == end - 1 && is_cut)
        levels = at_end;
      else if (task == first && goes_on)
        levels = is_cut ? at_begin : at_end;
      run_task(sums, &duty, summand, task, levels);
    }
  }
}

/* ---- this rank's subtrees ---- */

/* Adds elements [begin, end) of the tasks that make up a subtree of n leaves, from task *k on; returns where
 * their sum is: in the first task. */
static double *add_tasks(const sums_t *sums, int n, int *k, size_t begin, size_t end) {
  if (n <= sums->most) return sums->results + (size_t)(*k)++ * sums->in.elements;
  const int left = tree_split(n);
  double *restrict sum = add_tasks(sums, left, k, begin, end);
  const double *restrict right = add_tasks(sums, n - left, k, begin, end);
  for (size_t i = begin; i < end; i++) sum[i] += right[i];
  return sum;
}

static void add_all_tasks(const sums_t *sums) {
  const size_t elements = sums->in.elements;
#pragma omp parallel num_threads(sums->in.threads) if (elements > ADD_ELEMENTS)
  {
    float_mode_begin();
#pragma omp for schedule(static)
    for (size_t begin = 0; begin < elements; begin += ADD_ELEMENTS) {
      const size_t end = begin + ADD_ELEMENTS < elements ? begin + ADD_ELEMENTS : elements;
      for (int p = 0; p < sums->n_pieces; p++) {
        int k = sums->first_task[p];
        add_tasks(sums, sums->pieces[p].n, &k, begin, end);
      }
    }
  }
}

static ls_status run_parts(sums_t *sums, const summand_t *summand, ls_error *error) {
  sums->part = (part_t){0};
  sums->carried = 0;
  parts_begin(sums->split);
  ls_status status = parts_next(sums->split, &sums->part, error);
  while (status == LS_OK && sums->part.rows > 0 && !interruption_is_over(&sums->interruption)) {
    run_part(sums, summand);
    status = parts_next(sums->split, &sums->part, error);
  }
  parts_end(sums->split);
  return status;
}

ls_status sums_run(sums_t *sums, sums_add_t *add, void *context, double *total, ls_error *error) {
  const summand_t summand = {add, context};
  if (sums->split->rows < sums->split->shards) /* some tasks may have no rows */
    memset(sums->results, 0, (size_t)sums->n_tasks * sums->in.elements * sizeof(double));
  interruption_begin(&sums->interruption, sums->in.interrupt, sums->split->rows);
  ls_status status = run_parts(sums, &summand, error);
  const ls_status interrupted = interruption_end(&sums->interruption, status == LS_OK ? error : NULL);
  if (status == LS_OK) status = interrupted;
  TRY(world_agree(sums->in.world, status, error));
  add_all_tasks(sums);
  return collect_pieces(sums, total, error);
}

/* ---- set-up ---- */

/* The most leaves of a task: a power of two that leaves each thread some tasks. */
static int most_leaves(bool together, int threads, int shards) {
  int most = 1;
  if (together) return shards > 0 ? shards : 1;
  while (shards / (2 * most) >= TASKS_PER_THREAD * threads) most *= 2;
  return most;
}

static void cut_tasks(sums_t *sums, int lo, int n) {
  if (n <= sums->most) {
    sums->tasks[sums->n_tasks++] = (tree_node_t){lo, n};
    return;
  }
  const int left = tree_split(n);
  cut_tasks(sums, lo, left);
  cut_tasks(sums, lo + left, n - left);
}

static ls_status make_workers(sums_t *sums, ls_error *error) {
  const sums_inputs_t *in = &sums->in;
  const size_t n = in->together ? 1 : (size_t)in->threads, levels = (size_t)sums->depth * in->elements;
  sums->workers = arena_new(&sums->arena, n, sizeof *sums->workers);
  bool is_there = sums->workers != NULL;
  for (size_t t = 0; t < n && is_there; t++) {
    worker_t *worker = &sums->workers[t];
    worker->x = arena_new(&sums->arena, SUMS_BLOCK * (size_t)sums->inputs, sizeof(float));
    worker->targets = arena_new(&sums->arena, in->wants_targets ? SUMS_BLOCK * (size_t)sums->split->width : 0,
                                sizeof(float));
    worker->weights = arena_new(&sums->arena, SUMS_BLOCK, sizeof(float));
    worker->levels = arena_new(&sums->arena, levels, sizeof(double));
    is_there =
        worker->x != NULL && worker->targets != NULL && worker->weights != NULL && worker->levels != NULL;
  }
  for (int i = 0; i < 2 && is_there; i++) {
    sums->carry[i] = arena_new(&sums->arena, sums->split->stream != NULL ? levels : 0, sizeof(double));
    is_there = sums->carry[i] != NULL;
  }
  if (is_there) return LS_OK;
  return error_set(error, LS_NO_MEMORY, "no memory for sums of %zu numbers with %d threads", in->elements,
                   in->threads);
}

static ls_status make_tasks(sums_t *sums, ls_error *error) {
  const split_t *split = sums->split;
  sums->most = most_leaves(sums->in.together, sums->in.threads, split->shards);
  sums->n_pieces = tree_cover(split->partition.shards, split->first_shard, split->shards, sums->pieces);
  sums->tasks = arena_new(&sums->arena, (size_t)split->shards + 1, sizeof *sums->tasks);
  if (sums->tasks == NULL) return error_set(error, LS_NO_MEMORY, "no memory for the tasks of a sum");
  for (int p = 0; p < sums->n_pieces; p++) {
    sums->first_task[p] = sums->n_tasks;
    cut_tasks(sums, sums->pieces[p].lo, sums->pieces[p].n);
  }
  sums->depth = tree_depth(sums->most);
  sums->results = arena_new(&sums->arena, (size_t)sums->n_tasks * sums->in.elements, sizeof(double));
  if (sums->results != NULL) return LS_OK;
  return error_set(error, LS_NO_MEMORY, "no memory for %d sums of %zu numbers (%.1f MB)", sums->n_tasks,
                   sums->in.elements, (double)sums->n_tasks * (double)sums->in.elements * 8e-6);
}

ls_status sums_create(const sums_inputs_t *inputs, sums_t **out, ls_error *error) {
  sums_t *sums = calloc(1, sizeof *sums);
  ls_status status = sums == NULL ? error_set(error, LS_NO_MEMORY, "no memory for sums over rows") : LS_OK;
  if (status == LS_OK) {
    sums->in = *inputs;
    sums->split = inputs->gather->split;
    sums->inputs = inputs->gather->features->inputs;
    status = make_tasks(sums, error);
  }
  if (status == LS_OK) status = make_workers(sums, error);
  if (status == LS_OK) status = collect_plan(sums, error);
  status = world_agree(inputs->world, status, error);
  if (status == LS_OK)
    *out = sums;
  else
    sums_destroy(&sums);
  return status;
}

void sums_destroy(sums_t **sums) {
  if (*sums == NULL) return;
  arena_free(&(*sums)->arena);
  free(*sums);
  *sums = NULL;
}

double sums_bytes(size_t elements, bool together, int threads, int shards, int64_t inputs) {
  const int most = most_leaves(together, threads, shards), workers = together ? 1 : threads;
  const double tasks = together ? 2 : 2 + (double)shards / most, depth = tree_depth(most);
  return (tasks + depth * (workers + 2)) * (double)elements * sizeof(double) +
         (double)workers * SUMS_BLOCK * (double)inputs * sizeof(float);
}
