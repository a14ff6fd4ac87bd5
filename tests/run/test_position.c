/* The position of a checkpoint is compared with itself, the data and the settings before it is used. */
#include "run/position.h"

#include <criterion/criterion.h>
#include <limits.h>
#include <math.h>
#include <string.h>

/* 861 rows in 11 steps of 86, the last with one row; 4 epochs and 5 steps, of which the last 8 are in a
 * window */
enum { ROWS = 861, BATCH = 86, STEPS = 11, EPOCHS = 4, STEP = EPOCHS * STEPS + 5 };
static const partition_t partition = {.rows = ROWS, .shards = 6};

static position_t good(void) {
  return (position_t){.step = STEP,
                      .epoch = EPOCHS,
                      .step_in_epoch = 5,
                      .shards = 6,
                      .best_loss = 0.5,
                      .best_step = 33,
                      .seconds = 12.5,
                      .rows = EPOCHS * ROWS + 5 * BATCH,
                      .window = {.steps = 9, .begin = STEP - 8, .rows = 3 * ROWS}};
}

static ls_status check(const position_t *position, ls_error *error) {
  ls_status status = position_check(position, "a/checkpoint.h5", error);
  return status == LS_OK ? position_check_rows(position, partition, BATCH, "a/checkpoint.h5", error) : status;
}

static void accept(position_t position, const char *what) {
  ls_error error = {0};
  cr_expect_eq(check(&position, &error), LS_OK, "%s: %s", what, error.message);
}

Test(position, of_a_run_is_accepted) {
  position_t position = good();
  accept(position, "within an epoch");
  accept((position_t){.shards = 1, .best_step = -1, .best_loss = INFINITY}, "before the first step");
  position.step_in_epoch = 0;
  position.step = EPOCHS * STEPS;
  position.rows = EPOCHS * ROWS;
  accept(position, "between epochs");
  position.step_in_epoch = STEPS - 1;
  position.step += STEPS - 1;
  position.rows = (EPOCHS + 1) * ROWS - 1;
  accept(position, "before the last step of an epoch, which has one row");
  position.skips = (skips_t){.steps = 3, .rows = 2 * BATCH, .in_a_row = 1};
  position.rows -= 3 * BATCH;
  accept(position, "with skipped steps");
}

/* Sets the number at an offset of the position, and expects an error that names it. */
static void refuse(size_t offset, int64_t value, const char *name) {
  position_t position = good();
  ls_error error = {0};
  memcpy((char *)&position + offset, &value, sizeof value);
  cr_expect_eq(check(&position, &error), LS_BAD_DATA, "%s = %lld", name, (long long)value);
  cr_expect(strstr(error.message, "a/checkpoint.h5") != NULL && strstr(error.message, name) != NULL, "%s: %s",
            name, error.message);
}

Test(position, that_no_run_can_have_is_refused_by_name) {
  static const struct {
    size_t offset;
    const char *name;
    int64_t near[2]; /* impossible, but not absurd; INT64_MIN: none */
  } numbers[] = {
      {offsetof(position_t, step), "step", {STEP - 1, STEP + 1}},
      {offsetof(position_t, epoch), "step", {EPOCHS - 1, EPOCHS + 1}},
      {offsetof(position_t, step_in_epoch), "step", {4, STEPS}},
      {offsetof(position_t, rows), "rows", {EPOCHS * ROWS + 5 * BATCH - 1, EPOCHS * ROWS + 5 * BATCH + 1}},
      {offsetof(position_t, best_step), "best_step", {-2, STEP + 1}},
      {offsetof(position_t, window.steps), "window_steps", {-1, INT64_MIN}},
      {offsetof(position_t, window.begin), "window_begin", {-1, STEP + 1}},
      {offsetof(position_t, window.rows), "window_rows", {-1, EPOCHS * ROWS + 5 * BATCH + 1}},
      {offsetof(position_t, skips.steps), "skipped_steps", {-1, STEP + 1}},
      {offsetof(position_t, skips.rows), "skipped_rows", {-1, ROWS + 1}},
      {offsetof(position_t, skips.in_a_row), "skipped_in_a_row", {-1, 1}}};
  static const int64_t absurd[] = {INT64_MAX, INT64_MIN, INT64_MAX - 1, (int64_t)1 << 62,
                                   -((int64_t)1 << 40)};
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
    for (size_t k = 0; k < sizeof absurd / sizeof absurd[0]; k++)
      refuse(numbers[i].offset, absurd[k], i == 1 ? "epoch" : numbers[i].name);
    for (size_t k = 0; k < 2; k++)
      if (numbers[i].near[k] != INT64_MIN) refuse(numbers[i].offset, numbers[i].near[k], numbers[i].name);
  }
}

Test(position, numbers_that_are_none_are_refused) {
  static const double bad[] = {NAN, INFINITY, -1};
  ls_error error = {0};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    position_t position = good();
    position.seconds = bad[i];
    cr_expect_eq(check(&position, &error), LS_BAD_DATA);
  }
  position_t position = good();
  position.best_loss = NAN;
  cr_expect_eq(check(&position, &error), LS_BAD_DATA);
  static const int shards[] = {-1, 0, INT_MAX};
  for (size_t i = 0; i < sizeof shards / sizeof shards[0]; i++) {
    position = good();
    position.shards = shards[i];
    cr_expect_eq(check(&position, &error), LS_BAD_DATA);
    cr_expect_not_null(strstr(error.message, "shards"), "%s", error.message);
  }
}

/* As many epochs of as many rows as there can be: no product wraps around. Undefined behaviour would show
 * under the sanitizer. */
Test(position, of_huge_data_does_not_overflow) {
  const partition_t huge = {.rows = INT64_MAX - 1, .shards = 1};
  ls_error error = {0};
  position_t position = good();
  position.epoch = INT32_MAX;
  cr_expect_eq(position_check_rows(&position, huge, 1, "a/checkpoint.h5", &error), LS_BAD_DATA);
  cr_expect_eq(position_check_rows(&position, huge, INT32_MAX, "a/checkpoint.h5", &error), LS_BAD_DATA);
}
