/* A job in the background is done once, its result comes back, and it does not take the place of others. */
#include "run/background.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

typedef struct {
  atomic_bool may_end;
  int done, priority;
  bool blocks_signals;
  ls_status status;
} work_t;

static ls_status work(void *context, ls_error *error) {
  work_t *own = context;
  sigset_t blocked;
  while (!atomic_load(&own->may_end)) nanosleep(&(struct timespec){0, 1000000}, NULL);
  own->done++;
  own->priority = getpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid));
  pthread_sigmask(SIG_SETMASK, NULL, &blocked);
  own->blocks_signals = sigismember(&blocked, SIGTERM) == 1 && sigismember(&blocked, SIGINT) == 1;
  return own->status == LS_OK ? LS_OK : error_set(error, own->status, "it is %s", "broken");
}

Test(background, a_job_is_done_beside_the_caller) {
  background_t *background = NULL;
  work_t own = {.status = LS_OK};
  ls_error error = {0};
  cr_assert_eq(background_create(&background, &error), LS_OK, "%s", error.message);
  cr_expect_not(background_is_busy(background));
  cr_expect_eq(background_wait(background, &error), LS_OK, "without a job");
  background_start(background, work, &own);
  cr_expect(background_is_busy(background));
  atomic_store(&own.may_end, true);
  cr_expect_eq(background_wait(background, &error), LS_OK);
  cr_expect_not(background_is_busy(background));
  cr_expect_eq(own.done, 1);
  cr_expect_gt(own.priority, getpriority(PRIO_PROCESS, 0), "the thread is as important as the others");
  cr_expect_eq(getpriority(PRIO_PROCESS, (id_t)getpid()), getpriority(PRIO_PROCESS, 0));
  cr_expect(own.blocks_signals, "the thread takes signals");
  background_destroy(&background);
  cr_expect_null(background);
}

Test(background, a_failure_comes_back_once_with_its_message) {
  background_t *background = NULL;
  work_t own = {.status = LS_IO};
  ls_error error = {0};
  atomic_store(&own.may_end, true);
  cr_assert_eq(background_create(&background, &error), LS_OK);
  background_start(background, work, &own);
  cr_expect_eq(background_wait(background, &error), LS_IO);
  cr_expect_str_eq(error.message, "it is broken");
  cr_expect_eq(background_wait(background, &error), LS_OK);
  own.status = LS_OK;
  background_start(background, work, &own);
  background_destroy(&background); /* waits */
  cr_expect_eq(own.done, 2);
}
