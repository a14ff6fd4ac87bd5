/* The epochs of a run, from history.h5 and from the log that may be ahead of it. */
#include "inspect/place.h"

#include "inspect/epochs.h"
#include "store/store.h"

#include <math.h>

TestSuite(epochs, .init = place_make, .fini = place_remove);

/* A line of the log as lockstep writes it; the loss is 1 / epoch. */
static void put_epoch(FILE *log, int epoch, double time) {
  fprintf(log,
          "{\"event\": \"epoch\", \"epoch\": %d, \"step\": %d, \"train_loss\": %.17g, \"rows\": 100, "
          "\"seconds\": 2, "
          "\"heads\": {\"b\": {\"valid_loss\": 3, \"train_loss\": 4}, \"a\": {\"train_loss\": %d}}, "
          "\"time\": %.17g, "
          "\"parameters_checksum\": \"%016x\"}\n",
          epoch, 10 * epoch, 1.0 / epoch, epoch, time, 0xabc0 + epoch);
}

static FILE *open_log(void) {
  mkdir("runs/a", 0777);
  FILE *log = fopen("runs/a/log.jsonl", "w");
  cr_assert_not_null(log);
  fputs("{\"event\": \"start\", \"step\": 0, \"layout\": \"1 node x 1 rank x 1 thread, 1 shard\"}\n", log);
  return log;
}

/* Writes history.h5 with n epochs; its loss is 1 / epoch, too. */
static void put_history(int64_t n) {
  double epochs[16], steps[16], losses[16], odd[1] = {7};
  uint64_t sums[16];
  store_t *store = NULL;
  for (int64_t e = 0; e < n; e++) {
    epochs[e] = (double)(e + 1);
    steps[e] = 10 * epochs[e];
    losses[e] = 1 / epochs[e];
    sums[e] = 0xabc0 + (uint64_t)e + 1;
  }
  OK(store_create("runs/a/history.h5", &store, error));
  OK(store_write(store, "epoch", STORE_F64, 1, &n, epochs, error));
  OK(store_write(store, "step", STORE_F64, 1, &n, steps, error));
  OK(store_write(store, "a_new_figure", STORE_F64, 1, &n, losses, error)); /* of a later lockstep */
  OK(store_write(store, "train_loss", STORE_F64, 1, &n, losses, error));
  OK(store_write(store, "other", STORE_F64, 1, (int64_t[]){1}, odd, error)); /* no column */
  OK(store_write(store, "parameters_checksum", STORE_U64, 1, &n, sums, error));
  OK(store_publish(&store, error));
}

static void expect_losses(const epochs_t *epochs, size_t n) {
  const double *numbers = epochs_column(epochs, "epoch"), *losses = epochs_column(epochs, "train_loss");
  cr_assert(numbers != NULL && losses != NULL);
  cr_assert_eq(epochs->n, n, "%zu epochs", epochs->n);
  for (size_t e = 0; e < n; e++) {
    cr_expect(numbers[e] == (double)(e + 1) && losses[e] == 1.0 / (double)(e + 1), "epoch %g: %g", numbers[e],
              losses[e]);
    cr_expect_eq(epochs->checksums[e], 0xabc0 + e + 1);
  }
}

Test(epochs, come_from_the_log_alone) {
  static const char *const names[] = {"epoch",
                                      "step",
                                      "train_loss",
                                      "rows",
                                      "seconds",
                                      "heads/a/train_loss",
                                      "heads/b/train_loss",
                                      "heads/b/valid_loss"};
  FILE *log = open_log();
  for (int e = 1; e <= 5; e++) put_epoch(log, e, 1000 + e);
  fputs("{\"event\": \"epoch\", \"epoch\": 6, \"st", log); /* being written */
  fclose(log);
  epochs_t epochs;
  OK(epochs_read("runs/a", true, &epochs, error));
  expect_losses(&epochs, 5);
  cr_assert_eq(epochs.n_columns, sizeof names / sizeof names[0]);
  for (size_t c = 0; c < epochs.n_columns; c++) cr_expect_str_eq(epochs.columns[c].name, names[c]);
  for (size_t e = 0; e < 5; e++) cr_expect_eq(epochs.times[e], 1001.0 + (double)e);
  cr_expect_eq(epochs_column(&epochs, "heads/a/train_loss")[3], 4);
  cr_expect_null(epochs_column(&epochs, "valid_loss"));
  epochs_free(&epochs);
}

Test(epochs, of_the_log_follow_those_of_the_file) {
  FILE *log = open_log();
  for (int e = 1; e <= 7; e++) {
    put_epoch(log, e, 1000 + e);
    if (e == 2)
      fputs("{\"event\": \"resume\", \"step\": 20, \"layout\": \"\"}\n", log); /* the file is newer */
  }
  fclose(log);
  put_history(4);
  epochs_t epochs;
  OK(epochs_read("runs/a", true, &epochs, error));
  expect_losses(&epochs, 7);
  cr_expect_str_eq(epochs.damage, "");
  cr_expect(isnan(epochs_column(&epochs, "heads/a/train_loss")[3])); /* the file has no heads */
  cr_expect_eq(epochs_column(&epochs, "heads/a/train_loss")[4], 5);
  cr_expect_str_eq(epochs.columns[epochs.n_columns - 1].name, "a_new_figure");
  cr_expect_null(epochs_column(&epochs, "other"));
  for (size_t e = 0; e < 7; e++) cr_expect_eq(epochs.times[e], 1001.0 + (double)e);
  epochs_free(&epochs);
}

Test(epochs, that_a_resumed_run_has_lost_do_not_count) {
  FILE *log = open_log();
  for (int e = 1; e <= 5; e++) put_epoch(log, e, 1000 + e);
  fputs("{\"event\": \"resume\", \"step\": 35, \"layout\": \"\"}\n", log); /* epochs 4 and 5 are gone */
  fputs("{\"event\": \"epoch\", \"epoch\": 4, \"step\": 40, \"train_loss\": 77, \"seconds\": 9}\n", log);
  fclose(log);
  epochs_t epochs;
  OK(epochs_read("runs/a", true, &epochs, error));
  cr_assert_eq(epochs.n, 4);
  cr_expect_eq(epochs_column(&epochs, "train_loss")[3], 77, "of the run that went on");
  epochs_free(&epochs);
  log = fopen("runs/a/log.jsonl", "a");
  cr_assert_not_null(log);
  fputs("{\"event\": \"return\", \"step\": 49, \"to_step\": 20, \"reason\": \"copies differ\"}\n", log);
  put_epoch(log, 3, 3003);
  fclose(log);
  OK(epochs_read("runs/a", true, &epochs, error));
  expect_losses(&epochs, 3);
  cr_expect_eq(epochs.times[1], 1002);
  cr_expect_eq(epochs.times[2], 3003);
  epochs_free(&epochs);
}

Test(epochs, come_from_the_log_if_the_file_is_damaged) {
  FILE *log = open_log();
  for (int e = 1; e <= 3; e++) put_epoch(log, e, 1000 + e);
  fclose(log);
  put_history(3);
  FILE *file = fopen("runs/a/history.h5", "r+");
  cr_assert_not_null(file);
  fseek(file, 700, SEEK_SET);
  fputs("damage", file);
  fclose(file);
  epochs_t epochs;
  OK(epochs_read("runs/a", false, &epochs, error));
  expect_losses(&epochs, 3);
  cr_expect_not_null(strstr(epochs.damage, "history.h5"), "%s", epochs.damage);
  epochs_free(&epochs);
}

Test(epochs, may_be_none_and_lines_may_be_damaged) {
  epochs_t epochs;
  OK(epochs_read("runs/nothing", true, &epochs, error));
  cr_expect(epochs.n == 0 && epochs.n_columns == 0);
  epochs_free(&epochs);
  put_file("runs/a/log.jsonl",
           "{\"event\": \"epoch\", \"epoch\": 1, \"step\": [}\n"
           "{\"event\": \"epoch\", \"epoch\": \"one\"}\n"
           "{\"event\": \"epoch\", \"epoch\": 2, \"step\": 3, \"heads\": 7, \"rows\": null}\n"
           "{\"event\": \"epoch\", \"epoch\": 1, \"step\": 1}\n"
           "not JSON\n\n");
  OK(epochs_read("runs/a", true, &epochs, error));
  cr_assert_eq(epochs.n, 1);
  cr_expect_eq(epochs_column(&epochs, "step")[0], 3);
  epochs_free(&epochs);
}
