#include "study/plan_limits.h"

#include "layout/shard.h"

#include <math.h>

/* Rows of a step of the busiest rank, which is the first one. */
static int64_t most_rows(int64_t batch, int shards, int ranks) {
  partition_t step = {batch, shards};
  return shard_first(step, rank_shards(shards, ranks, 0));
}

double plan_balance(int64_t batch, int shards, int ranks) {
  return (double)most_rows(batch, shards, ranks) * ranks / (double)batch;
}

double plan_step_seconds(const plan_work_t *work) {
  return (double)work->batch * work->flops_per_row / PLAN_CORE_FLOPS;
}

double plan_exchange_bytes(const plan_work_t *work, int nodes) {
  return 2 * (double)(nodes - 1) / nodes * work->parameter_bytes;
}

double plan_exchange_seconds(const plan_work_t *work, int nodes) {
  return plan_exchange_bytes(work, nodes) / PLAN_NETWORK;
}

static int at_least_one(double number, int most) {
  return number < 1 ? 1 : number < most ? (int)number : most;
}

/* Whether the exchange of `nodes` full nodes takes no longer than their rows. */
static bool computes_longer(const plan_work_t *work, int nodes) {
  const double cores = (double)work->ranks_per_node * work->threads;
  return nodes == 1 || plan_step_seconds(work) / cores / nodes >= plan_exchange_seconds(work, nodes);
}

bool plan_is_worth(const plan_work_t *work, int ranks) {
  return plan_step_seconds(work) / work->threads / ranks >= PLAN_MEETING_SECONDS &&
         computes_longer(work, (ranks + work->ranks_per_node - 1) / work->ranks_per_node);
}

/* Seconds of a node for its rows fall with the number of nodes, and those of the exchange grow. */
static int count_nodes(const plan_work_t *work) {
  const int most = (work->shards + work->ranks_per_node - 1) / work->ranks_per_node;
  int nodes = 1;
  while (nodes < most && computes_longer(work, nodes + 1)) nodes++;
  return nodes;
}

/* Whether the step waits for a rank with as many rows if one rank fewer shares them. */
static bool is_in_vain(const plan_work_t *work, int ranks) {
  return most_rows(work->batch, work->shards, ranks - 1) == most_rows(work->batch, work->shards, ranks);
}

plan_limits_t plan_limits(const plan_work_t *work) {
  const int shards = work->shards;
  plan_limits_t limits = {.by_shards = shards, .nodes = count_nodes(work)};
  limits.by_meetings =
      at_least_one(floor(plan_step_seconds(work) / PLAN_MEETING_SECONDS / work->threads), shards);
  limits.ranks = at_least_one((double)limits.nodes * work->ranks_per_node, limits.by_meetings);
  while (limits.ranks > 1 &&
         (plan_balance(work->batch, shards, limits.ranks) > PLAN_BALANCE || is_in_vain(work, limits.ranks)))
    limits.ranks--;
  return limits;
}

void plan_even_ranks(int shards, int ranks, int *below, int *above) {
  *below = ranks < shards ? ranks : shards;
  *above = *below;
  while (shards % *below != 0) --*below;
  while (shards % *above != 0) ++*above;
}
