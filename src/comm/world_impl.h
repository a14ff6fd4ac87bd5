/* Inside of the room: what world.c and window.c share. */
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
  bool is_part; /* of another world, which ends MPI */
  int node_index, nodes;
  int place, places, lanes;
  int host_ranks;
  int *node_of;                  /* (size) */
  char (*hosts)[HOST_NAME_SIZE]; /* (size) */
};

/* LS_COMM with the library's own text when an MPI call did not succeed. */
ls_status mpi_check(int code, const char *what, ls_error *error);

#endif
