/* lockstep watch on runs that train: to their end, and after kill -9. tests/inspect/test_watch.c has what can
 * be shown by files alone. */
#include "system/run.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void set_up(void) {
  place_make();
  write_dataset("data.h5", (spec_t){.rows = 300});
  write_text("net.yaml",
             "data: {file: data.h5, validation: 0.2}\nmodel: {layers: [{dense: %d}]}\nloss: cross_entropy\n"
             "train: {epochs: 1000000, global_batch_size: 50}\nparallel: {shards: 4, threads: 1}\n"
             "checkpoint: {every: 20 steps}\n",
             CLASSES);
}

TestSuite(watch, .init = set_up, .fini = place_remove, .timeout = 300);

static pid_t start_run(const char *name) {
  char path[128];
  pid_t launcher = run_start(ALONE, "train net.yaml name=%s", name);
  snprintf(path, sizeof path, "runs/%s/history.h5", name);
  for (int i = 0; i < 5000 && !file_exists(path); i++) usleep(10000);
  cr_assert(file_exists(path));
  return launcher;
}

Test(watch, follows_a_run_to_its_end) {
  pid_t launcher = start_run("a");
  char command[1200];
  result_t once = run(ALONE, "watch a --once");
  cr_expect_eq(once.code, 0);
  cr_expect_not_null(strstr(once.out, "a: running, process "), "%s", once.out);
  snprintf(command, sizeof command, "%s watch a --every 0.1", run_launcher(ALONE));
  /* only one command's output can be collected at a time: the run is stopped by the shell that watches it */
  result_t result = run_command("sh -c '(sleep 1; kill %d) & %s'", (int)launcher, command);
  cr_expect_eq(result.code, 75, "%s", result.err);
  cr_expect_not_null(strstr(result.out, "epoch "), "%s", result.out);
  cr_expect_not_null(strstr(result.out, "a: stopped: a signal asked for it; ended "), "%s", result.out);
  cr_expect_eq(run_finish(launcher, 60).code, 75);
}

Test(watch, says_that_a_killed_run_is_gone) {
  pid_t launcher = start_run("a");
  run_kill_ranks(launcher);
  run_finish(launcher, 60);
  result_t result = run(ALONE, "watch a");
  cr_expect_eq(result.code, 1);
  cr_expect_not_null(strstr(result.out, "a: interrupted: its process is gone"), "%s", result.out);
  cr_expect_not_null(strstr(result.err, "the run a is interrupted"), "%s", result.err);
  result = run(ALONE, "watch b");
  cr_expect_eq(result.code, 3);
  cr_expect_not_null(strstr(result.err, "did you mean a?"), "%s", result.err);
  cr_expect_eq(run(ALONE, "watch runs").code, 2);
}
