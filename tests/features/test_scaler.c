/* Scaling: fits against closed forms where naive sums fail (offsets of 1e9, constant columns), the same
 * whatever the columns are grouped by, and there and back through values and files. */
#include "features/scaler_fit.h"

#include "math/tree.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_COLUMNS = 8 };

static columns_view_t shard_of(const columns_view_t *table, int shards, int j) {
  partition_t partition = {table->rows, shards};
  columns_view_t part = *table;
  part.first_column += shard_first(partition, j) * table->stride;
  part.rows = shard_rows(partition, j);
  return part;
}

static void find_quartiles(const columns_view_t *table, int shards, const int64_t *present, double *scratch,
                           double *quartiles) {
  enum { EACH = SELECTED * SELECT_BINS };
  selection_t selections[MOST_COLUMNS];
  int64_t *bins = calloc((size_t)table->columns * EACH, sizeof *bins);
  for (int64_t c = 0; c < table->columns; c++) select_begin(present[c], &selections[c]);
  for (int digit = 0; digit < SELECT_DIGITS; digit++) {
    memset(bins, 0, (size_t)table->columns * EACH * sizeof *bins);
    for (int j = 0; j < shards; j++) {
      columns_view_t part = shard_of(table, shards, j);
      fit_digits(&part, selections, digit, scratch, bins);
    }
    for (int64_t c = 0; c < table->columns; c++) select_digit(digit, bins + c * EACH, &selections[c]);
  }
  for (int64_t c = 0; c < table->columns; c++)
    select_quartiles(present[c], &selections[c], quartiles + c * QUARTILES);
  free(bins);
}

/* Fits all columns with rows dealt to S shards, as ranks do together. */
static scaler_t fit(const char *name, double a, double b, const columns_view_t *table, int shards) {
  size_t n = (size_t)table->columns;
  double *scratch = calloc(fit_scratch(table->columns), sizeof(double));
  double *low = calloc(3 * n, sizeof(double)), *high = low + n, *mean = low + 2 * n;
  double *sums = calloc(2 * n * (size_t)shards, sizeof(double));
  static double values[3][1000];
  scaler_t scaler = {
      .name = name, .n = table->columns, .shift = values[0], .scale = values[1], .offset = values[2]};
  int64_t present[MOST_COLUMNS] = {0};
  fit_no_range(table->columns, low, high);
  fit_range(table, scratch, low, high, present);
  for (int pass = 0; pass < 2; pass++) {
    memset(sums, 0, 2 * n * (size_t)shards * sizeof *sums);
    for (int j = 0; j < shards; j++) {
      columns_view_t part = shard_of(table, shards, j);
      if (pass == 0) fit_sums(&part, scratch, sums + (size_t)j * n);
      if (pass == 1) fit_squares(&part, mean, scratch, sums + 2 * (size_t)j * n);
    }
    tree_sum_vectors(sums, shards, n * (size_t)(pass + 1));
    for (size_t c = 0; c < n && pass == 0; c++) mean[c] = sums[c] / (double)present[c];
  }
  double quartiles[MOST_COLUMNS * QUARTILES];
  find_quartiles(table, shards, present, scratch, quartiles);
  moments_t moments = {present, low, high, mean, sums, quartiles};
  scaling_settings_t settings = {name, a, b};
  method_t methods[MOST_COLUMNS];
  for (size_t c = 0; c < n; c++) methods[c] = (method_t){scaling_find(name), &settings};
  ls_error error = {0};
  cr_assert_eq(fit_finish(methods, &moments, 0, table->columns, &scaler, &error), LS_OK, "%s", error.message);
  free(scratch);
  free(low);
  free(sums);
  return scaler;
}

enum { N = 9973, C = 5 };

/* Columns: 1e9 + k/N for k = 0 .. N-1 in scrambled order; constant 0.1; small integers; huge; tiny. */
static void fill(double *x) {
  for (int i = 0; i < N; i++) {
    int k = (int)((int64_t)i * 5003 % N); /* N is prime: every k once */
    x[i * C + 0] = 1e9 + (double)k / 1024;
    x[i * C + 1] = 0.1;
    x[i * C + 2] = k % 2;
    x[i * C + 3] = 1e100 * (k - N / 2);
    x[i * C + 4] = 1e-100 * k;
  }
}

/* The population standard deviation of 0 .. n-1 is sqrt((n^2 - 1) / 12). */
static const double deviation = 2878.9571028412356; /* n = 9973 */

Test(scaler, standard_is_exact_for_huge_offsets_and_constant_columns) {
  static double x[N * C];
  fill(x);
  cr_assert_float_eq(deviation, sqrt(((double)N * N - 1) / 12), 1e-9);
  columns_view_t table = {x, ELEMENT_F64, N, C, 0, C, false};
  for (int shards = 8; shards <= 64; shards *= 8) { /* of several blocks of rows, and of less than one */
    scaler_t s = fit("standard", 0, 1, &table, shards);
    cr_assert_float_eq(s.shift[0], 1e9 + (N - 1) / 2.0 / 1024, 2e-7);
    cr_assert_float_eq(s.scale[0] * deviation / 1024, 1, 1e-10);
    cr_assert(s.shift[1] == 0.1 && s.scale[1] == 1 && s.offset[1] == 0);
    double half = (double)(N / 2) / N; /* of the k are odd */
    cr_assert_float_eq(s.shift[2], half, 1e-12);
    cr_assert_float_eq(s.scale[2], 1 / sqrt(half * (1 - half)), 1e-12);
    cr_assert_float_eq(s.shift[3] / 1e100, 0, 1e-9);
    cr_assert_float_eq(s.scale[3] * 1e100 * deviation, 1, 1e-12);
    cr_assert_float_eq(s.scale[4] * 1e-100 * deviation, 1, 1e-12);
  }
}

Test(scaler, minmax_reaches_both_ends) {
  static double x[N * C];
  fill(x);
  columns_view_t table = {x, ELEMENT_F64, N, C, 0, 3, false};
  scaler_t s = fit("minmax", -1, 3, &table, 5);
  const double ends[] = {0, 1};
  float scaled[2];
  for (int i = 0; i < 2; i++) scaler_apply(&s, 2, 1, ends + i, scaled + i);
  cr_assert(scaled[0] == -1 && scaled[1] == 3);
  cr_assert_float_eq((x[0] - s.shift[0]) * s.scale[0] + s.offset[0], -1, 1e-12); /* k = 0 */
  cr_assert_float_eq(s.scale[0] * (N - 1) / 1024, 4, 1e-12);
  cr_assert(s.shift[1] == 0.1 && s.scale[1] == 1 && s.offset[1] == -1,
            "a constant column becomes the offset");
}

/* The k of column 0 are 0 .. N-1, so that quartile q lies at (N-1) q; half of column 2 is 0, but for one row.
 */
Test(scaler, robust_finds_the_quartiles_of_any_numbers) {
  static double x[N * C];
  fill(x);
  columns_view_t table = {x, ELEMENT_F64, N, C, 0, C, false};
  for (int shards = 1; shards <= 64; shards += 21) {
    scaler_t s = fit("robust", 0, 1, &table, shards);
    cr_assert(s.shift[0] == 1e9 + (N - 1) / 2.0 / 1024 && s.scale[0] == 1 / ((N - 1) / 2.0 / 1024));
    cr_assert(s.shift[1] == 0.1 && s.scale[1] == 1, "a constant column");
    cr_assert(s.shift[2] == 0 && s.scale[2] == 1);
    cr_assert(s.shift[3] == 0, "among negative numbers: %g", s.shift[3]);
    cr_assert_float_eq(s.scale[3] * 1e100 * (N - 1) / 2, 1, 1e-15);
    cr_assert_float_eq(s.shift[4] * 1e100, (N - 1) / 2.0, 1e-9);
  }
}

/* n = 4: places 0.75, 1.5, 2.25. */
Test(scaler, quartiles_between_two_values_are_interpolated) {
  double x[] = {-8, 1, NAN, 5, 3};
  columns_view_t table = {x, ELEMENT_F64, 5, 1, 0, 1, true};
  scaler_t s = fit("robust", 0, 1, &table, 2);
  cr_assert(s.shift[0] == 2 && s.scale[0] == 1 / (3.5 - -1.25));
}

Test(scaler, maxabs_keeps_zero_and_reaches_one) {
  double x[] = {0, 7, -3, 0, 7, 2, 0, 7, 1};
  columns_view_t table = {x, ELEMENT_F64, 3, 3, 0, 3, false};
  scaler_t s = fit("maxabs", 0, 1, &table, 2);
  cr_assert(s.shift[0] == 0 && s.shift[1] == 0 && s.shift[2] == 0);
  cr_assert(s.scale[0] == 1 && s.scale[1] == 1.0 / 7 && s.scale[2] == 1.0 / 3);
}

/* The mean is 6, the variance 88/5, the quartiles 4, 4 and 6. A row that is added to the table comes with its
 * numbers. */
Test(scaler, of_every_row_of_the_table_follows_its_formula) {
  double x[] = {2, 4, 4, 14, 6}, deviation_of_x = sqrt(17.6);
  const struct {
    const char *name;
    double low, high; /* 2 and 14, scaled */
  } expected[] = {{"none", 2, 14},
                  {"minmax", -1, 3},
                  {"standard", -4 / deviation_of_x, 8 / deviation_of_x},
                  {"maxabs", 1.0 / 7, 1},
                  {"robust", -1, 5}};
  columns_view_t table = {x, ELEMENT_F64, 5, 1, 0, 1, false};
  choice_t row;
  for (size_t i = 0; scaling_choice(i, &row); i++) {
    int cases = 0;
    for (size_t k = 0; k < sizeof expected / sizeof expected[0]; k++) {
      if (strcmp(expected[k].name, row.name) != 0) continue;
      scaler_t s = fit(row.name, -1, 3, &table, 2);
      cr_expect_float_eq((2 - s.shift[0]) * s.scale[0] + s.offset[0], expected[k].low, 1e-14, "%s", row.name);
      cr_expect_float_eq((14 - s.shift[0]) * s.scale[0] + s.offset[0], expected[k].high, 1e-14, "%s",
                         row.name);
      cases++;
    }
    cr_expect(cases > 0 || scaling_find(row.name)->is_one_hot, "no values of %s: a line in expected",
              row.name);
  }
}

/* What is missing has no say: the figures are those of the other rows. */
Test(scaler, missing_values_are_passed_over) {
  double x[] = {1, NAN, NAN, 4, 2, NAN, 3, 8, 6, 4}, without[] = {1, 2, 3, 6}, others[] = {4, 8, 4};
  for (int k = 0; k < 2; k++) {
    const char *name = k == 0 ? "standard" : "minmax";
    columns_view_t all = {x, ELEMENT_F64, 5, 2, 0, 2, true}, a = {without, ELEMENT_F64, 4, 1, 0, 1, false};
    columns_view_t b = {others, ELEMENT_F64, 3, 1, 0, 1, false};
    scaler_t s = fit(name, 0, 1, &all, 3);
    double shift[] = {s.shift[0], s.shift[1]}, scale[] = {s.scale[0], s.scale[1]};
    s = fit(name, 0, 1, &a, 1);
    cr_assert_float_eq(s.shift[0], shift[0], 1e-15);
    cr_assert_float_eq(s.scale[0], scale[0], 1e-15);
    s = fit(name, 0, 1, &b, 1);
    cr_assert_float_eq(s.shift[0], shift[1], 1e-15);
    cr_assert_float_eq(s.scale[0], scale[1], 1e-15);
  }
}

Test(scaler, columns_in_groups_give_the_same_bits) {
  static double x[N * C];
  fill(x);
  double shift[C], scale[C];
  columns_view_t all = {x, ELEMENT_F64, N, C, 0, C, false};
  scaler_t s = fit("standard", 0, 1, &all, 12);
  memcpy(shift, s.shift, sizeof shift);
  memcpy(scale, s.scale, sizeof scale);
  for (int c = 0; c < C; c++) {
    columns_view_t one = {x, ELEMENT_F64, N, C, c, 1, false};
    s = fit("standard", 0, 1, &one, 12);
    cr_assert(s.shift[0] == shift[c] && s.scale[0] == scale[c]);
  }
}

Test(scaler, element_types_give_the_same_numbers) {
  static uint8_t bytes[N * 2];
  static float floats[N * 2];
  static double doubles[N * 2];
  for (int i = 0; i < N * 2; i++) doubles[i] = floats[i] = bytes[i] = (uint8_t)(i * 37 % 256);
  const void *values[] = {bytes, floats, doubles};
  double shift[3], scale[3];
  for (int t = ELEMENT_U8; t <= ELEMENT_F64; t++) {
    columns_view_t table = {values[t], (element_t)t, N, 2, 0, 2, false};
    scaler_t s = fit("standard", 0, 1, &table, 8);
    shift[t] = s.shift[1];
    scale[t] = s.scale[1];
  }
  cr_assert(shift[0] == shift[1] && shift[1] == shift[2] && scale[0] == scale[1] && scale[1] == scale[2]);
}

Test(scaler, more_shards_than_rows_is_no_matter) {
  double x[] = {1, 3};
  columns_view_t table = {x, ELEMENT_F64, 2, 1, 0, 1, false};
  scaler_t s = fit("standard", 0, 1, &table, 8);
  cr_assert(s.shift[0] == 2 && s.scale[0] == 1);
}

Test(scaler, what_cannot_be_scaled_is_an_error_with_its_column) {
  double low[] = {0, -1e308}, high[] = {1, 1.7e308};
  double values[6];
  int64_t present[] = {2, 2};
  moments_t moments = {present, low, high, NULL, NULL, NULL};
  scaling_settings_t settings = {"minmax", 0, 1};
  method_t methods[] = {{scaling_find("minmax"), &settings}, {scaling_find("minmax"), &settings}};
  scaler_t scaler = {.shift = values, .scale = values + 2, .offset = values + 4};
  ls_error error = {0};
  cr_assert_eq(fit_finish(methods, &moments, 0, 2, &scaler, &error), LS_BAD_DATA);
  cr_assert_not_null(strstr(error.message, "column 1 "), "%s", error.message);
}

static scaler_t sample(double *values) {
  scaler_t scaler = {.name = "standard", .n = 2, .shift = values, .scale = values + 2, .offset = values + 4};
  const double numbers[] = {100, -3, 0.25, 7, 0, 0.1};
  memcpy(values, numbers, sizeof numbers);
  return scaler;
}

Test(scaler, inverting_gives_back_what_was_applied) {
  double parts[6];
  scaler_t scaler = sample(parts);
  const double values[] = {100, -3, 108, -2, 96, 11}, expected[] = {0, 0.1, 2, 7.1, -1, 98.1};
  for (int r = 0; r < 6; r += 2) {
    float scaled[2];
    scaler_apply(&scaler, 0, 2, values + r, scaled);
    double back[] = {(double)scaled[0], (double)scaled[1]};
    scaler_invert(&scaler, 0, 2, back);
    for (int i = 0; i < 2; i++) {
      cr_assert_float_eq(scaled[i], expected[r + i], 1e-5);
      cr_assert_float_eq(back[i], values[r + i], 1e-5);
    }
  }
}

/* What was a float becomes one again; what was a double keeps its digits. */
Test(scaler, inverting_rounds_to_the_type_of_the_values) {
  double parts[6];
  scaler_t scaler = sample(parts), none = {.name = "none"};
  double value = 1.0 / 3, width = 1.0 / 3, plain = 1.0 / 3;
  scaler_invert(&scaler, 0, 1, &value);
  scaler_invert_widths(&scaler, 0, 1, &width);
  scaler_invert(&none, 0, 1, &plain);
  cr_expect_eq(value, (double)(float)(1.0 / 3 / 0.25 + 100));
  cr_expect_eq(width, (double)(float)(1.0 / 3 / 0.25));
  cr_expect_eq(plain, (double)(float)(1.0 / 3));
  scaler.is_double = none.is_double = true;
  value = width = plain = 1.0 / 3;
  scaler_invert(&scaler, 0, 1, &value);
  scaler_invert_widths(&scaler, 0, 1, &width);
  scaler_invert(&none, 0, 1, &plain);
  cr_expect(value == 1.0 / 3 / 0.25 + 100 && width == 1.0 / 3 / 0.25 && plain == 1.0 / 3);
}

/* As windows need it: the columns again for each step, or some of them in another order. */
Test(scaler, repeated_or_picked_it_scales_as_before) {
  const int64_t from[] = {1, 0, 1};
  for (int is_double = 0; is_double < 2; is_double++)
    for (int picks = 0; picks < 2; picks++) {
      double parts[6];
      scaler_t scaler = sample(parts);
      ls_error error = {0};
      const int64_t n = picks ? 3 : 6;
      scaler.is_double = is_double;
      cr_assert_eq(picks ? scaler_pick(&scaler, from, n, &error) : scaler_repeat(&scaler, 3, &error), LS_OK);
      cr_expect(scaler.n == n && scaler.is_double == is_double && strcmp(scaler.name, "standard") == 0);
      for (int64_t c = 0; c < n; c++) {
        const int64_t column = picks ? from[c] : c % 2;
        cr_expect(scaler.shift[c] == parts[column] && scaler.scale[c] == parts[2 + column] &&
                      scaler.offset[c] == parts[4 + column],
                  "column %d", (int)c);
      }
      scaler_free(&scaler);
    }
}

Test(scaler, comes_back_from_a_file) {
  double parts[6];
  scaler_t scaler = sample(parts), none = {.name = "none"}, back = {0}, nothing = {0};
  char path[64];
  ls_error error = {0};
  store_t *store = NULL;
  snprintf(path, sizeof path, "/tmp/lockstep-scaler-%ld.h5", (long)getpid());
  cr_assert_eq(store_create(path, &store, &error), LS_OK);
  cr_assert_eq(scaler_write(&scaler, store, "scaling/x", &error), LS_OK, "%s", error.message);
  cr_assert_eq(scaler_write(&none, store, "scaling/y", &error), LS_OK, "%s", error.message);
  cr_assert_eq(store_publish(&store, &error), LS_OK);
  cr_assert_eq(store_open(path, &store, &error), LS_OK);
  cr_assert_eq(scaler_read(store, "scaling/x", &back, &error), LS_OK, "%s", error.message);
  cr_assert_eq(scaler_read(store, "scaling/y", &nothing, &error), LS_OK, "%s", error.message);
  cr_assert(strcmp(back.name, "standard") == 0 && back.n == 2);
  cr_assert(memcmp(back.shift, parts, 16) == 0 && memcmp(back.scale, parts + 2, 16) == 0);
  cr_assert(memcmp(back.offset, parts + 4, 16) == 0);
  cr_assert(strcmp(nothing.name, "none") == 0 && nothing.n == 0);
  cr_assert_eq(scaler_read(store, "scaling/z", &nothing, &error), LS_BAD_DATA);
  store_close(&store);
  unlink(path);
  scaler_free(&back);
  scaler_free(&nothing);
}
