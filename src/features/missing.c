#include "features/missing.h"

#include "data/split_walk.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- rules ---- */

static double fill_mean(const moments_t *moments, int64_t columns, int64_t column, double constant) {
  (void)constant;
  return fit_mean(moments, columns, column);
}

static double fill_median(const moments_t *moments, int64_t columns, int64_t column, double constant) {
  (void)columns, (void)constant;
  return moments->quartiles[column * QUARTILES + 1];
}

static double fill_constant(const moments_t *moments, int64_t columns, int64_t column, double constant) {
  (void)moments, (void)columns, (void)column;
  return constant;
}

static const missing_row_t rules[] = {
    {"mean", NEEDS_MEAN, fill_mean},
    {"median", NEEDS_QUARTILES, fill_median},
    {"most_frequent", NEEDS_RANGE, NULL},
    {"constant", NEEDS_RANGE, fill_constant},
};

const missing_row_t *missing_find(const char *name) {
  for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
    if (strcmp(rules[i].name, name) == 0) return &rules[i];
  return NULL;
}

/* ---- the most frequent value ---- */

enum { FEWEST_ENTRIES = 1 << 6 };

/* A value of a column and how often it comes; count 0: an empty slot. */
typedef struct {
  int64_t column, count;
  double value;
} entry_t;

typedef struct {
  const columns_view_t *table;
  const bool *wanted;
  entry_t *entries; /* (slots), a hash table with open addressing */
  size_t slots, used, most;
  int bits; /* the pass takes values whose hash begins with these bits */
  uint64_t begin;
  bool is_full;
} counting_t;

/* Mixes all bits of a column and a value (the finisher of splitmix64, Steele, Lea and Flood 2014). */
static uint64_t hash_of(int64_t column, double value) {
  uint64_t h = 0;
  memcpy(&h, &value, sizeof h);
  h += (uint64_t)(column + 1) * 0x9e3779b97f4a7c15u;
  h = (h ^ h >> 30) * 0xbf58476d1ce4e5b9u;
  h = (h ^ h >> 27) * 0x94d049bb133111ebu;
  return h ^ h >> 31;
}

static void count_value(counting_t *counting, int64_t column, double value) {
  value += 0.0; /* -0 is 0 */
  uint64_t hash = hash_of(column, value);
  if (counting->bits > 0 && hash >> (64 - counting->bits) != counting->begin) return;
  size_t at = (size_t)hash & (counting->slots - 1);
  entry_t *entry = &counting->entries[at];
  while (entry->count > 0 && (entry->column != column || entry->value != value)) {
    at = (at + 1) & (counting->slots - 1);
    entry = &counting->entries[at];
  }
  if (entry->count == 0) {
    counting->is_full |= counting->used == counting->most;
    if (counting->is_full) return;
    *entry = (entry_t){column, 0, value};
    counting->used++;
  }
  entry->count++;
}

static void take_values(void *context, const split_walk_t *walk) {
  counting_t *counting = context;
  for (int64_t r = walk->first; r < walk->first + walk->rows && !counting->is_full; r++)
    for (int64_t c = 0; c < counting->table->columns; c++) {
      if (!counting->wanted[c]) continue;
      double value = columns_view_value(counting->table, r, c);
      if (!isnan(value)) count_value(counting, c, value);
    }
}

/* Moves the entries to the front of the table. */
static void pack_entries(counting_t *counting) {
  size_t n = 0;
  for (size_t i = 0; i < counting->slots; i++)
    if (counting->entries[i].count > 0) counting->entries[n++] = counting->entries[i];
}

static int compare_entries(const void *a, const void *b) {
  const entry_t *x = a, *y = b;
  if (x->column != y->column) return x->column < y->column ? -1 : 1;
  return x->value < y->value ? -1 : x->value > y->value;
}

/* Adds the counts of equal values, and keeps the best of each column. */
static void judge(entry_t *all, size_t n, entry_t *best) {
  qsort(all, n, sizeof *all, compare_entries);
  for (size_t i = 0, next; i < n; i = next) {
    entry_t sum = all[i];
    for (next = i + 1; next < n && compare_entries(&all[next], &sum) == 0; next++)
      sum.count += all[next].count;
    entry_t *before = &best[sum.column];
    if (sum.count > before->count || (sum.count == before->count && sum.value < before->value)) *before = sum;
  }
}

/* What all ranks have counted, put together on each. Collective. */
static ls_status unite(world_t *world, counting_t *counting, entry_t *best, ls_error *error) {
  int ranks = world_size(world);
  int64_t mine = (int64_t)counting->used, *counts = calloc((size_t)ranks, sizeof *counts);
  size_t *sizes = calloc((size_t)ranks, sizeof *sizes), n = 0;
  entry_t *all = NULL;
  ls_status status = LS_OK;
  if (counts == NULL || sizes == NULL) status = error_set(error, LS_NO_MEMORY, "no memory to count values");
  TRY_OR_DONE(world_agree(world, status, error));
  TRY_OR_DONE(world_gather(world, &mine, sizeof mine, counts, error));
  for (int r = 0; r < ranks; r++) {
    sizes[r] = (size_t)counts[r] * sizeof *all;
    n += (size_t)counts[r];
  }
  all = calloc(n + 1, sizeof *all);
  if (all == NULL) status = error_set(error, LS_NO_MEMORY, "no memory to count values");
  TRY_OR_DONE(world_agree(world, status, error));
  pack_entries(counting);
  TRY_OR_DONE(world_gather_pieces(world, counting->entries, sizes, all, -1, error));
  judge(all, n, best);
done:
  free(all);
  free(counts);
  free(sizes);
  return status;
}

/* One pass after the other; where one finds too many values, it is done again as two. Collective. */
static ls_status count_all(world_t *world, const split_t *split, counting_t *counting, entry_t *best,
                           ls_error *error) {
  while (counting->begin < (uint64_t)1 << counting->bits) {
    memset(counting->entries, 0, counting->slots * sizeof *counting->entries);
    counting->used = 0;
    counting->is_full = false;
    TRY(split_walk(world, split, take_values, counting, error));
    int64_t full = counting->is_full;
    TRY(world_sum_i64(world, &full, 1, error));
    if (full > 0) {
      counting->bits++;
      counting->begin *= 2;
      continue;
    }
    TRY(unite(world, counting, best, error));
    counting->begin++;
  }
  return LS_OK;
}

ls_status most_frequent_find(world_t *world, const split_t *split, const columns_view_t *table,
                             const bool *wanted, size_t room, double *fill, ls_error *error) {
  counting_t counting = {.table = table, .wanted = wanted, .slots = 2 * FEWEST_ENTRIES};
  while (counting.slots * (size_t)world_size(world) < 2 * room) counting.slots *= 2;
  counting.most = counting.slots / 2;
  counting.entries = calloc(counting.slots, sizeof *counting.entries);
  entry_t *best = calloc((size_t)table->columns, sizeof *best);
  ls_status status = LS_OK;
  if (counting.entries == NULL || best == NULL)
    status = error_set(error, LS_NO_MEMORY, "no memory to count the values of columns");
  status = world_agree(world, status, error);
  if (status == LS_OK) status = count_all(world, split, &counting, best, error);
  for (int64_t c = 0; c < table->columns && status == LS_OK; c++)
    if (wanted[c]) fill[c] = best[c].count > 0 ? best[c].value : NAN;
  free(best);
  free(counting.entries);
  return status;
}
