/* Windows over series: the bytes are the settings of windows and the lengths of series. The timeline is
 * compared with windows that are counted one by one. */
#include "data/window.h"
#include "fuzz/fuzz.h"

#include <string.h>

enum { MOST_SERIES = 6, MOST_STEPS = 64, MOST_WINDOWS = MOST_SERIES * MOST_STEPS };

typedef struct {
  const uint8_t *at;
  size_t left;
} bytes_t;

static int64_t take(bytes_t *bytes, int64_t most) {
  if (bytes->left == 0) return 0;
  bytes->left--;
  return *bytes->at++ % (most + 1);
}

/* How often each row of the array is a target in a split. */
typedef struct {
  int of_split[MOST_WINDOWS];
} targets_t;

/* All windows of a split in their order: first[w] is the row of the first step, ids[w] the series. */
static int64_t count_windows(const window_settings_t *window, const series_t *series, double validation,
                             int span, int64_t first[MOST_WINDOWS], int64_t ids[MOST_WINDOWS],
                             targets_t *targets) {
  int64_t n = 0;
  for (int64_t i = 0; i < series->n; i++) {
    span_t spans[SPANS];
    int64_t steps = series->first[i + 1] - series->first[i];
    series_cut(window, steps, validation, spans);
    MUST(spans[span].first >= 0 && spans[span].steps >= 0 && spans[span].first + spans[span].steps <= steps);
    for (int64_t at = 0; at + window->length + window->horizon <= spans[span].steps; at += window->stride) {
      first[n] = series->first[i] + spans[span].first + at;
      for (int64_t k = 0; k < window->horizon && span != SPAN_WHOLE; k++) {
        int *split = &targets->of_split[first[n] + window->length + k];
        MUST(*split == 0 || *split == span + 1); /* no step is a target in two splits */
        *split = span + 1;
      }
      ids[n++] = series->ids[i];
    }
  }
  return n;
}

/* Every rank holds the steps of its windows. */
static void check_dealing(const window_settings_t *window, const timeline_t *line, int shards, int ranks) {
  ls_error error = {0};
  int64_t dealt = 0;
  for (int rank = 0; rank < ranks; rank++) {
    arena_t arena = {0};
    windows_t windows;
    split_t split = {.partition = {timeline_windows(line), shards},
                     .first_shard = rank_first_shard(shards, ranks, rank),
                     .shards = rank_shards(shards, ranks, rank)};
    int64_t first = shard_first(split.partition, split.first_shard);
    split.rows = shard_first(split.partition, split.first_shard + split.shards) - first;
    MUST(windows_deal(window, line, &split, &arena, &windows, &error) == LS_OK);
    for (int64_t row = 0; row < split.rows; row++) {
      int64_t step = windows_step(&windows, row);
      MUST(step >= 0 && step + window->length + window->horizon <= windows.steps);
      MUST(windows.begin + step == timeline_step(line, first + row));
    }
    dealt += split.rows;
    arena_free(&arena);
  }
  MUST(dealt == timeline_windows(line));
}

static void check_split(const window_settings_t *window, const series_t *series, double validation, int span,
                        targets_t *targets, bytes_t *bytes) {
  int64_t first[MOST_WINDOWS], ids[MOST_WINDOWS];
  int64_t n = count_windows(window, series, validation, span, first, ids, targets);
  ls_error error = {0};
  arena_t arena = {0};
  timeline_t line;
  MUST(timeline_make(window, series, validation, span, &arena, &line, &error) == LS_OK);
  MUST(timeline_windows(&line) == n);
  for (int64_t w = 0; w < n; w++) {
    int64_t step = timeline_step(&line, w);
    MUST(timeline_row(&line, step) == first[w]);
    MUST(timeline_series(&line, w) == ids[w]);
    MUST(timeline_run(&line, step, MOST_STEPS) >= window->length + window->horizon);
  }
  int shards = 1 + (int)take(bytes, 7), ranks = 1 + (int)take(bytes, shards - 1);
  if (n > 0) check_dealing(window, &line, shards, ranks);
  arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  bytes_t bytes = {data, size};
  int64_t firsts[MOST_SERIES + 1] = {0}, ids[MOST_SERIES];
  targets_t targets = {0};
  series_t series = {.first = firsts, .ids = ids};
  window_settings_t window = {.length = 1 + take(&bytes, 11),
                              .horizon = 1 + take(&bytes, 5),
                              .stride = 1 + take(&bytes, 5),
                              .test = (double)take(&bytes, 255) / 512};
  double validation = (double)take(&bytes, 255) / 512;
  for (series.n = 0; series.n < MOST_SERIES && bytes.left > 0; series.n++) {
    firsts[series.n + 1] = firsts[series.n] + 1 + take(&bytes, MOST_STEPS - 1);
    ids[series.n] = 100 - series.n;
  }
  for (int span = 0; span < SPANS; span++) check_split(&window, &series, validation, span, &targets, &bytes);
  return 0;
}
