/* What words name: paths first, then runs below `runs`; the nearest name for a word that names nothing. */
#include "inspect/place.h"

#include "inspect/names.h"

static void set_up(void) {
  place_make();
  put_file("runs/wide/config.yaml", "name: wide\n");
  put_file("runs/run-10/log.jsonl", "");
  put_file("runs/run-9/history.h5", "");
  put_file("runs/empty/notes.txt", "");
  put_file("runs/.dead.lock", "host x\n");
  put_file("runs/.wide.lock", "host x\n");
  put_file("other/config.yaml", "name: other\n");
  put_file("data/rows.h5", "");
}

TestSuite(names, .init = set_up, .fini = place_remove);

static void expect_model(const char *word, const char *expected) {
  char path[NAMED_PATH_SIZE] = "";
  OK(model_path(word, path, sizeof path, error));
  cr_expect_str_eq(path, expected);
}

Test(names, paths_come_before_names_of_runs) {
  expect_model("wide", "runs/wide/model.h5");
  expect_model("runs/wide", "runs/wide/model.h5");
  expect_model("runs/wide//", "runs/wide/model.h5");
  expect_model("wide/", "runs/wide/model.h5");
  expect_model("other", "other/model.h5");
  expect_model("data/rows.h5", "data/rows.h5");
  expect_model("net.h5", "net.h5"); /* opening the file reports that it is missing */
  cr_assert_eq(mkdir("wide", 0777), 0);
  expect_model("wide", "wide/model.h5");
}

static void expect_nothing(const char *word, ls_status status, const char *said) {
  char path[NAMED_PATH_SIZE] = "";
  ls_error error = {0};
  cr_expect_eq(run_named(word, path, &error), status, "%s", word);
  cr_expect_not_null(strstr(error.message, said), "%s: %s", word, error.message);
  cr_expect_str_eq(path, "");
}

Test(names, word_that_names_no_run_is_an_error_with_the_nearest) {
  char path[NAMED_PATH_SIZE], nearest[64];
  ls_error error = {0};
  expect_nothing("wiede", LS_BAD_DATA, "did you mean wide?");
  expect_nothing("runs/wiede", LS_BAD_DATA, "did you mean runs/wide?");
  expect_nothing("runs/zzzzzzzzzzz", LS_BAD_DATA, "`lockstep runs` lists the runs");
  expect_nothing("", LS_BAD_DATA, "there is no run ''");
  expect_nothing("data/rows.h5", LS_USAGE, "is a file");
  cr_expect_eq(model_path("wiede", path, sizeof path, &error), LS_BAD_DATA);
  cr_expect_not_null(strstr(error.message, "did you mean the run wide?"), "%s", error.message);
  cr_expect(runs_nearest("runs", "run-1", nearest, sizeof nearest));
  cr_expect_str_eq(nearest, "run-9");
  cr_expect_not(runs_nearest("nowhere", "run-1", nearest, sizeof nearest));
}

Test(names, paths_that_are_too_long_are_errors) {
  char word[NAMED_PATH_SIZE + 100], path[NAMED_PATH_SIZE];
  memset(word, 'x', sizeof word - 1);
  word[sizeof word - 1] = '\0';
  cr_expect_eq(model_path(word, path, sizeof path, NULL), LS_USAGE);
  cr_expect_neq(run_named(word, path, NULL), LS_OK);
  word[NAMED_PATH_SIZE - 3] = '\0';
  cr_expect_neq(run_named(word, path, NULL), LS_OK);
}

Test(names, runs_are_listed_in_the_order_of_their_numbers) {
  char **names = NULL;
  size_t n = 0;
  OK(runs_below("runs", &names, &n, error));
  cr_assert_eq(n, 4); /* not `empty`; `dead` has a lock, and whether its owner lives is not asked here */
  cr_expect_str_eq(names[0], "dead");
  cr_expect_str_eq(names[1], "run-9");
  cr_expect_str_eq(names[2], "run-10");
  cr_expect_str_eq(names[3], "wide");
  free(names);
  cr_expect_eq(runs_below("nowhere", &names, &n, NULL), LS_IO);
  cr_expect(run_is_one("runs/wide") && !run_is_one("runs/empty") && !run_is_one("nowhere"));
}
