#include "study/exchange_probe.h"

#include "step/exchange.h"

#include <limits.h>
#include <stdlib.h>

/* In training the ranks of a node share the counters and the vector. Here each rank has its own. */
struct exchange_probe {
  world_t *world;
  plan_t plan;
  exchange_t exchange; /* of a rank with a lane */
  signals_t signals;
  progress_t *progress; /* (buckets) */
  atomic_int failed, waiting;
  float *sums, *parameters; /* whole vectors */
  long tick;
  ls_error *error; /* of the call that runs */
  arena_t arena;
};

static bool has_lane(const exchange_probe_t *probe) {
  return world_place(probe->world) < probe->plan.division.lanes;
}

/* As in training, the first bucket is small: one block for each share. The others have the size that training
 * would choose. */
static ls_status plan_buckets(exchange_probe_t *probe, size_t blocks, ls_error *error) {
  plan_t *plan = &probe->plan;
  const size_t shares = (size_t)(plan->division.nodes * plan->division.lanes),
               size = plan->division.bucket_floats / GRAPH_BLOCK;
  const size_t first = blocks < shares ? blocks : shares, rest = blocks - first;
  plan->n_buckets = 1 + (rest + size - 1) / size;
  plan->buckets = arena_new(&probe->arena, plan->n_buckets, sizeof *plan->buckets);
  probe->progress = arena_new(&probe->arena, plan->n_buckets, sizeof *probe->progress);
  if (plan->buckets == NULL || probe->progress == NULL)
    return error_set(error, LS_NO_MEMORY, "no memory to measure the exchange between nodes");
  for (size_t b = 0; b < plan->n_buckets; b++) {
    const size_t begin = b == 0 ? rest : (b - 1) * size, end = b == 0 ? blocks : b * size;
    plan->buckets[b].blocks = (block_range_t){begin, (b > 0 && end > rest ? rest : end) - begin};
    if (has_lane(probe))
      plan->buckets[b].own = bucket_share(plan, b, world_place(probe->world), world_node(probe->world));
    atomic_store(&probe->progress[b].folded, LONG_MAX); /* the gradient is always complete */
  }
  return LS_OK;
}

/* One tree with a leaf for each node, whose sum is one vector. */
static ls_status create_exchange(exchange_probe_t *probe, ls_error *error) {
  world_t *world = probe->world;
  const int nodes = world_nodes(world), node = world_node(world);
  tree_node_t(*covers)[TREE_MAX_PIECES] = arena_new(&probe->arena, (size_t)nodes, sizeof *covers);
  int *n_covers = arena_new(&probe->arena, (size_t)nodes, sizeof *n_covers);
  bucket_fold_t *folds = arena_new(&probe->arena, probe->plan.n_buckets, sizeof *folds);
  if (covers == NULL || n_covers == NULL || folds == NULL)
    return error_set(error, LS_NO_MEMORY, "no memory to measure the exchange between nodes");
  for (int n = 0; n < nodes; n++) {
    covers[n][0] = (tree_node_t){n, 1};
    n_covers[n] = 1;
  }
  for (size_t b = 0; b < probe->plan.n_buckets; b++) folds[b].tiles = 1;
  const float *const vectors[] = {probe->sums};
  const exchange_setup_t setup = {.plan = &probe->plan,
                                  .node = node,
                                  .lane = world_place(world),
                                  .ranks = 1,
                                  .leaves = nodes,
                                  .subtrees = covers[node],
                                  .vectors = vectors,
                                  .n_subtrees = 1,
                                  .covers = (const tree_node_t(*)[TREE_MAX_PIECES])covers,
                                  .n_covers = n_covers,
                                  .folds = folds,
                                  .parameters = probe->parameters,
                                  .signals = &probe->signals,
                                  .progress = probe->progress,
                                  .failed = &probe->failed,
                                  .waiting = &probe->waiting};
  TRY(exchange_create(&setup, &probe->arena, &probe->exchange, error));
  return transfer_create(world, exchange_messages(&probe->exchange), &probe->exchange.transfer, error);
}

static ls_status create_own(exchange_probe_t *probe, size_t blocks, ls_error *error) {
  if (probe == NULL) return error_set(error, LS_NO_MEMORY, "no memory to measure the exchange between nodes");
  probe->sums = calloc(blocks * GRAPH_BLOCK, sizeof(float));
  probe->parameters = calloc(blocks * GRAPH_BLOCK, sizeof(float));
  if (probe->sums == NULL || probe->parameters == NULL)
    return error_set(error, LS_NO_MEMORY, "no memory to measure the exchange of %zu parameters",
                     blocks * GRAPH_BLOCK);
  TRY(plan_buckets(probe, blocks, error));
  if (!has_lane(probe)) return LS_OK;
  TRY(create_exchange(probe, error));
  for (size_t b = 0, first = 0, n = 0; exchange_probe_bucket(probe, b, &first, &n); b++)
    for (size_t i = first; i < first + n; i++) probe->sums[i] = 1; /* pages of its own, as a gradient has */
  atomic_store(&probe->waiting, 1); /* a thread that waits for the exchange: it looks for messages often */
  return LS_OK;
}

ls_status exchange_probe_create(world_t *world, size_t blocks, exchange_probe_t **out, ls_error *error) {
  division_t division;
  TRY(exchange_division(world, blocks * GRAPH_BLOCK, &division, error));
  exchange_probe_t *probe = calloc(1, sizeof *probe);
  if (probe != NULL) {
    probe->world = world;
    probe->plan = (plan_t){.division = division, .floats = blocks * GRAPH_BLOCK, .blocks = blocks};
  }
  ls_status status = world_agree(world, create_own(probe, blocks, error), error);
  if (status == LS_OK) *out = probe;
  if (status != LS_OK) exchange_probe_destroy(&probe);
  return status;
}

void exchange_probe_destroy(exchange_probe_t **probe) {
  if (*probe == NULL) return;
  transfer_destroy(&(*probe)->exchange.transfer);
  arena_free(&(*probe)->arena);
  free((*probe)->sums);
  free((*probe)->parameters);
  free(*probe);
  *probe = NULL;
}

/* ---- one exchange ---- */

static void update_nothing(void *context, size_t bucket) {
  (void)context;
  (void)bucket;
}

static void renew_nothing(void *context, block_range_t blocks) {
  (void)context;
  (void)blocks;
}

static ls_status give_up(void *context, const char *why) {
  exchange_probe_t *probe = context;
  return world_abandon(probe->world, why, probe->error);
}

ls_status exchange_probe_run(exchange_probe_t *probe, ls_error *error) {
  const world_t *world = probe->world;
  const exchange_step_t step = {.tick = probe->tick++,
                                .limit = world_timeout(world) > 0 ? world_patience(world) : 0,
                                .update = update_nothing,
                                .renew_copies = renew_nothing,
                                .give_up = give_up,
                                .context = probe};
  probe->error = error;
  bool reader_failed = false;
  return has_lane(probe) ? exchange_run(&probe->exchange, &step, &reader_failed, error) : LS_OK;
}

double exchange_probe_bytes(const world_t *world, size_t blocks) {
  const double nodes = world_nodes(world), vector = (double)(blocks * GRAPH_BLOCK) * sizeof(float);
  return 2 * (nodes - 1) / nodes * vector; /* sums of the shares of the others; parameters of the own share */
}

float *exchange_probe_vector(exchange_probe_t *probe) {
  return probe->parameters;
}

bool exchange_probe_bucket(const exchange_probe_t *probe, size_t b, size_t *first, size_t *count) {
  if (b >= probe->plan.n_buckets) return false;
  block_range_t lane = {0, 0};
  if (has_lane(probe)) lane = lane_shares(&probe->plan, b, world_place(probe->world));
  *first = lane.first * GRAPH_BLOCK;
  *count = lane.count * GRAPH_BLOCK;
  return true;
}
