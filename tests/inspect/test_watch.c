/* Following a run by its files alone: a log that grows, with half a line at its end; files that are replaced;
 * the end of the run, and a run whose owner is gone. The owner of the lock is this test. */
#include "inspect/place.h"

#include "base/clock.h"
#include "base/owner.h"
#include "base/signals.h"
#include "inspect/watch.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>

#define START                                                                                                \
  "{\"event\": \"start\", \"step\": 0, \"time\": 100, \"layout\": \"1 node x 1 rank x 1 thread, 1 "          \
  "shard\"}\n"
#define EPOCH(number, step, loss) EPOCH_AT("10" number, number, step, loss)
#define EPOCH_AT(time, number, step, loss)                                                                   \
  "{\"event\": \"epoch\", \"epoch\": " number ", \"step\": " step ", \"train_loss\": " loss                  \
  ", \"valid_loss\": " loss ", \"valid_accuracy\": 0.5, \"rows\": 100, \"seconds\": 2, \"seconds_forward\":" \
  " 1.5, \"seconds_wait\": 0.5, \"time\": " time "}\n"
#define STOP(reason) "{\"event\": \"stop\", \"step\": 22, \"time\": 109, \"reason\": \"" reason "\"}\n"

static void take_lock(void) {
  char text[OWNER_TEXT_SIZE];
  owner_t self = owner_self();
  owner_text(&self, text);
  put_file("runs/.a.lock", text);
}

static void set_up(void) {
  place_make();
  put_file("runs/a/config.yaml", "name: a\nruns: runs\ntrain:\n  epochs: 4\n");
  put_file("runs/a/log.jsonl", START EPOCH("1", "11", "0.5"));
  take_lock();
}

TestSuite(watch, .init = set_up, .fini = place_remove, .timeout = 120);

static void grow(const char *text) {
  FILE *log = fopen("runs/a/log.jsonl", "a");
  fputs(text, log);
  fclose(log);
}

/* Watches runs/a in a child, which writes to `file`; it ends with the exit code of the status. */
static pid_t start(int file, watch_options_t options) {
  fflush(NULL);
  pid_t child = fork();
  if (child > 0) return child;
  ls_error error = {0};
  dup2(file, 1);
  signals_note();
  options.run = "a";
  options.every = 0.05;
  ls_status status = watch_run(&options, &error);
  fflush(stdout);
  if (status != LS_OK) dprintf(1, "%s\n", error.message);
  _exit(ls_status_exit_code(status));
}

static const char *text_of(const char *path) {
  static char text[1 << 16];
  FILE *file = fopen(path, "r");
  size_t n = fread(text, 1, sizeof text - 1, file);
  fclose(file);
  text[n] = '\0';
  return text;
}

static void wait_for(const char *path, const char *part) {
  double began = clock_seconds();
  while (strstr(text_of(path), part) == NULL && clock_seconds() - began < 30)
    nanosleep(&(struct timespec){0, 20000000}, NULL);
  cr_assert_not_null(strstr(text_of(path), part), "'%s' is not in\n%s", part, text_of(path));
}

static int code_of(pid_t child) {
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int out_file(void) {
  return open("out.txt", O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0666);
}

static int count(const char *text, const char *part) {
  int n = 0;
  for (const char *at = text; (at = strstr(at, part)) != NULL; at += strlen(part)) n++;
  return n;
}

Test(watch, each_epoch_is_a_line_once_it_is_complete) {
  int file = out_file();
  pid_t child = start(file, (watch_options_t){0});
  wait_for("out.txt", "epoch 1/4  train_loss 0.5  valid_loss 0.5  valid_accuracy 0.5  50 rows/s  ETA ");
  cr_expect_not_null(strstr(text_of("out.txt"), "a: running, process "), "%s", text_of("out.txt"));
  static const char second[] = EPOCH("2", "22", "0.25");
  char half[sizeof second];
  snprintf(half, sizeof half, "%.*s", 60, second);
  grow(half);
  nanosleep(&(struct timespec){0, 300000000}, NULL);
  cr_expect_null(strstr(text_of("out.txt"), "epoch 2/4"));
  grow(second + 60);
  wait_for("out.txt", "epoch 2/4  train_loss 0.25");
  grow(STOP("time_limit"));
  unlink("runs/.a.lock");
  cr_expect_eq(code_of(child), 75);
  const char *text = text_of("out.txt");
  cr_expect_eq(count(text, "epoch 1/4"), 1, "%s", text);
  cr_expect_eq(count(text, "epoch 2/4"), 1, "%s", text);
  cr_expect_not_null(strstr(text, "a: stopped: train.time_limit is near; ended "), "%s", text);
  cr_expect_not_null(strstr(text, "the run a is stopped: train.time_limit is near"), "%s", text);
  cr_expect_null(strchr(text, '\033'));
  close(file);
}

Test(watch, run_without_a_directory_yet_is_waited_for) {
  cr_assert_eq(rename("runs/a", "runs/later"), 0);
  int file = out_file();
  pid_t child = start(file, (watch_options_t){0});
  wait_for("out.txt", "a: running");
  cr_assert_eq(rename("runs/later", "runs/a"), 0);
  wait_for("out.txt", "epoch 1/4");
  kill(child, SIGTERM);
  cr_expect_eq(code_of(child), 75);
  close(file);
}

/* A resumed run repeats epochs after its checkpoint. */
Test(watch, epochs_that_come_again_are_lines_again) {
  int file = out_file();
  pid_t child = start(file, (watch_options_t){0});
  grow(EPOCH("2", "22", "0.25"));
  wait_for("out.txt", "epoch 2/4");
  grow("{\"event\": \"resume\", \"step\": 11, \"time\": 110, \"layout\": \"\"}\n");
  grow(EPOCH_AT("111", "2", "22", "0.125"));
  wait_for("out.txt", "epoch 2/4  train_loss 0.125");
  grow(STOP("epochs"));
  unlink("runs/.a.lock");
  cr_expect_eq(code_of(child), 0, "%s", text_of("out.txt"));
  close(file);
}

Test(watch, run_whose_owner_is_gone_is_interrupted) {
  owner_t dead = owner_self();
  char text[OWNER_TEXT_SIZE];
  dead.started--; /* another process has its number */
  owner_text(&dead, text);
  put_file("runs/.a.lock", text);
  int file = out_file();
  cr_expect_eq(code_of(start(file, (watch_options_t){0})), 1);
  cr_expect_not_null(strstr(text_of("out.txt"), "a: interrupted: its process is gone"), "%s",
                     text_of("out.txt"));
  close(file);
}

Test(watch, failed_run_ends_with_1) {
  grow(STOP("diverged"));
  unlink("runs/.a.lock");
  int file = out_file();
  cr_expect_eq(code_of(start(file, (watch_options_t){0})), 1);
  cr_expect_not_null(strstr(text_of("out.txt"), "the numbers were not finite any more"));
  close(file);
}

Test(watch, signal_ends_it_and_not_the_run) {
  int file = out_file();
  pid_t child = start(file, (watch_options_t){0});
  wait_for("out.txt", "epoch 1/4");
  kill(child, SIGINT);
  cr_expect_eq(code_of(child), 75);
  cr_expect_not_null(strstr(text_of("out.txt"), "the run a goes on"));
  close(file);
}

Test(watch, once_prints_the_present_state) {
  int file = out_file();
  grow(EPOCH("2", "22", "0.25") "{\"event\": \"epoch\", \"epoch\": 3");
  setenv("LC_ALL", "C", 1);
  cr_expect_eq(code_of(start(file, (watch_options_t){.is_once = true})), 0);
  const char *text = text_of("out.txt");
  static const char *const parts[] = {"a: running, process ",
                                      "epoch 2/4 [",
                                      "step 22/44  loss 0.2500  50 rows/s",
                                      "newest  valid_loss 0.25  valid_accuracy 0.5\n",
                                      "best    valid_loss 0.25 in epoch 2\n",
                                      "phases  forward 75 %  wait 25 %\n",
                                      "layout  1 node x 1 rank x 1 thread, 1 shard\n",
                                      "train_loss 0.25",
                                      "#"};
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
    cr_expect_not_null(strstr(text, parts[i]), "'%s' is not in\n%s", parts[i], text);
  cr_expect_null(strstr(text, "█"));
  setenv("LC_ALL", "de_DE.UTF-8", 1);
  cr_expect_eq(code_of(start(file, (watch_options_t){.is_once = true})), 0);
  cr_expect_not_null(strstr(text_of("out.txt"), "█"));
  close(file);
}

Test(watch, columns_must_exist) {
  int file = out_file();
  cr_expect_eq(code_of(start(file, (watch_options_t){.is_once = true, .columns = "valid_los"})), 2);
  cr_expect_not_null(strstr(text_of("out.txt"), "did you mean valid_loss?"), "%s", text_of("out.txt"));
  close(file);
}

/* What a terminal gets within a second, and no line of it is as wide as the terminal. */
static void expect_page(unsigned short width, unsigned short height) {
  int master = posix_openpt(O_RDWR | O_NOCTTY);
  cr_assert(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
  int slave = open(ptsname(master), O_RDWR | O_NOCTTY);
  ioctl(master, TIOCSWINSZ, &(struct winsize){.ws_col = width, .ws_row = height});
  setenv("TERM", "xterm", 1);
  setenv("LC_ALL", "C.UTF-8", 1);
  pid_t child = start(slave, (watch_options_t){0});
  static char text[1 << 16];
  size_t used = 0;
  double began = clock_seconds();
  while (count(text, "\033[J") < 2 && clock_seconds() - began < 30) { /* two pages */
    ssize_t n = read(master, text + used, sizeof text - 1 - used);
    used += n > 0 ? (size_t)n : 0;
    text[used] = '\0';
  }
  kill(child, SIGINT);
  cr_expect_eq(code_of(child), 75);
  close(slave);
  close(master);
  if (height > 10) cr_expect_not_null(strstr(text, "█"));
  char up[16], *end = strstr(text, "\033[J");
  int lines = 0;
  cr_assert_not_null(end);
  *end = '\0';
  for (char *rest = text, *line = NULL; (line = strsep(&rest, "\n")) != NULL && rest != NULL; lines++) {
    int columns = 0;
    for (const char *at = line; *at != '\0' && *at != '\033'; at++)
      columns += ((unsigned char)*at & 0xC0) != 0x80;
    cr_expect_lt(columns, width, "%s", line);
  }
  cr_expect_lt(lines, height);
  snprintf(up, sizeof up, "\033[%dA", lines);
  cr_expect_not_null(strstr(end + 1, up), "the second page is drawn over the first");
}

Test(watch, page_fits_into_terminals) {
  grow(EPOCH("2", "22", "0.25"));
  expect_page(60, 24);
  expect_page(80, 24);
  expect_page(200, 50);
  expect_page(20, 5);
}
