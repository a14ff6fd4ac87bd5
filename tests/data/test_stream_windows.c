/* Streamed windows: every window finds its steps as if all were in memory, of one series or of several,
 * whatever the order, the stride, the size of the buffer and the step that a walk begins with; and so do
 * those who look at single steps. */
#include "data/stream_impl.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { N = 20000, COLUMNS = 2, S = 4, BATCH = 100 };

static char path[64];

static float value(int64_t row, int64_t column) {
  return (float)(row * COLUMNS + column);
}

/* x: (N, COLUMNS) float; w: a number for each row, as double. */
static void begin(void) {
  static float x[N * COLUMNS];
  static double w[N];
  ls_error error = {0};
  store_t *store = NULL;
  for (int64_t i = 0; i < N * COLUMNS; i++) x[i] = value(i / COLUMNS, i % COLUMNS);
  for (int64_t i = 0; i < N; i++) w[i] = (double)i / 4;
  snprintf(path, sizeof path, "/tmp/lockstep-stream-windows-%ld.h5", (long)getpid());
  cr_assert_eq(store_create(path, &store, &error), LS_OK, "%s", error.message);
  store_write(store, "x", STORE_F32, 2, (int64_t[]){N, COLUMNS}, x, &error);
  store_write(store, "w", STORE_F64, 1, (int64_t[]){N}, w, &error);
  cr_assert_eq(store_publish(&store, &error), LS_OK, "%s", error.message);
}

static void end(void) {
  unlink(path);
}

TestSuite(stream_windows, .init = begin, .fini = end);

/* Sizes of windows, and where series begin: one, or several, some too short for a window. */
typedef struct {
  window_settings_t window;
  int64_t n, first[8];
} case_t;
static const case_t cases[] = {
    {{.length = 7, .horizon = 3, .stride = 1, .test = 0.1}, 1, {0, N}},
    {{.length = 40, .horizon = 1, .stride = 3}, 6, {0, 3, 4000, 4044, 9000, 17000, N}},
    {{.length = 5, .horizon = 0, .stride = 1}, 3, {0, 9000, 9004, N}},
    {{.length = 2, .horizon = 1, .stride = 9}, 2, {0, 11111, N}},
};
enum { CASES = sizeof cases / sizeof cases[0] };

typedef struct {
  arena_t arena;
  stream_thread_t *reader;
  split_t split;
  windows_t windows;
} fixture_t;

/* What rank r of two has of the windows of the training part. */
static ls_status open_stream(fixture_t *f, const case_t *c, int rank, int64_t limit, ls_error *error) {
  store_t *store = NULL;
  int64_t begins[8];
  timeline_t timeline;
  memcpy(begins, c->first, sizeof begins);
  const series_t series = {.n = c->n, .first = begins};
  *f = (fixture_t){.split = {.features = c->window.length * COLUMNS,
                             .type = ELEMENT_F32,
                             .first_shard = rank_first_shard(S, 2, rank),
                             .shards = rank_shards(S, 2, rank),
                             .windows = &f->windows}};
  cr_assert_eq(timeline_make(&c->window, &series, 0, SPAN_TRAIN, &f->arena, &timeline, error), LS_OK);
  f->split.partition = (partition_t){timeline_windows(&timeline), S};
  f->split.rows = shard_first(f->split.partition, f->split.first_shard + f->split.shards) -
                  shard_first(f->split.partition, f->split.first_shard);
  cr_assert_eq(windows_deal(&c->window, &timeline, &f->split, NULL, &f->windows, error), LS_OK);
  f->windows.columns = COLUMNS;
  const source_t source = {.features = COLUMNS, .type = ELEMENT_F32};
  const row_format_t formats[ARRAYS] = {
      [ARRAY_X] = features_format("x", &source), [ARRAY_WEIGHT] = weights_format("w")};
  const rows_t rows = {0, timeline_steps(&timeline), NULL, ROW_KEPT, &f->windows.timeline};
  cr_assert_eq(store_open(path, &store, error), LS_OK, "%s", error->message);
  ls_status status = stream_thread_create(path, limit, &f->arena, &f->reader, error);
  if (status == LS_OK) status = stream_create(f->reader, store, &rows, formats, &f->split, error);
  store_close(&store);
  return status;
}

static void close_stream(fixture_t *f) {
  stream_thread_destroy(&f->reader);
  arena_free(&f->arena);
}

/* The limit that a message says would do, which then does. */
static int64_t least_of(const ls_error *error) {
  double least = 0;
  const char *at = strstr(error->message, "at least ");
  cr_assert(at != NULL && sscanf(at, "at least %lf MB", &least) == 1, "%s", error->message);
  return (int64_t)llround(least * 1e6);
}

static int64_t least_limit(const case_t *c, int rank, order_t order, int64_t batch) {
  static fixture_t f;
  ls_error error = {0};
  cr_assert_eq(open_stream(&f, c, rank, 4096, &error), LS_BAD_SETTINGS);
  cr_assert_not_null(strstr(error.message, "time steps on their way"), "%s", error.message);
  close_stream(&f);
  int64_t limit = least_of(&error);
  cr_assert_eq(open_stream(&f, c, rank, limit, &error), LS_OK, "%s", error.message);
  bool is_enough = stream_plan_steps(f.split.stream, order, 1, batch, &error) == LS_OK;
  close_stream(&f);
  if (is_enough) return limit;
  limit = least_of(&error);
  cr_assert_eq(open_stream(&f, c, rank, limit, &error), LS_OK, "%s", error.message);
  cr_assert_eq(stream_plan_steps(f.split.stream, order, 1, batch, &error), LS_OK, "%s", error.message);
  close_stream(&f);
  return limit;
}

/* The steps of a window of this rank's, as they are resident. */
static void check_window(const fixture_t *f, int64_t resident, int64_t window) {
  const windows_t *windows = &f->windows;
  int64_t w = shard_first(f->split.partition, f->split.first_shard) + window;
  int64_t row = timeline_row(&windows->timeline, timeline_step(&windows->timeline, w));
  int64_t step = windows_step(windows, resident), n = windows->length + windows->horizon;
  for (int64_t i = 0; i < n * COLUMNS; i++)
    cr_assert_eq(((const float *)f->split.x)[step * COLUMNS + i], value(row, i), "window %ld, value %ld",
                 (long)w, (long)i);
  for (int64_t i = 0; i < n; i++) cr_assert_eq(f->split.weights[step + i], (float)(row + i) / 4);
}

/* Steps from `from` on against the order that an epoch has in memory. */
static void check_steps(fixture_t *f, order_t order, int64_t epoch, int64_t from, int64_t to) {
  static uint32_t orders[S][N], rows[BATCH];
  stream_t *stream = f->split.stream;
  partition_t p = f->split.partition;
  int first_shard = f->split.first_shard;
  for (int s = 0; s < f->split.shards; s++)
    order_fill(order, 5, epoch, first_shard + s, shard_rows(p, first_shard + s), orders[s]);
  stream_begin_steps(stream, epoch, from);
  for (int64_t t = from; t < to; t++) {
    for (int s = 0; s < f->split.shards; s++) {
      int shard = first_shard + s;
      int64_t first = slice_begin(p, BATCH, shard, t), n = slice_begin(p, BATCH, shard, t + 1) - first;
      stream_rows(stream, t, s, first, n, rows);
      cr_assert_not(stream_failed(stream));
      for (int64_t i = 0; i < n; i++)
        check_window(f, rows[i], shard_first(p, shard) - shard_first(p, first_shard) + orders[s][first + i]);
    }
    stream_release(stream, t);
    if (t % 7 != 0) continue;
    stream_rest(stream);
    stream_resume(stream);
  }
}

Test(stream_windows, every_step_finds_the_windows_that_it_would_find_in_memory) {
  const order_t orders[] = {ORDER_NONE, ORDER_BLOCKS, ORDER_FULL};
  for (int o = 0; o < 3; o++)
    for (int c = 0; c < CASES; c++)
      for (int l = 0; l < 2; l++) {
        static fixture_t f;
        ls_error error = {0};
        int64_t limit = least_limit(&cases[c], l, orders[o], BATCH); /* the rings are as short as may be */
        cr_assert_eq(open_stream(&f, &cases[c], l, (l + 1) * limit, &error), LS_OK, "%s", error.message);
        cr_assert_eq(stream_plan_steps(f.split.stream, orders[o], 5, BATCH, &error), LS_OK, "case %d: %s", c,
                     error.message);
        int64_t steps = epoch_steps(f.split.partition, BATCH);
        check_steps(&f, orders[o], 0, 0, steps);
        check_steps(&f, orders[o], 1, steps / 2 + 3, steps); /* as a resumed run begins */
        check_steps(&f, orders[o], 2, 3, 9);                 /* and one that is given up */
        close_stream(&f);
      }
}

/* Where the rows of one series end, the next ones in memory are those of the next series: rows in between are
 * for validation, or of a series that is too short. */
Test(stream_windows, rows_in_memory_go_from_series_to_series) {
  static float x[N * COLUMNS];
  for (int c = 0; c < CASES; c++) {
    const window_settings_t *window = &cases[c].window;
    arena_t arena = {0};
    timeline_t timeline;
    store_t *store = NULL;
    ls_error error = {0};
    int64_t begins[8], step = 0;
    memcpy(begins, cases[c].first, sizeof begins);
    const series_t series = {.n = cases[c].n, .first = begins};
    cr_assert_eq(timeline_make(window, &series, 0.25, SPAN_TRAIN, &arena, &timeline, &error), LS_OK);
    cr_assert_eq(store_open(path, &store, &error), LS_OK, "%s", error.message);
    const source_t source = {.features = COLUMNS, .type = ELEMENT_F32};
    const rows_t rows = {0, timeline_steps(&timeline), NULL, ROW_KEPT, &timeline};
    cr_assert_eq(rows_read(store, features_format("x", &source), rows, x, &error), LS_OK, "%s",
                 error.message);
    for (int64_t i = 0; i < series.n; i++) {
      const double all = (double)(begins[i + 1] - begins[i]);
      const int64_t kept = (int64_t)(all - round(0.25 * all) - round(window->test * all));
      if (kept < window->length + window->horizon) continue;
      for (int64_t r = begins[i]; r < begins[i] + kept; r++, step++)
        cr_assert_eq(x[step * COLUMNS], value(r, 0), "case %d: row %ld of series %ld", c, (long)r, (long)i);
    }
    cr_expect_eq(step, rows.end);
    store_close(&store);
    arena_free(&arena);
  }
}

Test(stream_windows, parts_cover_all_windows_in_order_and_keep_blocks_whole) {
  for (int c = 0; c < CASES; c++)
    for (int64_t limit = 120 * 1024; limit <= 480 * 1024; limit *= 4) {
      static fixture_t f;
      ls_error error = {0};
      part_t part = {0};
      int64_t row = 0, parts = 0;
      cr_assert_eq(open_stream(&f, &cases[c], (int)(limit / 120 / 1024 % 2), limit, &error), LS_OK, "%s",
                   error.message);
      partition_t p = f.split.partition;
      parts_begin(&f.split);
      while (parts_next(&f.split, &part, &error) == LS_OK && part.rows > 0) {
        cr_assert_eq(part.first, row);
        for (int64_t i = 0; i < part.rows; i++) check_window(&f, part.resident + i, row + i);
        row += part.rows;
        int64_t at = shard_first(p, f.split.first_shard) + row;
        int s = 0;
        while (s < S && at >= shard_first(p, s) + shard_rows(p, s)) s++;
        cr_assert(s == S || (at - shard_first(p, s)) % PART_ROWS == 0, "a part ends at %ld", (long)row);
        parts++;
      }
      parts_end(&f.split);
      cr_assert_eq(error.status, LS_OK, "%s", error.message);
      cr_assert_eq(row, f.split.rows);
      cr_assert(parts > 1 || limit > 120 * 1024);
      close_stream(&f);
    }
}

Test(stream_windows, a_limit_that_is_too_small_says_which_would_do) {
  for (int c = 0; c < CASES; c++)
    for (int o = ORDER_NONE; o <= ORDER_FULL; o++)
      cr_assert_gt(least_limit(&cases[c], 0, (order_t)o, 900), 0);
}
