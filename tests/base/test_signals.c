/* Signals are noted until they are asked for, and do nothing else. */
#include "base/signals.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

Test(signals, are_noted_until_they_are_taken) {
  signals_note();
  cr_assert_eq(signals_take(), 0);
  kill(getpid(), SIGTERM);
  kill(getpid(), SIGTERM);
  cr_assert_eq(signals_take(), SIGTERM);
  cr_assert_eq(signals_take(), 0, "a signal counts once");
  kill(getpid(), SIGUSR1);
  cr_assert_eq(signals_take(), SIGUSR1);
  kill(getpid(), SIGINT);
  cr_assert_eq(signals_take(), SIGINT);
}

Test(signals, to_continue_are_no_requests_to_stop) {
  signals_note();
  kill(getpid(), SIGCONT);
  cr_assert_eq(signals_take(), 0);
  cr_assert(signals_take_continued());
  cr_assert_not(signals_take_continued(), "a signal counts once");
}

static void *raise_in_thread(void *number) {
  raise(*(int *)number);
  return NULL;
}

Test(signals, are_noted_whichever_thread_they_come_to) {
  pthread_t thread;
  int number = SIGTERM;
  signals_note();
  cr_assert_eq(pthread_create(&thread, NULL, raise_in_thread, &number), 0);
  pthread_join(thread, NULL);
  cr_assert_eq(signals_take(), SIGTERM);
}

Test(signals, that_are_ignored_stay_ignored) {
  signal(SIGINT, SIG_IGN);
  signals_note();
  kill(getpid(), SIGINT);
  cr_assert_eq(signals_take(), 0);
}

Test(signals, of_a_file_that_grows_too_large_are_errors) {
  char byte[2] = {0}, path[] = "/tmp/lockstep-signals-XXXXXX";
  int file = mkstemp(path);
  struct rlimit limit = {1, 1};
  signals_as_errors();
  cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
  cr_expect_eq(write(file, byte, sizeof byte), 1);
  cr_expect_eq(write(file, byte, sizeof byte), -1);
  cr_expect_eq(errno, EFBIG);
  close(file);
  unlink(path);
}

Test(signals, have_names) {
  cr_assert_str_eq(signals_name(SIGTERM), "SIGTERM");
  cr_assert_str_eq(signals_name(SIGUSR1), "SIGUSR1");
  cr_assert_str_eq(signals_name(0), "a signal");
}
