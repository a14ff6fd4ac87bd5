#include "comm/ping_pong.h"

#include "base/clock.h"
#include "comm/world_impl.h"

#include <stdlib.h>

static int compare(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Sends one message to the other rank and receives one back; rank a sends first. */
static ls_status round_trip(world_t *world, bool first, int other, void *bytes, int size, ls_error *error) {
  for (int turn = 0; turn < 2; turn++) {
    if (first == (turn == 0))
      TRY_MPI(world, error, MPI_Isend, bytes, size, MPI_BYTE, other, 0, world->all);
    else
      TRY_MPI(world, error, MPI_Irecv, bytes, size, MPI_BYTE, other, 0, world->all);
  }
  return LS_OK;
}

static ls_status take_part(world_t *world, bool first, int other, void *bytes, int size, int repeats,
                           double *seconds, ls_error *error) {
  double halves[PING_PONG_REPEATS];
  for (int i = 0; i < 2 * repeats; i++) {
    double began = clock_seconds();
    TRY(round_trip(world, first, other, bytes, size, error));
    if (i >= repeats) halves[i - repeats] = (clock_seconds() - began) / 2;
  }
  qsort(halves, (size_t)repeats, sizeof *halves, compare);
  *seconds = halves[repeats / 2];
  return LS_OK;
}

ls_status ping_pong(world_t *world, int a, int b, size_t size, int repeats, double *seconds,
                    ls_error *error) {
  int rank = world_rank(world);
  bool mine = rank == a || rank == b;
  void *bytes = mine ? calloc(size + 1, 1) : NULL;
  ls_status status = mine && bytes == NULL
                         ? error_set(error, LS_NO_MEMORY, "no memory for a message of %zu bytes", size)
                         : LS_OK;
  TRY_OR_DONE(world_agree(world, status, error));
  if (mine)
    status = take_part(world, rank == a, rank == a ? b : a, bytes, (int)size, repeats, seconds, error);
  TRY_OR_DONE(world_agree(world, status, error));
  status = world_broadcast(world, seconds, sizeof *seconds, a, error);
done:
  free(bytes);
  return status;
}
