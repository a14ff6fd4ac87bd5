/* The reader: a thread that fills the buffer while there is room, and naps while there is none. Those who
 * take rows out tell it by a counter, not by a call: the steps of training must not enter the system. */
#include "comm/idle.h"

#include "base/float_mode.h"
#include "data/stream_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { NAP_NANOSECONDS = 500000, MOST_STAGING = 4 << 20, ALIGNMENT = 64 };

/* ---- the thread ---- */

static void fail(reader_t *reader, const ls_error *error) {
  reader->error = *error;
  atomic_store_explicit(&reader->failed, 1, memory_order_release);
}

static read_t read_on(reader_t *reader) {
  ls_error error = {0};
  ls_status status = LS_OK;
  if (reader->needs_library && reader->store == NULL)
    status = store_open(reader->path, &reader->store, &error);
  read_t outcome = status == LS_OK ? reader->read(reader->stream, &error) : READ_FAILED;
  if (outcome == READ_FAILED) fail(reader, &error);
  return outcome;
}

static void nap(reader_t *reader) {
  struct timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_nsec += NAP_NANOSECONDS;
  if (until.tv_nsec >= 1000000000) {
    until.tv_nsec -= 1000000000;
    until.tv_sec++;
  }
  pthread_cond_timedwait(&reader->wake, &reader->mutex, &until);
}

static void *work(void *argument) {
  reader_t *reader = argument;
  float_mode_begin();
  pthread_mutex_lock(&reader->mutex);
  while (!reader->quit) {
    if (!reader->works) {
      pthread_cond_wait(&reader->wake, &reader->mutex);
      continue;
    }
    reader->busy = true;
    pthread_mutex_unlock(&reader->mutex);
    read_t outcome = read_on(reader);
    pthread_mutex_lock(&reader->mutex);
    reader->busy = false;
    pthread_cond_signal(&reader->rested);
    if (outcome == READ_ALL || outcome == READ_FAILED) reader->works = false;
    if (outcome == READ_NO_ROOM && reader->works) nap(reader);
  }
  pthread_mutex_unlock(&reader->mutex);
  return NULL;
}

static void set_to_work(reader_t *reader, bool works) {
  pthread_mutex_lock(&reader->mutex);
  reader->works = works;
  pthread_cond_signal(&reader->wake);
  while (!works && reader->busy) pthread_cond_wait(&reader->rested, &reader->mutex);
  pthread_mutex_unlock(&reader->mutex);
}

void reader_rest(reader_t *reader) {
  if (reader->needs_library) set_to_work(reader, false);
}

void reader_resume(reader_t *reader) {
  if (atomic_load(&reader->failed) == 0) set_to_work(reader, true);
}

void reader_begin(stream_t *stream, read_t (*read)(stream_t *stream, ls_error *error), int64_t from) {
  reader_t *reader = stream->reader;
  set_to_work(reader, false);
  reader->stream = stream;
  reader->read = read;
  atomic_store(&reader->ready, from);
  atomic_store(&reader->released, from);
  atomic_store(&reader->failed, 0);
}

void reader_wait(const reader_t *reader, int64_t number) {
  for (int tries = 0; atomic_load_explicit(&reader->ready, memory_order_acquire) <= number &&
                      atomic_load_explicit(&reader->failed, memory_order_acquire) == 0;
       tries++)
    idle(NULL, tries);
}

/* ---- life ---- */

static ls_status start_thread(reader_t *reader, ls_error *error) {
  pthread_condattr_t monotonic;
  sigset_t all, before;
  pthread_condattr_init(&monotonic);
  pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  pthread_mutex_init(&reader->mutex, NULL);
  pthread_cond_init(&reader->rested, NULL);
  pthread_cond_init(&reader->wake, &monotonic);
  pthread_condattr_destroy(&monotonic);
  sigfillset(&all); /* signals are the main thread's */
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int code = pthread_create(&reader->thread, NULL, work, reader);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  reader->has_thread = code == 0;
  return code == 0 ? LS_OK
                   : error_set(error, LS_FAILED, "no thread to read %s: %s", reader->path, strerror(code));
}

/* A sixteenth of the limit, or less, is for rows that are converted. */
static ls_status take_memory(reader_t *reader, ls_error *error) {
  size_t limit = (size_t)reader->limit, part = limit / 16 < MOST_STAGING ? limit / 16 : MOST_STAGING;
  part = part / ALIGNMENT * ALIGNMENT;
  reader->bytes = limit - 2 * part;
  reader->staging = (staging_t){arena_new(reader->arena, part, 1), arena_new(reader->arena, part, 1), part};
  reader->buffer = arena_new(reader->arena, reader->bytes, 1);
  if (reader->staging.raw != NULL && reader->staging.values != NULL && reader->buffer != NULL) return LS_OK;
  return error_set(error, LS_NO_MEMORY, "%s: no memory for data.memory_limit (%.1f MB): lower it",
                   reader->path, (double)limit / 1e6);
}

ls_status reader_create(const char *path, int64_t bytes, arena_t *arena, reader_t **out, ls_error *error) {
  reader_t *reader = aligned_alloc(_Alignof(reader_t), sizeof *reader);
  if (reader == NULL) return error_set(error, LS_NO_MEMORY, "%s: no memory for a reader", path);
  *reader = (reader_t){.arena = arena, .path = arena_text(arena, path), .limit = bytes, .file = -1};
  ls_status status = reader->path != NULL ? LS_OK : error_set(error, LS_NO_MEMORY, "no memory for a reader");
  if (status == LS_OK) status = take_memory(reader, error);
  if (status == LS_OK && (reader->file = open(path, O_RDONLY | O_CLOEXEC)) < 0)
    status = error_set(error, LS_BAD_DATA, "%s: %s", path, strerror(errno));
  if (status == LS_OK) status = start_thread(reader, error);
  if (status != LS_OK) {
    reader_destroy(&reader);
    return status;
  }
  *out = reader;
  return LS_OK;
}

void reader_destroy(reader_t **reader) {
  if (reader == NULL || *reader == NULL) return;
  reader_t *own = *reader;
  if (own->has_thread) {
    pthread_mutex_lock(&own->mutex);
    own->quit = true;
    pthread_cond_signal(&own->wake);
    pthread_mutex_unlock(&own->mutex);
    pthread_join(own->thread, NULL);
    pthread_cond_destroy(&own->wake);
    pthread_cond_destroy(&own->rested);
    pthread_mutex_destroy(&own->mutex);
  }
  store_close(&own->store);
  if (own->file >= 0) close(own->file);
  free(own);
  *reader = NULL;
}

bool stream_failed(const stream_t *stream) {
  return atomic_load_explicit(&stream->reader->failed, memory_order_acquire) != 0;
}

ls_status stream_status(const stream_t *stream, ls_error *error) {
  if (!stream_failed(stream)) return LS_OK;
  if (error != NULL) *error = stream->reader->error;
  return stream->reader->error.status;
}
