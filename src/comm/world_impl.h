/* Private to the comm room. */
#ifndef COMM_WORLD_IMPL_H
#define COMM_WORLD_IMPL_H

#include "comm/watch.h"
#include "comm/world.h"

#include <mpi.h>
#include <stdatomic.h>

enum { HOST_NAME_SIZE = 64 };

/* Signals that idle ranks pass on to rank 0 (crew.h). */
typedef struct {
  int received;     /* of a whole, on rank 0: how many have come */
  atomic_int heard; /* of a crew, on its rank 0: the last of these, with the rank it came to; 0: none */
  double listened;  /* when it last looked for one */
} crew_mail_t;

struct world {
  MPI_Comm start; /* in the launcher's order; MPI_COMM_NULL: a process alone (is_alone) */
  MPI_Comm all;   /* renumbered node by node */
  MPI_Comm node;  /* the ranks of this node */
  MPI_Comm lane;  /* the ranks with the same place; MPI_COMM_NULL when this place has no lane */
  int rank, size;
  struct world *whole; /* the world this is a part of, which ends MPI; NULL: this is the whole */
  int node_index, nodes;
  int place, places, lanes;
  int host_ranks;
  int idle_ranks;                /* of a crew (crew.h): ranks of the whole that wait for its end */
  crew_mail_t mail;              /* signals that came from idle ranks */
  int *node_of;                  /* (size) */
  int *offsets;                  /* (size): work space for the lane's collectives */
  char (*hosts)[HOST_NAME_SIZE]; /* (size) */
  peer_t *peers;                 /* (size): the pages of the ranks of this host; NULL: not known yet */
  size_t message;                /* most bytes of one message */
  double timeout;                /* seconds to wait for other ranks, 0: for ever */
  bool is_guest;                 /* of a program that has started MPI itself (world_adopt) */
  bool lost;                     /* some ranks did not answer: no communication any more */
  bool reports;                  /* valid when lost: this is the first rank that is left */
  ls_error why;                  /* valid when lost */
};

/* Whether the world is that of world_alone: this process has not started MPI. A world that is only planned
 * (imagine.h) is lost, not alone. */
static inline bool is_alone(const world_t *world) {
  int has_begun = 0;
  MPI_Initialized(&has_begun);
  return !has_begun && !world->lost;
}

/* Sets up nodes and tables of a world that only has its communicator `start`. Destroys the world on failure.
 * Collective. */
ls_status world_fill(world_t *world, world_t **out, ls_error *error);

/* Turns the lack of memory of one rank into an error of all ranks. Needs no tables. Collective. */
ls_status agree_on_memory(world_t *world, bool has_memory, ls_error *error);

/* Creates a world of the ranks that pass the same number, in their order; *out stays NULL on ranks that pass
 * MPI_UNDEFINED. On failure no rank has one. *out is caller-owned. Collective over `world`. */
ls_status world_part(world_t *world, int number, world_t **out, ls_error *error);

/* Returns LS_COMM with MPI's error text when an MPI call failed. */
ls_status mpi_check(int code, const char *what, ls_error *error);

/* Returns LS_COMM with the message of the first failure when ranks are lost. */
ls_status world_usable(const world_t *world, ls_error *error);
/* Waits for a nonblocking call to complete. `call` is its name and `code` is what starting it returned. When
 * it fails or exceeds the timeout, ranks are lost. */
ls_status world_await(world_t *world, int code, MPI_Request *request, const char *call, ls_error *error);

/* A tenth of the timeout, at most ten seconds: the unit in which wait.c divides it. */
double world_part_of_timeout(const world_t *world);

/* Prints why ranks are lost, if this rank reports: for failures that do not reach main. */
void world_tell(const world_t *world);
/* Ends a job whose ranks are lost. */
void world_end_job(world_t *world);

/* For calls that have no nonblocking form: the watching thread limits the time (watch.h). Returns MPI's code.
 * Before such a call all ranks should meet in a call by TRY_MPI, which can say more of ranks on other hosts.
 */
#define WATCH_MPI(world, function, ...)                                                                      \
  (watch_enter(#function, (world)->peers, (world)->size, (world)->timeout), watch_left(function(__VA_ARGS__)))
static inline int watch_left(int code) {
  watch_leave();
  return code;
}

/* For every call that waits for other ranks: makes the call nonblocking, so that the wait can time out.
 * Returns from the calling function on failure. */
#define TRY_MPI(world, error, function, ...)                                                                 \
  do {                                                                                                       \
    MPI_Request request_ = MPI_REQUEST_NULL;                                                                 \
    TRY(world_usable(world, error));                                                                         \
    TRY(world_await(world, function(__VA_ARGS__, &request_), &request_, #function, error));                  \
  } while (0)

#endif
