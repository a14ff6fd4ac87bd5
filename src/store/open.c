/* Opening a file that may be damaged. HDF5 trusts what it reads, so a damaged file can crash or hang the
 * process that opens it. A sealed file is compared with its seal first (seal.c). Any other file, which an
 * older lockstep or another program wrote, or that was edited, is first read in a child process: a crash or a
 * hang ends the child alone. */
#include "store/store_impl.h"

#include "base/activity.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TRIAL_SECONDS = 20 };

/* ---- the trial in a child process ---- */

/* Reads the structure of the file, and all values if `whole`. Whether HDF5 reports errors is no matter here:
 * the parent will see the same errors. */
static void read_structure(const char *path, bool whole) {
  store_t *store = NULL;
  ls_error error = {0};
  if (file_open(path, &store, &error) != LS_OK) return;
  if (whole && store_has(store, MANIFEST_GROUP))
    store_verify(store, &error);
  else
    manifest_walk(store, &error);
  store_close(&store);
}

/* The child runs none of the parent's handlers and exit functions. */
static void be_child(const char *path, bool whole) {
  sigset_t none;
  for (int s = 1; s < NSIG; s++) signal(s, SIG_DFL);
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
  turn_be_alone();
  alarm(TRIAL_SECONDS);
  read_structure(path, whole);
  _exit(0);
}

/* Forks while no other thread uses HDF5, so the child finds the library in order. */
static ls_status try_in_child(const char *path, bool whole, ls_error *error) {
  TAKE_TURN();
  int state = 0;
  pid_t child = fork();
  if (child == 0) be_child(path, whole);
  if (child < 0)
    return error_set(error, LS_IO, "%s: no process to try to open the file in: %s", path, strerror(errno));
  while (waitpid(child, &state, 0) < 0)
    if (errno != EINTR) return LS_OK; /* the program ignores SIGCHLD, so the result is lost */
  if (!WIFSIGNALED(state)) return LS_OK;
  if (WTERMSIG(state) == SIGALRM)
    return error_set(error, LS_BAD_DATA, "%s is damaged: HDF5 could not read the file's structure in %d s",
                     path, TRIAL_SECONDS);
  return error_set(error, LS_BAD_DATA, "%s is damaged: HDF5 crashes when it reads the file's structure (%s)",
                   path, strsignal(WTERMSIG(state)));
}

/* ---- files that have passed ---- */

/* A file as it was when it passed. Ranks open a dataset several times; the trial is needed once. */
typedef struct {
  dev_t device;
  ino_t file;
  off_t size;
  struct timespec changed;
} passed_t;

enum { MOST_PASSED = 8 };
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static passed_t passed[MOST_PASSED]; /* the latest ones */
static size_t n_passed;              /* since the start */

static bool same_file(const passed_t *a, const passed_t *b) {
  return a->device == b->device && a->file == b->file && a->size == b->size &&
         a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

static bool has_passed(const passed_t *file) {
  bool found = false;
  pthread_mutex_lock(&lock);
  for (size_t i = 0; i < MOST_PASSED && i < n_passed; i++) found |= same_file(&passed[i], file);
  pthread_mutex_unlock(&lock);
  return found;
}

static void note_passed(const passed_t *file) {
  pthread_mutex_lock(&lock);
  passed[n_passed++ % MOST_PASSED] = *file;
  pthread_mutex_unlock(&lock);
}

static ls_status try_once(const char *path, ls_error *error) {
  struct stat info;
  if (stat(path, &info) != 0 || !S_ISREG(info.st_mode)) return LS_OK; /* opening explains what is wrong */
  passed_t file = {info.st_dev, info.st_ino, info.st_size, info.st_mtim};
  if (has_passed(&file)) return LS_OK;
  TRY(try_in_child(path, false, error));
  note_passed(&file);
  return LS_OK;
}

/* ---- opening ---- */

ls_status store_open(const char *path, store_t **out, ls_error *error) {
  bool sealed = false;
  activity_set("reading %s", path);
  TRY(seal_check_structure(path, &sealed, error));
  if (!sealed) TRY(try_once(path, error));
  return file_open(path, out, error);
}

ls_status store_open_whole(const char *path, store_t **out, ls_error *error) {
  bool sealed = false;
  store_t *store = NULL;
  activity_set("reading %s", path);
  TRY(store_check(path, 0, 1, &sealed, error));
  if (!sealed) TRY(try_in_child(path, true, error));
  TRY(file_open(path, &store, error));
  ls_status status = sealed || !store_has(store, MANIFEST_GROUP) ? LS_OK : store_verify(store, error);
  if (status == LS_OK)
    *out = store;
  else
    store_close(&store);
  return status;
}
