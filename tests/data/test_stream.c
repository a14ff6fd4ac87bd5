/* Streamed rows: the same rows at the same places as if all were in memory, whatever the order, the size of
 * the buffer, the share kept for validation and the step that a walk begins with; and what is said when the
 * file fails while it is read. */
#include "data/stream_impl.h"
#include "layout/validation.h"
#include "store/descriptors.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { N = 9001, F = 5, S = 3, BATCH = 100, LIMIT = 256 * 1024 };

static char path[64];
static bool chosen[N];

static double feature(int64_t row, int64_t column) {
  return (double)row + (double)column / 8;
}

/* x: (N, F) float, y: labels row mod 7 as int64, t: (N, 2) targets, w: weights row / 4, both as double. */
static void write_file(int64_t nan_row) {
  static float x[N * F];
  static int64_t y[N];
  static double t[N * 2], w[N];
  ls_error error = {0};
  store_t *store = NULL;
  for (int64_t i = 0; i < N; i++) {
    for (int64_t c = 0; c < F; c++) x[i * F + c] = i == nan_row ? NAN : (float)feature(i, c);
    y[i] = i % 7;
    t[2 * i] = (double)i;
    t[2 * i + 1] = -(double)i;
    w[i] = (double)i / 4;
  }
  snprintf(path, sizeof path, "/tmp/lockstep-stream-%ld.h5", (long)getpid());
  cr_assert_eq(store_create(path, &store, &error), LS_OK, "%s", error.message);
  store_write(store, "x", STORE_F32, 2, (int64_t[]){N, F}, x, &error);
  store_write(store, "y", STORE_I64, 1, (int64_t[]){N}, y, &error);
  store_write(store, "t", STORE_F64, 2, (int64_t[]){N, 2}, t, &error);
  store_write(store, "w", STORE_F64, 1, (int64_t[]){N}, w, &error);
  cr_assert_eq(store_publish(&store, &error), LS_OK, "%s", error.message);
}

static void begin(void) {
  write_file(-1);
  validation_choice(N, 0.3, 1, chosen);
}

static void end(void) {
  unlink(path);
}

TestSuite(stream, .init = begin, .fini = end, .timeout = 100);

typedef struct {
  arena_t arena;
  stream_thread_t *reader;
  split_t split;
  int64_t array_row[N]; /* of each row of the split */
} fixture_t;

/* A rank's split of all rows, or of those not chosen; targets t and weights, or labels y. */
static ls_status open_stream(fixture_t *f, int64_t limit, bool by_share, bool labels, ls_error *error) {
  store_t *store = NULL;
  uint8_t kinds[N];
  for (int64_t i = 0; i < N; i++) kinds[i] = chosen[i] ? ROW_VALIDATES : ROW_KEPT;
  *f = (fixture_t){.split = {.features = F, .type = ELEMENT_F32, .shards = S, .width = labels ? 0 : 2}};
  f->split.y_type = ELEMENT_F64;
  for (int64_t i = 0; i < N; i++)
    if (!by_share || !chosen[i]) f->array_row[f->split.rows++] = i;
  f->split.partition = (partition_t){f->split.rows, S};
  source_t source = {.features = F, .y_width = labels ? 1 : 2, .type = ELEMENT_F32, .y_type = ELEMENT_F64};
  rows_t rows = {f->array_row[0], f->array_row[f->split.rows - 1] + 1, by_share ? kinds : NULL, ROW_KEPT,
                 NULL};
  const target_request_t values = {.kind = TARGET_VALUES, .width = 2};
  row_format_t formats[ARRAYS] = {features_format("x", &source)};
  formats[ARRAY_Y] = labels ? labels_format("y", &source, 7) : targets_format("t", &source, values);
  if (!labels) formats[ARRAY_WEIGHT] = weights_format("w");
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

static void check_row(const fixture_t *f, uint32_t resident, int64_t row) {
  int64_t i = f->array_row[row];
  const float *x = (const float *)f->split.x + (size_t)resident * F;
  for (int64_t c = 0; c < F; c++)
    cr_assert_eq(x[c], (float)feature(i, c), "row %ld: %g", (long)i, (double)x[c]);
  if (f->split.labels != NULL) cr_assert_eq(f->split.labels[resident], i % 7);
  if (f->split.y == NULL) return;
  cr_assert_eq(((const double *)f->split.y)[2 * resident + 1], (double)-i);
  cr_assert_eq(f->split.weights[resident], (float)i / 4);
}

/* Steps from `from` on against the order that an epoch has in memory. */
static void check_steps(fixture_t *f, order_t order, int64_t epoch, int64_t from, int64_t to) {
  static uint32_t orders[S][N], rows[BATCH];
  stream_t *stream = f->split.stream;
  partition_t p = f->split.partition;
  for (int s = 0; s < S; s++) order_fill(order, 5, epoch, s, shard_rows(p, s), orders[s]);
  stream_begin_steps(stream, epoch, from);
  for (int64_t t = from; t < to; t++) {
    for (int s = 0; s < S; s++) {
      int64_t first = slice_begin(p, BATCH, s, t), n = slice_begin(p, BATCH, s, t + 1) - first;
      stream_rows(stream, t, s, first, n, rows);
      cr_assert_not(stream_failed(stream));
      for (int64_t i = 0; i < n; i++) check_row(f, rows[i], shard_first(p, s) + orders[s][first + i]);
    }
    stream_release(stream, t);
    if (t % 7 != 0) continue;
    stream_rest(stream);
    stream_resume(stream);
  }
}

Test(stream, every_step_finds_the_rows_that_it_would_find_in_memory) {
  const order_t orders[] = {ORDER_NONE, ORDER_BLOCKS, ORDER_FULL};
  const int64_t limits[] = {LIMIT / 8, LIMIT / 2, LIMIT}; /* rings of 300 to 2500 slots */
  for (int o = 0; o < 3; o++)
    for (int l = 0; l < 3; l++) {
      static fixture_t f;
      ls_error error = {0};
      bool by_share = l == 1;
      cr_assert_eq(open_stream(&f, limits[l], by_share, l != 2, &error), LS_OK, "%s", error.message);
      cr_assert_eq(stream_plan_steps(f.split.stream, orders[o], 5, BATCH, &error), LS_OK, "%s",
                   error.message);
      int64_t steps = epoch_steps(f.split.partition, BATCH);
      check_steps(&f, orders[o], 0, 0, steps);
      check_steps(&f, orders[o], 1, steps / 2, steps); /* as a resumed run begins */
      check_steps(&f, orders[o], 2, 3, 9);             /* and one that is given up */
      close_stream(&f);
    }
}

Test(stream, parts_cover_all_rows_in_order_and_keep_blocks_whole) {
  static fixture_t f;
  ls_error error = {0};
  for (int64_t limit = LIMIT / 8; limit <= LIMIT; limit *= 2) {
    part_t part = {0};
    int64_t row = 0, parts = 0;
    cr_assert_eq(open_stream(&f, limit, true, false, &error), LS_OK, "%s", error.message);
    partition_t p = f.split.partition;
    parts_begin(&f.split);
    while (parts_next(&f.split, &part, &error) == LS_OK && part.rows > 0) {
      cr_assert_eq(part.first, row);
      for (int64_t i = 0; i < part.rows; i++) check_row(&f, (uint32_t)(part.resident + i), row + i);
      row += part.rows;
      int s = 0;
      while (s < S && row >= shard_first(p, s) + shard_rows(p, s)) s++;
      cr_assert(s == S || (row - shard_first(p, s)) % PART_ROWS == 0, "a part ends at %ld", (long)row);
      parts++;
    }
    parts_end(&f.split);
    cr_assert_eq(error.status, LS_OK, "%s", error.message);
    cr_assert_eq(row, f.split.rows);
    cr_assert_gt(parts, 1);
    close_stream(&f);
  }
}

Test(stream, rows_in_memory_are_one_part) {
  split_t split = {.rows = 10};
  part_t part = {0};
  parts_begin(&split);
  cr_assert_eq(parts_next(&split, &part, NULL), LS_OK);
  cr_assert(part.first == 0 && part.rows == 10 && part.resident == 0);
  cr_assert_eq(parts_next(&split, &part, NULL), LS_OK);
  cr_assert_eq(part.rows, 0);
}

Test(stream, targets_stay_as_they_are_read_and_are_scaled_when_they_are_taken) {
  static fixture_t f;
  static double numbers[] = {4, 10, 0.5, 2, 1, -1}; /* shift, scale, offset */
  scaler_t scaler = {
      .name = "standard", .n = 2, .shift = numbers, .scale = numbers + 2, .offset = numbers + 4};
  ls_error error = {0};
  part_t part = {0};
  cr_assert_eq(open_stream(&f, LIMIT / 4, false, false, &error), LS_OK, "%s", error.message);
  cr_assert_null(f.split.scaled_by, "raw targets");
  cr_assert_eq(split_scale_targets(&f.split, &scaler, &f.arena, &error), LS_OK);
  cr_assert_eq(f.split.scaled_by, &scaler);
  cr_assert_eq(split_scale_targets(&f.split, &scaler, &f.arena, &error), LS_FAILED, "never twice");
  error = (ls_error){0};
  parts_begin(&f.split);
  while (parts_next(&f.split, &part, &error) == LS_OK && part.rows > 0)
    for (int64_t i = 0; i < part.rows; i++) {
      float t[2];
      double row = (double)(part.first + i);
      split_targets(&f.split, part.resident + i, t);
      cr_assert(t[0] == (float)((row - 4) * 0.5 + 1) && t[1] == (float)((-row - 10) * 2 - 1));
    }
  cr_assert_eq(error.status, LS_OK, "%s", error.message);
  close_stream(&f);
}

static void expect_failure(fixture_t *f, ls_status status, const char *words) {
  ls_error error = {0};
  part_t part = {0};
  ls_status got = LS_OK;
  uint32_t rows[BATCH];
  parts_begin(&f->split);
  do got = parts_next(&f->split, &part, &error);
  while (got == LS_OK && part.rows > 0);
  cr_assert_eq(got, status, "%s", error.message);
  cr_assert_eq(part.rows, 0);
  cr_assert_not_null(strstr(error.message, words), "no '%s' in: %s", words, error.message);
  cr_assert_not_null(strstr(error.message, path), "%s", error.message);
  cr_assert_eq(stream_plan_steps(f->split.stream, ORDER_BLOCKS, 5, BATCH, &error), LS_OK);
  stream_begin_steps(f->split.stream, 0, 0);
  stream_rows(f->split.stream, epoch_steps(f->split.partition, BATCH) - 1, 0, 0, 1, rows); /* does not hang */
  cr_assert(stream_failed(f->split.stream));
  error = (ls_error){0};
  cr_assert_eq(stream_status(f->split.stream, &error), status);
  cr_assert_not_null(strstr(error.message, words), "no '%s' in: %s", words, error.message);
}

Test(stream, a_file_that_was_cut_off_ends_the_walk) {
  static fixture_t f;
  ls_error error = {0};
  cr_assert_eq(open_stream(&f, LIMIT / 2, false, true, &error), LS_OK, "%s", error.message);
  cr_assert_eq(truncate(path, 100000), 0);
  expect_failure(&f, LS_BAD_DATA, "cut off while it was being read");
  close_stream(&f);
}

Test(stream, bad_values_are_named_when_they_are_read) {
  static fixture_t f;
  ls_error error = {0};
  write_file(7777);
  chosen[7777] = false;
  cr_assert_eq(open_stream(&f, LIMIT / 2, true, true, &error), LS_OK, "%s", error.message);
  expect_failure(&f, LS_BAD_DATA, "NaN in row 7777, column 0");
  close_stream(&f);
}

Test(stream, a_limit_that_is_too_small_says_which_would_do) {
  static fixture_t f;
  ls_error error = {0};
  cr_assert_eq(open_stream(&f, 4096, false, true, &error), LS_BAD_SETTINGS);
  cr_assert_not_null(strstr(error.message, "at least 0.015 MB are needed"), "%s", error.message);
  close_stream(&f);
  cr_assert_eq(open_stream(&f, 15000, false, true, &error), LS_OK, "%s", error.message);
  cr_assert_eq(stream_plan_steps(f.split.stream, ORDER_FULL, 1, 4000, &error), LS_BAD_SETTINGS);
  double least = 0;
  const char *at = strstr(error.message, "at least ");
  cr_assert(at != NULL && sscanf(at, "at least %lf MB", &least) == 1, "%s", error.message);
  close_stream(&f);
  cr_assert_eq(open_stream(&f, (int64_t)(least * 1e6), false, true, &error), LS_OK, "%s", error.message);
  cr_assert_eq(stream_plan_steps(f.split.stream, ORDER_FULL, 1, 4000, &error), LS_OK, "%s", error.message);
  close_stream(&f);
}

/* ---- the thread ---- */

static atomic_int reads; /* that have begun */
static atomic_bool is_reading;
static ls_status outcome_of_read; /* LS_OK: it goes on */

static read_t read_slowly(stream_t *stream, ls_error *error) {
  (void)stream;
  atomic_store(&is_reading, true);
  atomic_fetch_add(&reads, 1);
  nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
  atomic_store(&is_reading, false);
  if (outcome_of_read == LS_OK) return READ_SOMETHING;
  error_set(error, outcome_of_read, "the disk is gone");
  return READ_FAILED;
}

/* A reader that uses HDF5 has ended its read when the caller goes on, who uses HDF5 too. */
Test(stream, a_reader_at_rest_reads_no_more) {
  static fixture_t f;
  ls_error error = {0};
  cr_assert_eq(open_stream(&f, LIMIT, false, true, &error), LS_OK, "%s", error.message);
  f.reader->needs_library = true;
  stream_thread_begin(f.split.stream, read_slowly, 0);
  for (int i = 1; i <= 3; i++) {
    int before = atomic_load(&reads);
    stream_thread_resume(f.reader);
    while (atomic_load(&reads) == before) nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
    stream_thread_rest(f.reader);
    cr_assert_not(atomic_load(&is_reading), "the thread still reads");
  }
  close_stream(&f);
}

/* Nobody waits for rows of a reader that has failed, and its message is there. */
Test(stream, a_reader_that_fails_is_not_waited_for, .timeout = 20) {
  static fixture_t f;
  ls_error error = {0};
  cr_assert_eq(open_stream(&f, LIMIT, false, true, &error), LS_OK, "%s", error.message);
  outcome_of_read = LS_IO;
  stream_thread_begin(f.split.stream, read_slowly, 0);
  stream_thread_resume(f.reader);
  stream_thread_wait(f.reader, 5);
  cr_assert(stream_failed(f.split.stream));
  cr_assert_eq(stream_status(f.split.stream, &error), LS_IO);
  cr_assert_str_eq(error.message, "the disk is gone");
  close_stream(&f);
}

Test(stream, no_descriptor_stays_open) {
  static fixture_t f;
  ls_error error = {0};
  int before = 0;
  for (int i = 0; i < 3; i++) {
    cr_assert_eq(open_stream(&f, LIMIT, false, true, &error), LS_OK, "%s", error.message);
    cr_assert_eq(stream_plan_steps(f.split.stream, ORDER_FULL, 5, BATCH, &error), LS_OK, "%s", error.message);
    check_steps(&f, ORDER_FULL, 0, 0, 4);
    close_stream(&f);
    if (i == 0) before = open_descriptors();
  }
  cr_assert_eq(open_descriptors(), before, "%d descriptors before, %d after", before, open_descriptors());
}
