/* The division of the parameter vector: whatever the network, the nodes, their ranks and the size of buckets,
 * every block is in one bucket and has one owner. */
#include "step/buckets.h"

#include "step/fixture.h"

#include <stdlib.h>
#include <string.h>

enum { CASES = 400, MOST_RANKS = 12 };

/* A random job: ranks on nodes, and as many lanes as the smallest node has ranks. */
typedef struct {
  graph_t *graph;
  division_t division;
  int node_of[MOST_RANKS], ranks;
} job_t;

static job_t random_job(uint64_t *stream) {
  job_t job = {.graph = random_graph(stream)};
  int nodes = 1 + (int)draw(stream, 4), lanes = 3;
  for (int node = 0; node < nodes; node++) {
    int places = 1 + (int)draw(stream, 3);
    if (places < lanes) lanes = places;
    for (int place = 0; place < places; place++) job.node_of[job.ranks++] = node;
  }
  size_t floats = graph_weight_floats(job.graph);
  job.division =
      (division_t){.nodes = nodes,
                   .lanes = lanes,
                   .updaters = 1 + (int)draw(stream, 5),
                   .bucket_floats = draw(stream, 3) == 0 ? SIZE_MAX / 4 : 1 + draw(stream, floats)};
  return job;
}

/* Random jobs, one after the other. */
typedef struct {
  uint64_t stream;
  int i, n; /* the present case, and how many there are */
  job_t job;
  arena_t arena;
} cases_t;

static cases_t random_cases(uint64_t seed, int n) {
  return (cases_t){.stream = seed, .i = -1, .n = n};
}

/* Releases the present case and draws the next; false after the last. */
static bool next_case(cases_t *c) {
  arena_free(&c->arena);
  graph_destroy(&c->job.graph);
  if (++c->i == c->n) return false;
  c->job = random_job(&c->stream);
  return true;
}

static plan_t plan_of(cases_t *c, int rank) {
  const job_t *job = &c->job;
  plan_t plan;
  CHECK(plan_create(job->graph, job->division, job->node_of, job->ranks, rank, &c->arena, &plan, error));
  return plan;
}

Test(buckets, every_block_is_in_one_bucket) {
  for (cases_t c = random_cases(1, CASES); next_case(&c);) {
    const plan_t plan = plan_of(&c, 0);
    int *seen = calloc(plan.blocks, sizeof *seen);
    for (size_t b = 0; b < plan.n_buckets; b++)
      for (size_t k = 0; k < plan.buckets[b].blocks.count; k++) seen[plan.buckets[b].blocks.first + k]++;
    for (size_t k = 0; k < plan.blocks; k++)
      cr_assert_eq(seen[k], 1, "case %d: block %zu is in %d buckets", c.i, k, seen[k]);
    free(seen);
  }
}

/* A section may begin inside a block, which then belongs to the section before it. */
Test(buckets, a_bucket_holds_the_weights_of_its_section) {
  for (cases_t c = random_cases(2, CASES); next_case(&c);) {
    const plan_t plan = plan_of(&c, 0);
    for (size_t s = 0; s < plan.n_sections; s++) {
      block_range_t blocks = plan.buckets[section_bucket(&plan, s)].blocks;
      size_t begin = plan.sections[s].offset;
      size_t end = s + 1 < plan.n_sections ? plan.sections[s + 1].offset : plan.weight_blocks * GRAPH_BLOCK;
      size_t next_block = (begin + GRAPH_BLOCK - 1) / GRAPH_BLOCK * GRAPH_BLOCK;
      if (next_block >= end) continue; /* all of it is in a block of the section before */
      cr_assert(blocks.first * GRAPH_BLOCK <= next_block, "case %d: section %zu begins before its bucket",
                c.i, s);
      cr_assert(end <= (blocks.first + blocks.count) * GRAPH_BLOCK, "case %d: section %zu ends behind it",
                c.i, s);
    }
  }
}

Test(buckets, every_block_has_one_owner_who_knows_it) {
  for (cases_t c = random_cases(3, CASES); next_case(&c);) {
    const plan_t any = plan_of(&c, 0);
    int *owners = calloc(any.blocks, sizeof *owners);
    for (int r = 0; r < c.job.ranks; r++) {
      const plan_t plan = plan_of(&c, r);
      size_t at = 0;
      for (size_t b = 0; b < plan.n_buckets; b++) {
        block_range_t own = plan.buckets[b].own, told = rank_share(&any, b, r);
        cr_assert(own.count == told.count && (own.count == 0 || own.first == told.first),
                  "case %d: rank %d and the others disagree on its share of bucket %zu", c.i, r, b);
        cr_assert_eq(plan.buckets[b].at, at, "case %d: shares do not lie one behind the other", c.i);
        at += own.count;
        for (size_t k = 0; k < own.count; k++) owners[own.first + k]++;
      }
      cr_assert_eq(plan.own_blocks, at);
    }
    for (size_t k = 0; k < any.blocks; k++)
      cr_assert_eq(owners[k], 1, "case %d: block %zu has %d owners", c.i, k, owners[k]);
    free(owners);
  }
}

Test(buckets, a_lane_has_one_share_of_each_node) {
  for (cases_t c = random_cases(4, CASES); next_case(&c);) {
    const plan_t plan = plan_of(&c, 0);
    for (size_t b = 0; b < plan.n_buckets; b++) {
      size_t next = plan.buckets[b].blocks.first;
      for (int lane = 0; lane < plan.division.lanes; lane++) {
        block_range_t shares = lane_shares(&plan, b, lane);
        cr_assert_eq(shares.first, next, "case %d: lanes are not neighbours", c.i);
        for (int node = 0; node < plan.division.nodes; node++) {
          block_range_t share = bucket_share(&plan, b, lane, node);
          cr_assert_eq(share.first, next, "case %d: shares of a lane are not neighbours", c.i);
          next += share.count;
        }
        cr_assert_eq(shares.first + shares.count, next);
      }
      cr_assert_eq(next, plan.buckets[b].blocks.first + plan.buckets[b].blocks.count);
    }
  }
}

Test(buckets, updaters_divide_a_share_among_them) {
  for (cases_t c = random_cases(5, CASES); next_case(&c);) {
    const plan_t plan = plan_of(&c, (int)draw(&c.stream, (size_t)c.job.ranks));
    for (size_t b = 0; b < plan.n_buckets; b++) {
      size_t next = plan.buckets[b].own.first;
      for (int u = 0; u < plan.division.updaters; u++) {
        block_range_t range = updater_range(&plan, &plan.buckets[b], u);
        cr_assert_eq(range.first, next, "case %d: a gap or an overlap before updater %d", c.i, u);
        next += range.count;
      }
      cr_assert_eq(next, plan.buckets[b].own.first + plan.buckets[b].own.count);
    }
  }
}

/* With reduce: mpi each rank updates everything, and files take the vector from rank 0. */
Test(buckets, copies_of_the_vector_are_collected_from_rank_0) {
  for (cases_t c = random_cases(6, CASES / 10); next_case(&c);) {
    c.job.division.nodes = c.job.division.lanes = 1;
    c.job.division.every_rank_all = true;
    c.job.division.bucket_floats = SIZE_MAX / 4;
    for (int r = 0; r < c.job.ranks; r++) {
      const plan_t plan = plan_of(&c, r);
      cr_assert_eq(plan.own_blocks, plan.blocks, "rank %d does not update everything", r);
      cr_assert_eq(plan_place_shares(&plan, r, NULL, NULL), r == 0 ? plan.floats : 0);
    }
  }
}

Test(buckets, a_vector_survives_being_dealt_out_and_collected) {
  for (cases_t c = random_cases(7, CASES / 4); next_case(&c);) {
    const plan_t any = plan_of(&c, 0);
    float *vector = arena_new(&c.arena, any.floats, sizeof *vector);
    float *collected = arena_new(&c.arena, any.floats, sizeof *vector);
    float *all = arena_new(&c.arena, any.floats, sizeof *vector), *next = all;
    for (size_t k = 0; k < any.floats; k++) vector[k] = (float)(k % 9973);
    for (int r = 0; r < c.job.ranks; r++) {
      const plan_t plan = plan_of(&c, r);
      plan_pick_shares(&plan, vector, next);
      for (size_t b = 0; b < plan.n_buckets; b++)
        if (plan.buckets[b].own.count > 0) {
          size_t offset = plan.buckets[b].own.first * GRAPH_BLOCK + 5;
          cr_assert_eq(next[share_index(&plan.buckets[b], offset)], vector[offset]);
        }
      next += plan.own_blocks * GRAPH_BLOCK;
    }
    next = all;
    for (int r = 0; r < c.job.ranks; r++) next += plan_place_shares(&any, r, next, collected);
    cr_assert_eq(memcmp(vector, collected, any.floats * sizeof *vector), 0, "case %d", c.i);
  }
}
