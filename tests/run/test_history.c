/* The history comes back as it was written, and what is not finite does not spoil the JSON. */
#include "base/json.h"
#include "train/fixture.h"

#include <math.h>

TestSuite(history, .init = place_make, .fini = place_remove);

static history_row_t row_of(int epoch) {
  history_row_t row;
  for (int c = 0; c < HISTORY_WIDTH; c++) row.values[c] = epoch + 0.1 * c;
  row.values[HISTORY_EPOCH] = epoch;
  row.values[HISTORY_VALID_LOSS] = NAN;
  row.checksum = UINT64_MAX - (uint64_t)epoch;
  return row;
}

static history_t make(int epochs) {
  history_t history = {0};
  for (int e = 1; e <= epochs; e++) {
    history_row_t row = row_of(e);
    OK(history_add(&history, &row, error));
  }
  return history;
}

Test(history, has_a_column_for_each_figure) {
  enum { EPOCHS = 37 };
  double values[EPOCHS];
  uint64_t sums[EPOCHS];
  history_t history = make(EPOCHS);
  store_t *store = NULL;
  OK(history_write(&history, "history.h5", error));
  OK(store_open("history.h5", &store, error));
  OK(store_read_rows(store, "train_loss", 0, EPOCHS, STORE_F64, values, error));
  for (int e = 0; e < EPOCHS; e++) cr_assert_eq(values[e], history.rows[e].values[HISTORY_TRAIN_LOSS]);
  OK(store_read_rows(store, "valid_loss", 0, EPOCHS, STORE_F64, values, error));
  for (int e = 0; e < EPOCHS; e++) cr_assert(isnan(values[e]));
  OK(store_read_rows(store, "seconds_wait", 0, EPOCHS, STORE_F64, values, error));
  for (int e = 0; e < EPOCHS; e++) cr_assert_eq(values[e], history.rows[e].values[HISTORY_WIDTH - 1]);
  OK(store_read_rows(store, "parameters_checksum", 0, EPOCHS, STORE_U64, sums, error));
  for (int e = 0; e < EPOCHS; e++) cr_assert_eq(sums[e], history.rows[e].checksum);
  store_close(&store);
  history_free(&history);
}

static void through_a_checkpoint(int epochs) {
  history_t history = make(epochs), back = {0};
  store_t *store = NULL;
  OK(store_create("c.h5", &store, error));
  OK(history_save(&history, store, error));
  OK(store_publish(&store, error));
  OK(store_open("c.h5", &store, error));
  OK(history_load(&back, store, error));
  store_close(&store);
  cr_assert_eq(back.n, history.n);
  for (size_t i = 0; i < back.n; i++) {
    cr_assert_eq(memcmp(back.rows[i].values, history.rows[i].values, sizeof back.rows[i].values), 0);
    cr_assert_eq(back.rows[i].checksum, history.rows[i].checksum);
  }
  history_row_t row = row_of(99);
  OK(history_add(&back, &row, error)); /* and goes on */
  history_free(&history);
  history_free(&back);
}

Test(history, has_figures_of_each_of_several_heads) {
  enum { EPOCHS = 5 };
  const head_t heads[] = {{.name = "left"}, {.name = "right"}};
  const objective_t objective = {.heads = heads, .n = 2};
  history_t history = {.objective = &objective}, back = {.objective = &objective}, single = {0};
  double values[EPOCHS];
  ls_error other = {0};
  store_t *store = NULL;
  for (int e = 0; e < EPOCHS; e++) {
    history_row_t row = row_of(e);
    for (int i = 0; i < 2 * HEAD_WIDTH; i++) row.heads[i / HEAD_WIDTH][i % HEAD_WIDTH] = e + 0.01 * i;
    OK(history_add(&history, &row, error));
  }
  OK(history_write(&history, "history.h5", error));
  OK(store_open("history.h5", &store, error));
  OK(store_read_rows(store, "heads/right/valid_rmse", 0, EPOCHS, STORE_F64, values, error));
  store_close(&store);
  for (int e = 0; e < EPOCHS; e++) cr_expect_eq(values[e], history.rows[e].heads[1][HEAD_VALID_RMSE]);
  OK(store_create("c.h5", &store, error));
  OK(history_save(&history, store, error));
  OK(store_publish(&store, error));
  OK(store_open("c.h5", &store, error));
  OK(history_load(&back, store, error));
  for (int e = 0; e < EPOCHS; e++)
    cr_expect_arr_eq(back.rows[e].heads, history.rows[e].heads, 2 * sizeof back.rows[e].heads[0]);
  store_close(&store);
  OK(store_create("single.h5", &store, error));
  OK(history_save(&single, store, error));
  OK(store_publish(&store, error));
  OK(store_open("single.h5", &store, error));
  cr_expect_eq(history_load(&back, store, &other), LS_BAD_DATA); /* has no heads */
  store_close(&store);
  history_free(&history);
  history_free(&back);
}

Test(history, goes_through_a_checkpoint_bit_by_bit) {
  through_a_checkpoint(0);
  through_a_checkpoint(1);
  through_a_checkpoint(21);
}

static char *text_of(void (*write)(FILE *out)) {
  char *text = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);
  cr_assert_not_null(out);
  write(out);
  fclose(out);
  return text;
}

static void pieces(FILE *out) {
  json_text(out, true, "name", "a \"b\" \\ \n\x01 é");
  json_number(out, false, "third", 1.0 / 3);
  json_number(out, false, "tenth", 0.1);
  json_number(out, false, "nan", NAN);
  json_number(out, false, "inf", -INFINITY);
  json_integer(out, false, "least", INT64_MIN);
}

Test(history, json_is_json_whatever_the_values) {
  char *text = text_of(pieces);
  cr_expect_str_eq(text, "\"name\": \"a \\\"b\\\" \\\\ \\u000a\\u0001 é\", \"third\": 0.3333333333333333, "
                         "\"tenth\": 0.1, \"nan\": null, \"inf\": null, \"least\": -9223372036854775808");
  free(text);
}

static void epoch_row(FILE *out) {
  history_row_t row = row_of(3);
  history_log_row(out, &(history_t){0}, &row, "a note");
}

Test(history, an_epoch_is_one_line_without_what_does_not_apply) {
  char *text = text_of(epoch_row);
  cr_expect_eq(strchr(text, '\n'), text + strlen(text) - 1);
  cr_expect_not_null(strstr(text, "{\"event\": \"epoch\", \"epoch\": 3, "), "%s", text);
  cr_expect_null(strstr(text, "valid_loss"), "%s", text);
  cr_expect_not_null(strstr(text, "\"parameters_checksum\": \"fffffffffffffffc\"}\n"), "%s", text);
  free(text);
}
