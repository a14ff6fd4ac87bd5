/* Windows: what is gathered is what NumPy cuts out of the series, of one or of several, by whichever rank
 * holds it; a rank holds all that its windows need, and no more than it must; no step that validation or test
 * is judged by is seen before. */
#include "data/window.h"

#include "features/gather.h"
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

/* The series of an array, and what NumPy makes of them. */
typedef struct {
  const char *name;
  int64_t n, windows;
  const int64_t *first;
  const float (*series)[COLUMNS], (*inputs)[INPUTS];
  const float (*targets)[OUTPUTS], (*persistence)[OUTPUTS], (*seasonal)[OUTPUTS];
} numpy_t;

#define COUNT(array) (int64_t)(sizeof(array) / sizeof(array)[0])
#define SET(name)                                                                                            \
  {                                                                                                          \
#name, COUNT(name##_first) - 1, COUNT(name##_inputs), name##_first, name##_series, name##_inputs,        \
        name##_targets, name##_persistence, name##_seasonal                                                  \
  }
static const numpy_t sets[] = {SET(one), SET(many)};
enum { MOST_STEPS = 128, MOST_WINDOWS = 64 };

/* The steps as they lie in memory, in any type, and their target columns as a y of their own. */
static union {
  uint8_t u8[MOST_STEPS * COLUMNS];
  float f32[MOST_STEPS * COLUMNS];
  double f64[MOST_STEPS * COLUMNS];
} memory;
static float y[MOST_STEPS * FORECAST];
static arena_t arena;
static target_column_t step_by_step[OUTPUTS];

static void forget(void) {
  arena_free(&arena);
}

static timeline_t timeline_of(const window_settings_t *window, int64_t n, const int64_t *first) {
  int64_t begins[16];
  const series_t series = {.n = n, .first = begins};
  timeline_t timeline;
  ls_error error = {0};
  memcpy(begins, first, (size_t)(n + 1) * sizeof *first);
  cr_assert_eq(timeline_make(window, &series, 0, SPAN_WHOLE, &arena, &timeline, &error), LS_OK);
  return timeline;
}

static void deal(const window_settings_t *window, const timeline_t *timeline, const split_t *split,
                 windows_t *out) {
  ls_error error = {0};
  cr_assert_eq(windows_deal(window, timeline, split, &arena, out, &error), LS_OK, "%s", error.message);
}

/* What rank r of W holds when S shards share the windows, its first resident step first. */
static split_t split_of_rank(const numpy_t *set, element_t type, int shards, int ranks, int rank,
                             windows_t *windows) {
  split_t split = {.partition = {set->windows, shards},
                   .first_shard = rank_first_shard(shards, ranks, rank),
                   .shards = rank_shards(shards, ranks, rank),
                   .features = INPUTS,
                   .type = type,
                   .x = &memory,
                   .width = OUTPUTS,
                   .windows = windows};
  const timeline_t timeline = timeline_of(&numpy_window, set->n, set->first);
  for (int i = 0; i < OUTPUTS; i++)
    step_by_step[i] = (target_column_t){.column = i % FORECAST, .step = i / FORECAST};
  split.rows = shard_first(split.partition, split.first_shard + split.shards) -
               shard_first(split.partition, split.first_shard);
  deal(&numpy_window, &timeline, &split, windows);
  windows->columns = COLUMNS;
  windows->targets = FORECAST;
  windows->forecast = step_by_step;
  windows->n_forecast = OUTPUTS;
  for (int64_t i = 0; i < windows->steps * COLUMNS; i++) {
    float value = set->series[timeline_row(&timeline, windows->begin + i / COLUMNS)][i % COLUMNS];
    if (type == ELEMENT_U8) memory.u8[i] = (uint8_t)value;
    if (type == ELEMENT_F32) memory.f32[i] = value;
    if (type == ELEMENT_F64) memory.f64[i] = value;
  }
  for (int64_t i = 0; i < windows->steps * FORECAST; i++)
    y[i] = set->series[timeline_row(&timeline, windows->begin + i / FORECAST)][(int)numpy_of_x[i % FORECAST]];
  return split;
}

static void check_part(const numpy_t *set, const split_t *split, window_part_t part, const uint32_t *rows,
                       const float (*expected)[OUTPUTS]) {
  static double values[MOST_WINDOWS * OUTPUTS];
  static float targets[MOST_WINDOWS * OUTPUTS];
  int64_t first = shard_first(split->partition, split->first_shard);
  windows_originals(split, part, rows, split->rows, values);
  windows_targets(split, rows, split->rows, targets);
  for (int64_t i = 0; i < split->rows * OUTPUTS && part == WINDOW_TARGETS; i++)
    cr_assert_eq((double)targets[i], values[i]);
  for (int64_t i = 0; i < split->rows * OUTPUTS; i++)
    cr_assert_eq(values[i], expected[first + rows[i / OUTPUTS]][i % OUTPUTS], "%s, part %d, window %d",
                 set->name, (int)part, (int)rows[i / OUTPUTS]);
}

static void check_gathered(const numpy_t *set, const split_t *split, const scaler_t *scaler) {
  static float x[MOST_WINDOWS * INPUTS], range[MOST_WINDOWS * INPUTS];
  int64_t first = shard_first(split->partition, split->first_shard);
  uint32_t rows[MOST_WINDOWS];
  const features_t features = {.columns = INPUTS, .encoded = INPUTS, .inputs = INPUTS, .scaler = *scaler};
  gather_t gather;
  ls_error error = {0};
  for (int64_t i = 0; i < split->rows; i++) rows[i] = (uint32_t)(split->rows - 1 - i); /* in another order */
  cr_assert_eq(gather_create(split, &features, &gather, &error), LS_OK, "%s", error.message);
  gather_features(&gather, rows, split->rows, x);
  gather_range(&gather, 0, split->rows, range);
  for (int64_t i = 0; i < split->rows * INPUTS; i++) {
    double expected = set->inputs[first + rows[i / INPUTS]][i % INPUTS];
    if (scaler->n > 0) expected = (expected - scaler->shift[i % INPUTS]) * scaler->scale[i % INPUTS];
    cr_assert_float_eq(x[i], expected, 1e-4, "%s, window %d, input %d", set->name, (int)rows[i / INPUTS],
                       (int)(i % INPUTS));
    cr_assert_eq(range[(split->rows - 1 - i / INPUTS) * INPUTS + i % INPUTS], x[i]);
  }
  check_part(set, split, WINDOW_TARGETS, rows, set->targets);
  check_part(set, split, WINDOW_PERSISTENCE, rows, set->persistence);
  check_part(set, split, WINDOW_SEASONAL, rows, set->seasonal);
  gather_free(&gather);
}

Test(windows, are_those_of_numpy_on_any_rank_in_any_type, .fini = forget) {
  const scaler_t none = {.name = "none"};
  for (const numpy_t *set = sets; set < sets + COUNT(sets); set++) {
    const timeline_t timeline = timeline_of(&numpy_window, set->n, set->first);
    cr_assert_eq(timeline_windows(&timeline), set->windows);
    for (int type = ELEMENT_U8; type <= ELEMENT_F64; type++)
      for (int ranks = 1; ranks <= 4; ranks++)
        for (int rank = 0; rank < ranks; rank++) {
          windows_t windows;
          split_t split = split_of_rank(set, (element_t)type, 4, ranks, rank, &windows);
          check_gathered(set, &split, &none);
          split.y = y; /* the same columns, from y */
          split.y_type = ELEMENT_F32;
          check_gathered(set, &split, &none);
        }
  }
}

Test(windows, every_step_of_a_window_is_scaled_like_its_column, .fini = forget) {
  ls_error error = {0};
  windows_t windows;
  scaler_t scaler = {.name = "standard",
                     .n = COLUMNS,
                     .shift = (double[]){100, 20, 3},
                     .scale = (double[]){0.5, 2, 0.1},
                     .offset = (double[]){0, 0, 0}};
  split_t split = split_of_rank(sets, ELEMENT_F64, 2, 1, 0, &windows);
  cr_assert_eq(scaler_repeat(&scaler, LENGTH, &error), LS_OK);
  cr_assert_eq(scaler.n, INPUTS);
  check_gathered(sets, &split, &scaler);
  split = split_of_rank(sets, ELEMENT_F32, 2, 1, 0, &windows);
  check_gathered(sets, &split, &scaler);
  scaler_free(&scaler);
}

/* Where windows lie far apart, the steps that a shard is fitted by may begin before its first window. */
Test(windows, that_begin_behind_their_shards_steps_are_found, .fini = forget) {
  const window_settings_t window = {.length = 1, .horizon = 1, .stride = 6, .targets = {.word = "x"}};
  const features_t features = {.columns = COLUMNS, .encoded = COLUMNS, .inputs = COLUMNS};
  const timeline_t timeline = timeline_of(&window, 1, one_first);
  int64_t rows = timeline_windows(&timeline), most = 0;
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
    deal(&window, &timeline, &split, &windows);
    windows.columns = COLUMNS;
    for (int64_t i = 0; i < windows.steps * COLUMNS; i++)
      memory.f32[i] = one_series[windows.begin + i / COLUMNS][i % COLUMNS];
    if (windows.first > most) most = windows.first;
    gather_t gather;
    float x[COLUMNS];
    cr_assert_eq(gather_create(&split, &features, &gather, &error), LS_OK, "%s", error.message);
    for (int64_t i = 0; i < split.rows; i++) {
      gather_range(&gather, i, 1, x);
      int64_t step = (shard_first(split.partition, rank) + i) * window.stride;
      for (int c = 0; c < COLUMNS; c++) cr_assert_eq(x[c], one_series[step][c]);
    }
    gather_free(&gather);
  }
  cr_assert_gt(most, 0, "no rank is such a case");
}

/* All that is dealt, for series and windows of many sizes. */
static void check_deal(const window_settings_t *window, int64_t steps, int shards, int ranks) {
  const timeline_t timeline = timeline_of(window, 1, (int64_t[]){0, steps});
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
    deal(window, &timeline, &split, &windows);
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
  arena_free(&arena);
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
          series_cut(&window, steps, 0.2 * v, spans);
          for (int s = 0; s <= SPAN_TEST; s++) {
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

/* Every series is cut by itself, so that the same steps of it are in the same split as if it were alone. */
Test(windows, of_several_series_are_those_of_each_in_every_split, .fini = forget) {
  const int64_t first[] = {0, 4, 70, 71, 130, 190};
  int64_t begins[COUNT(first)], ids[] = {7, 1, 2, -5, 9};
  const series_t all = {.n = COUNT(ids), .first = begins, .ids = ids};
  const window_settings_t window = {.length = 6, .horizon = 2, .stride = 3, .test = 0.2};
  ls_error error = {0};
  memcpy(begins, first, sizeof first);
  for (int span = SPAN_TRAIN; span < SPANS; span++) {
    timeline_t together;
    int64_t w = 0;
    cr_assert_eq(timeline_make(&window, &all, 0.25, span, &arena, &together, &error), LS_OK);
    for (int64_t i = 0; i < all.n; i++) {
      const series_t one = {.n = 1, .first = (int64_t[]){0, first[i + 1] - first[i]}};
      timeline_t alone;
      cr_assert_eq(timeline_make(&window, &one, 0.25, span, &arena, &alone, &error), LS_OK);
      for (int64_t k = 0; k < timeline_windows(&alone); k++, w++) {
        int64_t step = timeline_step(&together, w);
        cr_assert_eq(timeline_row(&together, step),
                     first[i] + timeline_row(&alone, timeline_step(&alone, k)));
        cr_assert_eq(timeline_series(&together, w), ids[i]);
        cr_assert_eq(timeline_run(&together, step, 8), 8, "a window reaches over the end of its series");
      }
    }
    cr_assert_eq(w, timeline_windows(&together));
    cr_assert_gt(w, 10);
  }
}
