/* Datasets as one rank reads them: which rows, what the headers and the values must be, and what is said when
 * they are not. What ranks do together is tests/mpi/dataset.c. */
#include "data/dataset_impl.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { N = 50, F = 3 };

static char path[64];
static store_t *store;

static settings_t usual(void) {
  settings_t s = {0};
  s.data.file = path;
  s.data.x = "train/x", s.data.y = "train/y";
  s.data.valid_x = "/valid/x", s.data.valid_y = "valid/y";
  s.data.test_x = "test/x", s.data.test_y = "/test/y";
  s.data.missing = "error";
  return s;
}

static void begin(void) {
  ls_error error = {0};
  snprintf(path, sizeof path, "/tmp/lockstep-dataset-%ld.h5", (long)getpid());
  cr_assert_eq(store_create(path, &store, &error), LS_OK, "%s", error.message);
}

static void end(void) {
  store_close(&store);
  unlink(path);
}

TestSuite(dataset, .init = begin, .fini = end);

static void array(const char *name, store_type_t type, int64_t rows, int64_t columns, const void *values) {
  ls_error error = {0};
  int64_t shape[2] = {rows, columns};
  cr_assert_eq(store_write(store, name, type, columns == 0 ? 1 : 2, shape, values, &error), LS_OK, "%s",
               error.message);
}

static void x_and_y(const char *x, const char *y, int64_t rows) {
  static float values[N * F];
  static int64_t labels[N];
  for (int i = 0; i < N * F; i++) values[i] = (float)i;
  for (int i = 0; i < N; i++) labels[i] = i % 4;
  array(x, STORE_F32, rows, F, values);
  if (y != NULL) array(y, STORE_I64, rows, 0, labels);
}

/* Files may be read back while they are written. */
static dataset_plan_t plan_of(const settings_t *settings) {
  dataset_plan_t plan;
  ls_error error = {0};
  cr_assert_eq(plan_make(store, settings, &plan, NULL, &error), LS_OK, "%s", error.message);
  return plan;
}

static void plan_fails(const settings_t *settings, const char *part) {
  dataset_plan_t plan;
  ls_error error = {0};
  cr_assert_eq(plan_make(store, settings, &plan, NULL, &error), LS_BAD_DATA);
  cr_assert_not_null(strstr(error.message, part), "no '%s' in: %s", part, error.message);
}

static void check_fails(const settings_t *settings, target_kind_t kind, int64_t outputs, const char *part) {
  dataset_plan_t plan = plan_of(settings);
  ls_error error = {0};
  cr_assert_eq(
      plan_check(store, settings, &plan, 7, (target_request_t){.kind = kind, .width = outputs}, &error),
      LS_BAD_DATA);
  cr_assert_not_null(strstr(error.message, part), "no '%s' in: %s", part, error.message);
}

/* ---- headers ---- */

Test(dataset, groups_that_are_there_are_used) {
  settings_t settings = usual();
  x_and_y("train/x", "train/y", N);
  x_and_y("test/x", "test/y", 20);
  dataset_plan_t plan = plan_of(&settings);
  cr_assert(plan.split[TRAIN].there && plan.split[TEST].there && !plan.split[VALID].there && !plan.by_share);
  cr_assert(plan.split[TRAIN].rows == N && plan.split[TEST].rows == 20 && plan.split[TRAIN].features == F);
  cr_assert(plan.split[TRAIN].has_y && plan.split[TRAIN].y_is_integer && plan.split[TRAIN].y_width == 1);
  x_and_y("valid/x", NULL, 10);
  plan = plan_of(&settings);
  cr_assert(plan.split[VALID].there && plan.split[VALID].rows == 10 && !plan.split[VALID].has_y);
}

Test(dataset, other_names_and_a_validation_group) {
  settings_t settings = usual();
  x_and_y("/images", "labels", N);
  x_and_y("/held/out/x", "/held/out/y", 7);
  settings.data.x = "images", settings.data.y = "/labels";
  settings.data.validation.group = "held/out";
  dataset_plan_t plan = plan_of(&settings);
  cr_assert(plan.split[VALID].rows == 7 && plan.split[VALID].has_y);
  settings.data.validation.group = "held/in";
  plan_fails(&settings, "data.validation");
}

Test(dataset, a_share_is_taken_from_the_training_rows) {
  settings_t settings = usual();
  x_and_y("train/x", "train/y", N);
  x_and_y("valid/x", "valid/y", 7);
  settings.data.validation.share = 0.3;
  dataset_plan_t plan = plan_of(&settings);
  cr_assert(plan.by_share && plan.split[TRAIN].rows == 35 && plan.split[VALID].rows == 15);
  cr_assert(plan.split[TRAIN].array_rows == N && plan.split[VALID].array_rows == N);
  settings.data.validation.share = 0.001;
  plan_fails(&settings, "none of 50 training rows for validation");
  settings.data.validation.share = 0.999;
  plan_fails(&settings, "none of 50 training rows for training");
}

Test(dataset, names_that_the_user_gave_must_be_there) {
  settings_t settings = usual();
  x_and_y("train/x", "train/y", N);
  settings.data.test_x = "tset/x";
  plan_fails(&settings, "data.test_x");
  settings = usual();
  settings.data.y = "labels";
  plan_fails(&settings, "/train/y");
  settings = usual();
  settings.data.x = "/x_train";
  plan_fails(&settings, "there is no array /x_train");
}

Test(dataset, shapes_must_fit) {
  static float values[N * 8];
  settings_t settings = usual();
  x_and_y("train/x", NULL, N);
  array("short", STORE_F32, N - 1, 0, values);
  settings.data.y = "short";
  plan_fails(&settings, "must belong together");
  settings = usual();
  array("test/x", STORE_F32, N, F + 1, values);
  plan_fails(&settings, "4 features but the training rows have 3");
  settings.data.test_x = "nothing";
  array("nothing", STORE_F32, 0, F, values);
  plan_fails(&settings, "has no rows");
}

Test(dataset, targets_must_suit_the_network) {
  static float values[N * 8];
  settings_t settings = usual();
  x_and_y("train/x", NULL, N);
  check_fails(&settings, TARGET_LABELS, 4, "the loss needs a target");
  array("train/y", STORE_F32, N, 5, values);
  check_fails(&settings, TARGET_LABELS, 4, "one-hot");
  check_fails(&settings, TARGET_VALUES, 4, "5 columns but the network and its loss are for 4 targets");
  dataset_plan_t plan = plan_of(&settings);
  ls_error error = {0};
  cr_assert_eq(
      plan_check(store, &settings, &plan, 7, (target_request_t){.kind = TARGET_VALUES, .width = 5}, &error),
      LS_OK);
  cr_assert_eq(
      plan_check(store, &settings, &plan, 7, (target_request_t){.kind = TARGET_LABELS, .width = 5}, &error),
      LS_OK);
  cr_assert_eq(plan_check(store, &settings, &plan, 7, (target_request_t){.kind = TARGET_NONE}, &error),
               LS_OK);
}

Test(dataset, elements_are_kept_as_narrow_as_is_exact) {
  const struct {
    store_type_t type;
    element_t element;
  } rows[] = {{STORE_U8, ELEMENT_U8},
              {STORE_I32, ELEMENT_F64},
              {STORE_I64, ELEMENT_F64},
              {STORE_F32, ELEMENT_F32},
              {STORE_F64, ELEMENT_F64}};
  static double values[8];
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    char name[16];
    source_t source;
    ls_error error = {0};
    snprintf(name, sizeof name, "x%zu", i);
    array(name, rows[i].type, 4, 2, values);
    cr_assert_eq(source_describe(store, name, &source, &error), LS_OK);
    cr_assert_eq(source.type, rows[i].element);
  }
}

/* ---- rows ---- */

Test(dataset, only_the_wanted_rows_are_kept_in_file_order) {
  settings_t settings = usual();
  uint8_t kinds[N] = {ROW_KEPT};
  static float x[N * F];
  static int32_t labels[N];
  ls_error error = {0};
  x_and_y("train/x", "train/y", N);
  dataset_plan_t plan = plan_of(&settings);
  for (int i = 0; i < N; i += 3) kinds[i] = ROW_VALIDATES;
  for (uint8_t wanted = 0; wanted < 2; wanted++) {
    rows_t rows = {5, 31, kinds, wanted, NULL};
    int k = 0;
    cr_assert_eq(rows_read(store, features_format("train/x", &plan.split[TRAIN]), rows, x, &error), LS_OK);
    cr_assert_eq(rows_read(store, labels_format("train/y", &plan.split[TRAIN], 4), rows, labels, &error),
                 LS_OK);
    for (int i = 5; i < 31; i++) {
      if (kinds[i] != wanted) continue;
      cr_assert_eq(labels[k], i % 4);
      for (int c = 0; c < F; c++) cr_assert_eq(x[k * F + c], (float)(i * F + c));
      k++;
    }
  }
}

/* Rows of 1 MB come in pieces of four: two whole ones and an incomplete one, with rows before them. */
Test(dataset, rows_that_come_in_several_pieces_are_those_of_the_file) {
  enum { WIDTH = 1 << 18, FIRST = 1, END = 12 };
  float *x = calloc(END * WIDTH, sizeof *x), *out = calloc(END * WIDTH, sizeof *x);
  const source_t source = {.features = WIDTH, .type = ELEMENT_F32};
  uint8_t kinds[END] = {[2] = ROW_VALIDATES, [10] = ROW_VALIDATES};
  ls_error error = {0};
  cr_assert(x != NULL && out != NULL);
  for (int i = 0; i < END; i++) x[i * WIDTH] = (float)i, x[i * WIDTH + WIDTH - 1] = (float)(100 + i);
  array("large", STORE_F32, END, WIDTH, x);
  for (int chosen = 0; chosen < 2; chosen++) {
    const rows_t rows = {FIRST, END, chosen ? kinds : NULL, ROW_KEPT, NULL};
    int k = 0;
    cr_assert_eq(rows_read(store, features_format("large", &source), rows, out, &error), LS_OK, "%s",
                 error.message);
    for (int i = FIRST; i < END; i++) {
      if (chosen && kinds[i] != ROW_KEPT) continue;
      cr_expect_eq(out[k * WIDTH], (float)i, "row %d: %g", i, (double)out[k * WIDTH]);
      cr_expect_eq(out[k * WIDTH + WIDTH - 1], (float)(100 + i), "row %d", i);
      k++;
    }
  }
  free(x);
  free(out);
}

static const rows_t all_rows = {0, N, NULL, ROW_KEPT, NULL};

static void labels_fail(const char *y, int64_t width, int64_t outputs, const char *part) {
  static int32_t labels[N];
  source_t source = {.y_width = width};
  ls_error error = {0};
  cr_assert_eq(rows_read(store, labels_format(y, &source, outputs), all_rows, labels, &error), LS_BAD_DATA);
  cr_assert_not_null(strstr(error.message, part), "no '%s' in: %s", part, error.message);
  cr_assert_not_null(strstr(error.message, y), "%s", error.message);
  cr_assert_not_null(strstr(error.message, path), "%s", error.message);
}

Test(dataset, labels_are_whole_numbers_within_the_outputs) {
  static double y[N];
  static int32_t labels[N];
  source_t source = {.y_width = 1};
  ls_error error = {0};
  for (int i = 0; i < N; i++) y[i] = i % 5;
  array("whole", STORE_F64, N, 1, y);
  cr_assert_eq(rows_read(store, labels_format("whole", &source, 5), all_rows, labels, &error), LS_OK);
  for (int i = 0; i < N; i++) cr_assert_eq(labels[i], i % 5);
  labels_fail("whole", 1, 4, "row 4 (counted from 0) has label 4, but the network knows 4 classes");
  const double bad[] = {2.5, NAN, -1, 1e300, INFINITY};
  const char *const parts[] = {"row 33 (counted from 0) is 2.5", "row 33", "label -1", "row 33", "row 33"};
  for (int i = 0; i < 5; i++) {
    char name[16];
    snprintf(name, sizeof name, "bad%d", i);
    y[33] = bad[i];
    array(name, STORE_F64, N, 0, y);
    labels_fail(name, 1, 5, parts[i]);
  }
}

Test(dataset, one_hot_rows_become_labels_and_nothing_else_does) {
  static float y[N * 4];
  static int32_t labels[N];
  source_t source = {.y_width = 4};
  ls_error error = {0};
  for (int i = 0; i < N; i++) y[i * 4 + i * 7 % 4] = 1;
  array("hot", STORE_F32, N, 4, y);
  cr_assert_eq(rows_read(store, labels_format("hot", &source, 4), all_rows, labels, &error), LS_OK);
  for (int i = 0; i < N; i++) cr_assert_eq(labels[i], i * 7 % 4);
  const float bad[][4] = {{0, 0, 0, 0}, {1, 0, 1, 0}, {0, 0.5f, 0.5f, 0}, {0, 2, 0, 0}, {NAN, 1, 0, 0}};
  for (int i = 0; i < 5; i++) {
    char name[16];
    snprintf(name, sizeof name, "bad%d", i);
    memcpy(y + 9 * 4, bad[i], sizeof bad[i]);
    array(name, STORE_F32, N, 4, y);
    labels_fail(name, 4, 4, "row 9 (counted from 0) is not one-hot");
  }
}

Test(dataset, values_that_a_loss_cannot_take_are_named) {
  static float x[N * F], out[N * F];
  source_t source = {.features = F, .type = ELEMENT_F32, .y_width = F};
  ls_error error = {0};
  rows_t all = {0, N, NULL, ROW_KEPT, NULL};
  x[17 * F + 1] = 1.5F;
  array("x", STORE_F32, N, F, x);
  cr_assert_eq(
      rows_read(store,
                targets_format("x", &source,
                               (target_request_t){.kind = TARGET_VALUES, .width = F, .high = INFINITY}),
                all, out, &error),
      LS_OK);
  cr_assert_eq(rows_read(store,
                         targets_format("x", &source,
                                        (target_request_t){.kind = TARGET_VALUES, .width = F, .high = 1}),
                         all, out, &error),
               LS_BAD_DATA);
  cr_assert_not_null(strstr(error.message, "1.5 in row 17, column 1"), "%s", error.message);
  cr_assert_not_null(strstr(error.message, "[0, 1]"), "%s", error.message);
}

Test(dataset, heads_get_the_columns_of_y_that_they_take) {
  static double y[N * 4];
  static float out[N * 3];
  const target_column_t columns[] = {{.column = 3}, {.column = 1, .classes = 5}, {.column = 0, .high = 1}};
  const target_request_t request = {.kind = TARGET_VALUES, .width = 3, .columns = columns};
  const source_t source = {.y_width = 4};
  rows_t all = {0, N, NULL, ROW_KEPT, NULL};
  ls_error error = {0};
  for (int i = 0; i < N; i++)
    for (int c = 0; c < 4; c++)
      y[i * 4 + c] = c == 0 ? 0.5 : c == 1 ? i % 5 : c == 2 ? (double)NAN : (double)-i;
  array("y", STORE_F64, N, 4, y);
  cr_assert_eq(rows_read(store, targets_format("y", &source, request), all, out, &error), LS_OK, "%s",
               error.message);
  for (int i = 0; i < N; i++)
    cr_assert(out[i * 3] == (float)-i && out[i * 3 + 1] == (float)(i % 5) && out[i * 3 + 2] == 0.5F);
  const struct {
    int column;
    double value;
    const char *says;
  } bad[] = {{1, 5, "column 1: "},
             {1, 5, "5, but the network knows 5 classes"},
             {1, 2.5, "not a whole number"},
             {1, (double)NAN, "not a whole number"},
             {3, (double)INFINITY, "infinity in row 40, column 3"},
             {0, 1.5, "in [0, 1]"}};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    char name[16];
    double good = y[40 * 4 + bad[i].column];
    snprintf(name, sizeof name, "wrong%zu", i);
    y[40 * 4 + bad[i].column] = bad[i].value;
    array(name, STORE_F64, N, 4, y);
    y[40 * 4 + bad[i].column] = good;
    cr_expect_eq(rows_read(store, targets_format(name, &source, request), all, out, &error), LS_BAD_DATA);
    cr_expect_not_null(strstr(error.message, bad[i].says), "%s", error.message);
  }
}

Test(dataset, targets_of_doubles_stay_doubles) {
  static double y[N * 2], out[N * 2];
  static int64_t numbers[N * 2];
  const target_column_t columns[] = {{.column = 1}};
  const target_request_t all_columns = {.kind = TARGET_VALUES, .width = 2};
  const target_request_t one = {.kind = TARGET_VALUES, .width = 1, .columns = columns};
  source_t source = {.y_width = 2, .y_type = ELEMENT_F64, .y_is_wide = true};
  rows_t all = {0, N, NULL, ROW_KEPT, NULL};
  ls_error error = {0};
  for (int i = 0; i < 2 * N; i++) {
    y[i] = 1.6e9 + i / 3.0;
    numbers[i] = (INT64_C(1) << 53) - 1 - i;
  }
  array("y", STORE_F64, N, 2, y);
  array("numbers", STORE_I64, N, 2, numbers);
  cr_assert_eq(rows_read(store, targets_format("y", &source, all_columns), all, out, &error), LS_OK);
  cr_expect_eq(memcmp(out, y, sizeof y), 0);
  cr_assert_eq(rows_read(store, targets_format("y", &source, one), all, out, &error), LS_OK);
  for (int i = 0; i < N; i++) cr_assert_eq(out[i], y[2 * i + 1]);
  cr_assert_eq(rows_read(store, targets_format("numbers", &source, all_columns), all, out, &error), LS_OK,
               "%s", error.message);
  for (int i = 0; i < 2 * N; i++) cr_assert_eq((int64_t)out[i], numbers[i]);
  numbers[7] = (INT64_C(1) << 53) + 1;
  y[5] = 1e39;
  array("large", STORE_F64, N, 2, y);
  array("larger", STORE_I64, N, 2, numbers);
  cr_expect_eq(rows_read(store, targets_format("larger", &source, one), all, out, &error), LS_BAD_DATA);
  cr_expect_not_null(strstr(error.message, "row 3, column 1"), "%s", error.message);
  cr_expect_not_null(strstr(error.message, "2^53"), "%s", error.message);
  cr_expect_eq(rows_read(store, targets_format("large", &source, all_columns), all, out, &error),
               LS_BAD_DATA);
  cr_expect_not_null(strstr(error.message, "1e+39 in row 2, column 1"), "%s", error.message);
}

Test(dataset, heads_need_the_columns_to_be_there) {
  const target_column_t columns[] = {{.column = 2}, {.column = 0}};
  target_request_t request = {.kind = TARGET_VALUES, .width = 2, .columns = columns};
  ls_error error = {0};
  cr_expect_eq(dataset_check_width("f.h5", "train/y", 2, &request, &error), LS_BAD_DATA);
  cr_expect_not_null(strstr(error.message, "train/y has 2 columns, but the heads of the network take 3"),
                     "%s", error.message);
  cr_expect_eq(dataset_check_width("f.h5", "train/y", 3, &request, &error), LS_OK);
  cr_expect_eq(dataset_check_width("f.h5", "train/y", 4, &request, &error), LS_OK);
  request.all_columns = true;
  cr_expect_eq(dataset_check_width("f.h5", "train/y", 4, &request, &error), LS_BAD_DATA);
}

Test(dataset, nan_and_infinity_are_named_by_row_and_column) {
  static float x[N * F], out[N * F];
  static double wide[N * F], wide_out[N * F];
  source_t narrow_source = {.features = F, .type = ELEMENT_F32, .y_width = F};
  source_t wide_source = {.features = F, .type = ELEMENT_F64, .y_width = F};
  ls_error error = {0};
  rows_t late = {10, N, NULL, ROW_KEPT, NULL};
  x[41 * F + 2] = NAN;
  wide[12 * F] = -INFINITY;
  array("x", STORE_F32, N, F, x);
  array("wide", STORE_F64, N, F, wide);
  cr_assert_eq(rows_read(store, features_format("x", &narrow_source), late, out, &error), LS_BAD_DATA);
  cr_assert_not_null(strstr(error.message, "NaN in row 41, column 2"), "%s", error.message);
  cr_assert_eq(
      rows_read(store,
                targets_format("x", &narrow_source, (target_request_t){.kind = TARGET_VALUES, .width = F}),
                late, out, &error),
      LS_BAD_DATA);
  cr_assert_not_null(strstr(error.message, "NaN in row 41, column 2"), "%s", error.message);
  cr_assert_eq(rows_read(store, features_format("wide", &wide_source), late, wide_out, &error), LS_BAD_DATA);
  cr_assert_not_null(strstr(error.message, "infinity in row 12, column 0"), "%s", error.message);
}
