#include "score/block_walk.h"

#include "base/progress.h"
#include "layout/shard.h"
#include "score/threads.h"

#include <inttypes.h>
#include <stdatomic.h>

ls_status block_walk_create(const split_t *split, arena_t *arena, block_walk_t *out, ls_error *error) {
  size_t n = (size_t)split->shards + 1;
  block_walk_t walk = {.split = split};
  walk.begin = arena_new(arena, n, sizeof *walk.begin);
  walk.first_row = arena_new(arena, n, sizeof *walk.first_row);
  if (walk.begin == NULL || walk.first_row == NULL)
    return error_set(error, LS_NO_MEMORY, "no memory for evaluation");
  for (int s = 0; s < split->shards; s++) {
    int64_t rows = shard_rows(split->partition, split->first_shard + s);
    walk.begin[s + 1] = walk.begin[s] + (rows + PREDICT_ROWS - 1) / PREDICT_ROWS;
    walk.first_row[s + 1] = walk.first_row[s] + rows;
  }
  walk.blocks = walk.begin[split->shards];
  *out = walk;
  return LS_OK;
}

static row_block_t block_of(const block_walk_t *walk, int64_t number) {
  int s = 0;
  while (walk->begin[s + 1] <= number) s++;
  int64_t row = walk->first_row[s] + (number - walk->begin[s]) * PREDICT_ROWS;
  int64_t left = walk->first_row[s + 1] - row;
  return (row_block_t){.number = number,
                       .row = row,
                       .n = left < PREDICT_ROWS ? left : PREDICT_ROWS,
                       .resident = walk->part.resident + row - walk->part.first,
                       .place = {walk->split->first_shard + s, row - walk->first_row[s]}};
}

/* The first block that does not begin before `row`; parts end where blocks do. */
static int64_t block_at(const block_walk_t *walk, int64_t row) {
  int s = 0;
  while (s < walk->split->shards && walk->first_row[s + 1] <= row) s++;
  if (s == walk->split->shards) return walk->begin[s];
  return walk->begin[s] + (row - walk->first_row[s] + PREDICT_ROWS - 1) / PREDICT_ROWS;
}

ls_status block_walk_begin(block_walk_t *walk, ls_error *error) {
  parts_begin(walk->split);
  return parts_next(walk->split, &walk->part, error);
}

void block_walk_end(block_walk_t *walk) {
  parts_end(walk->split);
}

/* The blocks of one part, dealt to threads by a counter. */
typedef struct {
  const block_walk_t *walk;
  void (*take)(void *context, int thread, const row_block_t *block);
  void *context;
  bool shows; /* progress */
  atomic_llong next;
  int64_t end;
} dealing_t;

static void take_blocks(void *context, int thread) {
  dealing_t *dealing = context;
  for (int64_t b; (b = atomic_fetch_add(&dealing->next, 1)) < dealing->end;) {
    const row_block_t block = block_of(dealing->walk, b);
    dealing->take(dealing->context, thread, &block);
    if (dealing->shows) progress_advance(block.n);
  }
}

ls_status block_walk_run(block_walk_t *walk, const char *what, int threads,
                         void (*take)(void *context, int thread, const row_block_t *block), void *context,
                         ls_error *error) {
  ls_status status = LS_OK;
  if (what != NULL)
    progress_begin(walk->first_row[walk->split->shards], NULL, "%s %" PRId64 " rows", what,
                   walk->split->partition.rows);
  while (status == LS_OK && walk->part.rows > 0) {
    dealing_t dealing = {.walk = walk,
                         .take = take,
                         .context = context,
                         .shows = what != NULL,
                         .end = block_at(walk, walk->part.first + walk->part.rows)};
    atomic_init(&dealing.next, block_at(walk, walk->part.first));
    threads_run(threads, take_blocks, &dealing);
    status = parts_next(walk->split, &walk->part, error);
  }
  if (what != NULL) progress_end();
  return status;
}
