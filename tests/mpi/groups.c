/* Groups of ranks: what a part of the world knows of lost ranks comes to the whole, signals of idle ranks
 * come to rank 0, and long messages come in pieces. Looks inside of the room: no rank is really lost. */
#include "base/signals.h"
#include "comm/crew.h"
#include "comm/world_impl.h"

#include "mpi/check.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* In each part the last rank takes over the reports. */
static void check_lost_part(world_t *world, int parts) {
  ls_error error = {0};
  world_t *own = NULL;
  int part = -1;
  CHECK_OK(world_split(world, parts, &part, &own, &error));
  bool reports = world_rank(own) == world_size(own) - 1;
  own->lost = true;
  own->reports = reports;
  own->timeout = 7;
  error_set(&own->why, LS_COMM, "part %d is lost", part);
  world_destroy(&own);
  CHECK(world->lost && world_reports(world) == reports, "rank %d: reports %d", world_rank(world),
        world_reports(world));
  CHECK(world_reason(world, LS_IO, &error) == LS_COMM, "rank %d: another reason", world_rank(world));
  char expected[32];
  snprintf(expected, sizeof expected, "part %d is lost", part);
  CHECK(strcmp(error.message, expected) == 0, "rank %d: %s", world_rank(world), error.message);
  CHECK(world_timeout(world) > 0, "without a timeout the end of the job waits for ever");
  world->lost = world->reports = false;
  world_set_timeout(world, 0);
}

/* Hosts that the ranks pretend to be on: each counts once, wherever its ranks are. */
static void check_hosts(world_t *world) {
  static const char *const names[] = {"a", "b", "a", "c", "b"};
  static const int expected[] = {1, 2, 2, 3, 3};
  char(*real)[HOST_NAME_SIZE] = world->hosts, pretended[5][HOST_NAME_SIZE] = {""};
  if (world->size > 5) return;
  for (int r = 0; r < world->size; r++) snprintf(pretended[r], HOST_NAME_SIZE, "%s", names[r]);
  world->hosts = pretended;
  CHECK(world_hosts(world) == expected[world->size - 1], "%d hosts", world_hosts(world));
  world->hosts = real;
}

/* Rank 0 works without listening until the idle ranks' signals have been sent. */
static ls_status work(world_t *crew, void *context, ls_error *error) {
  (void)crew, (void)context, (void)error;
  nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
  return LS_OK;
}

/* The last rank is idle and gets a signal, which becomes rank 0's. */
static void check_late_signal(world_t *world) {
  ls_error error = {0};
  const int size = world_size(world), rank = world_rank(world);
  if (size == 1) return;
  signals_note();
  CHECK(signals_take() == 0, "a signal has come before");
  if (rank == size - 1) raise(SIGUSR1);
  CHECK_OK(crew_run(world, size - 1, work, NULL, &error));
  CHECK_OK(world_barrier(world, &error));
  CHECK(signals_take() == (rank == 0 ? SIGUSR1 : 0), "rank %d", rank);
}

/* Messages of at most 16 bytes: three of them, and a rest. */
static void check_pieces(world_t *world) {
  enum { N = 59, NUMBERS = 7, PIECE = 16 };
  ls_error error = {0};
  const size_t usual = world->message;
  const int size = world_size(world), rank = world_rank(world);
  unsigned char bytes[N], *all = calloc((size_t)size * N, 1);
  size_t *sizes = calloc((size_t)size, sizeof *sizes);
  int64_t sums[NUMBERS];
  float floats[NUMBERS];
  world->message = PIECE;
  for (int root = 0; root < size; root++) {
    for (int i = 0; i < N; i++) bytes[i] = (unsigned char)(rank == root ? 3 * i + root : 0);
    CHECK_OK(world_broadcast(world, bytes, N, root, &error));
    for (int i = 0; i < N; i++)
      CHECK(bytes[i] == (unsigned char)(3 * i + root), "byte %d of root %d", i, root);
  }
  for (int i = 0; i < NUMBERS; i++) {
    sums[i] = (i + 1) * (rank + 1);
    floats[i] = (float)sums[i];
  }
  CHECK_OK(world_sum_i64(world, sums, NUMBERS, &error));
  CHECK_OK(world_sum_f32(world, floats, NUMBERS, &error));
  for (int i = 0; i < NUMBERS; i++) {
    int expected = (i + 1) * size * (size + 1) / 2;
    CHECK(sums[i] == expected && floats[i] == (float)expected, "sum %d: %d, not %d", i, (int)sums[i],
          expected);
  }
  size_t total = 0; /* rank r gives 11 r bytes: less than a piece, or several */
  for (int r = 0; r < size; r++) total += sizes[r] = (size_t)(r * 11) < N ? (size_t)(r * 11) : N;
  for (int i = 0; i < N; i++) bytes[i] = (unsigned char)(50 * rank + i);
  for (int root = -1; root < size; root++) {
    const bool gets = root < 0 || root == rank;
    memset(all, 0, (size_t)size * N);
    CHECK_OK(world_gather_pieces(world, bytes, sizes, gets ? all : NULL, root, &error));
    size_t at = 0;
    for (int r = 0; r < size && gets; r++)
      for (size_t i = 0; i < sizes[r]; i++, at++)
        CHECK(all[at] == (unsigned char)(50 * r + (int)i), "byte %zu of rank %d", i, r);
  }
  world->message = usual;
  free(sizes);
  free(all);
}

int main(int argc, char **argv) {
  world_t *world = NULL;
  ls_error error = {0};
  if (world_create(&argc, &argv, &world, &error) != LS_OK) {
    fprintf(stderr, "%s\n", error.message);
    return EXIT_FAILURE;
  }
  world_set_timeout(world, 0);
  for (int parts = 1; parts <= world_size(world); parts++) check_lost_part(world, parts);
  check_hosts(world);
  check_pieces(world);
  check_late_signal(world);
  world_destroy(&world);
  return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
