/* What the last events of a log tell; lines that are damaged, cut off or too long count as absent. */
#include "inspect/place.h"

#include "inspect/run_log.h"

#include <math.h>

TestSuite(run_log, .init = place_make, .fini = place_remove);

#define START                                                                                                \
  "{\"event\": \"start\", \"step\": 0, \"time\": 100.5, \"layout\": \"1 node x 2 ranks x 4 threads, 8 "      \
  "shards\"}\n"
#define EPOCH "{\"event\": \"epoch\", \"epoch\": 1, \"step\": 11, \"train_loss\": 0.5, \"time\": 101.5}\n"
#define STOP  "{\"event\": \"stop\", \"step\": 12, \"time\": 102.5, \"reason\": \"signal\"}\n"

static run_log_t read_log(const char *text) {
  run_log_t log = {.step = -1};
  put_file("runs/a/log.jsonl", text);
  OK(run_log_read("runs/a/log.jsonl", &log, error));
  return log;
}

Test(run_log, tells_the_last_event) {
  run_log_t log = read_log(START EPOCH STOP);
  cr_expect(log.has_events && log.has_stopped && !log.has_resumed);
  cr_expect_str_eq(log.reason, "signal");
  cr_expect_str_eq(log.layout, "1 node x 2 ranks x 4 threads, 8 shards");
  cr_expect_eq(log.step, 12);
  cr_expect_eq(log.time, 102.5);
  log = read_log(
      START EPOCH STOP
      "{\"event\": \"resume\", \"step\": 11, \"layout\": \"2 nodes x 1 rank x 1 thread, 8 shards\"}\n");
  cr_expect(log.has_events && !log.has_stopped && log.has_resumed);
  cr_expect_str_eq(log.reason, "");
  cr_expect_str_eq(log.layout, "2 nodes x 1 rank x 1 thread, 8 shards");
  cr_expect(isnan(log.time)); /* an older lockstep */
  log = read_log(START EPOCH "{\"event\": \"checkpoint\", \"step\": 99}\n");
  cr_expect(log.has_events && !log.has_stopped && !log.has_resumed && log.step == 11);
}

Test(run_log, may_be_missing_empty_or_damaged) {
  run_log_t log = {.step = -1};
  OK(run_log_read("runs/none/log.jsonl", &log, error));
  cr_expect(!log.has_events && isnan(log.step));
  log = read_log("");
  cr_expect_not(log.has_events);
  log = read_log(START "{\"event\": \"stop\", \"step\": 12, \"rea"); /* being written */
  cr_expect(log.has_resumed && !log.has_stopped);
  log = read_log("{\"event\": \"stop\", \"step\": {{{\n");
  cr_expect(log.has_stopped && isnan(log.step));
  cr_expect_str_eq(log.reason, "");
  log = read_log("{\"event\": \"stop\", \"step\": [1, 2], \"reason\": {\"a\": 1}, \"time\": \"now\"}\n");
  cr_expect(log.has_stopped && isnan(log.step) && isnan(log.time));
  cr_expect_str_eq(log.reason, "");
}

Test(run_log, lines_that_are_too_long_are_left_out) {
  enum { LONG = 3 << 20 };
  char *text = malloc(LONG + 1000);
  cr_assert_not_null(text);
  strcpy(text, START);
  memset(text + strlen(START), 'x', LONG);
  strcpy(text + strlen(START) + LONG, "\n" STOP);
  run_log_t log = read_log(text);
  cr_expect(log.has_stopped && log.step == 12);
  cr_expect_str_eq(log.layout, "1 node x 2 ranks x 4 threads, 8 shards");
  free(text);
}

Test(run_log, what_is_no_plain_file_is_an_error_and_does_not_block) {
  run_log_t log;
  mkdir("runs/a", 0777);
  cr_assert_eq(mkfifo("runs/a/log.jsonl", 0666), 0);
  cr_expect_eq(run_log_read("runs/a/log.jsonl", &log, NULL), LS_IO);
}
