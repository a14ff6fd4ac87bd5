/* Each thread keeps its picks in a heap, the largest key on top: a row with a larger key is refused at once.
 */
#include "cluster/picks.h"

#include "base/arena.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A pick and where its values are. */
typedef struct {
  pick_t pick;
  int64_t slot; /* row of a thread's values; later of the rank's */
} picked_t;

/* What a thread has picked. */
typedef struct {
  picked_t *heap; /* (most) */
  float *values;  /* (most, width) */
  int64_t n;
} picker_t;

struct picks {
  world_t *world;
  int64_t most, wanted, width;
  int threads;
  picker_t *pickers; /* (threads) */
  picked_t *merged;  /* (threads * most) */
  float *values;     /* (most, width): of this rank, in its order */
  pick_t *own, *all; /* (most), (ranks * most) */
  size_t *sizes;     /* (ranks) */
  float *gathered;   /* (most, width) */
  arena_t arena;
};

static bool comes_before(pick_t a, pick_t b) {
  return a.key != b.key ? a.key < b.key : a.number < b.number;
}

static int compare_entries(const void *a, const void *b) {
  const pick_t x = ((const picked_t *)a)->pick, y = ((const picked_t *)b)->pick;
  return comes_before(x, y) ? -1 : comes_before(y, x);
}

static int compare_picks(const void *a, const void *b) {
  const pick_t x = *(const pick_t *)a, y = *(const pick_t *)b;
  return comes_before(x, y) ? -1 : comes_before(y, x);
}

/* ---- during a pass ---- */

void picks_begin(picks_t *picks, int64_t n) {
  picks->wanted = n;
  for (int t = 0; t < picks->threads; t++) picks->pickers[t].n = 0;
}

/* Moves the entry at `at` down to its place. */
static void sink(picker_t *picker, int64_t at) {
  picked_t *heap = picker->heap;
  for (int64_t child = 2 * at + 1; child < picker->n; child = 2 * at + 1) {
    if (child + 1 < picker->n && comes_before(heap[child].pick, heap[child + 1].pick)) child++;
    if (!comes_before(heap[at].pick, heap[child].pick)) return;
    const picked_t moved = heap[at];
    heap[at] = heap[child];
    heap[child] = moved;
    at = child;
  }
}

void picks_offer(picks_t *picks, int thread, double key, int64_t number, const float *x) {
  picker_t *picker = &picks->pickers[thread];
  const pick_t pick = {key, number};
  if (isinf(key) && key > 0) return;
  if (picker->n == picks->wanted && !comes_before(pick, picker->heap[0].pick)) return;
  const bool is_full = picker->n == picks->wanted;
  const int64_t slot = is_full ? picker->heap[0].slot : picker->n;
  if (is_full) {
    picker->heap[0] = (picked_t){pick, slot};
    sink(picker, 0);
  } else {
    picker->heap[picker->n++] = (picked_t){pick, slot};
    if (picker->n == picks->wanted)
      for (int64_t i = picker->n / 2; i-- > 0;) sink(picker, i);
  }
  memcpy(picker->values + slot * picks->width, x, (size_t)picks->width * sizeof *x);
}

/* ---- afterwards ---- */

/* The picks of this rank's threads, in order: fills own and values, and returns their number. */
static int64_t merge_threads(picks_t *picks) {
  int64_t n = 0;
  for (int t = 0; t < picks->threads; t++)
    for (int64_t i = 0; i < picks->pickers[t].n; i++) {
      const picked_t *entry = &picks->pickers[t].heap[i];
      picks->merged[n++] = (picked_t){entry->pick, t * picks->most + entry->slot};
    }
  qsort(picks->merged, (size_t)n, sizeof *picks->merged, compare_entries);
  if (n > picks->wanted) n = picks->wanted;
  for (int64_t i = 0; i < picks->wanted; i++)
    picks->own[i] = i < n ? picks->merged[i].pick : (pick_t){INFINITY, INT64_MAX};
  return n;
}

static const float *values_of(const picks_t *picks, int64_t slot) {
  return picks->pickers[slot / picks->most].values + slot % picks->most * picks->width;
}

/* Whether a pick is among the first n of those of all ranks. */
static bool is_chosen(pick_t pick, const pick_t *all, int64_t n) {
  return n > 0 && !comes_before(all[n - 1], pick);
}

ls_status picks_collect(picks_t *picks, float *rows, pick_t *keys, int64_t *found, ls_error *error) {
  const int ranks = world_size(picks->world), rank = world_rank(picks->world);
  const size_t wanted = (size_t)picks->wanted, width = (size_t)picks->width;
  const int64_t mine = merge_threads(picks);
  TRY(world_gather(picks->world, picks->own, wanted * sizeof *picks->own, picks->all, error));
  pick_t *order = picks->all + (size_t)ranks * wanted; /* a copy of all, sorted */
  memcpy(order, picks->all, (size_t)ranks * wanted * sizeof *order);
  qsort(order, (size_t)ranks * wanted, sizeof *order, compare_picks);
  int64_t n = 0;
  while (n < picks->wanted && order[n].number != INT64_MAX) n++;
  for (int r = 0; r < ranks; r++) {
    int64_t chosen = 0;
    for (size_t i = 0; i < wanted; i++)
      chosen += picks->all[(size_t)r * wanted + i].number != INT64_MAX &&
                is_chosen(picks->all[(size_t)r * wanted + i], order, n);
    picks->sizes[r] = (size_t)chosen * width * sizeof(float);
  }
  const int64_t sent = (int64_t)(picks->sizes[rank] / (width * sizeof(float)));
  for (int64_t i = 0; i < sent && i < mine; i++)
    memcpy(picks->values + i * picks->width, values_of(picks, picks->merged[i].slot), width * sizeof(float));
  TRY(world_gather_pieces(picks->world, picks->values, picks->sizes, picks->gathered, -1, error));
  const float *next = picks->gathered;
  for (int r = 0; r < ranks; r++)
    for (size_t i = 0; i < picks->sizes[r] / (width * sizeof(float)); i++, next += width) {
      const pick_t *place =
          bsearch(&picks->all[(size_t)r * wanted + i], order, (size_t)n, sizeof *order, compare_picks);
      memcpy(rows + (size_t)(place - order) * width, next, width * sizeof(float));
    }
  if (keys != NULL) memcpy(keys, order, (size_t)n * sizeof *keys);
  *found = n;
  return LS_OK;
}

void picks_uniform(const random_stream_t *stream, int64_t first, int64_t n, double *out) {
  uint64_t words[4] = {0};
  for (int64_t i = 0; i < n; i++) {
    const uint64_t at = (uint64_t)(first + i);
    if (i == 0 || at % 4 == 0) random_words(stream, at / 4, words);
    out[i] = 1 - (double)(words[at % 4] >> 11) * 0x1p-53;
  }
}

/* ---- memory ---- */

ls_status picks_create(world_t *world, int64_t most, int64_t width, int threads, picks_t **out,
                       ls_error *error) {
  picks_t *picks = calloc(1, sizeof *picks);
  const size_t n = (size_t)most, values = n * (size_t)width, ranks = (size_t)world_size(world);
  bool is_there = picks != NULL;
  if (is_there) {
    *picks = (picks_t){.world = world, .most = most, .width = width, .threads = threads};
    arena_t *arena = &picks->arena;
    picks->pickers = arena_new(arena, (size_t)threads, sizeof *picks->pickers);
    picks->merged = arena_new(arena, (size_t)threads * n, sizeof *picks->merged);
    picks->values = arena_new(arena, values, sizeof *picks->values);
    picks->own = arena_new(arena, n, sizeof *picks->own);
    picks->all = arena_new(arena, 2 * ranks * n, sizeof *picks->all);
    picks->sizes = arena_new(arena, ranks, sizeof *picks->sizes);
    picks->gathered = arena_new(arena, values, sizeof *picks->gathered);
    is_there = picks->pickers != NULL && picks->merged != NULL && picks->values != NULL &&
               picks->own != NULL && picks->all != NULL && picks->sizes != NULL && picks->gathered != NULL;
    for (int t = 0; t < threads && is_there; t++) {
      picks->pickers[t].heap = arena_new(arena, n, sizeof(picked_t));
      picks->pickers[t].values = arena_new(arena, values, sizeof(float));
      is_there = picks->pickers[t].heap != NULL && picks->pickers[t].values != NULL;
    }
  }
  ls_status status = is_there ? LS_OK
                              : error_set(error, LS_NO_MEMORY, "no memory to pick rows (%.1f MB)",
                                          (double)values * sizeof(float) * (threads + 2) / 1e6);
  status = world_agree(world, status, error);
  if (status == LS_OK)
    *out = picks;
  else
    picks_destroy(&picks);
  return status;
}

void picks_destroy(picks_t **picks) {
  if (*picks == NULL) return;
  arena_free(&(*picks)->arena);
  free(*picks);
  *picks = NULL;
}
