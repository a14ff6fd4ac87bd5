#include "comm/watch.h"

#include "base/clock.h"
#include "base/progress.h"
#include "base/text.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
  MOST_SIBLINGS = 4096,
  TEXT_SIZE = 1024,
  NAP_NANOSECONDS = 100000000,
  PARTS_TO_END = 4,
  MOST_FILES = 1024,
  SECONDS_TO_WAKE = 4
};

static const double DEFAULT_TIMEOUT = 300, LOOK_SECONDS = 1, LONGEST_LOOK = 2, LONGEST_PART = 10,
                    STOPPED_SECONDS = 10;

static const char timeout_variable[] = "LOCKSTEP_TIMEOUT";

/* One for the process, like the page. All members are guarded by the mutex, apart from the first line. */
static struct {
  bool runs, is_launched;
  int page;
  pthread_t thread;
  pthread_t main;
  pthread_mutex_t mutex;
  pthread_cond_t wake;
  bool ends;
  const char *call; /* the call that the main thread is in; NULL: none */
  unsigned calls;   /* tells one call from the next */
  const peer_t *peers;
  int n;
  double timeout;      /* of the call */
  const peer_t *ranks; /* of watch_ranks */
  int n_ranks;
  double main_timeout;
  double to_end;  /* valid when lost: seconds until the thread ends the process */
  double looked;  /* time of the last look */
  double stopped; /* when the thread found that the process had not run */
  bool is_lost, reports;
  char why[TEXT_SIZE];
} watch = {.page = -1, .mutex = PTHREAD_MUTEX_INITIALIZER};

/* Whether the user gives a timeout, or none. */
static bool read_timeout(double *out) {
  const char *text = getenv(timeout_variable);
  *out = DEFAULT_TIMEOUT;
  return text == NULL || (text_double(text, out) && *out >= 0);
}

double watch_default_timeout(void) {
  double seconds = 0;
  return read_timeout(&seconds) ? seconds : DEFAULT_TIMEOUT;
}

ls_status watch_check_timeout(ls_error *error) {
  double seconds = 0;
  if (read_timeout(&seconds)) return LS_OK;
  return error_set(error, LS_USAGE, "%s: '%.60s' is not a number of seconds, 0 or more", timeout_variable,
                   getenv(timeout_variable));
}

int watch_page(void) {
  return watch.page;
}

/* ---- the end of the process ---- */

static void tell(const char *message) {
  progress_clear();
  fprintf(stderr, "lockstep: %s\n", message);
  fflush(stderr);
}

static void end_process(const char *message) {
  if (message != NULL) tell(message);
  _exit(1);
}

static double processor_seconds(void) {
  clockid_t clock;
  struct timespec used;
  if (pthread_getcpuclockid(watch.main, &clock) != 0 || clock_gettime(clock, &used) != 0) return 0;
  return (double)used.tv_sec + 1e-9 * (double)used.tv_nsec;
}

static double part_of(double timeout) {
  return timeout / 10 > LONGEST_PART ? LONGEST_PART : timeout / 10;
}

/* Sleeps, and shows the others that this rank is alive. */
static void pass(double seconds) {
  double until = clock_seconds() + seconds;
  for (double now; (now = clock_seconds()) < until;) {
    atomic_store(&activity_page()->seen, now);
    nanosleep(&(struct timespec){0, NAP_NANOSECONDS}, NULL);
  }
}

static bool is_in_call(unsigned number) {
  pthread_mutex_lock(&watch.mutex);
  bool same = watch.call != NULL && watch.calls == number;
  pthread_mutex_unlock(&watch.mutex);
  return same;
}

static const char init_advice[] =
    ". Check that every rank has started, that the hosts reach each other (firewall, choice of the network "
    "interface), and that the launcher belongs to the MPI library (`lockstep --version`)";

static void describe_call(const char *call, double waited, const survey_t *survey, char *out, size_t size) {
  char host[64] = "", others[TEXT_SIZE / 2];
  gethostname(host, sizeof host - 1);
  int rank = atomic_load(&activity_page()->rank);
  if (survey->found > 0) {
    board_describe(&survey->first, host, others, sizeof others);
    snprintf(out, size, "%s (%s of rank %d waits for %.3g s)", others, call, rank, waited);
  } else {
    snprintf(
        out, size,
        "%s of rank %d on %s has not returned for %.3g s; no rank of this host is stopped or gone, so it "
        "waits for another host, or for the MPI library",
        call, rank, host, waited);
  }
  size_t used = strlen(out);
  if (strcmp(call, "MPI_Init") == 0)
    snprintf(out + used, size - used, "%s", init_advice);
  else
    snprintf(out + used, size - used, ", so the job ends");
}

/* Lets stopped ranks of this host go on, into the end of the job, if the launcher has not ended them soon
 * after this process. A launcher that is in the middle of a word with such a rank waits for the rest of it,
 * and notices nothing else. A child does this, because the launcher acts on the end of this process. The
 * child keeps no file, since the launcher reads them to their end. */
static void wake_stopped_later(const peer_t *peers, int n) {
  if (peers == NULL || fork() != 0) return;
  setsid();
  for (int file = 0; file < MOST_FILES; file++) close(file);
  nanosleep(&(struct timespec){.tv_sec = SECONDS_TO_WAKE}, NULL);
  for (int i = 0; i < n; i++)
    if (peers[i].process > 0 && peers[i].page >= 0 && board_look(&peers[i], 0).state == PEER_STOPPED)
      kill((pid_t)peers[i].process, SIGCONT);
  _exit(1);
}

/* Of the ranks of this host that give up, one reports. Takes about two parts of the timeout. */
static bool claim_report(double timeout, const peer_t *peers, int n, survey_t *survey) {
  activity_page_t *page = activity_page();
  if (watch_was_stopped() || board_survey(peers, n, timeout / 2).gone > 0) pass(WATCH_SECONDS_FOR_OTHERS);
  atomic_store(&page->lost, LOST);
  pass(part_of(timeout));
  *survey = board_survey(peers, n, timeout / 2);
  bool reports = survey->leads && !survey->is_claimed;
  if (reports)
    atomic_store(&page->lost, LOST_REPORTS);
  else
    pass(part_of(timeout) + LOOK_SECONDS);
  return reports;
}

/* The main thread has been in a call for too long. The other ranks of this host are likely to find the same
 * at the same time; the one of the lowest rank reports. Returns if the call has returned after all. */
static void end_call(const char *call, unsigned number, double waited, peer_t *peers, int n) {
  char text[TEXT_SIZE];
  survey_t survey;
  bool reports = claim_report(waited, peers, n, &survey);
  describe_call(call, waited, &survey, text, sizeof text);
  if (is_in_call(number)) {
    if (reports) tell(text);
    if (reports) wake_stopped_later(peers, n);
    end_process(NULL);
  }
  atomic_store(&activity_page()->lost, LOST_NOT);
}

/* The main thread is blocked, and no rank of this host waits. */
static void end_blocked(double waited, const peer_t *peers, int n) {
  const peer_t self = {(int)getpid(), watch.page, -1};
  const look_t look = board_look(&self, waited / 2);
  char host[64] = "", text[TEXT_SIZE];
  survey_t survey;
  double ran = processor_seconds();
  bool reports = claim_report(waited, peers, n, &survey);
  if (processor_seconds() > ran) { /* it moves after all */
    atomic_store(&activity_page()->lost, LOST_NOT);
    return;
  }
  if (!reports) end_process(NULL);
  gethostname(host, sizeof host - 1);
  board_describe(&look, host, text, sizeof text);
  size_t used = strlen(text);
  snprintf(text + used, sizeof text - used, ", so the job ends (its main thread has not moved for %.3g s)",
           waited);
  end_process(text);
}

/* ---- looks ---- */

/* What the thread remembers from one look to the next. */
typedef struct {
  double last;         /* when it looked */
  unsigned long beats; /* of the main thread */
  double ran, seen;    /* its processor time; when it was last seen waiting */
  unsigned call;
  double in_call; /* seconds */
  double still;   /* seconds without a sign of the main thread */
} view_t;

/* Notes on the page what has moved since the last look. */
static void note_moves(view_t *view, double now, double passed) {
  activity_page_t *page = activity_page();
  unsigned long beats = atomic_load_explicit(&page->beats, memory_order_relaxed);
  double ran = processor_seconds(), seen = atomic_load_explicit(&page->seen, memory_order_relaxed);
  if (beats != view->beats) atomic_store_explicit(&page->moved, now, memory_order_relaxed);
  if (ran > view->ran) atomic_store_explicit(&page->ran, now, memory_order_relaxed);
  bool is_still = beats == view->beats && ran <= view->ran && seen <= view->seen;
  view->still = is_still ? view->still + passed : 0;
  view->beats = beats;
  view->ran = ran;
  view->seen = seen;
}

/* The ranks that a call waits for, as far as they are on this host. NULL: nothing is known of them. The
 * caller frees the table. */
static peer_t *copy_peers(const peer_t *peers, int *n) {
  size_t most = peers != NULL ? (size_t)*n : MOST_SIBLINGS;
  peer_t *copy = peers != NULL || watch.is_launched ? calloc(most, sizeof *copy) : NULL;
  *n = copy == NULL ? 0 : (int)most;
  if (copy != NULL && peers != NULL) memcpy(copy, peers, most * sizeof *peers);
  if (copy != NULL && peers == NULL) *n = board_siblings(copy, (int)most);
  return copy;
}

/* Looks after the call that the main thread is in. The mutex is released while the job ends. */
static void look_after_call(view_t *view) {
  int n = watch.n;
  const char *call = watch.call;
  double timeout = watch.timeout;
  if (timeout <= 0 || view->in_call <= timeout) {
    atomic_store(&activity_page()->seen, view->last);
    return;
  }
  peer_t *peers = copy_peers(watch.peers, &n);
  pthread_mutex_unlock(&watch.mutex);
  end_call(call, view->call, timeout, peers, n);
  free(peers);
  pthread_mutex_lock(&watch.mutex);
  view->in_call = 0;
}

/* Looks after a main thread that is in no such call. If a rank of this host waits, it is for that one to
 * judge. */
static void look_after_main(view_t *view) {
  int n = watch.n_ranks;
  double timeout = watch.main_timeout;
  if (timeout <= 0 || view->still <= timeout || watch.is_lost || watch.ranks == NULL) return;
  peer_t *peers = copy_peers(watch.ranks, &n);
  pthread_mutex_unlock(&watch.mutex);
  if (board_survey(peers, n, timeout).waits == 0) end_blocked(timeout, peers, n);
  free(peers);
  pthread_mutex_lock(&watch.mutex);
}

/* Called with the mutex. */
static void look(view_t *view) {
  double now = clock_seconds(), passed = now - view->last;
  if (passed > LONGEST_LOOK) { /* the process could not run */
    passed = LONGEST_LOOK;
    watch.stopped = now;
  }
  view->last = watch.looked = now;
  note_moves(view, now, passed);
  if (watch.is_lost && (watch.to_end -= passed) < 0) end_process(watch.reports ? watch.why : NULL);
  view->in_call = watch.call != NULL && view->call == watch.calls ? view->in_call + passed : 0;
  view->call = watch.calls;
  if (watch.call != NULL) {
    view->still = 0;
    look_after_call(view);
  } else {
    look_after_main(view);
  }
}

static void *watch_all(void *unused) {
  (void)unused;
  view_t view = {.last = clock_seconds()};
  pthread_mutex_lock(&watch.mutex);
  while (!watch.ends) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)LOOK_SECONDS;
    pthread_cond_timedwait(&watch.wake, &watch.mutex, &until);
    if (!watch.ends) look(&view);
  }
  pthread_mutex_unlock(&watch.mutex);
  return NULL;
}

/* ---- the main thread ---- */

void watch_begin(int rank, bool is_launched) {
  pthread_condattr_t monotonic;
  sigset_t all, before;
  watch.page = activity_begin();
  watch.main = pthread_self();
  watch.is_launched = is_launched;
  atomic_store(&activity_page()->rank, rank);
  pthread_condattr_init(&monotonic);
  pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  pthread_cond_init(&watch.wake, &monotonic);
  pthread_condattr_destroy(&monotonic);
  sigfillset(&all); /* signals are the main thread's */
  pthread_sigmask(SIG_SETMASK, &all, &before);
  watch.looked = clock_seconds();
  watch.stopped = watch.looked - STOPPED_SECONDS;
  watch.runs = pthread_create(&watch.thread, NULL, watch_all, NULL) == 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void watch_end(void) {
  if (!watch.runs) return;
  pthread_mutex_lock(&watch.mutex);
  watch.ends = true;
  pthread_cond_signal(&watch.wake);
  pthread_mutex_unlock(&watch.mutex);
  pthread_join(watch.thread, NULL);
  pthread_cond_destroy(&watch.wake);
  watch.runs = false;
}

void watch_enter(const char *call, const peer_t *peers, int n, double timeout) {
  pthread_mutex_lock(&watch.mutex);
  watch.call = call;
  watch.calls++;
  watch.peers = peers;
  watch.n = n;
  watch.timeout = timeout;
  pthread_mutex_unlock(&watch.mutex);
  activity_waits(clock_seconds());
}

void watch_leave(void) {
  pthread_mutex_lock(&watch.mutex);
  watch.call = NULL;
  pthread_mutex_unlock(&watch.mutex);
  activity_beat();
}

void watch_ranks(const peer_t *peers, int n, double timeout) {
  pthread_mutex_lock(&watch.mutex);
  watch.ranks = peers;
  watch.n_ranks = n;
  watch.main_timeout = timeout;
  pthread_mutex_unlock(&watch.mutex);
}

bool watch_was_stopped(void) {
  double now = clock_seconds();
  pthread_mutex_lock(&watch.mutex);
  bool was = watch.runs && (now - watch.looked > LONGEST_LOOK || now - watch.stopped < STOPPED_SECONDS);
  pthread_mutex_unlock(&watch.mutex);
  return was;
}

void watch_lost(const char *message, bool reports, double part) {
  pthread_mutex_lock(&watch.mutex);
  watch.is_lost = true;
  watch.reports = reports;
  watch.to_end = PARTS_TO_END * part + LONGEST_LOOK;
  snprintf(watch.why, sizeof watch.why, "%s", message);
  pthread_mutex_unlock(&watch.mutex);
}
