/* The ranks of a job. No other room knows MPI.
 *
 * Ranks are numbered node by node, in any order of the launcher, so the ranks of a node own consecutive
 * shards. A node here is a group of ranks that share memory. Its ranks have places 0, 1, … The ranks with the
 * same place on all nodes form a lane:
 *
 *              node 0    node 1    node 2
 *    place 0   rank 0    rank 3    rank 5    lane 0
 *    place 1   rank 1    rank 4    rank 6    lane 1
 *    place 2   rank 2              rank 7    no lane: node 1 has only two ranks
 *
 * All ranks must call collective functions in the same order. These return the same status on every rank.
 * Only the thread that created the world may call the collective functions. */
#ifndef COMM_WORLD_H
#define COMM_WORLD_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct world world_t;

/* Starts MPI. Collective. *out is caller-owned. world_destroy ends MPI, except when ranks are lost (see
 * world_abandon). */
ls_status world_create(int *argc, char ***argv, world_t **out, ls_error *error);
void world_destroy(world_t **world);

/* Creates the world of a process that no launcher has started (launch_is_alone). Such a world does not start
 * MPI, which would take most of the time of a short command. *out is caller-owned. */
ls_status world_alone(world_t **out, ls_error *error);

/* Creates a world inside a program that has started MPI itself: of the ranks of `communicator`, a pointer to
 * its MPI_Comm, which is duplicated, so other traffic on it goes on. The thread level must be
 * MPI_THREAD_FUNNELED or higher, and for that level the caller the main thread: LS_USAGE. Such a world waits
 * for other ranks without a time limit, prints nothing, and neither ends MPI nor aborts: after a failure of
 * MPI every call returns LS_COMM, and world_destroy leaves the duplicate open. Collective over the
 * communicator. *out is caller-owned. */
ls_status world_adopt(const void *communicator, world_t **out, ls_error *error);

/* Whether this world uses MPI. The world of world_alone does not. */
bool world_has_mpi(const world_t *world);

/* This rank's number in the communicator that the world was created from. */
int world_given_rank(const world_t *world);

/* Splits the ranks into `parts` runs of consecutive ranks, 1 to world_size of them, and creates a world for
 * the run of this rank, as if its ranks had been started alone. *part is the number of the run. Collective
 * over `world`, which does not change. *out is caller-owned; its world_destroy leaves MPI running. */
ls_status world_split(world_t *world, int parts, int *part, world_t **out, ls_error *error);

/* Regroups the ranks into nodes of at most ranks_per_node ranks (0: all ranks that share memory). Collective.
 * Call this before creating anything that depends on nodes. */
ls_status world_group(world_t *world, int ranks_per_node, ls_error *error);

/* Limits how long the collective calls below wait for other ranks, in seconds (0, the default: for ever).
 * After that they return LS_COMM with the names of the nodes that do not answer. Not collective, but all
 * ranks must set the same value. */
void world_set_timeout(world_t *world, double seconds);
double world_timeout(const world_t *world);
/* How many of these seconds a call waits before the roll call (wait.c). */
double world_patience(const world_t *world);

/* For a rank that notices missing ranks outside this room, for example at a barrier in memory (`why`). Holds
 * a roll call like a collective call that has waited too long, and returns LS_COMM with the result. After
 * either, ranks are lost and communication is over: every collective call returns the same error at once,
 * windows stay open, and world_destroy ends the job by MPI_Abort. Not collective. */
ls_status world_abandon(world_t *world, const char *why, ls_error *error);

/* When ranks are lost, sets *error to the reason alone, without what callers have put in front of the
 * message: they failed only because of it. Returns the status of the error. Not collective. */
ls_status world_reason(const world_t *world, ls_status status, ls_error *error);

/* Whether this rank reports failures to the user: rank 0, or when ranks are lost, the first rank that is
 * left. */
bool world_reports(const world_t *world);

int world_rank(const world_t *world);
int world_size(const world_t *world);
int world_node(const world_t *world);   /* this rank's node */
int world_nodes(const world_t *world);  /* number of nodes */
int world_place(const world_t *world);  /* this rank's place on its node */
int world_places(const world_t *world); /* number of ranks on this node */
int world_lanes(const world_t *world);  /* number of lanes: the smallest number of ranks on any node */
int world_node_of(const world_t *world, int rank);
const char *world_host(const world_t *world, int rank); /* host name of any rank */
int world_host_ranks(const world_t *world);             /* ranks on this rank's host, in any node */
int world_hosts(const world_t *world);                  /* number of hosts */

/* Turns the failure of one rank into a failure of all: every rank returns the status and the message of the
 * lowest rank that failed (LS_OK when none failed). With several ranks, the rank and its host are added to
 * the message. Collective. */
ls_status world_agree(world_t *world, ls_status status, ls_error *error);

/* The following are collective over the whole world. */
ls_status world_broadcast(world_t *world, void *bytes, size_t size, int root, ls_error *error);
ls_status world_barrier(world_t *world, ls_error *error);
/* all[rank * size ..] = `mine` of that rank. */
ls_status world_gather(world_t *world, const void *mine, size_t size, void *all, ls_error *error);
/* Gathers pieces of different sizes in rank order. All ranks know sizes[] (one per rank, in bytes). root >=
 * 0: only root receives them, and all may be NULL on the other ranks. root < 0: every rank receives them. */
ls_status world_gather_pieces(world_t *world, const void *mine, const size_t *sizes, void *all, int root,
                              ls_error *error);
/* values[i] = sum, maximum or minimum over all ranks. MPI chooses the order of the sum: only for `reduce:
 * mpi` and for integers. */
ls_status world_sum_f32(world_t *world, float *values, size_t n, ls_error *error);
ls_status world_sum_i64(world_t *world, int64_t *values, size_t n, ls_error *error);
ls_status world_max_i64(world_t *world, int64_t *values, size_t n, ls_error *error);
ls_status world_min_i64(world_t *world, int64_t *values, size_t n, ls_error *error);

/* Gathers the pieces of a lane in node order; this node's piece is already in place. Collective over the
 * lane: a rank whose place is not below world_lanes() must not call these. Counts are in elements, one per
 * node. */
ls_status world_lane_gather(world_t *world, float *all, const int *counts, ls_error *error);
ls_status world_lane_gather_f64(world_t *world, double *all, const int *counts, ls_error *error);

/* The first line of the MPI library's version, up to a comma: "Open MPI v4.1.4". Written to out, truncated to
 * size. */
void world_library_version(char *out, size_t size);

#endif
