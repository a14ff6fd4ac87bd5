/* Inside of the room: what its files share. */
#ifndef COMM_WORLD_IMPL_H
#define COMM_WORLD_IMPL_H

#include "comm/world.h"

#include <mpi.h>

enum { HOST_NAME_SIZE = 64 };

struct world {
  MPI_Comm start; /* as the launcher numbered the ranks */
  MPI_Comm all;   /* node by node */
  MPI_Comm node;  /* the ranks that share memory */
  MPI_Comm lane;  /* the ranks of the same place; MPI_COMM_NULL where this rank's place has no lane */
  int rank, size;
  struct world *whole; /* of which this is a part, and which ends MPI; or NULL */
  int node_index, nodes;
  int place, places, lanes;
  int host_ranks;
  int *node_of;                  /* (size) */
  int *offsets;                  /* (2 size): room for the lane's collectives */
  char (*hosts)[HOST_NAME_SIZE]; /* (size) */
  double timeout;                /* seconds that a rank waits for others, 0: for ever */
  bool lost;                     /* others did not come: nothing communicates any more */
  bool reports;                  /* when lost: this is the first rank that is left */
  ls_error why;                  /* when lost */
};

/* LS_COMM with the library's own text when an MPI call did not succeed. */
ls_status mpi_check(int code, const char *what, ls_error *error);

/* LS_COMM with the first failure's message when ranks are lost. */
ls_status world_usable(const world_t *world, ls_error *error);
/* Waits for the end of a nonblocking call, named `call`, whose beginning returned `code`; when it fails or
 * lasts longer than the timeout, ranks are lost. */
ls_status world_await(world_t *world, int code, MPI_Request *request, const char *call, ls_error *error);

/* The end of a job whose ranks are lost; does not return. */
void world_end_job(const world_t *world);

/* Every call that waits for other ranks: nonblocking, so that the wait has an end. Returns from the calling
 * function when it fails. */
#define TRY_MPI(world, error, function, ...)                                                                 \
  do {                                                                                                       \
    MPI_Request request_ = MPI_REQUEST_NULL;                                                                 \
    TRY(world_usable(world, error));                                                                         \
    TRY(world_await(world, function(__VA_ARGS__, &request_), &request_, #function, error));                  \
  } while (0)

#endif
