/* The ranks of a job: the only room that knows MPI.
 *
 * Ranks are numbered node by node (whatever the launcher's order), so that the ranks of a node own
 * neighbouring shards. A node here is a group of ranks that share memory; its ranks have places 0, 1, … in
 * it. Functions marked collective must be called by all ranks in the same order; all return the same status
 * on every rank. Only the thread that created the world may call them. */
#ifndef COMM_WORLD_H
#define COMM_WORLD_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct world world_t;

/* Starts MPI. Collective. *out is caller-owned (world_destroy ends MPI; see world_abandon for when it does
 * not). */
ls_status world_create(int *argc, char ***argv, world_t **out, ls_error *error);
void world_destroy(world_t **world);

/* Cuts the ranks into `parts` runs of neighbours, 1 to world_size of them, and makes a world of the part that
 * this rank is in, as if those ranks had been started alone. *part: its number. Collective over `world`,
 * which stays as it is; *out is caller-owned, and world_destroy of it leaves MPI running. */
ls_status world_split(world_t *world, int parts, int *part, world_t **out, ls_error *error);

/* Regroups ranks into nodes of at most ranks_per_node (0: all that share memory). Collective, before anything
 * that depends on nodes is made. */
ls_status world_group(world_t *world, int ranks_per_node, ls_error *error);

/* From now on nobody waits longer than so many seconds (0, as at first: for ever) for another rank in the
 * collective calls below: those return LS_COMM then, with the names of the nodes that do not answer. Not
 * collective, but the same on all ranks. */
void world_set_timeout(world_t *world, double seconds);
double world_timeout(const world_t *world);
/* How many of those seconds it waits before it looks for nodes that do not answer. */
double world_patience(const world_t *world);

/* For a rank that has found elsewhere that others do not come (`why`: a barrier in memory, an exchange of
 * another rank of its node): looks for nodes that do not answer, as a call that has waited too long does, and
 * returns LS_COMM with what it found. After that, as after such a call, ranks are lost and nothing
 * communicates any more: every collective call returns the same error at once, windows stay open, and
 * world_destroy ends the job by MPI_Abort. Not collective. */
ls_status world_abandon(world_t *world, const char *why, ls_error *error);

/* Whether this is the rank that tells the user of failures: rank 0, or when ranks are lost the first of those
 * that are left. */
bool world_reports(const world_t *world);

int world_rank(const world_t *world);
int world_size(const world_t *world);
int world_node(const world_t *world);   /* number of this rank's node */
int world_nodes(const world_t *world);  /* how many there are */
int world_place(const world_t *world);  /* this rank's place in its node */
int world_places(const world_t *world); /* ranks in this node */
int world_lanes(const world_t *world);  /* the fewest ranks that any node holds */
int world_node_of(const world_t *world, int rank);
const char *world_host(const world_t *world, int rank); /* host name of any rank */
int world_host_ranks(const world_t *world);             /* ranks on this rank's host, whatever the grouping */

/* Makes one rank's failure everyone's: all ranks return the status of the lowest rank that failed (LS_OK when
 * none did) with its message, to which that rank and its host are added when there are several ranks.
 * Collective. */
ls_status world_agree(world_t *world, ls_status status, ls_error *error);

/* Collective, all over the whole world. */
ls_status world_broadcast(world_t *world, void *bytes, size_t size, int root, ls_error *error);
ls_status world_barrier(world_t *world, ls_error *error);
/* all[rank * size ..] = mine of that rank. */
ls_status world_gather(world_t *world, const void *mine, size_t size, void *all, ls_error *error);
/* Pieces of different sizes, one after the other in rank order; sizes[] (one per rank, in bytes) is known to
 * all. all may be NULL except on root (root >= 0); root < 0 gives it to every rank. */
ls_status world_gather_pieces(world_t *world, const void *mine, const size_t *sizes, void *all, int root,
                              ls_error *error);
/* values[i] = sum or maximum over ranks. The textbook reduction, whose order is the library's: for
 * `reduce: mpi` and for integers. */
ls_status world_sum_f32(world_t *world, float *values, size_t n, ls_error *error);
ls_status world_sum_i64(world_t *world, int64_t *values, size_t n, ls_error *error);
ls_status world_max_i64(world_t *world, int64_t *values, size_t n, ls_error *error);
ls_status world_min_i64(world_t *world, int64_t *values, size_t n, ls_error *error);

/* The exchange of slices between nodes, among the ranks of the same place (lane). Collective over the lane; a
 * rank whose place is not below world_lanes() must not call them. Sizes in floats, one per node. */
ls_status world_lane_all_to_all(world_t *world, const float *send, const int *send_counts, float *receive,
                                const int *receive_counts, ls_error *error);
/* all: the lane's pieces one after the other in node order, this node's already in its place. */
ls_status world_lane_gather(world_t *world, float *all, const int *counts, ls_error *error);
ls_status world_lane_gather_f64(world_t *world, double *all, const int *counts, ls_error *error);

/* "Open MPI v4.1.4 …", first line of the library's version. Static or in out. */
void world_library_version(char *out, size_t size);

#endif
