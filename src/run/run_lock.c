#include "run/run_lock.h"

#include "base/activity.h"
#include "base/clock.h"
#include "base/owner.h"
#include "store/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { LOCK_PATH_SIZE = 4096, MOST_TRIES = 1000, DEEPEST = 2, POLL_NANOSECONDS = 200000000 };

struct run_lock {
  char path[LOCK_PATH_SIZE];      /* RUNS/.NAME.lock */
  char temporary[LOCK_PATH_SIZE]; /* our file, which the lock will be; also tells the file system's time */
  char second[LOCK_PATH_SIZE];    /* the same for the lock that takes a dead owner's place */
  char run[LOCK_PATH_SIZE];       /* RUNS/NAME, for messages */
  char made[LOCK_PATH_SIZE];      /* RUNS if it was made here, or "" */
  owner_t self;
  double patience;
  const log_t *log;
  int file; /* the lock, to renew its time */
  pthread_t thread;
  bool has_thread;
  pthread_mutex_t mutex;
  pthread_cond_t wake;
  bool ends; /* guarded by mutex */
};

/* ---- files ---- */

static ls_status system_error(const char *what, const char *path, ls_error *error) {
  return error_set(error, LS_IO, "%s: %s: %s", path, what, strerror(errno));
}

static ls_status write_file(const char *path, const owner_t *owner, ls_error *error) {
  char text[OWNER_TEXT_SIZE];
  owner_text(owner, text);
  int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (file < 0) return system_error("the lock of the run cannot be written", path, error);
  ssize_t written = write(file, text, strlen(text));
  int closed = close(file);
  if (written == (ssize_t)strlen(text) && closed == 0) return LS_OK;
  ls_status status = system_error("the lock of the run cannot be written", path, error);
  unlink(path);
  return status;
}

/* Gives our file a second name, if that is free. NFS may repeat a request and report that the name exists
 * which the first request has made: the number of names tells. */
static ls_status try_link(const run_lock_t *lock, const char *path, bool *taken, ls_error *error) {
  struct stat about;
  *taken = link(lock->temporary, path) == 0;
  if (*taken) return LS_OK;
  int code = errno;
  *taken = code == EEXIST && stat(lock->temporary, &about) == 0 && about.st_nlink == 2;
  if (*taken || code == EEXIST) return LS_OK;
  if (code == EPERM || code == EOPNOTSUPP || code == ENOSYS || code == EMLINK) { /* no second names here */
    ls_status status = write_file(path, &lock->self, error);
    *taken = status == LS_OK;
    return *taken || errno == EEXIST ? LS_OK : status;
  }
  errno = code;
  return system_error("the lock of the run cannot be made", path, error);
}

/* Whether the lock at `path` has this id. */
static bool is_of(const char *path, const char *id) {
  owner_t owner;
  return owner_read(path, &owner) && strcmp(owner.id, id) == 0;
}

/* ---- owners on other machines ---- */

/* Seconds since a lock was renewed, by the file system's clock. */
static double age_of(const run_lock_t *lock, const struct stat *about) {
  struct stat now;
  if (utimensat(AT_FDCWD, lock->temporary, NULL, 0) != 0 || stat(lock->temporary, &now) != 0) return 0;
  return difftime(now.st_mtime, about->st_mtime);
}

/* Opening a file makes NFS ask the server for its time. */
static bool read_time(const char *path, struct stat *out) {
  int file = open(path, O_RDONLY | O_CLOEXEC);
  bool found = file >= 0 && fstat(file, out) == 0;
  if (file >= 0) close(file);
  return found;
}

/* Watches a lock until it is renewed, grows too old, or is gone. */
static owner_state_t watch(const run_lock_t *lock, const char *path, const owner_t *owner) {
  struct stat first, now;
  double began = clock_seconds();
  bool said = false;
  char who[3 * OWNER_FIELD_SIZE];
  if (!read_time(path, &first)) return OWNER_DEAD;
  while (read_time(path, &now) && is_of(path, owner->id)) {
    double waited = clock_seconds() - began;
    if (now.st_mtim.tv_sec != first.st_mtim.tv_sec || now.st_mtim.tv_nsec != first.st_mtim.tv_nsec)
      return OWNER_ALIVE;
    if (age_of(lock, &now) >= RUN_LOCK_DEAD_SECONDS || waited >= RUN_LOCK_DEAD_SECONDS) return OWNER_DEAD;
    if (waited >= lock->patience) return OWNER_ELSEWHERE;
    owner_describe(owner, who, sizeof who);
    if (!said && waited > 1)
      log_info(lock->log, "%s belongs to %s; waiting for a sign of life", lock->run, who);
    said = said || waited > 1;
    nanosleep(&(struct timespec){0, POLL_NANOSECONDS}, NULL);
  }
  return OWNER_DEAD; /* given back, or taken over: the caller looks again */
}

/* ---- taking ---- */

static ls_status refuse(const run_lock_t *lock, const owner_t *owner, owner_state_t state, ls_error *error) {
  char who[3 * OWNER_FIELD_SIZE];
  owner_describe(owner, who, sizeof who);
  if (state == OWNER_ALIVE)
    return error_set(
        error, LS_FAILED,
        "%s belongs to %s, which is running: wait for its end, stop it, or give this run another "
        "name",
        lock->run, who);
  return error_set(error, LS_FAILED,
                   "%s belongs to %s, and whether that is still running is not known yet: try again in %d s",
                   lock->run, who, RUN_LOCK_DEAD_SECONDS);
}

static ls_status take(const run_lock_t *lock, const char *path, int depth, ls_error *error);

/* Puts our file in the place of a dead owner's lock, unless another process has done so. */
static ls_status take_over(const run_lock_t *lock, const char *path, const owner_t *dead, int depth,
                           bool *taken, ls_error *error) {
  char claim[LOCK_PATH_SIZE], who[3 * OWNER_FIELD_SIZE];
  int length = snprintf(claim, sizeof claim, "%s.after-%s", path, dead->id);
  if (length >= (int)sizeof claim || depth == DEEPEST)
    return error_set(error, LS_FAILED, "%s: remove the locks beside it, they have no owner", lock->run);
  TRY(take(lock, claim, depth + 1, error));
  ls_status status = LS_OK;
  if (is_of(path, dead->id)) {
    status = write_file(lock->second, &lock->self, error);
    if (status == LS_OK && rename(lock->second, path) != 0)
      status = system_error("the lock of the run cannot be replaced", path, error);
    *taken = status == LS_OK;
  }
  unlink(claim);
  owner_describe(dead, who, sizeof who);
  if (*taken && depth == 0) log_info(lock->log, "%s has ended without giving %s back", who, lock->run);
  return status;
}

static ls_status take(const run_lock_t *lock, const char *path, int depth, ls_error *error) {
  for (int tries = 0; tries < MOST_TRIES; tries++) {
    owner_t owner;
    bool taken = false;
    TRY(try_link(lock, path, &taken, error));
    if (taken) return LS_OK;
    if (!owner_read(path, &owner)) continue;
    owner_state_t state = owner_state(&owner, &lock->self);
    if (state == OWNER_ELSEWHERE) state = watch(lock, path, &owner);
    if (state != OWNER_DEAD) return refuse(lock, &owner, state, error);
    TRY(take_over(lock, path, &owner, depth, &taken, error));
    if (taken) return LS_OK;
  }
  return error_set(error, LS_FAILED, "%s: too many processes want to own this run", lock->run);
}

/* ---- signs of life ---- */

static void *renew(void *argument) {
  run_lock_t *lock = argument;
  struct timespec until;
  pthread_mutex_lock(&lock->mutex);
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_sec += RUN_LOCK_RENEW_SECONDS;
  while (!lock->ends) {
    if (pthread_cond_timedwait(&lock->wake, &lock->mutex, &until) != ETIMEDOUT) continue;
    futimens(lock->file, NULL);
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += RUN_LOCK_RENEW_SECONDS;
  }
  pthread_mutex_unlock(&lock->mutex);
  return NULL;
}

static ls_status start_renewing(run_lock_t *lock, ls_error *error) {
  pthread_condattr_t monotonic;
  sigset_t all, before;
  lock->file = open(lock->path, O_WRONLY | O_CLOEXEC);
  if (lock->file < 0) return system_error("the lock of the run cannot be opened", lock->path, error);
  pthread_condattr_init(&monotonic);
  pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  pthread_mutex_init(&lock->mutex, NULL);
  pthread_cond_init(&lock->wake, &monotonic);
  pthread_condattr_destroy(&monotonic);
  sigfillset(&all); /* signals are the main thread's */
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int code = pthread_create(&lock->thread, NULL, renew, lock);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  lock->has_thread = code == 0;
  if (code == 0) return LS_OK;
  return error_set(error, LS_FAILED, "no thread to renew %s: %s", lock->path, strerror(code));
}

static void stop_renewing(run_lock_t *lock) {
  if (lock->has_thread) {
    pthread_mutex_lock(&lock->mutex);
    lock->ends = true;
    pthread_cond_signal(&lock->wake);
    pthread_mutex_unlock(&lock->mutex);
    pthread_join(lock->thread, NULL);
  }
  if (lock->file >= 0) {
    pthread_cond_destroy(&lock->wake);
    pthread_mutex_destroy(&lock->mutex);
    close(lock->file);
  }
}

/* ---- what dead processes left ---- */

/* Removes the temporary files of dead processes, and what they held while they replaced or gave back an
 * earlier lock of this run. No process needs the latter: the lock is ours now. */
static void remove_left_over(const run_lock_t *lock) {
  char folder[LOCK_PATH_SIZE], path[2 * LOCK_PATH_SIZE];
  const char *slash = strrchr(lock->path, '/'), *name = slash == NULL ? lock->path : slash + 1;
  snprintf(folder, sizeof folder, "%.*s", slash == NULL ? 1 : (int)(slash - lock->path),
           slash == NULL ? "." : lock->path);
  struct dirent **entries = NULL;
  int n = scandir(folder, &entries, NULL, alphasort);
  for (int i = 0; i < n; i++) {
    const char *found = entries[i]->d_name;
    owner_t owner;
    snprintf(path, sizeof path, "%s/%s", folder, found);
    if (strncmp(found, name, strlen(name)) == 0 && found[strlen(name)] == '.' &&
        (store_temporary(found) == TEMPORARY_LEFT ||
         (store_temporary(found) == TEMPORARY_NOT && owner_read(path, &owner) &&
          owner_state(&owner, &lock->self) == OWNER_DEAD)))
      unlink(path);
    free(entries[i]);
  }
  if (n >= 0) free(entries);
}

/* ---- the whole ---- */

/* The bytes of RUNS/ in the path RUNS/NAME. */
static int folder_of(const char *run) {
  const char *slash = strrchr(run, '/');
  return slash == NULL ? 0 : (int)(slash - run) + 1;
}

/* Returns the length of the path, which is cut off at the size of `out`. */
static int lock_path(const char *run, char out[LOCK_PATH_SIZE]) {
  int folder = folder_of(run);
  return snprintf(out, LOCK_PATH_SIZE, "%.*s.%s.lock", folder, run, run + folder);
}

static ls_status name_files(run_lock_t *lock, const char *run, ls_error *error) {
  int folder = folder_of(run), length = lock_path(run, lock->path);
  int longer = snprintf(lock->temporary, sizeof lock->temporary, "%s.%s.tmp-%s-%ld", lock->path,
                        lock->self.id, lock->self.host, (long)getpid());
  int longest = snprintf(lock->second, sizeof lock->second, "%s.%s-second.tmp-%s-%ld", lock->path,
                         lock->self.id, lock->self.host, (long)getpid());
  snprintf(lock->run, sizeof lock->run, "%s", run);
  if (length >= LOCK_PATH_SIZE || longer >= LOCK_PATH_SIZE || longest >= LOCK_PATH_SIZE)
    return error_set(error, LS_BAD_SETTINGS, "runs: the path of the run directory is too long");
  char runs[LOCK_PATH_SIZE];
  struct stat about;
  snprintf(runs, sizeof runs, "%.*s", folder > 1 ? folder - 1 : folder, run);
  if (folder == 0 || stat(runs, &about) == 0) return LS_OK;
  TRY(store_make_directory(runs, error));
  memcpy(lock->made, runs, sizeof runs);
  return LS_OK;
}

static ls_status open_lock(run_lock_t *lock, const char *run, ls_error *error) {
  TRY(name_files(lock, run, error));
  TRY(write_file(lock->temporary, &lock->self, error));
  ls_status status = take(lock, lock->path, 0, error);
  if (status == LS_OK) status = start_renewing(lock, error);
  unlink(lock->temporary);
  if (status == LS_OK) remove_left_over(lock);
  return status;
}

ls_status run_lock_take(const char *run, double patience, const log_t *log, run_lock_t **out,
                        ls_error *error) {
  run_lock_t *lock = calloc(1, sizeof *lock);
  if (lock == NULL) return error_set(error, LS_NO_MEMORY, "no memory for the lock of %s", run);
  lock->file = -1;
  lock->self = owner_self();
  lock->patience = patience;
  lock->log = log;
  activity_set("taking the lock of %s", run);
  ls_status status = open_lock(lock, run, error);
  if (status == LS_OK)
    *out = lock;
  else
    run_lock_release(&lock);
  return status;
}

ls_status run_lock_check(const run_lock_t *lock, ls_error *error) {
  owner_t owner = {.process = 0};
  char who[3 * OWNER_FIELD_SIZE];
  if (lock == NULL || is_of(lock->path, lock->self.id)) return LS_OK;
  if (!owner_read(lock->path, &owner))
    return error_set(error, LS_FAILED, "%s is gone: another process may use %s now", lock->path, lock->run);
  owner_describe(&owner, who, sizeof who);
  return error_set(error, LS_FAILED,
                   "%s was taken over by %s, because this process gave no sign of life for %d s", lock->run,
                   who, RUN_LOCK_DEAD_SECONDS);
}

bool run_lock_is_held(const char *run, char *who, size_t size) {
  char path[LOCK_PATH_SIZE];
  struct stat about;
  owner_t owner, self = owner_self();
  if (lock_path(run, path) >= LOCK_PATH_SIZE || !read_time(path, &about) || !owner_read(path, &owner))
    return false;
  owner_state_t state = owner_state(&owner, &self);
  if (state == OWNER_ELSEWHERE)
    state = difftime(time(NULL), about.st_mtime) < RUN_LOCK_DEAD_SECONDS ? OWNER_ALIVE : OWNER_DEAD;
  if (state == OWNER_ALIVE) owner_describe(&owner, who, size);
  return state == OWNER_ALIVE;
}

/* Only the holder of .after-ID may remove the lock with this id, or replace it. */
static void give_back(const run_lock_t *lock) {
  char claim[LOCK_PATH_SIZE + OWNER_FIELD_SIZE + 16];
  ls_error ignored = {0};
  bool claimed = false;
  snprintf(claim, sizeof claim, "%s.after-%s", lock->path, lock->self.id);
  if (!is_of(lock->path, lock->self.id) || write_file(lock->temporary, &lock->self, &ignored) != LS_OK)
    return;
  if (try_link(lock, claim, &claimed, &ignored) == LS_OK && claimed) {
    if (is_of(lock->path, lock->self.id)) unlink(lock->path);
    unlink(claim);
  }
  unlink(lock->temporary);
}

void run_lock_release(run_lock_t **lock) {
  if (lock == NULL || *lock == NULL) return;
  stop_renewing(*lock);
  give_back(*lock);
  if ((*lock)->made[0] != '\0') rmdir((*lock)->made);
  free(*lock);
  *lock = NULL;
}

ls_status run_lock_share(world_t *world, const char *run, const log_t *log, run_lock_t **out,
                         ls_error *error) {
  double patience = RUN_LOCK_DEAD_SECONDS + RUN_LOCK_RENEW_SECONDS, timeout = world_timeout(world);
  ls_status status = LS_OK;
  if (timeout > 0 && timeout / 3 < patience) patience = timeout / 3; /* the other ranks wait meanwhile */
  if (world_rank(world) == 0) status = run_lock_take(run, patience, log, out, error);
  return world_agree(world, status, error);
}

ls_status run_lock_is_seen(world_t *world, const char *run, const run_lock_t *lock, bool *seen,
                           ls_error *error) {
  char path[LOCK_PATH_SIZE], id[OWNER_FIELD_SIZE] = "";
  if (lock != NULL) memcpy(id, lock->self.id, sizeof id);
  TRY(world_broadcast(world, id, sizeof id, 0, error));
  lock_path(run, path);
  *seen = world_rank(world) == 0 || is_of(path, id);
  return LS_OK;
}
