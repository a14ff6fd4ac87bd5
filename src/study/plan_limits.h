/* clang-format off */
/* How many ranks are sensible. Three rules:
 *
 *   shards    A rank needs a shard, and the busiest rank should have at most 1.25 times the mean, and
 *             fewer rows than with one rank less.
 *   meetings  The threads of a node meet several times a step. A thread should compute for 50 us of a step,
 *             or meetings take longer than rows.
 *   exchange  With M nodes, each sends and receives 2 (M - 1) / M times the parameters in a step. This should
 *             not take longer than its rows, whose share becomes smaller with M.
 *
 * The speed of the machines is assumed: 20 GFLOP/s of a core, 1 GB/s between nodes. */
/* clang-format on */
#ifndef STUDY_PLAN_LIMITS_H
#define STUDY_PLAN_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#define PLAN_CORE_FLOPS      20e9
#define PLAN_NETWORK         1e9 /* bytes/s that a node sends */
#define PLAN_MEETING_SECONDS 50e-6
#define PLAN_BALANCE         1.25

typedef struct {
  int64_t batch; /* rows of a step */
  int shards;
  int threads;          /* of a rank */
  int ranks_per_node;   /* most ranks of a node */
  double flops_per_row; /* all passes */
  double parameter_bytes;
} plan_work_t;

/* The largest numbers that keep to each rule, and to all of them; at least 1. */
typedef struct {
  int by_shards, by_meetings, nodes, ranks;
} plan_limits_t;

plan_limits_t plan_limits(const plan_work_t *work);

/* Whether `ranks` ranks obey the rules for meetings and for the exchange. The rule for shards is not asked.
 */
bool plan_is_worth(const plan_work_t *work, int ranks);

/* Rows of a step of the busiest rank, over the mean. 1 <= ranks <= shards. */
double plan_balance(int64_t batch, int shards, int ranks);
/* Seconds of one core for the rows of a step; of a node for the exchange with nodes - 1 others. */
double plan_step_seconds(const plan_work_t *work);
double plan_exchange_seconds(const plan_work_t *work, int nodes);
/* Bytes that a node sends in a step: sums for the shares of the others, and parameters of its own share. */
double plan_exchange_bytes(const plan_work_t *work, int nodes);

/* The numbers of ranks next to `ranks` that share the shards evenly: the largest up to `ranks`, and the
 * smallest from there on. */
void plan_even_ranks(int shards, int ranks, int *below, int *above);

#endif
