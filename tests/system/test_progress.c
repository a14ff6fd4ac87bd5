/* What a user sees while lockstep works, and where: results on stdout, progress and messages on stderr; a
 * line now and then in a log, a line drawn in place on a terminal. */
#include "system/run.h"

#include "base/clock.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void make(void) {
  place_make();
  write_dataset("data.h5", (spec_t){.rows = 20000});
  write_text(
      "slow.yaml",
      "data: {file: data.h5, scaling: standard, validation: 0.1}\n"
      "model: {layers: [{dense: {units: 512, activation: relu}}, {dense: {units: 512, activation: relu}},\n"
      "                 {dense: {units: 512, activation: relu}}, {dense: %d}]}\n"
      "loss: cross_entropy\n"
      "optimizer: {name: adam, learning_rate: 0.0001}\n"
      "train: {epochs: 3, global_batch_size: 2}\n"
      "parallel: {shards: 2, threads: 1}\n",
      CLASSES);
  write_text("quick.yaml",
             "data: {file: data.h5, scaling: standard, validation: 0.1}\n"
             "model: {layers: [{dense: %d}]}\n"
             "loss: cross_entropy\n"
             "train: {epochs: 3, global_batch_size: 128}\n"
             "parallel: {shards: 2, threads: 1}\n",
             CLASSES);
}

TestSuite(progress, .init = make, .fini = place_remove);

static void nap(double seconds) {
  nanosleep(&(struct timespec){(time_t)seconds, (long)(1e9 * (seconds - (double)(time_t)seconds))}, NULL);
}

static int count(const char *text, const char *part) {
  int n = 0;
  for (const char *at = text; (at = strstr(at, part)) != NULL; at += strlen(part)) n++;
  return n;
}

/* Waits until the log has `lines` lines of progress. */
static bool wait_for_lines(const char *part, int lines) {
  const double began = clock_seconds();
  while (clock_seconds() - began < 60) {
    if (file_exists("stderr.txt") && count(file_text("stderr.txt"), part) >= lines) return true;
    nap(0.05);
  }
  return false;
}

static void expect_plain(const char *text) {
  for (const char *at = text; *at != '\0'; at++)
    if ((unsigned char)*at < ' ' && *at != '\n') {
      cr_expect(false, "control character %d in the log", *at);
      return;
    }
}

/* ---- without a terminal ---- */

/* Alone, on two ranks of a node, and on two nodes, where steps must be interrupted for a line. */
Test(progress, log_gets_plain_lines_at_the_interval) {
  static const struct {
    int ranks;
    const char *words;
  } layouts[] = {{ALONE, ""}, {2, ""}, {2, "parallel.ranks_per_node=1"}};
  for (size_t k = 0; k < sizeof layouts / sizeof layouts[0]; k++) {
    const double began = clock_seconds();
    unlink("stderr.txt");
    pid_t launcher = run_start(layouts[k].ranks, "train slow.yaml --replace train.progress_every=0.2 %s",
                               layouts[k].words);
    const bool came = wait_for_lines("  step ", 4);
    run_signal_ranks(launcher, SIGTERM, 1);
    result_t result = run_finish(launcher, LIMIT_SECONDS);
    cr_expect(came, "%d rank(s) %s: %s", layouts[k].ranks, layouts[k].words, result.err);
    cr_expect_eq(result.code, 75, "%d\n%s", result.code, result.err);
    expect_plain(result.err);
    const int lines = count(result.err, "  step "), most = (int)((clock_seconds() - began) / 0.2);
    cr_expect(lines <= most, "%d lines instead of %d", lines, most);
    int step = 0, steps = 0, used = 0;
    double loss = 0;
    const char *line = strstr(result.err, "epoch 1/3  step ");
    cr_assert_not_null(line, "%s", result.err);
    cr_expect_eq(sscanf(line, "epoch 1/3  step %d/%d  loss %lf  %*[0-9,.] rows/s  ETA %n", &step, &steps,
                        &loss, &used),
                 3, "%.80s", line);
    cr_expect(step > 0 && step < steps && steps == 9000 && loss > 0 && used > 0, "%.80s", line);
  }
}

/* Neither at the default interval nor without any is a short run told more than the ends of its epochs, and
 * the lines change no bits. */
Test(progress, interval_changes_no_bits_and_0_is_silence) {
  run_well(2, "train quick.yaml name=a parallel.ranks_per_node=1 train.progress_every=0.001");
  result_t result = run_well(2, "train quick.yaml name=b parallel.ranks_per_node=1 train.progress_every=0");
  cr_expect_eq(count(result.err, "\nepoch "), 3, "%s", result.err);
  result = run_well(ALONE, "train quick.yaml name=c");
  cr_expect_eq(count(result.err, "\nepoch "), 3, "%s", result.err);
  outcome_t a = outcome_of("a"), b = outcome_of("b"), c = outcome_of("c");
  outcome_expect_same(&a, &b, "without lines");
  outcome_expect_same(&a, &c, "at the usual interval");
  result = run(ALONE, "train quick.yaml name=d train.progress_every=-1");
  cr_expect(result.code == 2 && strstr(result.err, "train.progress_every") != NULL, "%s", result.err);
  run_well(ALONE, "train quick.yaml --resume name=a train.epochs=4 train.progress_every=3");
}

/* ---- results ---- */

/* The file of `train > results.txt` says which parameters they are, how good, and where. */
Test(progress, results_of_a_run_are_on_stdout) {
  char checksum[64], line[128];
  for (int ranks = 0; ranks <= 2; ranks += 2) {
    result_t result = run_well(ranks, "train quick.yaml --replace");
    json_value(file_text("runs/quick/summary.json"), "parameters_checksum", checksum);
    snprintf(line, sizeof line, "parameters checksum: %s\n", checksum);
    cr_expect(strstr(result.out, "model.h5 holds the best parameters, of step ") == result.out, "%s",
              result.out);
    cr_expect_not_null(strstr(result.out, "\ntest loss "), "%s", result.out);
    cr_expect_not_null(strstr(result.out, line), "%s", result.out);
    cr_expect_not_null(strstr(result.out, "run directory: runs/quick\n"), "%s", result.out);
    cr_expect_eq(count(result.out, "\n"), 4, "%s", result.out);
    cr_expect_eq(count(result.err, "test loss") + count(result.err, checksum), 0, "%s", result.err);
    cr_expect_eq(count(result.err, "\nepoch "), 3, "%s", result.err);
  }
}

/* Members' own figures are in the log, those of the ensemble are the result. */
Test(progress, results_of_an_ensemble_are_its_own) {
  result_t result = run_well(ALONE, "train quick.yaml train.members=2");
  cr_expect_eq(count(result.out, "test loss "), 1, "%s", result.out);
  cr_expect_eq(count(result.out, "run directory: "), 1, "%s", result.out);
  cr_expect_not_null(strstr(result.out, "run directory: runs/quick\n"), "%s", result.out);
  cr_expect_eq(count(result.err, "test loss "), 2, "%s", result.err);
}

Test(progress, results_that_cannot_be_written_are_an_error) {
  static const char *const commands[] = {"train quick.yaml --replace", "check quick.yaml", "info data.h5",
                                         "lr-find quick.yaml", "eval runs/quick"};
  for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
    result_t result = run_command("sh -c '%s %s > /dev/full'", run_launcher(ALONE), commands[i]);
    cr_expect(result.code == 1 && strstr(result.err, "could not be written to the standard output") != NULL,
              "%s: %d %s", commands[i], result.code, result.err);
  }
}

/* ---- on a terminal ---- */

/* A terminal that only knows what lockstep uses: a line may be drawn over, and cleared to its end. */
typedef struct {
  int width, column, longest;
  int drawn;       /* how often the line of an epoch was left for its beginning */
  int escape;      /* characters of an escape sequence so far */
  char line[1024]; /* the last line */
  char all[1 << 16];
  size_t used;
} screen_t;

static void screen_take(screen_t *screen, const char *text, size_t n) {
  for (size_t i = 0; i < n; i++) {
    const char c = text[i];
    if (screen->used + 1 < sizeof screen->all) screen->all[screen->used++] = c; /* as it came, for messages */
    if (c == '\r') {
      screen->drawn += screen->column > 0 && screen->line[0] == 'e';
      screen->column = 0;
    } else if (c == '\n') {
      memset(screen->line, 0, sizeof screen->line);
    } else if (c == '\033') {
      screen->escape = 1;
    } else if (screen->escape == 1) {
      screen->escape = c == '[' ? 2 : 0;
    } else if (screen->escape == 2) {
      if (c == 'K') memset(screen->line + screen->column, 0, sizeof screen->line - (size_t)screen->column);
      screen->escape = 0;
    } else if (screen->column + 1 < (int)sizeof screen->line) {
      screen->line[screen->column++] = c;
      if (screen->column > screen->longest && strstr(screen->line, "epoch ") == screen->line &&
          strstr(screen->line, "[") != NULL)
        screen->longest = screen->column;
    }
  }
}

/* Starts a command on a terminal with a given number of columns, which is its controlling terminal. */
static pid_t start_on_terminal(int width, const char *command, int *master) {
  *master = posix_openpt(O_RDWR | O_NOCTTY);
  cr_assert(*master >= 0 && grantpt(*master) == 0 && unlockpt(*master) == 0);
  ioctl(*master, TIOCSWINSZ, &(struct winsize){.ws_col = (unsigned short)width, .ws_row = 24});
  pid_t child = fork();
  if (child > 0) return child;
  setsid();
  int slave = open(ptsname(*master), O_RDWR);
  ioctl(slave, TIOCSCTTY, 0);
  for (int f = 0; f < 3; f++) dup2(slave, f);
  setenv("TERM", "xterm", 1);
  execl("/bin/sh", "sh", "-c", command, (char *)NULL);
  _exit(127);
}

/* Reads the terminal until `drawn` lines were drawn over, or the end. */
static void watch(int master, screen_t *screen, int drawn) {
  char text[4096];
  for (ssize_t n; screen->drawn < drawn && (n = read(master, text, sizeof text)) > 0;)
    screen_take(screen, text, (size_t)n);
}

static void expect_bar(int width, const char *words, int code) {
  static screen_t screen;
  int master = -1, status = 0;
  char command[1200];
  screen = (screen_t){.width = width};
  snprintf(command, sizeof command, "exec %s %s", run_launcher(ALONE), words);
  pid_t child = start_on_terminal(width, command, &master);
  watch(master, &screen, 8);
  cr_expect_geq(screen.drawn, 8, "%s", screen.all);
  cr_expect(screen.longest > 0 && screen.longest < width, "%d columns of %d: %s", screen.longest, width,
            screen.all);
  cr_assert_eq(write(master, "\003", 1), 1); /* Ctrl-C */
  watch(master, &screen, 1 << 30);
  waitpid(child, &status, 0);
  close(master);
  const int ended = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  cr_expect_eq(ended, code, "%d: %s", ended, screen.all);
  cr_expect_str_eq(screen.line, "", "nothing is left on the last line: '%s'", screen.line);
  char *message = strstr(screen.all, "lockstep: stopped after");
  if (code == 75)
    cr_expect(message != NULL && strncmp(message - 4, "\r\033[K", 4) == 0, "it has a line of its own: %s",
              screen.all);
}

Test(progress, bar_fits_into_60_columns_and_is_cleared_by_ctrl_c) {
  expect_bar(60, "train slow.yaml", 75);
}

Test(progress, bar_fits_into_80_and_200_columns) {
  expect_bar(80, "train slow.yaml", 75);
  expect_bar(200, "train slow.yaml --replace", 75);
}

/* A log beside a terminal gets no control characters, and TERM=dumb is no terminal for a bar. */
Test(progress, bar_is_never_in_a_file) {
  static screen_t screen;
  int master = -1, status = 0;
  char command[1200];
  screen = (screen_t){.width = 80};
  snprintf(command, sizeof command,
           "%s train slow.yaml train.progress_every=0.3 train.steps=600 2>log.txt; "
           "TERM=dumb %s train slow.yaml --replace train.progress_every=0.3 train.steps=600",
           run_launcher(ALONE), run_launcher(ALONE));
  pid_t child = start_on_terminal(80, command, &master);
  watch(master, &screen, 1 << 30);
  waitpid(child, &status, 0);
  close(master);
  cr_expect_eq(status, 0, "%s", screen.all);
  cr_expect_geq(count(file_text("log.txt"), "  step "), 1);
  expect_plain(file_text("log.txt"));
  cr_expect_null(strchr(screen.all, '\033'), "%s", screen.all);
}
