#include "step/node_memory.h"

#include "layout/shard.h"

#include <stdlib.h>

ls_status node_count_threads(const engine_inputs_t *job, node_threads_t *out, ls_error *error) {
  world_t *world = job->world;
  int *threads = malloc((size_t)world_size(world) * sizeof *threads);
  ls_status status =
      threads == NULL ? error_set(error, LS_NO_MEMORY, "no memory for the table of ranks") : LS_OK;
  TRY_OR_DONE(world_agree(world, status, error));
  TRY_OR_DONE(world_gather(world, &job->layout->threads, sizeof *threads, threads, error));
  *out = (node_threads_t){0};
  for (int r = 0; r < world_size(world); r++) {
    if (world_node_of(world, r) != world_node(world)) continue;
    out->all += threads[r];
    if (threads[r] > out->most) out->most = threads[r];
  }
done:
  free(threads);
  return status;
}

/* ---- control, counters and sums in one run of memory ---- */

static size_t counter_room(const node_request_t *request) {
  return (request->counter_bytes + 63) / 64 * 64;
}

static size_t control_bytes(const plan_t *plan, const node_request_t *request) {
  return sizeof(control_t) + counter_room(request) + (plan->blocks + request->squares) * sizeof(double);
}

static void place_control(const plan_t *plan, const node_request_t *request, node_memory_t *node) {
  node->counters = node->control + 1;
  node->norms = (double *)((char *)node->counters + counter_room(request));
  node->squares = node->norms + plan->blocks;
}

ls_status node_create_shared(const engine_inputs_t *job, const plan_t *plan, const node_request_t *request,
                             node_memory_t *out, ls_error *error) {
  world_t *world = job->world;
  size_t sums = (size_t)request->subtrees * request->subtree_floats * sizeof(float);
  size_t buffer = graph_buffer_floats(job->graph) * sizeof(float);
  size_t control = control_bytes(plan, request);
  bool first = world_place(world) == 0;
  TRY(window_create(world, first ? buffer : 0, "the parameters", &out->parameter_window, error));
  TRY(window_create(world, sums, "the partial sums of gradients", &out->partial_window, error));
  TRY(window_create(world, first ? control : 0, "the barrier", &out->control_window, error));
  out->is_first = first;
  out->parameters = window_segment(out->parameter_window, 0);
  out->partials = window_segment(out->partial_window, world_place(world));
  out->subtree_floats = request->subtree_floats;
  out->control = window_segment(out->control_window, 0);
  place_control(plan, request, out);
  if (first) barrier_init(&out->control->barrier, request->threads.all);
  return LS_OK;
}

ls_status node_create_private(const engine_inputs_t *job, const plan_t *plan, const node_request_t *request,
                              arena_t *arena, node_memory_t *out, ls_error *error) {
  size_t sums = (size_t)request->subtrees * request->subtree_floats;
  out->is_first = true;
  out->parameters = arena_new(arena, graph_buffer_floats(job->graph), sizeof(float));
  out->partials = arena_new(arena, sums, sizeof(float));
  out->subtree_floats = request->subtree_floats;
  out->control = arena_new(arena, 1, control_bytes(plan, request));
  if (out->parameters == NULL || out->partials == NULL || out->control == NULL)
    return error_set(error, LS_NO_MEMORY, "no memory for parameters and gradients (%.1f MB)",
                     (double)(plan->floats + sums) * sizeof(float) / 1e6);
  place_control(plan, request, out);
  barrier_init(&out->control->barrier, request->threads.all);
  return LS_OK;
}

void node_destroy(node_memory_t *node) {
  window_destroy(&node->control_window);
  window_destroy(&node->partial_window);
  window_destroy(&node->parameter_window);
}

/* ---- subtrees ---- */

int node_subtrees(const engine_inputs_t *job, const node_memory_t *node, tree_node_t *subtrees,
                  const float **vectors) {
  const world_t *world = job->world;
  int shards = job->layout->shards, size = world_size(world), n = 0;
  int first = world_rank(world) - world_place(world);
  for (int place = 0; place < world_places(world); place++) {
    int rank = first + place;
    int own = tree_cover(shards, rank_first_shard(shards, size, rank), rank_shards(shards, size, rank),
                         subtrees + n);
    const float *segment = window_segment(node->partial_window, place);
    for (int k = 0; k < own; k++) vectors[n + k] = segment + (size_t)k * node->subtree_floats;
    n += own;
  }
  return n;
}

int node_cover(const engine_inputs_t *job, int node, tree_node_t subtrees[TREE_MAX_PIECES]) {
  int shards = job->layout->shards, size = world_size(job->world), first = -1, count = 0;
  for (int r = 0; r < size; r++) {
    if (world_node_of(job->world, r) != node) continue;
    if (first < 0) first = rank_first_shard(shards, size, r);
    count += rank_shards(shards, size, r);
  }
  return tree_cover(shards, first, count, subtrees);
}
