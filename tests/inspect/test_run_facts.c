/* What is known of a run: its state from the lock, the log and the summary; figures from what can be read. No
 * text in its files, however damaged, is an error. */
#include "inspect/place.h"

#include "base/owner.h"
#include "inspect/run_facts.h"

#include <math.h>
#include <sys/wait.h>

TestSuite(run_facts, .init = place_make, .fini = place_remove);

#define START                                                                                                \
  "{\"event\": \"start\", \"step\": 0, \"time\": 100, \"layout\": \"2 nodes x 3 ranks x 4 threads by "       \
  "OMP_NUM_THREADS, 8 shards\"}\n"
#define EPOCH                                                                                                \
  "{\"event\": \"epoch\", \"epoch\": 2, \"step\": 22, \"train_loss\": 0.5, \"valid_loss\": 0.25, \"rows\": " \
  "100, "                                                                                                    \
  "\"seconds\": 2, \"time\": 101, \"parameters_checksum\": \"00000000000000ab\"}\n"
#define STOP(reason) "{\"event\": \"stop\", \"step\": 22, \"time\": 102, \"reason\": \"" reason "\"}\n"
#define RESUME       "{\"event\": \"resume\", \"step\": 22, \"time\": 103, \"layout\": \"\"}\n"
#define SUMMARY(more)                                                                                        \
  "{\"status\": \"done\", \"reason\": \"patience\", \"steps\": 22, \"epochs\": 2, \"valid_loss\": 0.125, "   \
  "\"test_accuracy\": 0.75, \"parameters_checksum\": \"0123456789abcdef\", \"ended\": "                      \
  "\"2001-09-09T01:46:40Z\"" more "}\n"

typedef struct {
  run_facts_t facts;
  arena_t arena;
} known_t;

static known_t know(const char *log, const char *summary) {
  known_t known = {.arena = {0}};
  epochs_t epochs;
  if (log != NULL) put_file("runs/a/log.jsonl", log);
  if (summary != NULL) put_file("runs/a/summary.json", summary);
  OK(run_facts_read("runs/a", false, &known.arena, &known.facts, &epochs, error));
  epochs_free(&epochs);
  return known;
}

static void expect_state(const char *log, const char *summary, run_state_t state, const char *reason) {
  known_t known = know(log, summary);
  cr_expect_eq(known.facts.state, state, "%s: %s", log, run_state_name(known.facts.state));
  cr_expect_str_eq(known.facts.reason == NULL ? "" : known.facts.reason, reason);
  arena_free(&known.arena);
}

Test(run_facts, state_follows_from_log_and_summary) {
  expect_state(START, NULL, RUN_INTERRUPTED, "");
  expect_state(START EPOCH, NULL, RUN_INTERRUPTED, "");
  expect_state(START EPOCH STOP("diverged"), NULL, RUN_FAILED, "diverged");
  expect_state(START EPOCH STOP("time_limit"), NULL, RUN_STOPPED, "time_limit");
  expect_state(START EPOCH STOP("patience"), SUMMARY(""), RUN_FINISHED, "patience");
  expect_state(START, SUMMARY(""), RUN_FINISHED, "patience"); /* no epochs and no end in the log: solve */
  expect_state(START EPOCH STOP("time_limit") RESUME, SUMMARY(""), RUN_INTERRUPTED, "");
  expect_state(START EPOCH STOP("epochs"), "damaged", RUN_FINISHED, "epochs");
}

Test(run_facts, summary_counts_until_the_log_goes_on_after_it) {
  known_t known = know(START EPOCH STOP("patience"), SUMMARY(""));
  const run_facts_t *facts = &known.facts;
  cr_expect_eq(facts->figures[FIGURE_VALID_LOSS], 0.125);
  cr_expect_eq(facts->figures[FIGURE_TRAIN_LOSS], 0.5); /* only in the log */
  cr_expect_eq(facts->figures[FIGURE_TEST_ACCURACY], 0.75);
  cr_expect_eq(facts->figures[FIGURE_ROWS_PER_SECOND], 50);
  cr_expect_eq(facts->figures[FIGURE_ENDED], 1e9);
  cr_expect_str_eq(facts->layout, "2x3x4");
  cr_expect_str_eq(facts->checksum, "0123456789abcdef");
  cr_expect_null(facts->note);
  arena_free(&known.arena);
  known = know(START EPOCH STOP("patience") RESUME, SUMMARY(""));
  cr_expect_eq(known.facts.figures[FIGURE_VALID_LOSS], 0.25);
  cr_expect(isnan(known.facts.figures[FIGURE_TEST_ACCURACY]));
  cr_expect_eq(known.facts.figures[FIGURE_ENDED], 103);
  cr_expect_str_eq(known.facts.checksum, "00000000000000ab");
  arena_free(&known.arena);
}

Test(run_facts, run_of_a_live_owner_is_running) {
  char text[OWNER_TEXT_SIZE];
  owner_t self = owner_self();
  pid_t child = fork();
  if (child == 0) _exit(0);
  owner_text(&self, text);
  put_file("runs/.a.lock", text);
  known_t known = know(START EPOCH STOP("time_limit"), SUMMARY(""));
  cr_expect_eq(known.facts.state, RUN_RUNNING);
  cr_expect(known.facts.owner != NULL && strstr(known.facts.owner, self.host) != NULL);
  cr_expect_null(known.facts.reason);
  cr_expect(isnan(known.facts.figures[FIGURE_ENDED]));
  arena_free(&known.arena);
  waitpid(child, NULL, 0); /* now it is gone */
  self.process = child;
  cr_assert_eq(unlink("runs/a/summary.json"), 0);
  owner_text(&self, text);
  put_file("runs/.a.lock", text);
  expect_state(START EPOCH, NULL, RUN_INTERRUPTED, "");
  strcpy(self.machine, "another/boot"); /* a lock of another machine, just renewed */
  owner_text(&self, text);
  put_file("runs/.a.lock", text);
  expect_state(START EPOCH, NULL, RUN_RUNNING, "");
  cr_assert_eq(system("touch -d '5 minutes ago' runs/.a.lock"), 0);
  expect_state(START EPOCH, NULL, RUN_INTERRUPTED, "");
}

/* A summary cut at any byte, or with any byte changed. */
Test(run_facts, no_damage_of_a_summary_is_an_error) {
  static const char whole[] = SUMMARY(", \"heads\": [{\"head\": \"a\", \"test_loss\": 1e-3}], \"rows\": 100");
  char text[sizeof whole];
  put_file("runs/a/config.yaml", "train: {epochs: 7}\n");
  for (size_t length = 0; length < sizeof whole - 3; length++) {
    memcpy(text, whole, length);
    text[length] = '\0';
    known_t known = know(START EPOCH STOP("epochs"), text);
    cr_expect_eq(known.facts.state, RUN_FINISHED);
    cr_expect_not_null(known.facts.note, "%s", text);
    cr_expect_eq(known.facts.figures[FIGURE_ASKED], 7);
    cr_expect_eq(known.facts.figures[FIGURE_VALID_LOSS], 0.25);
    arena_free(&known.arena);
  }
  for (size_t at = 0; at < sizeof whole - 1; at++)
    for (size_t k = 0; k < 6; k++) {
      memcpy(text, whole, sizeof whole);
      text[at] = "\"{}\\\1\xff"[k];
      known_t known = know(START EPOCH STOP("epochs"), text);
      cr_expect(known.facts.state == RUN_FINISHED || known.facts.state == RUN_STOPPED);
      arena_free(&known.arena);
    }
}

Test(run_facts, hostile_texts_are_no_error) {
  static const char *const texts[] = {
      "",
      "null",
      "[]",
      "[[[[",
      "{",
      "{}",
      "7",
      "\"text\"",
      "&a [*a, *a]",
      "!!binary x",
      "{\"a\": 1, \"a\": 2}",
      "{\"status\": [\"done\"], \"steps\": \"many\", \"epochs\": {\"a\": 1}}",
      "{\"status\": null, \"steps\": 1e308, \"epochs\": -1e308, \"nodes\": 1e300, \"ranks\": 1e308, "
      "\"threads\": 1e308}",
      "{\"status\": \"done\", \"ended\": \"9999999-99-99T99:99:99Z\", \"parameters_checksum\": 17, "
      "\"heads\": {}}",
      "{\"status\": \"done\", \"steps\": .nan, \"seconds\": .inf, \"rows\": 0x7fffffffffffffff}",
      "--- a\n--- b\n",
      "{\"model_step\": 22, \"status\": \"done\"}"};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    known_t known = know(START EPOCH, texts[i]);
    cr_expect_lt((int)known.facts.state, (int)RUN_STATES);
    arena_free(&known.arena);
  }
  char *deep = malloc(600000);
  cr_assert_not_null(deep);
  memset(deep, '[', 599999);
  deep[599999] = '\0';
  known_t known = know(START EPOCH, deep);
  cr_expect_not_null(known.facts.note);
  arena_free(&known.arena);
  free(deep);
}

Test(run_facts, directory_may_be_empty_or_missing) {
  known_t known = know(NULL, NULL);
  cr_expect_eq(known.facts.state, RUN_INTERRUPTED);
  cr_expect(isnan(known.facts.figures[FIGURE_EPOCHS]) && isnan(known.facts.figures[FIGURE_ENDED]));
  cr_expect_null(known.facts.note);
  arena_free(&known.arena);
}
