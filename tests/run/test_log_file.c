/* Lines of a log that cannot be written for a while: they wait, and come later, whole and in order. */
#include "run/log_file.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static char path[] = "/tmp/lockstep-lines-XXXXXX";

static void make_file(void) {
  close(mkstemp(path));
  signal(SIGXFSZ, SIG_IGN); /* a limit is an error, as in the program */
}

static void remove_file(void) {
  unlink(path);
}

static void limit_files(rlim_t bytes) {
  struct rlimit limit;
  getrlimit(RLIMIT_FSIZE, &limit);
  limit.rlim_cur = bytes;
  setrlimit(RLIMIT_FSIZE, &limit);
}

static void add(log_file_t *lines, const char *text) {
  FILE *line = log_file_begin(lines);
  cr_assert_not_null(line);
  fputs(text, line);
  log_file_end(lines);
}

static const char *content(void) {
  static char text[256];
  FILE *file = fopen(path, "r");
  text[fread(text, 1, sizeof text - 1, file)] = '\0';
  fclose(file);
  return text;
}

Test(log_file, lines_wait_for_room, .init = make_file, .fini = remove_file) {
  const log_t quiet = {0};
  log_file_t lines = {0};
  ls_error error = {0};
  cr_assert_eq(log_file_open(path, &quiet, &lines, &error), LS_OK);
  add(&lines, "first\n");
  cr_expect_str_eq(content(), "first\n");
  limit_files(8); /* cuts the second line in two */
  add(&lines, "second\n");
  add(&lines, "third\n");
  cr_expect_str_eq(content(), "first\nse");
  cr_expect_eq(log_file_finish(&lines, &error), LS_IO);
  limit_files(RLIM_INFINITY);
  add(&lines, "fourth\n");
  cr_expect_str_eq(content(), "first\nsecond\nthird\nfourth\n");
  cr_expect_eq(log_file_finish(&lines, &error), LS_OK);
  limit_files(30);
  add(&lines, "fifth\n");
  limit_files(RLIM_INFINITY);
  log_file_close(&lines);
  cr_expect_str_eq(content(), "first\nsecond\nthird\nfourth\nfifth\n");
}

Test(log_file, no_file_takes_no_lines) {
  const log_t quiet = {0};
  log_file_t lines = {0};
  cr_expect_null(log_file_begin(&lines));
  cr_expect_eq(log_file_finish(&lines, NULL), LS_OK);
  log_file_close(&lines);
  cr_expect_eq(log_file_open("/no/such/folder/log.jsonl", &quiet, &lines, NULL), LS_IO);
  cr_expect(!lines.is_open);
}
