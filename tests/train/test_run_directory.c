/* Which checkpoints a run has, which one it goes on from, and which are thrown away. */
#include "train/fixture.h"
#include "run/predecessor.h"

#include <sys/stat.h>

TestSuite(run_directory, .init = place_make, .fini = place_remove);

static const run_directory_t run = {.path = "runs/a"};

static bool exists(const char *path) {
  struct stat about;
  return stat(path, &about) == 0;
}

static void put(const char *path, const char *text) {
  FILE *file = fopen(path, "w");
  cr_assert_not_null(file, "%s", path);
  fputs(text, file);
  fclose(file);
}

static char *checkpoint(int64_t step) {
  static char path[RUN_FILE_SIZE];
  run_checkpoint(&run, step, path);
  return path;
}

/* Checkpoints of these steps, of which the last ones are spoiled. */
static void make_checkpoints(const int64_t *steps, int n, int spoiled) {
  network_t net = network_make();
  log_t silent = {.out = NULL};
  OK(run_directory_fresh(&run, false, &silent, error));
  for (int i = 0; i < n; i++) {
    position_t position = {
        .step = steps[i], .epoch = i, .step_in_epoch = 2, .shards = SHARDS, .best_step = -1};
    if (i < n - spoiled)
      write_checkpoint(&net, checkpoint(steps[i]), &position);
    else
      put(checkpoint(steps[i]), "spoiled");
  }
  network_free(&net);
}

/* What the log says while the newest checkpoint is looked for. */
static char *find(bool *found, position_t *position, ls_status expected) {
  char *text = NULL;
  size_t size = 0;
  log_t log = {.out = open_memstream(&text, &size)};
  ls_error error = {0};
  ls_status status = run_newest_checkpoint(&run, &log, found, position, &error);
  fclose(log.out);
  cr_assert_eq(status, expected, "%s", error.message);
  return text;
}

Test(run_directory, newest_checkpoint_is_that_of_the_highest_step) {
  static const int64_t steps[] = {7, 30, 123456789, 99999999, 8};
  position_t position = {0};
  bool found = false;
  make_checkpoints(steps, 5, 0);
  put("runs/a/checkpoint-00000099.h5.tmp-1", "left over");
  put("runs/a/checkpoint-best.h5", "no number");
  char *text = find(&found, &position, LS_OK);
  cr_expect(found);
  cr_expect_eq(position.step, 123456789);
  cr_expect_eq(position.epoch, 2);
  cr_expect_eq(position.step_in_epoch, 2);
  cr_expect_eq(position.shards, SHARDS);
  cr_expect_str_eq(text, "");
  free(text);
}

Test(run_directory, a_spoiled_checkpoint_is_reported_and_the_one_before_taken) {
  static const int64_t steps[] = {10, 20, 30, 40};
  position_t position = {0};
  bool found = false;
  make_checkpoints(steps, 4, 2);
  char *text = find(&found, &position, LS_OK);
  cr_expect(found);
  cr_expect_eq(position.step, 20);
  cr_expect_not_null(strstr(text, "checkpoint-00000040.h5"), "%s", text);
  cr_expect_not_null(strstr(text, "checkpoint-00000030.h5"), "%s", text);
  free(text);
  cr_expect(exists("runs/a/checkpoint-00000040.h5.damaged") &&
            exists("runs/a/checkpoint-00000030.h5.damaged"));
  run_prune(&run, 1, -1); /* a damaged one does not count */
  cr_expect(exists(checkpoint(20)));
}

Test(run_directory, only_spoiled_checkpoints_are_an_error_and_none_is_not) {
  static const int64_t steps[] = {10, 20};
  position_t position = {.step = -5};
  bool found = true;
  free(find(&found, &position, LS_OK));
  cr_expect_not(found);
  make_checkpoints(steps, 2, 2);
  free(find(&found, &position, LS_BAD_DATA));
  cr_expect_not(found);
  cr_expect_eq(position.step, -5, "the position is changed");
}

Test(run_directory, prune_keeps_the_newest_and_the_best_and_nothing_half_written) {
  static const int64_t steps[] = {10, 20, 30, 40, 100000000};
  make_checkpoints(steps, 5, 0);
  put("runs/a/checkpoint-00000050.h5.tmp-77", "left over");
  char own[256], init[256], host[65] = "";
  gethostname(host, sizeof host - 1);
  snprintf(own, sizeof own, "runs/a/answers.h5.tmp-%s-%d", host, (int)getpid());
  snprintf(init, sizeof init, "runs/a/answers.h5.tmp-%s-1", host);
  put(own, "ours, and not being written now");
  put(init, "of a process that runs");
  put("runs/a/answers.h5.tmp-elsewhere-5", "perhaps of a process that runs");
  put("runs/a/checkpoint-00000050.h5.tmp-elsewhere-5", "of an owner that was there before");
  put("runs/a/model.h5", "model");
  put("runs/a/checkpoint-best.h5", "somebody's own");
  run_prune(&run, 2, 20);
  cr_expect_not(exists(checkpoint(10)));
  cr_expect(exists(checkpoint(20)), "the best is gone");
  cr_expect_not(exists(checkpoint(30)));
  cr_expect(exists(checkpoint(40)));
  cr_expect(exists(checkpoint(100000000)));
  cr_expect_not(exists("runs/a/checkpoint-00000050.h5.tmp-77"));
  cr_expect_not(exists(own));
  cr_expect(exists(init), "the file of a running process is gone");
  cr_expect(exists("runs/a/answers.h5.tmp-elsewhere-5"));
  cr_expect_not(exists("runs/a/checkpoint-00000050.h5.tmp-elsewhere-5"));
  cr_expect(exists("runs/a/model.h5"));
  cr_expect(exists("runs/a/checkpoint-best.h5"));
  run_prune(&run, 100, -1);
  cr_expect(exists(checkpoint(40)));
}

/* ---- earlier runs ---- */

static int mark_in(const char *directory) {
  char path[64];
  snprintf(path, sizeof path, "%s/mark", directory);
  FILE *file = fopen(path, "r");
  int mark = file != NULL ? fgetc(file) : '\0';
  if (file != NULL) fclose(file);
  return mark;
}

/* Starts a run, which leaves a mark and perhaps a result. Returns what is said. */
static char *start(char mark, bool replaces, bool finishes) {
  char *text = NULL, name[2] = {mark, '\0'};
  size_t size = 0;
  log_t log = {.out = open_memstream(&text, &size)};
  OK(run_directory_fresh(&run, replaces, &log, error));
  fclose(log.out);
  cr_assert_not(exists("runs/a/mark"));
  put("runs/a/config.yaml", "");
  put("runs/a/mark", name);
  if (finishes) put("runs/a/model.h5", "model");
  return text;
}

/* Predecessors are numbered in the order in which they ran, and none is removed, however many fail. A number
 * is never used for something that exists, and directories of earlier versions stay where they are. */
Test(run_directory, earlier_runs_are_numbered_and_kept) {
  cr_assert_eq(system("mkdir -p runs/a.previous runs/a.7x runs/a. runs/ab.9"), 0);
  put("runs/a.previous/mark", "p");
  for (char mark = 'a'; mark <= 'd'; mark++) free(start(mark, false, mark == 'b'));
  cr_assert_eq(system("mkdir runs/a.11; rm -r runs/a.1"), 0);
  char *text = start('e', false, false);
  cr_expect_str_eq(text, "the earlier run is kept as runs/a.12\n");
  free(text);
  cr_expect_eq(mark_in("runs/a"), 'e');
  cr_expect_eq(mark_in("runs/a.12"), 'd');
  cr_expect_eq(mark_in("runs/a.3"), 'c');
  cr_expect_eq(mark_in("runs/a.2"), 'b');
  cr_expect(exists("runs/a.2/model.h5"));
  cr_expect_eq(mark_in("runs/a.previous"), 'p');
}

/* What has only settings and a log has nothing to lose. Anything more is kept. */
Test(run_directory, a_run_that_had_barely_begun_is_removed_and_said_so) {
  static const char *const precious[] = {"checkpoint-00000004.h5",
                                         "checkpoint-00000004.h5.damaged",
                                         "best-00000004.h5",
                                         "history.h5",
                                         "model.h5",
                                         "notes.txt"};
  log_t silent = {.out = NULL};
  free(start('a', false, true));
  free(start('b', false, false));
  cr_assert_eq(unlink("runs/a/mark"), 0);
  put("runs/a/log.jsonl", "{}");
  put("runs/a/checkpoint-00000004.h5.tmp-77", "half a checkpoint of a dead process");
  char *text = start('c', false, false);
  cr_expect_not_null(strstr(text, "runs/a was removed: it had ended before its first"), "%s", text);
  free(text);
  cr_expect_not(exists("runs/a.2"));
  cr_expect_eq(mark_in("runs/a.1"), 'a');
  for (size_t i = 0; i < sizeof precious / sizeof precious[0]; i++) {
    char path[64];
    cr_assert_eq(system("rm -r runs/a; mkdir runs/a; touch runs/a/config.yaml"), 0);
    snprintf(path, sizeof path, "runs/a/%s", precious[i]);
    put(path, "");
    OK(run_directory_fresh(&run, false, &silent, error));
    snprintf(path, sizeof path, "runs/a.%zu/%s", i + 2, precious[i]);
    cr_expect(exists(path), "%s", path);
  }
}

Test(run_directory, only_a_request_removes_a_finished_run) {
  free(start('a', false, true));
  free(start('b', false, true));
  char *text = start('c', true, true);
  cr_expect_str_eq(text, "the earlier run runs/a was removed\n");
  free(text);
  cr_expect_eq(mark_in("runs/a.1"), 'a', "only the run of this name is replaced");
  cr_expect_not(exists("runs/a.2"));
}

/* A directory of the user is neither moved nor removed, whatever the name of the run. */
Test(run_directory, what_is_no_run_stays_where_it_is) {
  log_t silent = {.out = NULL};
  for (int replaces = 0; replaces < 2; replaces++) {
    ls_error refusal = {0};
    cr_assert_eq(system("rm -rf runs; mkdir -p runs/a"), 0);
    OK(run_directory_fresh(&run, replaces, &silent, error)); /* an empty directory is in nobody's way */
    put("runs/a/thesis.txt", "years");
    cr_expect_eq(run_directory_fresh(&run, replaces, &silent, &refusal), LS_BAD_SETTINGS);
    cr_expect_not_null(strstr(refusal.message, "not the directory of a run"), "%s", refusal.message);
    cr_expect(exists("runs/a/thesis.txt"));
  }
}

Test(run_directory, a_run_is_finished_when_it_has_model_and_summary) {
  free(start('a', false, true));
  cr_expect_not(run_is_finished(&run));
  put("runs/a/summary.json", "{}");
  cr_expect(run_is_finished(&run));
}

Test(run_directory, is_named_by_the_settings) {
  run_directory_t found;
  settings_t settings = {.runs = "/scratch/runs", .name = "iris"};
  char path[RUN_FILE_SIZE], longest[2 * RUN_PATH_SIZE];
  OK(run_directory_of(&settings, &found, error));
  run_file(&found, "history.h5", path);
  cr_expect_str_eq(path, "/scratch/runs/iris/history.h5");
  memset(longest, 'x', sizeof longest - 1);
  longest[sizeof longest - 1] = '\0';
  settings.runs = longest;
  ls_error error = {0};
  cr_expect_eq(run_directory_of(&settings, &found, &error), LS_BAD_SETTINGS);
}
