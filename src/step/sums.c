/* Plans by which partial sums are added up in the order of the tree: which subtrees a rank, or a node, has,
 * and the program that makes larger ones of them. */
#include "step/engine_impl.h"

#include <string.h>

/* The subtrees that ranks [first, first + ranks) hold, rank by rank. */
static int cover_ranks(const engine_t *engine, int first, int ranks, tree_node_t *pieces) {
  int shards = engine->in.layout->shards, n = 0;
  int size = world_size(engine->in.world);
  for (int r = first; r < first + ranks; r++)
    n += tree_cover(shards, rank_first_shard(shards, size, r), rank_shards(shards, size, r), pieces + n);
  return n;
}

ls_status sum_create(engine_t *engine, int leaves, const tree_node_t *pieces, int n_pieces, sum_t *sum,
                     ls_error *error) {
  sum->length = 2 * n_pieces - 1;
  sum->program = arena_new(&engine->arena, (size_t)sum->length, sizeof *sum->program);
  sum->pieces = arena_new(&engine->arena, (size_t)n_pieces, sizeof *sum->pieces);
  if (sum->program == NULL || sum->pieces == NULL)
    return error_set(error, LS_NO_MEMORY, "no memory for the plan of the update");
  sum->depth = tree_plan(leaves, pieces, n_pieces, sum->program);
  return LS_OK;
}

int node_pieces(const engine_t *engine, tree_node_t *pieces, const float **vectors) {
  const world_t *world = engine->in.world;
  int first = world_rank(world) - world_place(world), n = 0;
  for (int place = 0; place < world_places(world); place++) {
    int own = cover_ranks(engine, first + place, 1, pieces + n);
    const float *segment = window_segment(engine->partial_window, place);
    for (int k = 0; k < own; k++) vectors[n + k] = segment + (size_t)k * engine->piece_floats;
    n += own;
  }
  return n;
}

/* The ranks of a node: neighbours. */
static void node_ranks(const world_t *world, int node, int *first, int *ranks) {
  *first = -1;
  *ranks = 0;
  for (int r = 0; r < world_size(world); r++) {
    if (world_node_of(world, r) != node) continue;
    if (*first < 0) *first = r;
    ++*ranks;
  }
}

int cover_node(const engine_t *engine, int node, tree_node_t pieces[TREE_MAX_PIECES]) {
  int first = 0, ranks = 0, shards = engine->in.layout->shards, size = world_size(engine->in.world);
  node_ranks(engine->in.world, node, &first, &ranks);
  int lo = rank_first_shard(shards, size, first), count = 0;
  for (int r = first; r < first + ranks; r++) count += rank_shards(shards, size, r);
  return tree_cover(shards, lo, count, pieces);
}

const float *sum_floats(const sum_t *sum, size_t at, size_t n, float *stack) {
  const float *top[TREE_MAX_PIECES + 2];
  int height = 0;
  for (int i = 0; i < sum->length; i++) {
    if (sum->program[i] != TREE_ADD) {
      top[height++] = sum->pieces[sum->program[i]] + at;
      continue;
    }
    const float *a = top[height - 2], *b = top[height - 1];
    float *out = stack + (size_t)(height - 2) * GRAPH_BLOCK;
    for (size_t k = 0; k < n; k++) out[k] = a[k] + b[k];
    top[--height - 1] = out;
  }
  return top[0];
}

const float *sum_block(const sum_t *sum, size_t block, float *stack) {
  return sum_floats(sum, block * GRAPH_BLOCK - sum->first, GRAPH_BLOCK, stack);
}
