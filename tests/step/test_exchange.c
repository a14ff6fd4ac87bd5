/* The exchange between nodes as a state machine. The messages are fake: this file has a transfer.h of its
 * own, in memory, which delivers them late and in random order. Each rank of each fake node is a thread that
 * drives its exchange; the test plays the computing threads, which only count. */
#include "step/exchange.h"

#include "math/tree.h"
#include "step/fixture.h"
#include "step/waiting.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { NODES = 3, RANKS = 2, STEPS = 6, SHARDS = 7, MESSAGES = 4096 };

/* ---- fake messages: one lane's ranks ---- */

typedef struct {
  bool taken, sent, received;
  int from, to, tag;
  size_t n;
  long order; /* among messages of one pair and tag */
  int delay;  /* looks before it arrives */
  float
      *copy; /* what was sent: the sender may not change it before the end, so the copy is made at the end */
  const float *source;
  float *target;
  int *sender_open, *receiver_open;
} message_t;

typedef struct {
  pthread_mutex_t lock;
  uint64_t stream;
  message_t messages[MESSAGES];
  long sends[NODES][NODES][512], receives[NODES][NODES][512];
  bool deaf; /* nothing arrives */
} line_t;

struct transfer {
  line_t *line;
  int node;
  bool ended;
};

static message_t *message_of(line_t *line, int from, int to, int tag, long order) {
  message_t *unused = NULL;
  for (int i = 0; i < MESSAGES; i++) {
    message_t *m = &line->messages[i];
    if (m->taken && m->from == from && m->to == to && m->tag == tag && m->order == order) return m;
    if (!m->taken && unused == NULL) unused = m;
  }
  complain_unless(unused != NULL, "too many messages under way");
  if (unused == NULL) unused = &line->messages[0];
  *unused = (message_t){.taken = true, .from = from, .to = to, .tag = tag, .order = order};
  unused->delay = (int)draw(&line->stream, 12);
  return unused;
}

ls_status transfer_send(transfer_t *transfer, int node, int tag, const float *values, size_t n, int *open,
                        ls_error *error) {
  line_t *line = transfer->line;
  (void)error;
  pthread_mutex_lock(&line->lock);
  message_t *m = message_of(line, transfer->node, node, tag, line->sends[transfer->node][node][tag]++);
  m->sent = true;
  m->n = n;
  m->source = values;
  m->sender_open = open;
  ++*open;
  pthread_mutex_unlock(&line->lock);
  return LS_OK;
}

ls_status transfer_receive(transfer_t *transfer, int node, int tag, float *values, size_t n, int *open,
                           ls_error *error) {
  line_t *line = transfer->line;
  (void)error;
  pthread_mutex_lock(&line->lock);
  message_t *m = message_of(line, node, transfer->node, tag, line->receives[node][transfer->node][tag]++);
  m->received = true;
  m->target = values;
  m->receiver_open = open;
  ++*open;
  complain_unless(!m->sent || m->n == n, "a message of %zu floats is received as %zu", m->n, n);
  pthread_mutex_unlock(&line->lock);
  return LS_OK;
}

/* The receiver's look ends a message for itself, the sender's look for the sender. */
ls_status transfer_look(transfer_t *transfer, bool *ended, ls_error *error) {
  line_t *line = transfer->line;
  (void)error;
  *ended = false;
  pthread_mutex_lock(&line->lock);
  for (int i = 0; i < MESSAGES && !line->deaf; i++) {
    message_t *m = &line->messages[i];
    if (!m->taken || !m->sent || !m->received) continue;
    if (m->to == transfer->node && m->receiver_open != NULL && m->delay-- <= 0) {
      memcpy(m->target, m->source, m->n * sizeof *m->target);
      --*m->receiver_open;
      m->receiver_open = NULL;
      *ended = true;
    }
    if (m->from == transfer->node && m->receiver_open == NULL && m->sender_open != NULL) {
      --*m->sender_open;
      m->taken = false;
      *ended = true;
    }
  }
  pthread_mutex_unlock(&line->lock);
  return LS_OK;
}

/* ---- fake nodes ---- */

typedef struct {
  signals_t signals;
  atomic_int failed, waiting;
  progress_t *progress;
  float *parameters;      /* (floats): of the node */
  float *partials[RANKS]; /* of each rank, whole vectors, one for each subtree */
  tree_node_t subtrees[RANKS * TREE_MAX_PIECES];
  const float *vectors[RANKS * TREE_MAX_PIECES];
  int n_subtrees;
  atomic_int renewed; /* blocks whose copies are new */
} node_t;

typedef struct {
  graph_t *graph;
  arena_t arena;
  line_t *lines; /* (lanes) */
  plan_t plans[NODES * RANKS];
  int first_shard[NODES * RANKS + 1];
  node_t *nodes;
  exchange_t exchanges[NODES * RANKS];
  transfer_t transfers[NODES * RANKS];
  float stacks[NODES * RANKS][2 * TREE_MAX_PIECES * GRAPH_BLOCK];
  bool waits;
} job_t;

typedef struct {
  job_t *job;
  int rank;
  long tick;
  int updates, whole_updates;
  ls_status status;
  bool reader_failed;
  double limit;
} driver_t;

/* The gradient of a shard: exact in float, so the test may add it up in any order. */
static float gradient_of(long tick, int shard, size_t i) {
  return (float)((long)(i % 61) + 3 * shard + 7 * tick);
}

static void update_bucket(void *context, size_t bucket) {
  driver_t *driver = context;
  job_t *job = driver->job;
  const exchange_t *exchange = &job->exchanges[driver->rank];
  block_range_t own = exchange->plan->buckets[bucket].own;
  driver->updates++;
  for (size_t b = own.first; b < own.first + own.count; b++) {
    const float *sum = tree_plan_add_block(&exchange->routes[bucket].total, b, job->stacks[driver->rank]);
    for (size_t k = 0; k < GRAPH_BLOCK; k++) exchange->parameters[b * GRAPH_BLOCK + k] += sum[k];
  }
}

static bool update_whole_vector(void *context) {
  driver_t *driver = context;
  driver->whole_updates++;
  for (size_t b = 0; b < driver->job->plans[0].n_buckets; b++)
    complain_unless(driver->job->exchanges[driver->rank].routes[b].way == PARAMETERS_READY,
                    "the whole gradient is used before all of it is there");
  return true;
}

/* The copies of bucket b are needed until all ranks have handed their deltas on to the stage below, b - 1. */
static void renew(void *context, block_range_t blocks) {
  driver_t *driver = context;
  const plan_t *plan = &driver->job->plans[driver->rank];
  node_t *node = &driver->job->nodes[driver->rank / RANKS];
  for (size_t b = 1; b < plan->n_buckets && blocks.count > 0; b++)
    if (lane_shares(plan, b, driver->rank % RANKS).first == blocks.first &&
        lane_shares(plan, b, driver->rank % RANKS).count == blocks.count)
      complain_unless(atomic_load(&node->progress[b - 1].handed) >= (driver->tick + 1) * RANKS,
                      "the copies of bucket %zu are renewed while deltas need the old ones", b);
  atomic_fetch_add(&node->renewed, (int)blocks.count);
}

static ls_status give_up(void *context, const char *why) {
  (void)context;
  (void)why;
  return LS_COMM;
}

static void *drive(void *argument) {
  driver_t *driver = argument;
  job_t *job = driver->job;
  const exchange_step_t step = {.tick = driver->tick,
                                .waits = job->waits,
                                .nap = 1e-5,
                                .limit = driver->limit,
                                .stack = job->stacks[driver->rank],
                                .update = update_bucket,
                                .update_whole = update_whole_vector,
                                .renew_copies = renew,
                                .give_up = give_up,
                                .context = driver};
  ls_error error = {0};
  driver->status = exchange_run(&job->exchanges[driver->rank], &step, &driver->reader_failed, &error);
  return NULL;
}

static job_t *job_create(uint64_t *stream) {
  job_t *job = aligned_alloc(64, (sizeof *job + 63) / 64 * 64);
  memset(job, 0, sizeof *job);
  job->graph = random_graph(stream);
  job->lines = calloc(RANKS, sizeof *job->lines);
  job->nodes = arena_new(&job->arena, NODES, sizeof *job->nodes);
  int node_of[NODES * RANKS], n_covers[NODES];
  static tree_node_t covers[NODES][TREE_MAX_PIECES];
  for (int r = 0; r <= NODES * RANKS; r++) {
    job->first_shard[r] = SHARDS * r / (NODES * RANKS);
    if (r < NODES * RANKS) node_of[r] = r / RANKS;
  }
  size_t weights = graph_weight_floats(job->graph);
  const division_t division = {
      .nodes = NODES, .lanes = RANKS, .updaters = 1, .bucket_floats = 1 + draw(stream, weights)};
  for (int r = 0; r < NODES * RANKS; r++)
    CHECK(plan_create(job->graph, division, node_of, NODES * RANKS, r, &job->arena, &job->plans[r], error));
  const plan_t *plan = &job->plans[0];
  bucket_fold_t *folds = arena_new(&job->arena, plan->n_buckets, sizeof *folds);
  for (size_t b = 0; b < plan->n_buckets; b++)
    folds[b] = (bucket_fold_t){.stage = b, .tiles = 1 + (long)b % 3};
  for (int l = 0; l < RANKS; l++) {
    pthread_mutex_init(&job->lines[l].lock, NULL);
    job->lines[l].stream = draw(stream, 1000000);
  }
  for (int n = 0; n < NODES; n++) {
    node_t *node = &job->nodes[n];
    node->parameters = arena_new(&job->arena, plan->floats, sizeof(float));
    node->progress = arena_new(&job->arena, plan->n_buckets, sizeof *node->progress);
    for (int k = 0; k < RANKS; k++) {
      const int *first = &job->first_shard[n * RANKS + k];
      int own = tree_cover(SHARDS, first[0], first[1] - first[0], node->subtrees + node->n_subtrees);
      node->partials[k] = arena_new(&job->arena, (size_t)own * plan->floats, sizeof(float));
      for (int i = 0; i < own; i++)
        node->vectors[node->n_subtrees++] = node->partials[k] + (size_t)i * plan->floats;
    }
    int first = job->first_shard[n * RANKS], end = job->first_shard[(n + 1) * RANKS];
    n_covers[n] = tree_cover(SHARDS, first, end - first, covers[n]);
  }
  for (int r = 0; r < NODES * RANKS; r++) {
    node_t *node = &job->nodes[r / RANKS];
    const exchange_setup_t setup = {.plan = &job->plans[r],
                                    .node = r / RANKS,
                                    .lane = r % RANKS,
                                    .ranks = RANKS,
                                    .leaves = SHARDS,
                                    .subtrees = node->subtrees,
                                    .vectors = node->vectors,
                                    .n_subtrees = node->n_subtrees,
                                    .covers = (const tree_node_t(*)[TREE_MAX_PIECES])covers,
                                    .n_covers = n_covers,
                                    .folds = folds,
                                    .parameters = node->parameters,
                                    .signals = &node->signals,
                                    .progress = node->progress,
                                    .failed = &node->failed,
                                    .waiting = &node->waiting};
    CHECK(exchange_create(&setup, &job->arena, &job->exchanges[r], error));
    job->transfers[r] = (transfer_t){.line = &job->lines[r % RANKS], .node = r / RANKS};
    job->exchanges[r].transfer = &job->transfers[r];
  }
  return job;
}

static void job_destroy(job_t *job) {
  arena_free(&job->arena);
  graph_destroy(&job->graph);
  free(job->lines);
  free(job);
}

/* What the ranks of the nodes fold for a step: sums over the shards of each subtree. */
static void fold_all(job_t *job, long tick) {
  for (int n = 0; n < NODES; n++) {
    node_t *node = &job->nodes[n];
    for (int k = 0; k < node->n_subtrees; k++) {
      float *out = (float *)(uintptr_t)node->vectors[k];
      memset(out, 0, job->plans[0].floats * sizeof *out);
      for (int s = node->subtrees[k].lo; s < node->subtrees[k].lo + node->subtrees[k].n; s++)
        for (size_t i = 0; i < job->plans[0].floats; i++) out[i] += gradient_of(tick, s, i);
    }
  }
}

/* Counts as the computing threads do: bucket by bucket, with pauses. Deltas are handed on so late that all
 * parameters have come before. */
static void count_all(job_t *job, uint64_t *stream) {
  const plan_t *plan = &job->plans[0];
  for (size_t b = plan->n_buckets; b-- > 0;)
    for (int n = 0; n < NODES; n++) {
      atomic_fetch_add(&job->nodes[n].progress[b].folded, RANKS * (1 + (long)b % 3));
      if (draw(stream, 4) == 0) nanosleep(&(struct timespec){0, 100000}, NULL);
    }
  nanosleep(&(struct timespec){0, 20000000}, NULL);
  for (size_t b = plan->n_buckets; b-- > 0;)
    for (int n = 0; n < NODES; n++) atomic_fetch_add(&job->nodes[n].progress[b].handed, RANKS);
}

static void begin_step(job_t *job, driver_t *drivers, pthread_t *threads, long tick, double limit) {
  fold_all(job, tick);
  for (int r = 0; r < NODES * RANKS; r++) {
    drivers[r] = (driver_t){.job = job, .rank = r, .tick = tick, .limit = limit};
    cr_assert_eq(pthread_create(&threads[r], NULL, drive, &drivers[r]), 0);
  }
}

static void end_step(const pthread_t *threads) {
  for (int r = 0; r < NODES * RANKS; r++) pthread_join(threads[r], NULL);
  check_complaints();
}

static void run_step(job_t *job, driver_t *drivers, long tick, double limit, uint64_t *stream) {
  pthread_t threads[NODES * RANKS];
  begin_step(job, drivers, threads, tick, limit);
  count_all(job, stream);
  end_step(threads);
}

/* The parameters of each node, from which every shard's gradient of every step has been added up. */
static void check_parameters(const job_t *job, long steps) {
  for (int n = 0; n < NODES; n++)
    for (size_t i = 0; i < job->plans[0].floats; i++) {
      float expected = 0;
      for (long t = 0; t < steps; t++)
        for (int s = 0; s < SHARDS; s++) expected += gradient_of(t, s, i);
      cr_assert_eq(job->nodes[n].parameters[i], expected, "node %d, parameter %zu: %g in place of %g", n, i,
                   (double)job->nodes[n].parameters[i], (double)expected);
    }
}

static void check_steps(bool waits, uint64_t seed) {
  static driver_t drivers[NODES * RANKS];
  uint64_t stream = seed;
  job_t *job = job_create(&stream);
  const size_t buckets = job->plans[0].n_buckets;
  job->waits = waits;
  for (long t = 0; t < STEPS; t++) {
    run_step(job, drivers, t, 60, &stream);
    for (int r = 0; r < NODES * RANKS; r++) {
      cr_assert_eq(drivers[r].status, LS_OK, "rank %d fails", r);
      cr_assert_eq((size_t)drivers[r].updates, buckets, "rank %d has not updated each bucket once", r);
      cr_assert_eq(drivers[r].whole_updates, waits);
      cr_assert(!drivers[r].reader_failed);
    }
    for (int n = 0; n < NODES; n++) {
      for (size_t b = 0; b < buckets; b++)
        cr_assert_eq(atomic_load(&job->nodes[n].progress[b].arrived), (t + 1) * RANKS);
      cr_assert_eq(atomic_load(&job->nodes[n].renewed), (int)((size_t)(t + 1) * job->plans[0].blocks),
                   "copies of node %d are not renewed once a step", n);
    }
  }
  check_parameters(job, STEPS);
  job_destroy(job);
}

Test(exchange, every_node_ends_with_the_same_sums_in_its_parameters) {
  for (uint64_t seed = 1; seed <= 12; seed++) check_steps(false, seed);
}

Test(exchange, the_whole_gradient_is_there_before_it_is_used) {
  for (uint64_t seed = 21; seed <= 26; seed++) check_steps(true, seed);
}

/* The parameters of the first bucket do not arrive, so no thread begins the next step. */
Test(exchange, a_failed_reader_is_known_to_all_nodes_in_the_same_step) {
  static driver_t drivers[NODES * RANKS];
  uint64_t stream = 31;
  job_t *job = job_create(&stream);
  atomic_store(&job->nodes[1].signals.reader_failed, 1);
  run_step(job, drivers, 0, 60, &stream);
  for (int r = 0; r < NODES * RANKS; r++) {
    cr_assert_eq(drivers[r].status, LS_OK);
    cr_assert(drivers[r].reader_failed, "rank %d does not know", r);
  }
  for (int n = 0; n < NODES; n++)
    cr_assert_eq(atomic_load(&job->nodes[n].progress[0].arrived), 0, "the next step may begin on node %d", n);
  job_destroy(job);
}

Test(exchange, a_wish_to_end_is_known_to_all_nodes_in_the_same_step) {
  static driver_t drivers[NODES * RANKS];
  uint64_t stream = 32;
  job_t *job = job_create(&stream);
  run_step(job, drivers, 0, 60, &stream);
  atomic_store(&job->nodes[2].signals.halt_wanted, 2);
  run_step(job, drivers, 1, 60, &stream);
  for (int n = 0; n < NODES; n++)
    cr_assert_eq(atomic_load(&job->nodes[n].signals.halt_known), 2, "node %d does not know", n);
  check_parameters(job, 2);
  job_destroy(job);
}

Test(exchange, gives_up_when_messages_do_not_come) {
  static driver_t drivers[NODES * RANKS];
  uint64_t stream = 33;
  job_t *job = job_create(&stream);
  for (int l = 0; l < RANKS; l++) job->lines[l].deaf = true;
  run_step(job, drivers, 0, 0.2, &stream);
  for (int r = 0; r < NODES * RANKS; r++) cr_assert_eq(drivers[r].status, LS_COMM, "rank %d waits on", r);
  job_destroy(job);
}

static void set_deaf(job_t *job, bool deaf) {
  for (int l = 0; l < RANKS; l++) {
    pthread_mutex_lock(&job->lines[l].lock);
    job->lines[l].deaf = deaf;
    pthread_mutex_unlock(&job->lines[l].lock);
  }
}

Test(exchange, waits_for_ever_without_a_limit) {
  static driver_t drivers[NODES * RANKS];
  pthread_t threads[NODES * RANKS];
  uint64_t stream = 34;
  job_t *job = job_create(&stream);
  set_deaf(job, true);
  begin_step(job, drivers, threads, 0, 0);
  count_all(job, &stream);
  nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
  set_deaf(job, false);
  end_step(threads);
  for (int r = 0; r < NODES * RANKS; r++) cr_assert_eq(drivers[r].status, LS_OK, "rank %d gives up", r);
  check_parameters(job, 1);
  job_destroy(job);
}
