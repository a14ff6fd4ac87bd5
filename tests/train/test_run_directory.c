/* Which checkpoints a run has, which one it goes on from, and which are thrown away. */
#include "train/fixture.h"
#include "run/run_directory.h"

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
  log_t silent = {NULL};
  OK(run_directory_fresh(&run, &silent, error));
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
  log_t log = {open_memstream(&text, &size)};
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

Test(run_directory, a_fresh_run_keeps_the_one_before) {
  log_t silent = {NULL};
  for (char mark = 'a'; mark <= 'c'; mark++) {
    char text[2] = {mark, '\0'};
    OK(run_directory_fresh(&run, &silent, error));
    cr_assert_not(exists("runs/a/mark"));
    put("runs/a/mark", text);
    put("runs/a/config.yaml", "");
  }
  FILE *file = fopen("runs/a.previous/mark", "r");
  cr_assert_not_null(file);
  cr_expect_eq(fgetc(file), 'b');
  fclose(file);
}

/* A directory of the user is neither moved nor removed, whatever the name of the run. */
Test(run_directory, what_is_no_run_stays_where_it_is) {
  log_t silent = {NULL};
  ls_error refusal = {0};
  cr_assert_eq(system("mkdir -p runs/a runs/a.previous"), 0);
  OK(run_directory_fresh(&run, &silent, error)); /* empty directories are in nobody's way */
  put("runs/a/thesis.txt", "years");
  cr_expect_eq(run_directory_fresh(&run, &silent, &refusal), LS_BAD_SETTINGS);
  cr_expect_not_null(strstr(refusal.message, "not the directory of a run"), "%s", refusal.message);
  cr_expect(exists("runs/a/thesis.txt"));
  put("runs/a/config.yaml", "");
  cr_assert_eq(system("rm -rf runs/a.previous; mkdir runs/a.previous; echo x > runs/a.previous/notes"), 0);
  OK(run_directory_fresh(&run, &silent, error));
  cr_expect(exists("runs/a.previous-2/notes"), "what was called like a previous run is kept");
  cr_expect(exists("runs/a.previous/thesis.txt"));
}

/* A job script that fails again and again must not push out what was finished before. */
Test(run_directory, a_finished_run_is_never_removed) {
  char *text = NULL;
  size_t size = 0;
  log_t log = {open_memstream(&text, &size)};
  for (char mark = 'a'; mark <= 'f'; mark++) {
    char name[2] = {mark, '\0'};
    OK(run_directory_fresh(&run, &log, error));
    put("runs/a/mark", name);
    put("runs/a/config.yaml", "");
    if (mark == 'a' || mark == 'd') put("runs/a/model.h5", "model");
  }
  fclose(log.out);
  static const struct {
    const char *path;
    char mark;
  } kept[] = {{"runs/a/mark", 'f'},
              {"runs/a.previous/mark", 'e'},
              {"runs/a.previous-2/mark", 'a'},
              {"runs/a.previous-3/mark", 'd'}};
  for (int i = 0; i < 4; i++) {
    FILE *file = fopen(kept[i].path, "r");
    cr_assert_not_null(file, "%s", kept[i].path);
    cr_expect_eq(fgetc(file), kept[i].mark, "%s", kept[i].path);
    fclose(file);
  }
  cr_expect_not(exists("runs/a.previous-4"));
  cr_expect_not_null(strstr(text, "kept as runs/a.previous, the one before it as runs/a.previous-2\n"), "%s",
                     text);
  free(text);
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
