/* Ranks, nodes and lanes: how a job begins and ends, and how its ranks are numbered.
 *
 * MPI numbers the ranks in the launcher's order. Here they are renumbered so that the ranks of a node are
 * consecutive, because consecutive shards fold into few subtrees. Every communicator returns errors and does
 * not abort, so the program can end through main with a message. */
#include "comm/world_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Turns the lack of memory of one rank into an error of all ranks of `comm`. Used until world_agree has its
 * tables. */
static ls_status agree_on_memory(MPI_Comm comm, bool has_memory, ls_error *error) {
  int mine = has_memory, all = 0;
  TRY(mpi_check(MPI_Allreduce(&mine, &all, 1, MPI_INT, MPI_MIN, comm), "MPI_Allreduce", error));
  if (all) return LS_OK;
  return error_set(error, LS_NO_MEMORY, "no memory for the table of ranks%s", mine ? " on another rank" : "");
}

/* ---- nodes ---- */

typedef struct {
  int leader, group; /* launcher's rank of the host's first rank; group on that host */
} node_name_t;

static bool same_node(node_name_t a, node_name_t b) {
  return a.leader == b.leader && a.group == b.group;
}

/* Finds the node of this rank, identified by the first rank of its host and the group on that host. */
static ls_status name_node(world_t *world, int ranks_per_node, node_name_t *name, ls_error *error) {
  MPI_Comm host;
  int rank = 0, host_rank = 0;
  MPI_Comm_rank(world->start, &rank);
  TRY(mpi_check(MPI_Comm_split_type(world->start, MPI_COMM_TYPE_SHARED, rank, MPI_INFO_NULL, &host),
                "MPI_Comm_split_type", error));
  MPI_Comm_rank(host, &host_rank);
  MPI_Comm_size(host, &world->host_ranks);
  name->leader = rank;
  name->group = ranks_per_node > 0 ? host_rank / ranks_per_node : 0;
  int code = MPI_Bcast(&name->leader, 1, MPI_INT, 0, host);
  MPI_Comm_free(&host);
  return mpi_check(code, "MPI_Bcast", error);
}

/* Nodes are numbered in the order of their first ranks. The place of a rank is the number of ranks before it
 * on its node. */
static void number_nodes(world_t *world, const node_name_t *names, int start_rank) {
  int nodes = 0;
  world->lanes = world->size;
  world->places = 0;
  for (int r = 0; r < world->size; r++) {
    int members = 0, before = 0;
    bool first = true;
    for (int q = 0; q < world->size; q++) {
      if (!same_node(names[q], names[r])) continue;
      members++;
      if (q < r) first = false;
      if (q < start_rank) before++;
    }
    if (same_node(names[r], names[start_rank])) {
      world->places = members;
      world->place = before;
      if (first) world->node_index = nodes;
    }
    if (members < world->lanes) world->lanes = members;
    if (first) nodes++;
  }
  world->nodes = nodes;
}

static void free_groups(world_t *world) {
  if (world->lane != MPI_COMM_NULL) MPI_Comm_free(&world->lane);
  if (world->node != MPI_COMM_NULL) MPI_Comm_free(&world->node);
  if (world->all != MPI_COMM_NULL) MPI_Comm_free(&world->all);
}

static ls_status split_comms(world_t *world, ls_error *error) {
  int key = world->node_index * world->size + world->place;
  TRY(mpi_check(MPI_Comm_split(world->start, 0, key, &world->all), "MPI_Comm_split", error));
  TRY(mpi_check(MPI_Comm_split(world->start, world->node_index, world->place, &world->node), "MPI_Comm_split",
                error));
  int color = world->place < world->lanes ? world->place : MPI_UNDEFINED;
  TRY(mpi_check(MPI_Comm_split(world->start, color, world->node_index, &world->lane), "MPI_Comm_split",
                error));
  MPI_Comm_rank(world->all, &world->rank);
  return LS_OK;
}

static ls_status share_names(world_t *world, ls_error *error) {
  char host[HOST_NAME_SIZE] = "";
  gethostname(host, sizeof host - 1);
  TRY(world_gather(world, host, sizeof host, world->hosts, error));
  return world_gather(world, &world->node_index, sizeof world->node_index, world->node_of, error);
}

ls_status world_group(world_t *world, int ranks_per_node, ls_error *error) {
  node_name_t name = {0}, *names = calloc((size_t)world->size, sizeof *names);
  int start_rank = 0;
  ls_status status = agree_on_memory(world->start, names != NULL, error);
  if (status == LS_OK) status = name_node(world, ranks_per_node, &name, error);
  if (status == LS_OK)
    status =
        mpi_check(MPI_Allgather(&name, 2, MPI_INT, names, 2, MPI_INT, world->start), "MPI_Allgather", error);
  if (status == LS_OK) {
    MPI_Comm_rank(world->start, &start_rank);
    free_groups(world);
    number_nodes(world, names, start_rank);
    status = split_comms(world, error);
  }
  if (status == LS_OK) status = share_names(world, error);
  free(names);
  return status;
}

/* ---- life ---- */

/* Sets up nodes and tables of a world that only has its communicator. Destroys the world on failure. */
static ls_status world_fill(world_t *world, world_t **out, ls_error *error) {
  world->all = world->node = world->lane = MPI_COMM_NULL;
  MPI_Comm_size(world->start, &world->size);
  world->node_of = calloc((size_t)world->size, sizeof *world->node_of);
  world->offsets = calloc((size_t)world->size, sizeof *world->offsets);
  world->hosts = calloc((size_t)world->size, sizeof *world->hosts);
  bool has_memory = world->node_of != NULL && world->offsets != NULL && world->hosts != NULL;
  ls_status status = agree_on_memory(world->start, has_memory, error);
  if (status == LS_OK) status = world_group(world, 0, error);
  if (status != LS_OK) {
    world_destroy(&world);
    return status;
  }
  *out = world;
  return LS_OK;
}

/* By default, Open MPI's protocol for large messages over TCP reaches two thirds of the bandwidth when both
 * directions are busy. Plain sends (1) reach all of it. Other libraries and networks ignore the variable, and
 * a value set by the user is kept. */
static void prefer_plain_sends(void) {
  setenv("OMPI_MCA_btl_tcp_flags", "1", 0);
}

ls_status world_create(int *argc, char ***argv, world_t **out, ls_error *error) {
  int provided = 0;
  prefer_plain_sends();
  TRY(mpi_check(MPI_Init_thread(argc, argv, MPI_THREAD_FUNNELED, &provided), "MPI_Init_thread", error));
  if (provided < MPI_THREAD_FUNNELED) {
    MPI_Finalize();
    return error_set(error, LS_COMM,
                     "this MPI library gives no thread support (MPI_THREAD_FUNNELED is needed for OpenMP)");
  }
  world_t *world = calloc(1, sizeof *world);
  ls_status status = agree_on_memory(MPI_COMM_WORLD, world != NULL, error);
  if (status != LS_OK) {
    free(world);
    MPI_Finalize();
    return status;
  }
  MPI_Comm_dup(MPI_COMM_WORLD, &world->start);
  MPI_Comm_set_errhandler(world->start, MPI_ERRORS_RETURN); /* inherited by communicators split from it */
  return world_fill(world, out, error);
}

ls_status world_part(world_t *world, int number, world_t **out, ls_error *error) {
  world_t *own = calloc(1, sizeof *own), *part = NULL;
  ls_status status = own == NULL ? error_set(error, LS_NO_MEMORY, "no memory for the table of ranks") : LS_OK;
  status = world_agree(world, status, error);
  if (status != LS_OK) {
    free(own);
    return status;
  }
  own->whole = world;
  own->timeout = world->timeout;
  status = mpi_check(MPI_Comm_split(world->all, number, world->rank, &own->start), "MPI_Comm_split", error);
  if (status != LS_OK || own->start == MPI_COMM_NULL)
    free(own);
  else
    status = world_fill(own, &part, error);
  status = world_agree(world, status, error);
  if (status == LS_OK)
    *out = part;
  else
    world_destroy(&part);
  return status;
}

ls_status world_split(world_t *world, int parts, int *part, world_t **out, ls_error *error) {
  int number = (int)((int64_t)world->rank * parts / world->size);
  TRY(world_part(world, number, out, error));
  *part = number;
  return LS_OK;
}

/* Copies what a part knows about lost ranks to the whole world. */
static void world_lose(world_t *whole, const world_t *part) {
  whole->lost = true;
  whole->reports = part->reports;
  whole->why = part->why;
  if (whole->timeout <= 0) whole->timeout = part->timeout;
}

void world_destroy(world_t **world) {
  if (world == NULL || *world == NULL) return;
  world_t *own = *world, *whole = own->whole;
  if (own->lost && whole == NULL) world_end_job(own);
  if (own->lost) { /* the whole world ends the job later */
    world_lose(whole, own);
  } else {
    free_groups(own);
    MPI_Comm_free(&own->start);
  }
  free(own->node_of);
  free(own->offsets);
  free(own->hosts);
  free(own);
  *world = NULL;
  if (whole == NULL) MPI_Finalize();
}

/* ---- queries ---- */

int world_rank(const world_t *world) {
  return world->rank;
}

int world_size(const world_t *world) {
  return world->size;
}

int world_node(const world_t *world) {
  return world->node_index;
}

int world_nodes(const world_t *world) {
  return world->nodes;
}

int world_place(const world_t *world) {
  return world->place;
}

int world_places(const world_t *world) {
  return world->places;
}

int world_lanes(const world_t *world) {
  return world->lanes;
}

int world_node_of(const world_t *world, int rank) {
  return world->node_of[rank];
}

const char *world_host(const world_t *world, int rank) {
  return world->hosts[rank];
}

int world_host_ranks(const world_t *world) {
  return world->host_ranks;
}

int world_hosts(const world_t *world) {
  int hosts = 0;
  for (int r = 0; r < world->size; r++) {
    bool is_first = true;
    for (int q = 0; q < r && is_first; q++) is_first = strcmp(world->hosts[q], world->hosts[r]) != 0;
    hosts += is_first;
  }
  return hosts;
}

void world_library_version(char *out, size_t size) {
  char text[MPI_MAX_LIBRARY_VERSION_STRING] = "";
  int length = 0;
  MPI_Get_library_version(text, &length);
  text[strcspn(text, "\n,")] = '\0';
  snprintf(out, size, "%s", text);
}
