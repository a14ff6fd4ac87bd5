/* Windows and barriers: what one rank of a node writes the others read, and a barrier holds threads of
 * several ranks together, more of them than there are cores. */
#include "comm/window.h"

#include "base/clock.h"
#include "comm/barrier.h"
#include "mpi/check.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static size_t segment_floats(int place) {
  return place == 1 ? 0 : 1000 + 37 * (size_t)place;
}

static float mark(int node, int place, size_t i) {
  return (float)(10000 * node + 2000 * place) + (float)i;
}

/* Segments of different sizes, one of them empty. */
static void check_window(world_t *world) {
  ls_error error = {0};
  window_t *window = NULL;
  int node = world_node(world), place = world_place(world);
  CHECK_OK(window_create(world, segment_floats(place) * sizeof(float), "the test", &window, &error));
  if (window == NULL) return;
  float *mine = window_segment(window, place);
  CHECK((uintptr_t)mine % 64 == 0, "place %d is not aligned", place);
  for (size_t i = 0; i < segment_floats(place); i++) CHECK(mine[i] == 0, "%g at %zu", (double)mine[i], i);
  CHECK_OK(world_barrier(world, &error));
  for (size_t i = 0; i < segment_floats(place); i++) mine[i] = mark(node, place, i);
  CHECK_OK(world_barrier(world, &error));
  for (int p = 0; p < world_places(world); p++) {
    const float *theirs = window_segment(window, p);
    for (size_t i = 0; i < segment_floats(p); i++)
      CHECK(theirs[i] == mark(node, p, i), "place %d sees %g at %zu of %d", place, (double)theirs[i], i, p);
  }
  CHECK_OK(world_barrier(world, &error));
  window_destroy(&window);
  CHECK(window == NULL, "the window is still there");
}

/* More than any machine has, wanted by one rank after the other: refused on all ranks, with the reason. */
static void check_refusal(world_t *world) {
  if (world_size(world) == 1)
    return; /* a rank alone gets plain memory, which may be promised and not there */
  for (int r = 0; r < world_size(world); r++) {
    ls_error error = {0};
    window_t *window = NULL;
    size_t bytes = world_rank(world) == r ? (size_t)1 << 46 : 64;
    ls_status status = window_create(world, bytes, "the test", &window, &error);
    CHECK(status != LS_OK && window == NULL, "64 TB were given to rank %d", r);
    CHECK(error.message[0] != '\0', "no message");
  }
}

/* This rank may write files of so many bytes. */
static void limit_files(rlim_t bytes) {
  struct rlimit limit;
  getrlimit(RLIMIT_FSIZE, &limit);
  limit.rlim_cur = bytes;
  setrlimit(RLIMIT_FSIZE, &limit);
}

/* The segments of all ranks are in one file. Rank r wants 0.6 MB and 0.1 MB for each rank before it; one rank
 * after the other may not write a file that holds all of them, though it may for any of them. */
static void check_limit_of_one_rank(world_t *world) {
  const int size = world_size(world);
  char expected[64];
  double total = 0;
  for (int r = 0; r < size; r++) total += 640000 + 64000 * r;
  snprintf(expected, sizeof expected, "%.1f MB", total / 1e6);
  for (int r = 0; r < size && size > 1; r++) {
    ls_error error = {0};
    window_t *window = NULL;
    if (world_rank(world) == r) limit_files((rlim_t)total - 1000);
    ls_status status =
        window_create(world, (size_t)(640000 + 64000 * world_rank(world)), "the test", &window, &error);
    limit_files(RLIM_INFINITY);
    CHECK(status == LS_NO_MEMORY && window == NULL, "rank %d: status %d", world_rank(world), (int)status);
    CHECK(strstr(error.message, expected) != NULL, "no %s in: %s", expected, error.message);
    window_destroy(&window);
  }
}

enum { THREADS = 3, ROUNDS = 200, MOST_COUNTERS = 64 };

typedef struct {
  barrier_t barrier;
  int counters[MOST_COUNTERS]; /* plain ints: the barrier alone orders them */
} shared_t;

typedef struct {
  shared_t *shared;
  int index, participants;
  int wrong;
} thread_t;

/* Each counts up its own counter, and after the barrier sees all others as far. */
static void *count(void *context) {
  thread_t *thread = context;
  for (int round = 1; round <= ROUNDS; round++) {
    thread->shared->counters[thread->index] = round;
    thread->wrong += !barrier_wait(&thread->shared->barrier, NULL, 0);
    for (int i = 0; i < thread->participants; i++) thread->wrong += thread->shared->counters[i] != round;
    thread->wrong += !barrier_wait(&thread->shared->barrier, NULL, 30);
  }
  return NULL;
}

static void check_barrier(world_t *world) {
  ls_error error = {0};
  window_t *window = NULL;
  int place = world_place(world), participants = THREADS * world_places(world);
  pthread_t ids[THREADS];
  thread_t threads[THREADS];
  CHECK_OK(window_create(world, place == 0 ? sizeof(shared_t) : 0, "the barrier", &window, &error));
  if (window == NULL) return;
  shared_t *shared = window_segment(window, 0);
  if (place == 0) barrier_init(&shared->barrier, participants);
  CHECK_OK(world_barrier(world, &error));
  for (int t = 0; t < THREADS; t++) {
    threads[t] = (thread_t){shared, place * THREADS + t, participants, 0};
    CHECK(pthread_create(&ids[t], NULL, count, &threads[t]) == 0, "thread %d", t);
  }
  for (int t = 0; t < THREADS; t++) {
    pthread_join(ids[t], NULL);
    CHECK(threads[t].wrong == 0, "thread %d of place %d passed %d times too early", t, place,
          threads[t].wrong);
  }
  CHECK_OK(world_barrier(world, &error));
  window_destroy(&window);
}

/* Who is left alone waits as long as was said, and no longer. */
static void check_barrier_limit(void) {
  barrier_t barrier;
  barrier_init(&barrier, 2);
  double began = clock_seconds();
  bool came = barrier_wait(&barrier, NULL, 0.2);
  double waited = clock_seconds() - began;
  CHECK(!came && waited >= 0.2 && waited < 5, "%d after %.2f s", came, waited);
}

int main(int argc, char **argv) {
  world_t *world = NULL;
  ls_error error = {0};
  if (world_create(&argc, &argv, &world, &error) != LS_OK) {
    fprintf(stderr, "%s\n", error.message);
    return EXIT_FAILURE;
  }
  world_set_timeout(world, 30); /* for a rank that the others have left alone */
  for (int per_node = 0; per_node <= 2; per_node++) {
    CHECK_OK(world_group(world, per_node, &error));
    check_window(world);
    check_barrier(world);
  }
  check_barrier_limit();
  check_refusal(world);
  check_limit_of_one_rank(world);
  world_destroy(&world);
  return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
