/* The line of progress: what fits into how many columns, and where it is drawn. */
#include "base/progress.h"

#include "base/clock.h"
#include "base/log.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const progress_figures_t epoch = {.what = "epoch 3/20",
                                         .unit = "step",
                                         .done = 1200,
                                         .total = 4000,
                                         .loss = 0.12344,
                                         .rate = 51200.4,
                                         .eta = 130.2};

static void expect(const progress_figures_t *figures, int width, const char *expected) {
  char line[PROGRESS_LINE];
  progress_format(figures, width, line, sizeof line);
  cr_expect_str_eq(line, expected, "at %d columns:\n%s\n%s", width, line, expected);
}

Test(progress, plain_line_has_everything_but_the_bar) {
  expect(&epoch, 0, "epoch 3/20  step 1200/4000  loss 0.1234  51,200 rows/s  ETA 2 min 10 s");
}

Test(progress, line_fits_into_the_terminal) {
  expect(&epoch, 200,
         "epoch 3/20 [#########                     ]  step 1200/4000  loss 0.1234  51,200 rows/s  ETA 2 min "
         "10 s");
  expect(&epoch, 80, "epoch 3/20 [#     ]  step 1200/4000  loss 0.1234  51,200 rows/s  ETA 2 min 10 s");
  expect(&epoch, 79, "epoch 3/20 [######              ]  step 1200/4000  loss 0.1234  ETA 2 min 10 s");
  expect(&epoch, 60, "epoch 3/20 [#####            ]  loss 0.1234  ETA 2 min 10 s");
  expect(&epoch, 30, "epoch 3/20  ETA 2 min 10 s");
  expect(&epoch, 20, "epoch 3/20");
  expect(&epoch, 10, "epoch 3/2");
}

/* More may be done than was announced: a file that grows while it is read. */
Test(progress, bar_ends_where_it_is_full) {
  const progress_figures_t beyond = {
      .what = "reading", .done = 9, .total = 4, .loss = NAN, .rate = NAN, .eta = NAN};
  const progress_figures_t full = {
      .what = "reading", .done = 4, .total = 4, .loss = NAN, .rate = NAN, .eta = NAN};
  char line[PROGRESS_LINE], other[PROGRESS_LINE];
  for (int width = 12; width < 90; width++) {
    progress_format(&beyond, width, line, sizeof line);
    progress_format(&full, width, other, sizeof other);
    cr_expect_eq(strchr(line, '[') == NULL ? 0 : strcspn(strchr(line, '['), "]"),
                 strchr(other, '[') == NULL ? 0 : strcspn(strchr(other, '['), "]"), "%s\n%s", line, other);
    cr_expect_lt((int)strlen(line), width, "%d: %s", width, line);
  }
}

/* Whatever the figures, and however narrow the terminal, the last column stays free. */
Test(progress, no_line_is_longer_than_the_terminal) {
  progress_figures_t all[] = {
      epoch,
      {.what = "reading /a/rather/long/path/to/some/table/that/has/rows.csv",
       .done = 3,
       .total = 4,
       .loss = NAN,
       .rate = NAN,
       .eta = 1e300},
      {.what = "",
       .unit = "step",
       .done = INT64_MAX,
       .total = INT64_MAX,
       .loss = -1e300,
       .rate = 1e30,
       .eta = 9},
      {.what = "writing x", .total = 0, .loss = NAN, .rate = NAN, .eta = NAN, .seconds = 1e7}};
  memset(all[2].what, 'x', sizeof all[2].what - 1);
  for (size_t k = 0; k < sizeof all / sizeof *all; k++)
    for (int width = 1; width < 250; width++) {
      char line[PROGRESS_LINE];
      progress_format(&all[k], width, line, sizeof line);
      cr_expect_lt((int)strlen(line), width, "%d: %s", width, line);
    }
}

/* A character of another script may take two columns, and is never cut in the middle. */
Test(progress, wide_characters_count_twice) {
  progress_figures_t wide = {
      .what = "読む 表.csv 読む 表.csv", .total = 0, .loss = NAN, .rate = NAN, .seconds = 5};
  expect(&wide, 33, "読む 表.csv 読む 表.csv  for 5 s");
  expect(&wide, 32, "読む 表.csv 読む 表.csv");
  expect(&wide, 20, "読む 表.csv 読む 表");
  expect(&wide, 19, "読む 表.csv 読む ");
}

Test(progress, figures_are_written_for_readers) {
  static const struct {
    double loss, rate, eta;
    const char *line;
  } cases[] = {
      {0, 9.94, 0, "loss 0.0000  9.9 rows/s  ETA 0 s"},
      {0.00098765, 9.96, 59.4, "loss 9.877e-04  10 rows/s  ETA 59 s"},
      {-0.5, 999.6, 59.6, "loss -0.5000  1,000 rows/s  ETA 1 min 0 s"},
      {123456, 1234567, 3599, "loss 1.235e+05  1,234,567 rows/s  ETA 59 min 59 s"},
      {NAN, 100, 3600, "100 rows/s  ETA 1 h 0 min"},
      {INFINITY, NAN, 90061, "loss inf  ETA 1 d 1 h"},
      {1, NAN, INFINITY, "loss 1.0000"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char expected[128];
    progress_figures_t figures = {.what = "w",
                                  .done = 1,
                                  .total = 2,
                                  .loss = cases[i].loss,
                                  .rate = cases[i].rate,
                                  .eta = cases[i].eta};
    snprintf(expected, sizeof expected, "w  50 %%  %s", cases[i].line);
    expect(&figures, 0, expected);
  }
}

/* ---- where it is shown ---- */

static void nap(double seconds) {
  nanosleep(&(struct timespec){(time_t)seconds, (long)(1e9 * (seconds - floor(seconds)))}, NULL);
}

static void *advance(void *context) {
  for (int i = 0; i < 100; i++) progress_advance(1);
  return context;
}

/* Other threads count, the owner writes. */
Test(progress, file_gets_plain_lines_at_the_interval) {
  char text[4096] = "";
  pthread_t other;
  FILE *file = tmpfile();
  progress_begin(10, NULL, "before it is open");
  progress_advance(5);
  progress_open(file);
  progress_set_interval(0.1);
  progress_set_prefix("member 2/5");
  progress_begin(400, "step", "%s\n", "work");
  cr_assert_eq(pthread_create(&other, NULL, advance, NULL), 0);
  pthread_join(other, NULL);
  const double begun = clock_seconds();
  while (clock_seconds() < begun + 0.55) progress_reach(200);
  progress_end();
  progress_advance(1);
  progress_set_interval(0);
  progress_begin(2, NULL, "silence");
  progress_advance(1);
  rewind(file);
  text[fread(text, 1, sizeof text - 1, file)] = '\0';
  int lines = 0;
  for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"), lines++)
    cr_expect(strstr(line, "member 2/5  work?  step 200/400  ETA ") == line, "%s", line);
  cr_expect(lines >= 2 && lines <= 5, "%d lines in 0.55 s", lines);
}

/* A terminal with a given number of columns, and the process that `work` runs in. */
static pid_t on_terminal(int width, void (*work)(FILE *terminal), int *master) {
  *master = posix_openpt(O_RDWR | O_NOCTTY);
  cr_assert(*master >= 0 && grantpt(*master) == 0 && unlockpt(*master) == 0);
  int slave = open(ptsname(*master), O_RDWR | O_NOCTTY);
  cr_assert_geq(slave, 0);
  cr_assert_eq(ioctl(slave, TIOCSWINSZ, &(struct winsize){.ws_col = (unsigned short)width, .ws_row = 24}), 0);
  pid_t child = fork();
  if (child == 0) {
    setenv("TERM", "xterm", 1);
    work(fdopen(slave, "w"));
    _exit(0);
  }
  close(slave);
  return child;
}

/* All that a terminal got until it was closed. */
static void read_terminal(int master, char *text, size_t size) {
  size_t used = 0;
  for (ssize_t n = 1; n > 0 && used + 1 < size; used += (size_t)n) {
    n = read(master, text + used, size - 1 - used);
    if (n < 0) break;
  }
  text[used] = '\0';
  close(master);
}

static void log_beside(FILE *terminal) {
  const log_t log = {.out = terminal};
  progress_open(terminal);
  progress_begin(100, "step", "long work");
  for (int i = 0; i < 14; i++, nap(0.1)) progress_advance(1);
  log_info(&log, "a message");
  progress_begin(100, "step", "short work");
  for (int i = 0; i < 5; i++, nap(0.1)) progress_advance(1);
  progress_end();
}

Test(progress, terminal_shows_work_of_a_second_and_clears_it_for_messages) {
  static char text[65536];
  int master = -1, status = -1;
  pid_t child = on_terminal(40, log_beside, &master);
  read_terminal(master, text, sizeof text);
  waitpid(child, &status, 0);
  cr_assert_eq(status, 0);
  char *first = strstr(text, "\rlong work ["), *message = strstr(text, "\r\033[Ka message\r\n");
  cr_assert(first == text && message != NULL, "%s", text);
  cr_expect_null(strchr(first, '\n') < message ? strchr(first, '\n') : NULL, "one line: %s", text);
  cr_expect_null(strstr(text, "short work"), "it takes less than a second");
}

static void work_in_pieces(FILE *terminal) {
  progress_open(terminal);
  for (int i = 0; i < 10; i++) {
    progress_begin(2, "step", "piece %d", i);
    nap(0.15);
    progress_advance(1);
    progress_end();
  }
}

/* Many short pieces of work, of which nothing is said, are long work. */
Test(progress, terminal_shows_short_work_after_a_second_of_silence) {
  static char text[65536];
  int master = -1, status = -1;
  pid_t child = on_terminal(40, work_in_pieces, &master);
  read_terminal(master, text, sizeof text);
  waitpid(child, &status, 0);
  cr_expect_null(strstr(text, "piece 3"), "%s", text);
  cr_expect_not_null(strstr(text, "\rpiece 9 ["), "%s", text);
  cr_expect(strlen(text) > 4 && strcmp(text + strlen(text) - 4, "\r\033[K") == 0, "%s", text);
}

static void work_for_two_seconds(FILE *terminal) {
  setenv("COLUMNS", "30", 1);
  progress_open(terminal);
  progress_begin(100, "step", "work");
  for (int i = 0; i < 20; i++, nap(0.1)) progress_advance(1);
}

/* The width is that of the terminal; COLUMNS counts only if the terminal does not know its own. */
Test(progress, terminal_without_a_width_has_that_of_columns) {
  static const int widths[][2] = {{0, 30}, {60, 60}};
  for (int k = 0; k < 2; k++) {
    static char text[65536];
    int master = -1, longest = 0;
    pid_t child = on_terminal(widths[k][0], work_for_two_seconds, &master);
    read_terminal(master, text, sizeof text);
    waitpid(child, NULL, 0);
    for (char *line = text; (line = strstr(line, "\rwork [")) != NULL; line++) {
      const int length = (int)strcspn(line + 1, "\033");
      longest = length > longest ? length : longest;
    }
    cr_expect(longest > widths[k][1] / 2 && longest < widths[k][1], "%d of %d columns", longest,
              widths[k][1]);
  }
}

static void wait_for_end(FILE *terminal) {
  progress_open(terminal);
  progress_begin(100, "step", "long work");
  for (int i = 0; i < 600; i++, nap(0.1)) progress_advance(0);
}

Test(progress, signal_clears_the_terminal_and_ends_the_process) {
  static char text[65536];
  int master = -1, status = -1;
  pid_t child = on_terminal(40, wait_for_end, &master);
  nap(1.5);
  kill(child, SIGINT);
  waitpid(child, &status, 0);
  read_terminal(master, text, sizeof text);
  cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT, "%d", status);
  cr_expect_not_null(strstr(text, "\rlong work ["), "%s", text);
  cr_expect(strlen(text) > 4 && strcmp(text + strlen(text) - 4, "\r\033[K") == 0, "%s", text);
}
