#include "run/background.h"

#include "base/clock.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* How much nicer the thread is than the threads that compute. On a core that both want, the kernel gives it a
 * quarter of the time. */
enum { NICER = 5 };

struct background {
  pthread_t thread;
  pthread_mutex_t mutex; /* guards what follows, but for `busy` of readers */
  pthread_cond_t changed;
  background_job_t *job; /* to do, or at work; NULL: none */
  void *context;
  atomic_bool busy;
  bool ends;
  ls_error result; /* of the last job */
  background_cost_t cost;
};

/* Both may be refused; then the thread has the usual priority. */
static void step_back(void) {
  const struct sched_param none = {0};
  id_t thread = (id_t)syscall(SYS_gettid);
  sched_setscheduler(0, SCHED_BATCH, &none); /* of this thread alone */
  setpriority(PRIO_PROCESS, thread, getpriority(PRIO_PROCESS, thread) + NICER);
}

static double core_seconds(void) {
  struct timespec used;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return (double)used.tv_sec + 1e-9 * (double)used.tv_nsec;
}

/* Called with the mutex held, which is free while the job works. */
static void do_job(background_t *background) {
  ls_error result = {0};
  pthread_mutex_unlock(&background->mutex);
  double began = clock_seconds(), core = core_seconds();
  result.status = background->job(background->context, &result);
  background_cost_t cost = {clock_seconds() - began, core_seconds() - core};
  pthread_mutex_lock(&background->mutex);
  background->result = result;
  background->cost = cost;
  background->job = NULL;
  atomic_store(&background->busy, false);
  pthread_cond_broadcast(&background->changed);
}

static void *work(void *argument) {
  background_t *background = argument;
  step_back();
  pthread_mutex_lock(&background->mutex);
  while (!background->ends || background->job != NULL)
    if (background->job != NULL)
      do_job(background);
    else
      pthread_cond_wait(&background->changed, &background->mutex);
  pthread_mutex_unlock(&background->mutex);
  return NULL;
}

ls_status background_create(background_t **out, ls_error *error) {
  background_t *background = calloc(1, sizeof *background);
  sigset_t all, before;
  if (background == NULL) return error_set(error, LS_NO_MEMORY, "no memory for a thread that saves");
  pthread_mutex_init(&background->mutex, NULL);
  pthread_cond_init(&background->changed, NULL);
  atomic_init(&background->busy, false);
  sigfillset(&all); /* signals are the main thread's */
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int code = pthread_create(&background->thread, NULL, work, background);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (code != 0) {
    free(background);
    return error_set(error, LS_FAILED, "no thread to save checkpoints with: %s", strerror(code));
  }
  *out = background;
  return LS_OK;
}

void background_destroy(background_t **background) {
  background_t *own = *background;
  if (own == NULL) return;
  pthread_mutex_lock(&own->mutex);
  own->ends = true;
  pthread_cond_broadcast(&own->changed);
  pthread_mutex_unlock(&own->mutex);
  pthread_join(own->thread, NULL);
  pthread_cond_destroy(&own->changed);
  pthread_mutex_destroy(&own->mutex);
  free(own);
  *background = NULL;
}

void background_start(background_t *background, background_job_t *job, void *context) {
  pthread_mutex_lock(&background->mutex);
  background->job = job;
  background->context = context;
  background->result = (ls_error){0};
  atomic_store(&background->busy, true);
  pthread_cond_broadcast(&background->changed);
  pthread_mutex_unlock(&background->mutex);
}

bool background_is_busy(const background_t *background) {
  return background != NULL && atomic_load(&background->busy);
}

ls_status background_wait(background_t *background, ls_error *error) {
  pthread_mutex_lock(&background->mutex);
  while (background->job != NULL) pthread_cond_wait(&background->changed, &background->mutex);
  ls_error result = background->result;
  background->result = (ls_error){0};
  pthread_mutex_unlock(&background->mutex);
  if (result.status != LS_OK && error != NULL) *error = result;
  return result.status;
}

background_cost_t background_cost(const background_t *background) {
  return background->cost;
}
