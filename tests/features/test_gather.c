/* The gather: the rows that were asked for, scaled as the scaler says, whatever the element type and the
 * width. */
#include "features/gather.h"

#include "data/stream.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 37, MOST = 70 };

static uint8_t bytes[ROWS * MOST];
static float floats[ROWS * MOST];
static double doubles[ROWS * MOST];
static double shift[MOST], scale[MOST], offset[MOST];

static split_t split_of(element_t type, int64_t features) {
  void *const values[] = {bytes, floats, doubles};
  for (int i = 0; i < ROWS * MOST; i++) doubles[i] = floats[i] = bytes[i] = (uint8_t)(i * 73 % 256);
  return (split_t){.rows = ROWS, .features = features, .type = type, .x = values[type]};
}

static scaler_t scaler_of(int64_t features) {
  for (int c = 0; c < MOST; c++) shift[c] = 100.3 + c, scale[c] = 1.0 / (c + 3), offset[c] = 0.5 * c;
  return (scaler_t){.name = "standard", .n = features, .shift = shift, .scale = scale, .offset = offset};
}

Test(gather, rows_are_picked_converted_and_scaled) {
  static float out[5 * MOST];
  const uint32_t rows[5] = {36, 0, 17, 17, 1};
  const int64_t widths[] = {1, 3, 15, 16, 17, 64, MOST};
  for (int type = ELEMENT_U8; type <= ELEMENT_F64; type++)
    for (size_t w = 0; w < sizeof widths / sizeof widths[0]; w++)
      for (int scaled = 0; scaled < 2; scaled++) {
        int64_t n = widths[w];
        split_t split = split_of((element_t)type, n);
        features_t features = {.columns = n, .inputs = n};
        features.scaler = scaled ? scaler_of(n) : (scaler_t){.name = "none"};
        gather_t gather;
        ls_error error = {0};
        cr_assert_eq(gather_create(&split, &features, &gather, &error), LS_OK);
        gather_features(&gather, rows, 5, out);
        for (int i = 0; i < 5; i++)
          for (int64_t c = 0; c < n; c++) {
            double x = (uint8_t)((rows[i] * n + c) * 73 % 256);
            double y = scaled ? (x - shift[c]) * scale[c] + offset[c] : x;
            cr_assert_float_eq(out[i * n + c], y, 1e-5 * (1 + fabs(y)), "type %d width %d", type, (int)n);
          }
        gather_free(&gather);
      }
}

Test(gather, a_range_is_the_rows_one_after_the_other) {
  static float some[4 * MOST], range[4 * MOST];
  const uint32_t rows[4] = {30, 31, 32, 33};
  split_t split = split_of(ELEMENT_U8, MOST);
  features_t features = {.columns = MOST, .inputs = MOST, .scaler = scaler_of(MOST)};
  gather_t gather;
  ls_error error = {0};
  cr_assert_eq(gather_create(&split, &features, &gather, &error), LS_OK);
  gather_features(&gather, rows, 4, some);
  gather_range(&gather, 30, 4, range);
  cr_assert_eq(memcmp(some, range, sizeof some), 0);
  gather_free(&gather);
}

/* Floats near 1e6 with steps of 1/16; a shift that is no float must not move them all by its rounding error.
 */
Test(gather, a_large_shift_that_is_no_float_loses_nothing) {
  float x[3] = {1e6f, 1e6f + 0.0625f, 1e6f + 0.125f}, out[3];
  double s = 1e6 + 0.0301, k = 20, o = 0;
  split_t split = {.rows = 3, .features = 1, .type = ELEMENT_F32, .x = x};
  features_t features = {.columns = 1,
                         .inputs = 1,
                         .scaler = {.name = "standard", .n = 1, .shift = &s, .scale = &k, .offset = &o}};
  gather_t gather;
  ls_error error = {0};
  cr_assert_eq(gather_create(&split, &features, &gather, &error), LS_OK);
  gather_range(&gather, 0, 3, out);
  for (int i = 0; i < 3; i++) cr_assert_float_eq(out[i], ((double)x[i] - s) * k, 1e-6);
  gather_free(&gather);
}

/* Columns: a number to be scaled, categories 2 and 7, a number as it is. */
Test(gather, categories_take_the_place_of_their_column_and_means_that_of_missing_values) {
  const float x[4][3] = {{3, 7, 1}, {NAN, 2, 8}, {1, 5, NAN}, {2, NAN, 4}};
  double shifts[] = {2, 0, 0}, scales[] = {0.5, 1, 1}, offsets[] = {0.25, 0, 0},
         fill[] = {1.5, (double)NAN, 6};
  int64_t source[] = {0, 1, 1, 2};
  uint8_t kind[] = {VALUE_NUMBER, VALUE_CATEGORY, VALUE_CATEGORY, VALUE_NUMBER};
  double category[] = {NAN, 2, 7, NAN};
  const float expected[4][4] = {{0.75f, 0, 1, 1}, {0, 1, 0, 8}, {-0.25f, 0, 0, 6}, {0.25f, 0, 0, 4}};
  float out[4][4];
  split_t split = {.rows = 4, .features = 3, .type = ELEMENT_F32, .x = (void *)x};
  features_t features = {
      .columns = 3,
      .inputs = 4,
      .scaler = {.name = "none", .n = 3, .shift = shifts, .scale = scales, .offset = offsets},
      .fill = fill,
      .source = source,
      .kind = kind,
      .category = category};
  gather_t gather;
  ls_error error = {0};
  cr_assert_eq(gather_create(&split, &features, &gather, &error), LS_OK);
  gather_range(&gather, 0, 4, out[0]);
  for (int i = 0; i < 16; i++)
    cr_expect_eq(out[i / 4][i % 4], expected[i / 4][i % 4], "row %d input %d", i / 4, i % 4);
  gather_free(&gather);
}

/* Columns of another file: colours 0, 1, 2 are red, black and blue, which the model knows as 2, not at all
 * and 0; sizes 0 and 1, in order, are large and small, the model's 1 and 0; and a whole number without names.
 */
Test(gather, categories_of_another_file_are_those_of_the_model_and_unknown_ones_are_none) {
  enum { SIX = 6, VALUES = 7 };
  const double x[SIX][3] = {{0, 0, 5}, {1, 1, 3}, {2, 2, 5}, {NAN, NAN, NAN}, {-1, -1, 4}, {0.5, 0.5, 3}};
  char *colours[] = {"blue", "green", "red"}, *others[] = {"red", "black", "blue"};
  char *sizes[] = {"small", "large"}, *turned[] = {"large", "small"};
  const category_names_t file[] = {{others, 3, false}, {turned, 2, true}, {NULL, 0, false}};
  codes_t codes[] = {
      {.names = {colours, 3, false}, .known = 3}, {.names = {sizes, 2, true}, .known = 2}, {.known = 0}};
  int64_t source[] = {0, 0, 1, 0, 1, 0, 2};
  uint8_t kind[] = {VALUE_CATEGORY, VALUE_CATEGORY, VALUE_NUMBER, VALUE_MISSING,
                    VALUE_MISSING,  VALUE_VECTOR,   VALUE_VECTOR};
  double category[VALUES] = {0, 2}, fill[] = {NAN, 9, NAN}, of_colours[] = {0, 2}, of_numbers[] = {3, 5};
  lookup_t lookups[] = {{0, 2, of_colours}, {2, 2, of_numbers}};
  const float expected[SIX][VALUES] = {{0, 1, 1, 0, 0, 1, 1},   {0, 0, 0, 0, 0, -1, 0},
                                       {1, 0, 9, 0, 0, 0, 1},   {0, 0, 9, 1, 1, -1, -1},
                                       {0, 0, 9, 0, 0, -1, -1}, {0, 0, 9, 0, 0, -1, 0}};
  float out[SIX][VALUES];
  split_t split = {.rows = SIX, .features = 3, .type = ELEMENT_F64, .x = (void *)x};
  features_t features = {.columns = 3,
                         .encoded = VALUES,
                         .inputs = VALUES,
                         .fill = fill,
                         .source = source,
                         .kind = kind,
                         .category = category,
                         .codes = codes,
                         .lookups = lookups,
                         .n_lookups = 2};
  gather_t gather;
  ls_error error = {0};
  cr_assert_eq(features_rename(&features, file, &error), LS_OK);
  cr_assert_eq(gather_create(&split, &features, &gather, &error), LS_OK);
  gather_range(&gather, 0, SIX, out[0]);
  for (int i = 0; i < SIX * VALUES; i++)
    cr_expect_eq(out[i / VALUES][i % VALUES], expected[i / VALUES][i % VALUES], "row %d value %d: %g",
                 i / VALUES, i % VALUES, (double)out[i / VALUES][i % VALUES]);
  gather_free(&gather);
  arena_free(&features.arena);
}

Test(gather, labels_and_targets_follow_their_rows) {
  int32_t labels[] = {3, 1, 4, 1, 5}, picked[3];
  float targets[] = {0, 1, 10, 11, 20, 21, 30, 31, 40, 41}, got[6];
  const uint32_t rows[3] = {4, 0, 2};
  split_t split = {.rows = 5, .labels = labels, .targets = targets, .width = 2};
  gather_t gather = {.split = &split};
  gather_labels(&gather, rows, 3, picked);
  gather_targets(&gather, rows, 3, got);
  cr_assert(picked[0] == 5 && picked[1] == 3 && picked[2] == 4);
  const float expected[] = {40, 41, 0, 1, 20, 21};
  cr_assert_eq(memcmp(got, expected, sizeof got), 0);
}

/* Targets of a stream are scaled when they are gathered, those in memory before: by the same formula, in
 * double from what the file has, which can be asked for at any time. */
Test(gather, targets_are_scaled_in_double_and_stay_as_they_are_in_the_file) {
  double y[] = {1.6e9, -1, 1.6e9 + 1.25, 3, 1.6e9 - 2.5, 1e-300};
  double parts[] = {1.6e9, 1, 2, 0.5, 0.25, -1}; /* shift, scale, offset */
  scaler_t scaler = {.n = 2, .shift = parts, .scale = parts + 2, .offset = parts + 4};
  const uint32_t rows[] = {2, 0, 1};
  float streamed[6], resident[6];
  double originals[6];
  ls_error error = {0};
  arena_t arena = {0};
  split_t split = {.rows = 3, .y = y, .y_type = ELEMENT_F64, .width = 2, .scaled_by = &scaler};
  const gather_t gather = {.split = &split};
  gather_targets(&gather, rows, 3, streamed);
  split.scaled_by = NULL;
  cr_assert_eq(split_scale_targets(&split, &scaler, &arena, &error), LS_OK);
  gather_targets(&gather, rows, 3, resident);
  gather_originals(&gather, rows, 3, originals);
  const float expected[] = {-4.75f, -1.5f, 0.25f, -2, 2.75f, 0};
  for (int i = 0; i < 6; i++) {
    cr_expect(streamed[i] == expected[i] && resident[i] == expected[i], "%d", i);
    cr_expect_eq(originals[i], y[2 * rows[i / 2] + (uint32_t)i % 2], "%d", i);
  }
  arena_free(&arena);
}

Test(gather, floats_that_are_not_scaled_are_not_copied) {
  float y[] = {1, 2};
  const scaler_t none = {.name = "none"};
  ls_error error = {0};
  arena_t arena = {0};
  split_t split = {.rows = 2, .y = y, .y_type = ELEMENT_F32, .width = 1};
  cr_assert_eq(split_scale_targets(&split, &none, &arena, &error), LS_OK);
  cr_assert_eq(split.targets, y);
  arena_free(&arena);
}

Test(gather, a_scaler_of_another_width_is_refused) {
  split_t split = split_of(ELEMENT_F32, 4);
  features_t features = {.columns = 5, .inputs = 5, .scaler = scaler_of(5)};
  gather_t gather;
  ls_error error = {0};
  cr_assert_eq(gather_create(&split, &features, &gather, &error), LS_BAD_DATA);
  cr_assert_not_null(strstr(error.message, "5 features"), "%s", error.message);
}

/* A split made of arrays in memory is what one that was loaded is to the gather. */
Test(gather, rows_labels_targets_and_weights_come_from_memory) {
  const double values[3][2] = {{1, 2}, {3, 4}, {5, 6}};
  const int32_t classes[] = {2, 0, 1};
  const float y[3][1] = {{0.5f}, {1.5f}, {2.5f}}, w[] = {1, 2, 3};
  const uint32_t rows[] = {2, 0};
  split_t split = {.rows = -1};
  features_t features = {.columns = 2, .encoded = 2, .inputs = 2};
  gather_t gather;
  ls_error error = {0};
  split_arrays_t arrays = {.rows = 3,
                           .features = 2,
                           .type = ELEMENT_F64,
                           .x = values,
                           .labels = classes,
                           .targets = y[0],
                           .width = 1,
                           .weights = w};
  cr_assert_eq(split_from_memory(&arrays, &split, &error), LS_OK);
  cr_assert_eq(gather_create(&split, &features, &gather, &error), LS_OK);
  float x[4], targets[2], weights[2];
  int32_t labels[2];
  gather_features(&gather, rows, 2, x);
  gather_labels(&gather, rows, 2, labels);
  gather_targets(&gather, rows, 2, targets);
  gather_weights(&gather, rows, 2, weights);
  cr_expect(x[0] == 5 && x[1] == 6 && x[2] == 1 && x[3] == 2);
  cr_expect(labels[0] == 1 && labels[1] == 2);
  cr_expect(targets[0] == 2.5f && targets[1] == 0.5f);
  cr_expect(weights[0] == 3 && weights[1] == 1);
  gather_free(&gather);
  arrays.features = 0;
  cr_expect_eq(split_from_memory(&arrays, &split, &error), LS_BAD_DATA);
  arrays.features = 2, arrays.x = NULL;
  cr_expect_eq(split_from_memory(&arrays, &split, &error), LS_BAD_DATA);
  cr_expect_eq(split.rows, 3, "untouched");
}

/* Row 1 has gaps. Values: a number that is scaled, a category of two, whether the first is missing. */
Test(gather, targets_that_are_features_are_the_inputs_and_originals_are_not_scaled) {
  const double x[2][2] = {{1.6e9 + 3, 1}, {NAN, NAN}};
  double fill[] = {1.6e9, NAN}, s[] = {1.6e9 - 1, 0}, k[] = {0.5, 1}, o[] = {0, 0};
  int64_t source[] = {0, 1, 1, 0};
  uint8_t kind[] = {VALUE_NUMBER, VALUE_CATEGORY, VALUE_CATEGORY, VALUE_MISSING};
  double category[] = {0, 0, 1, 0};
  const uint32_t rows[] = {1, 0};
  float inputs[8], targets[8];
  double originals[8], back[4];
  split_t split = {.rows = 2, .features = 2, .type = ELEMENT_F64, .x = (void *)x, .width = 4, .y_is_x = true};
  features_t features = {.columns = 2,
                         .encoded = 4,
                         .inputs = 4,
                         .scaler = {.name = "standard", .n = 2, .shift = s, .scale = k, .offset = o},
                         .fill = fill,
                         .source = source,
                         .kind = kind,
                         .category = category};
  const double expected[] = {1.6e9, 0, 0, 1, 1.6e9 + 3, 0, 1, 0};
  gather_t gather;
  scaler_t scaler;
  ls_error error = {0};
  cr_assert_eq(gather_create(&split, &features, &gather, &error), LS_OK);
  gather_features(&gather, rows, 2, inputs);
  gather_targets(&gather, rows, 2, targets);
  gather_originals(&gather, rows, 2, originals);
  cr_expect_eq(memcmp(inputs, targets, sizeof inputs), 0);
  cr_expect_eq(memcmp(originals, expected, sizeof expected), 0);
  cr_assert_eq(features_target_scaler(&features, true, &scaler, &error), LS_OK);
  for (int i = 0; i < 4; i++) back[i] = (double)targets[4 + i];
  scaler_invert(&scaler, 0, 4, back);
  cr_expect_eq(memcmp(back, expected + 4, sizeof back), 0, "scaled back");
  scaler_free(&scaler);
  gather_free(&gather);
  split.width = 3;
  cr_expect_eq(gather_create(&split, &features, &gather, &error), LS_BAD_SETTINGS, "another width");
}

/* Rows come 8 at a time, their features 256 and the functions 512 at a time. */
Test(gather, wide_bases_are_those_of_the_definition) {
  enum { N = 20, INPUTS = 600, FUNCTIONS = 1100 };
  static float x[N * INPUTS], centres[FUNCTIONS * INPUTS], out[N * FUNCTIONS];
  const basis_settings_t settings = {.name = "rbf", .size = FUNCTIONS, .gamma = 1.0 / 256};
  split_t split = {.rows = N, .features = INPUTS, .type = ELEMENT_F32, .x = x};
  features_t features = {
      .columns = INPUTS, .encoded = INPUTS, .inputs = FUNCTIONS, .scaler = {.name = "none"}};
  gather_t gather;
  ls_error error = {0};
  for (int i = 0; i < N * INPUTS; i++) x[i] = (float)(i * 73 % 241) / 256;
  for (int i = 0; i < FUNCTIONS * INPUTS; i++) centres[i] = (float)(i * 31 % 251) / 256;
  cr_assert_eq(basis_create(&settings, 1, INPUTS, FUNCTIONS, &features.basis, &error), LS_OK, "%s",
               error.message);
  basis_set_centres(&features.basis, centres);
  cr_assert_eq(gather_create(&split, &features, &gather, &error), LS_OK, "%s", error.message);
  gather_range(&gather, 0, N, out);
  for (int r = 0; r < N; r++)
    for (int p = 0; p < FUNCTIONS; p++) {
      double square = 0;
      for (int c = 0; c < INPUTS; c++)
        square += pow((double)x[r * INPUTS + c] - (double)centres[p * INPUTS + c], 2);
      const double expected = exp(-square / 256);
      cr_assert_float_eq(out[r * FUNCTIONS + p], expected, 2e-6, "row %d, function %d: %g, not %g", r, p,
                         (double)out[r * FUNCTIONS + p], expected);
    }
  gather_free(&gather);
  basis_free(&features.basis);
}
