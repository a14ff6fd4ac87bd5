/* The top of the tree: rank 0 receives the subtrees of all ranks, a range of elements at a time, and adds
 * them in the order of the tree. */
#include "sums/sums_impl.h"

#include "layout/shard.h"

#include <string.h>

enum { COLLECT_BYTES = 16 << 20, LEAST_ELEMENTS = 64 };

static ls_status no_memory(const sums_t *sums, ls_error *error) {
  return error_set(error, LS_NO_MEMORY, "no memory to collect sums of %zu numbers", sums->in.elements);
}

ls_status collect_plan(sums_t *sums, ls_error *error) {
  world_t *world = sums->in.world;
  collect_t *collect = &sums->collect;
  arena_t *arena = &sums->arena;
  int ranks = world_size(world), shards = sums->split->partition.shards, n = 0;
  tree_node_t *all = arena_new(arena, (size_t)ranks * TREE_MAX_PIECES, sizeof *all);
  collect->counts = arena_new(arena, (size_t)ranks, sizeof *collect->counts);
  collect->sizes = arena_new(arena, (size_t)ranks, sizeof *collect->sizes);
  if (all == NULL || collect->counts == NULL || collect->sizes == NULL) return no_memory(sums, error);
  for (int r = 0; r < ranks; r++)
    n += collect->counts[r] =
        tree_cover(shards, rank_first_shard(shards, ranks, r), rank_shards(shards, ranks, r), all + n);
  collect->length = 2 * n - 1;
  collect->plan = arena_new(arena, (size_t)collect->length, sizeof *collect->plan);
  if (collect->plan == NULL) return no_memory(sums, error);
  size_t depth = (size_t)tree_plan(shards, all, n, collect->plan), pieces = (size_t)n;
  size_t most = COLLECT_BYTES / (pieces * sizeof(double));
  collect->at_once = most < LEAST_ELEMENTS ? LEAST_ELEMENTS : most;
  if (collect->at_once > sums->in.elements) collect->at_once = sums->in.elements;
  bool is_root = world_rank(world) == 0;
  collect->send = arena_new(arena, (size_t)sums->n_pieces * collect->at_once, sizeof(double));
  collect->receive = arena_new(arena, is_root ? pieces * collect->at_once : 0, sizeof(double));
  collect->stack = arena_new(arena, is_root ? depth * collect->at_once : 0, sizeof(double));
  bool all_there = collect->send != NULL && collect->receive != NULL && collect->stack != NULL;
  return all_there ? LS_OK : no_memory(sums, error);
}

/* Runs the postfix program over `n` elements of each piece. */
static void add_pieces(const collect_t *collect, size_t n, double *out) {
  const double *top[TREE_MAX_PIECES + 2];
  int depth = 0;
  for (int i = 0; i < collect->length; i++) {
    if (collect->plan[i] != TREE_ADD) {
      top[depth++] = collect->receive + (size_t)collect->plan[i] * n;
      continue;
    }
    const double *a = top[depth - 2], *b = top[depth - 1];
    double *sum = collect->stack + (size_t)(depth - 2) * n;
    for (size_t k = 0; k < n; k++) sum[k] = a[k] + b[k];
    top[--depth - 1] = sum;
  }
  memcpy(out, top[0], n * sizeof *out);
}

static ls_status gather_pieces(sums_t *sums, double *total, ls_error *error) {
  collect_t *collect = &sums->collect;
  world_t *world = sums->in.world;
  bool is_root = world_rank(world) == 0;
  for (size_t at = 0, n = 0; at < sums->in.elements; at += n) {
    size_t left = sums->in.elements - at;
    n = left < collect->at_once ? left : collect->at_once;
    for (int r = 0; r < world_size(world); r++)
      collect->sizes[r] = (size_t)collect->counts[r] * n * sizeof(double);
    for (int k = 0; k < sums->n_pieces; k++)
      memcpy(collect->send + (size_t)k * n, piece_sum(sums, k) + at, n * sizeof(double));
    TRY(world_gather_pieces(world, collect->send, collect->sizes, collect->receive, 0, error));
    if (is_root) add_pieces(collect, n, total + at);
  }
  return LS_OK;
}

ls_status collect_pieces(sums_t *sums, double *total, ls_error *error) {
  const size_t bytes = sums->in.elements * sizeof(double);
  if (world_size(sums->in.world) > 1) {
    TRY(gather_pieces(sums, total, error));
    return sums->in.everywhere ? world_broadcast(sums->in.world, total, bytes, 0, error) : LS_OK;
  }
  memcpy(total, piece_sum(sums, 0), bytes); /* one rank has one piece: the whole tree */
  return LS_OK;
}
