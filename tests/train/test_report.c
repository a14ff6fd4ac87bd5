/* Lines of log.jsonl that cannot be written wait, and appear in their order when they can. */
#include "train/fixture.h"

#include "train/report.h"

#include <signal.h>
#include <sys/resource.h>

TestSuite(report, .init = place_make, .fini = place_remove);

static void limit(rlim_t bytes) {
  struct rlimit now;
  cr_assert_eq(getrlimit(RLIMIT_FSIZE, &now), 0);
  now.rlim_cur = bytes;
  cr_assert_eq(setrlimit(RLIMIT_FSIZE, &now), 0);
}

Test(report, lines_wait_while_the_disk_is_full) {
  char said[4096] = "", text[65536] = "";
  log_t log = {.out = fmemopen(said, sizeof said, "w")};
  const train_options_t options = {.log = &log};
  const run_directory_t run = {.path = "."};
  report_t report = {0};
  ls_error problem = {0};
  signal(SIGXFSZ, SIG_IGN);
  OK(report_open(&report, &run, &options, 5, error));
  report_start(&report, 0, "a layout");
  limit(300); /* the log now reaches it in the middle of a line */
  for (int step = 1; step <= 40; step++) report_step(&report, step, 1, 0.5, 0.25, 2);
  cr_expect_eq(report_finish(&report, &problem), LS_IO);
  cr_expect_not_null(strstr(problem.message, "log.jsonl"), "%s", problem.message);
  limit(RLIM_INFINITY);
  report_stop(&report, 40, "steps");
  OK(report_finish(&report, error));
  report_close(&report);
  fclose(log.out);
  FILE *file = fopen("log.jsonl", "r");
  cr_assert_not_null(file);
  int step = -1;
  for (int expected = 0; expected <= 41; expected++) {
    cr_assert_not_null(fgets(text, sizeof text, file), "line %d is missing", expected);
    const char *at = strstr(text, "\"step\": ");
    cr_assert(at != NULL && sscanf(at, "\"step\": %d", &step) == 1 && text[strlen(text) - 2] == '}', "%s",
              text);
    cr_expect_eq(step, expected < 41 ? expected : 40);
  }
  fclose(file);
  char *warning = strstr(said, "warning: log.jsonl");
  cr_assert_not_null(warning, "%s", said);
  cr_expect_null(strstr(warning + 1, "warning"), "it is said once: %s", said);
}
