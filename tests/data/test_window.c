/* Windows: what is gathered is what NumPy cuts out of the series, by whichever rank holds it; a rank holds
 * all that its windows need, and no more than it must; no step that validation or test is judged by is seen
 * before. */
#include "data/window.h"

#include "data/gather.h"
#include "figures/windows.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

enum { INPUTS = LENGTH * COLUMNS, OUTPUTS = HORIZON * FORECAST };

static const window_settings_t numpy_window = {.length = LENGTH,
                                               .horizon = HORIZON,
                                               .stride = STRIDE,
                                               .season = SEASON,
                                               .targets = {.values = numpy_of_x, .n = FORECAST}};

/* The series as it lies in memory, in any type, and its target columns as a y of their own. */
static union {
  uint8_t u8[STEPS * COLUMNS];
  float f32[STEPS * COLUMNS];
  double f64[STEPS * COLUMNS];
} memory;
static float y[STEPS * FORECAST];

/* What rank r of W holds when S shards share the windows, its first resident step first. */
static split_t split_of_rank(element_t type, int shards, int ranks, int rank, windows_t *windows) {
  split_t split = {.partition = {WINDOWS, shards},
                   .first_shard = rank_first_shard(shards, ranks, rank),
                   .shards = rank_shards(shards, ranks, rank),
                   .features = INPUTS,
                   .type = type,
                   .x = &memory,
                   .width = OUTPUTS,
                   .windows = windows};
  split.rows = shard_first(split.partition, split.first_shard + split.shards) -
               shard_first(split.partition, split.first_shard);
  windows_deal(&numpy_window, STEPS, &split, windows);
  windows->columns = COLUMNS;
  windows->targets = FORECAST;
  for (int64_t i = 0; i < windows->steps * COLUMNS; i++) {
    float value = numpy_series[windows->begin + i / COLUMNS][i % COLUMNS];
    if (type == ELEMENT_U8) memory.u8[i] = (uint8_t)value;
    if (type == ELEMENT_F32) memory.f32[i] = value;
    if (type == ELEMENT_F64) memory.f64[i] = value;
  }
  for (int64_t i = 0; i < windows->steps * FORECAST; i++)
    y[i] = numpy_series[windows->begin + i / FORECAST][(int)numpy_of_x[i % FORECAST]];
  return split;
}

static void check_gathered(const split_t *split, const scaler_t *scaler) {
  int64_t first = shard_first(split->partition, split->first_shard);
  uint32_t rows[WINDOWS];
  float x[WINDOWS * INPUTS], range[WINDOWS * INPUTS], values[WINDOWS * OUTPUTS];
  const features_t features = {.columns = INPUTS, .encoded = INPUTS, .inputs = INPUTS, .scaler = *scaler};
  gather_t gather;
  ls_error error = {0};
  for (int64_t i = 0; i < split->rows; i++) rows[i] = (uint32_t)(split->rows - 1 - i); /* in another order */
  cr_assert_eq(gather_create(split, &features, &gather, &error), LS_OK, "%s", error.message);
  gather_features(&gather, rows, split->rows, x);
  gather_range(&gather, 0, split->rows, range);
  for (int64_t i = 0; i < split->rows * INPUTS; i++) {
    double expected = numpy_inputs[first + rows[i / INPUTS]][i % INPUTS];
    if (scaler->n > 0) expected = (expected - scaler->shift[i % INPUTS]) * scaler->scale[i % INPUTS];
    cr_assert_float_eq(x[i], expected, 1e-4, "window %d, input %d", (int)rows[i / INPUTS], (int)(i % INPUTS));
    cr_assert_eq(range[(split->rows - 1 - i / INPUTS) * INPUTS + i % INPUTS], x[i]);
  }
  gather_targets(&gather, rows, split->rows, values);
  for (int64_t i = 0; i < split->rows * OUTPUTS; i++)
    cr_assert_eq(values[i], numpy_targets[first + rows[i / OUTPUTS]][i % OUTPUTS]);
  windows_gather(split, WINDOW_PERSISTENCE, rows, split->rows, values);
  for (int64_t i = 0; i < split->rows * OUTPUTS; i++)
    cr_assert_eq(values[i], numpy_persistence[first + rows[i / OUTPUTS]][i % OUTPUTS]);
  windows_gather(split, WINDOW_SEASONAL, rows, split->rows, values);
  for (int64_t i = 0; i < split->rows * OUTPUTS; i++)
    cr_assert_eq(values[i], numpy_seasonal[first + rows[i / OUTPUTS]][i % OUTPUTS]);
  gather_free(&gather);
}

Test(windows, are_those_of_numpy_on_any_rank_in_any_type) {
  const scaler_t none = {.name = "none"};
  cr_assert_eq(windows_count(&numpy_window, STEPS), WINDOWS);
  for (int type = ELEMENT_U8; type <= ELEMENT_F64; type++)
    for (int ranks = 1; ranks <= 4; ranks++)
      for (int rank = 0; rank < ranks; rank++) {
        windows_t windows;
        split_t split = split_of_rank((element_t)type, 4, ranks, rank, &windows);
        check_gathered(&split, &none);
        split.targets = y; /* the same columns, from y */
        check_gathered(&split, &none);
      }
}

Test(windows, every_step_of_a_window_is_scaled_like_its_column) {
  ls_error error = {0};
  windows_t windows;
  scaler_t scaler = {.name = "standard",
                     .n = COLUMNS,
                     .shift = (double[]){100, 20, 3},
                     .scale = (double[]){0.5, 2, 0.1},
                     .offset = (double[]){0, 0, 0}};
  split_t split = split_of_rank(ELEMENT_F64, 2, 1, 0, &windows);
  cr_assert_eq(scaler_repeat(&scaler, LENGTH, &error), LS_OK);
  cr_assert_eq(scaler.n, INPUTS);
  check_gathered(&split, &scaler);
  split = split_of_rank(ELEMENT_F32, 2, 1, 0, &windows);
  check_gathered(&split, &scaler);
  scaler_free(&scaler);
}

/* Where windows lie far apart, the steps that a shard is fitted by may begin before its first window. */
Test(windows, that_begin_behind_their_shards_steps_are_found) {
  const window_settings_t window = {.length = 1, .horizon = 1, .stride = 6, .targets = {.word = "x"}};
  const features_t features = {.columns = COLUMNS, .encoded = COLUMNS, .inputs = COLUMNS};
  int64_t rows = windows_count(&window, STEPS), most = 0;
  ls_error error = {0};
  for (int rank = 0; rank < 4; rank++) {
    windows_t windows;
    split_t split = {.partition = {rows, 4},
                     .first_shard = rank,
                     .shards = 1,
                     .rows = shard_rows((partition_t){rows, 4}, rank),
                     .features = COLUMNS,
                     .type = ELEMENT_F32,
                     .x = memory.f32,
                     .windows = &windows};
    windows_deal(&window, STEPS, &split, &windows);
    windows.columns = COLUMNS;
    for (int64_t i = 0; i < windows.steps * COLUMNS; i++)
      memory.f32[i] = numpy_series[windows.begin + i / COLUMNS][i % COLUMNS];
    if (windows.first > most) most = windows.first;
    gather_t gather;
    float x[COLUMNS];
    cr_assert_eq(gather_create(&split, &features, &gather, &error), LS_OK, "%s", error.message);
    for (int64_t i = 0; i < split.rows; i++) {
      gather_range(&gather, i, 1, x);
      int64_t step = (shard_first(split.partition, rank) + i) * window.stride;
      for (int c = 0; c < COLUMNS; c++) cr_assert_eq(x[c], numpy_series[step][c]);
    }
    gather_free(&gather);
  }
  cr_assert_gt(most, 0, "no rank is such a case");
}

/* All that is dealt, for series and windows of many sizes. */
static void check_deal(const window_settings_t *window, int64_t steps, int shards, int ranks) {
  int64_t rows = windows_count(window, steps), next_step = 0;
  cr_assert(rows == 0 || windows_span(window, rows) <= steps);
  cr_assert(windows_span(window, rows + 1) > steps);
  for (int r = 0; r < ranks; r++) {
    split_t split = {.partition = {rows, shards},
                     .first_shard = rank_first_shard(shards, ranks, r),
                     .shards = rank_shards(shards, ranks, r),
                     .x = &memory,
                     .type = ELEMENT_U8};
    int64_t first = shard_first(split.partition, split.first_shard);
    windows_t windows;
    split.rows = shard_first(split.partition, split.first_shard + split.shards) - first;
    windows_deal(window, steps, &split, &windows);
    windows.columns = 1;
    split.windows = &windows;
    cr_assert(windows.begin >= 0 && windows.begin + windows.steps <= steps);
    if (split.rows > 0) {
      cr_assert_eq(windows.begin + windows.first, first * window->stride);
      cr_assert_geq(windows.first, 0);
      cr_assert_leq(windows.first + windows_span(window, split.rows), windows.steps);
    }
    split_t own = windows_as_steps(&split);
    int64_t skip = (const uint8_t *)own.x - memory.u8;
    cr_assert_eq(windows.begin + skip, next_step, "a step is fitted twice, or never");
    cr_assert_leq(skip + own.rows, windows.steps);
    next_step += own.rows;
    /* at most a window and a stride more than the larger share */
    int64_t share = windows_span(window, split.rows) > own.rows ? windows_span(window, split.rows) : own.rows;
    cr_assert_leq(windows.steps, share + window->length + window->horizon + 2 * window->stride);
  }
  cr_assert_eq(next_step, steps);
}

Test(windows, a_rank_holds_what_its_windows_need_and_each_step_is_fitted_once) {
  const int64_t sizes[] = {1, 2, 5, 12};
  for (size_t l = 0; l < 4; l++)
    for (size_t h = 0; h < 4; h++)
      for (size_t s = 0; s < 4; s++)
        for (int64_t steps = sizes[l] + sizes[h]; steps < 60; steps += 7)
          for (int shards = 1; shards <= 7; shards += 2)
            for (int ranks = 1; ranks <= shards; ranks++) {
              const window_settings_t window = {.length = sizes[l], .horizon = sizes[h], .stride = sizes[s]};
              check_deal(&window, steps, shards, ranks);
            }
}

Test(windows, no_step_is_a_target_of_two_splits_or_seen_before_it_is_judged_by) {
  for (int64_t steps = 40; steps < 90; steps++)
    for (int v = 0; v < 3; v++)
      for (int t = 0; t < 3; t++)
        for (int64_t stride = 1; stride < 4; stride++) {
          const window_settings_t window = {.length = 6, .horizon = 3, .stride = stride, .test = 0.15 * t};
          int64_t valid = (int64_t)floor(0.2 * v * (double)steps + 0.5);
          int64_t test = (int64_t)floor(window.test * (double)steps + 0.5);
          const int64_t begins[] = {0, steps - valid - test, steps - test, steps};
          span_t spans[SPANS];
          windows_cut(&window, steps, 0.2 * v, spans);
          for (int s = 0; s < SPANS; s++) {
            cr_assert_eq(spans[s].steps > 0, begins[s + 1] > begins[s]);
            for (int64_t w = 0; w < windows_count(&window, spans[s].steps); w++) {
              int64_t first = spans[s].first + w * stride, target = first + window.length;
              cr_assert(first >= 0 && target >= begins[s], "a target lies before its split");
              cr_assert(target + window.horizon <= begins[s + 1], "a target lies behind its split");
              if (w == 0 && s > 0) cr_assert_eq(target, begins[s], "the first step could be forecast");
            }
          }
        }
}
