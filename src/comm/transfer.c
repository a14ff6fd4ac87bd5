#include "comm/transfer.h"

#include "comm/crew.h"
#include "comm/roll.h"
#include "comm/world_impl.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>

/* Lower tags are for other messages. */
enum { FIRST_TAG = 16, LOOKS_TO_ANSWER = 64 };

struct transfer {
  world_t *world;
  unsigned looks;
  int most, count;       /* the first `count` entries of the tables are in flight */
  MPI_Request *requests; /* (most) */
  int **open;            /* (most): the caller's counter */
  int *ended;            /* (most): indices of the messages that MPI_Testsome found complete */
  MPI_Status *statuses;  /* (most): not used, but compilers warn about MPICH's MPI_STATUSES_IGNORE */
};

ls_status transfer_create(world_t *world, size_t most, transfer_t **out, ls_error *error) {
  transfer_t *transfer = calloc(1, sizeof *transfer);
  if (most > INT_MAX) most = INT_MAX;
  if (transfer != NULL) {
    transfer->world = world;
    transfer->most = (int)most;
    transfer->requests = calloc(most + 1, sizeof *transfer->requests);
    transfer->open = calloc(most + 1, sizeof *transfer->open);
    transfer->ended = calloc(most + 1, sizeof *transfer->ended);
    transfer->statuses = calloc(most + 1, sizeof *transfer->statuses);
  }
  if (transfer == NULL || transfer->requests == NULL || transfer->open == NULL || transfer->ended == NULL ||
      transfer->statuses == NULL) {
    transfer_destroy(&transfer);
    return error_set(error, LS_NO_MEMORY, "no memory for a table of messages");
  }
  *out = transfer;
  return LS_OK;
}

void transfer_destroy(transfer_t **transfer) {
  if (transfer == NULL || *transfer == NULL) return;
  free((*transfer)->requests);
  free((*transfer)->open);
  free((*transfer)->ended);
  free((*transfer)->statuses);
  free(*transfer);
  *transfer = NULL;
}

/* Turns the result of an MPI call into a status. On failure, ranks are lost. */
static ls_status check(transfer_t *transfer, int code, const char *call, ls_error *error) {
  ls_error failure = {0};
  if (code == MPI_SUCCESS) return LS_OK;
  mpi_check(code, call, &failure);
  return world_abandon(transfer->world, failure.message, error);
}

static ls_status check_size(size_t n, ls_error *error) {
  if (n <= INT_MAX) return LS_OK;
  return error_set(error, LS_COMM,
                   "a message of more than 2^31 floats: use more ranks per node, so that slices are smaller");
}

/* Takes the next free entry of the tables. */
static MPI_Request *take_place(transfer_t *transfer, int *open) {
  assert(transfer->count < transfer->most);
  transfer->open[transfer->count] = open;
  ++*open;
  return &transfer->requests[transfer->count++];
}

ls_status transfer_send(transfer_t *transfer, int node, int tag, const float *values, size_t n, int *open,
                        ls_error *error) {
  TRY(world_usable(transfer->world, error));
  TRY(check_size(n, error));
  MPI_Request *request = take_place(transfer, open);
  return check(transfer,
               MPI_Isend(values, (int)n, MPI_FLOAT, node, FIRST_TAG + tag, transfer->world->lane, request),
               "MPI_Isend", error);
}

ls_status transfer_receive(transfer_t *transfer, int node, int tag, float *values, size_t n, int *open,
                           ls_error *error) {
  TRY(world_usable(transfer->world, error));
  TRY(check_size(n, error));
  MPI_Request *request = take_place(transfer, open);
  return check(transfer,
               MPI_Irecv(values, (int)n, MPI_FLOAT, node, FIRST_TAG + tag, transfer->world->lane, request),
               "MPI_Irecv", error);
}

/* Removes completed messages from the tables. */
static void close_gaps(transfer_t *transfer) {
  int kept = 0;
  for (int i = 0; i < transfer->count; i++) {
    if (transfer->requests[i] == MPI_REQUEST_NULL) continue;
    transfer->requests[kept] = transfer->requests[i];
    transfer->open[kept++] = transfer->open[i];
  }
  transfer->count = kept;
}

ls_status transfer_look(transfer_t *transfer, bool *ended, ls_error *error) {
  int n = 0;
  TRY(world_usable(transfer->world, error));
  crew_listen(transfer->world);
  if (transfer->looks++ % LOOKS_TO_ANSWER == 0 && roll_answer(transfer->world, false))
    return world_abandon(transfer->world, "the exchange between nodes does not go on", error);
  TRY(check(transfer,
            MPI_Testsome(transfer->count, transfer->requests, &n, transfer->ended, transfer->statuses),
            "a message between nodes", error));
  *ended = n != MPI_UNDEFINED && n > 0;
  if (!*ended) return LS_OK;
  for (int i = 0; i < n; i++) --*transfer->open[transfer->ended[i]];
  close_gaps(transfer);
  return LS_OK;
}
