/* Ranks, nodes and lanes: how a job begins and ends, and how its ranks are numbered.
 *
 * MPI numbers the ranks in the launcher's order. Here they are renumbered so that the ranks of a node are
 * consecutive, because consecutive shards fold into few subtrees. Every communicator returns errors and does
 * not abort, so the program can end through main with a message. */
#include "base/activity.h"
#include "comm/roll.h"
#include "comm/world_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_BYTES = 1 << 30 }; /* MPI counts are ints, so larger buffers are sent in several messages */

/* Used until world_agree has its tables. */
ls_status agree_on_memory(world_t *world, bool has_memory, ls_error *error) {
  int mine = has_memory, all = mine;
  if (!is_alone(world)) TRY_MPI(world, error, MPI_Iallreduce, &mine, &all, 1, MPI_INT, MPI_MIN, world->start);
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
  world->host_ranks = 1;
  if (is_alone(world)) return LS_OK;
  MPI_Comm_rank(world->start, &rank);
  TRY(mpi_check(
      WATCH_MPI(world, MPI_Comm_split_type, world->start, MPI_COMM_TYPE_SHARED, rank, MPI_INFO_NULL, &host),
      "MPI_Comm_split_type", error));
  MPI_Comm_rank(host, &host_rank);
  MPI_Comm_size(host, &world->host_ranks);
  name->leader = rank;
  name->group = ranks_per_node > 0 ? host_rank / ranks_per_node : 0;
  MPI_Request request = MPI_REQUEST_NULL;
  int code = MPI_Ibcast(&name->leader, 1, MPI_INT, 0, host, &request);
  TRY(world_await(world, code, &request, "MPI_Ibcast", error));
  return mpi_check(WATCH_MPI(world, MPI_Comm_free, &host), "MPI_Comm_free", error);
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
  if (world->lane != MPI_COMM_NULL) WATCH_MPI(world, MPI_Comm_free, &world->lane);
  if (world->node != MPI_COMM_NULL) WATCH_MPI(world, MPI_Comm_free, &world->node);
  if (world->all != MPI_COMM_NULL) WATCH_MPI(world, MPI_Comm_free, &world->all);
}

/* Color and key as for MPI_Comm_split. */
static ls_status split_comm(world_t *world, int color, int key, MPI_Comm *out, ls_error *error) {
  return mpi_check(WATCH_MPI(world, MPI_Comm_split, world->start, color, key, out), "MPI_Comm_split", error);
}

static ls_status split_comms(world_t *world, ls_error *error) {
  if (is_alone(world)) return LS_OK;
  TRY(split_comm(world, 0, world->node_index * world->size + world->place, &world->all, error));
  TRY(split_comm(world, world->node_index, world->place, &world->node, error));
  int color = world->place < world->lanes ? world->place : MPI_UNDEFINED;
  TRY(split_comm(world, color, world->node_index, &world->lane, error));
  MPI_Comm_rank(world->all, &world->rank);
  if (world->whole == NULL) atomic_store(&activity_page()->rank, world->rank);
  return LS_OK;
}

/* Where a rank is. The space is that of its process numbers: containers may have one each. */
typedef struct {
  char host[HOST_NAME_SIZE];
  int32_t process, page;
  uint64_t space;
  int32_t node, rank;
} rank_place_t;

static rank_place_t own_place(const world_t *world) {
  struct stat space = {0};
  rank_place_t place;
  memset(&place, 0, sizeof place); /* the padding too: it is sent as bytes */
  gethostname(place.host, sizeof place.host - 1);
  place.process = (int32_t)getpid();
  place.page = (int32_t)watch_page();
  if (stat("/proc/self/ns/pid", &space) == 0) place.space = (uint64_t)space.st_ino;
  place.node = world->node_index;
  place.rank = (int32_t)atomic_load(&activity_page()->rank);
  return place;
}

static void fill_tables(world_t *world, const rank_place_t *places, peer_t *peers) {
  const rank_place_t *own = &places[world->rank];
  for (int r = 0; r < world->size; r++) {
    memcpy(world->hosts[r], places[r].host, HOST_NAME_SIZE);
    world->node_of[r] = places[r].node;
    bool is_visible = strcmp(places[r].host, own->host) == 0 && places[r].space == own->space;
    peers[r] = is_visible ? (peer_t){places[r].process, places[r].page, places[r].rank} : (peer_t){0, -1, -1};
  }
  if (world->whole == NULL) watch_ranks(NULL, 0, 0);
  free(world->peers);
  world->peers = peers;
  world_set_timeout(world, world->timeout);
}

static ls_status share_places(world_t *world, ls_error *error) {
  const rank_place_t own = own_place(world);
  rank_place_t *places = calloc((size_t)world->size, sizeof *places);
  peer_t *peers = calloc((size_t)world->size, sizeof *peers);
  ls_status status = agree_on_memory(world, places != NULL && peers != NULL, error);
  if (status == LS_OK) status = world_gather(world, &own, sizeof own, places, error);
  if (status == LS_OK)
    fill_tables(world, places, peers);
  else
    free(peers);
  free(places);
  return status;
}

static ls_status gather_names(world_t *world, const node_name_t *name, node_name_t *names, ls_error *error) {
  if (is_alone(world)) *names = *name;
  if (!is_alone(world))
    TRY_MPI(world, error, MPI_Iallgather, name, 2, MPI_INT, names, 2, MPI_INT, world->start);
  return LS_OK;
}

ls_status world_group(world_t *world, int ranks_per_node, ls_error *error) {
  node_name_t name = {0}, *names = calloc((size_t)world->size, sizeof *names);
  ls_status status = agree_on_memory(world, names != NULL, error);
  if (status == LS_OK) status = name_node(world, ranks_per_node, &name, error);
  if (status == LS_OK) status = gather_names(world, &name, names, error);
  if (status == LS_OK) {
    free_groups(world);
    number_nodes(world, names, world_given_rank(world));
    status = split_comms(world, error);
  }
  if (status == LS_OK) status = share_places(world, error);
  free(names);
  return status;
}

/* ---- life ---- */

/* While this rank works, it answers ranks that wait for it. */
static void answer_while_working(void *world) {
  roll_answer(world, true);
}

/* Destroys a world whose set-up has failed. No caller can ask the whole world which rank reports. */
static void give_up(world_t **world) {
  if ((*world)->whole == NULL) world_tell(*world);
  world_destroy(world);
}

ls_status world_fill(world_t *world, world_t **out, ls_error *error) {
  world->all = world->node = world->lane = MPI_COMM_NULL;
  world->message = MOST_BYTES;
  world->size = 1;
  if (!is_alone(world)) MPI_Comm_size(world->start, &world->size);
  world->node_of = calloc((size_t)world->size, sizeof *world->node_of);
  world->offsets = calloc((size_t)world->size, sizeof *world->offsets);
  world->hosts = calloc((size_t)world->size, sizeof *world->hosts);
  bool has_memory = world->node_of != NULL && world->offsets != NULL && world->hosts != NULL;
  ls_status status = agree_on_memory(world, has_memory, error);
  if (status == LS_OK) status = world_group(world, 0, error);
  if (status != LS_OK) {
    give_up(&world);
    return status;
  }
  activity_on_beat(answer_while_working, world);
  *out = world;
  return LS_OK;
}

/* By default, Open MPI's protocol for large messages over TCP reaches two thirds of the bandwidth when both
 * directions are busy. Plain sends (1) reach all of it. Other libraries and networks ignore the variable, and
 * a value set by the user is kept. */
static void prefer_plain_sends(void) {
  setenv("OMPI_MCA_btl_tcp_flags", "1", 0);
}

static ls_status start_mpi(int *argc, char ***argv, ls_error *error) {
  int provided = 0;
  prefer_plain_sends();
  activity_set("starting MPI");
  watch_enter("MPI_Init", NULL, 0, watch_default_timeout());
  int code = watch_left(MPI_Init_thread(argc, argv, MPI_THREAD_FUNNELED, &provided));
  TRY(mpi_check(code, "MPI_Init_thread", error));
  activity_set("setting up the ranks");
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN); /* inherited by all communicators */
  if (provided >= MPI_THREAD_FUNNELED) return LS_OK;
  MPI_Finalize();
  return error_set(error, LS_COMM,
                   "this MPI library gives no thread support (MPI_THREAD_FUNNELED is needed for OpenMP)");
}

/* The world is one that has no tables yet. */
static ls_status copy_comm(world_t *world, ls_error *error) {
  TRY_MPI(world, error, MPI_Comm_idup, MPI_COMM_WORLD, &world->start);
  return LS_OK;
}

/* Sets up a world without memory of its own, because a rank may have none. Ends a job whose ranks are lost.
 */
static ls_status agree_on_world(bool has_memory, ls_error *error) {
  world_t bare = {.start = MPI_COMM_WORLD, .lane = MPI_COMM_NULL, .timeout = watch_default_timeout()};
  ls_status status = agree_on_memory(&bare, has_memory, error);
  if (!bare.lost) return status;
  world_tell(&bare);
  world_end_job(&bare);
  return status;
}

ls_status world_create(int *argc, char ***argv, world_t **out, ls_error *error) {
  TRY(start_mpi(argc, argv, error));
  world_t *world = calloc(1, sizeof *world), *filled = NULL;
  ls_status status = agree_on_world(world != NULL, error);
  if (status != LS_OK) {
    free(world);
    MPI_Finalize();
    return status;
  }
  *world =
      (world_t){.start = MPI_COMM_NULL, .all = MPI_COMM_NULL, .node = MPI_COMM_NULL, .lane = MPI_COMM_NULL};
  world->timeout = watch_default_timeout();
  status = copy_comm(world, error);
  if (status != LS_OK) {
    give_up(&world);
    return status;
  }
  TRY(world_fill(world, &filled, error));
  double timeout = filled->timeout; /* the environment of ranks may differ */
  status = world_broadcast(filled, &timeout, sizeof timeout, 0, error);
  if (status == LS_OK) {
    world_set_timeout(filled, timeout);
    *out = filled;
  } else {
    give_up(&filled);
  }
  return status;
}

ls_status world_alone(world_t **out, ls_error *error) {
  world_t *world = calloc(1, sizeof *world);
  if (world == NULL) return error_set(error, LS_NO_MEMORY, "no memory for the table of ranks");
  *world = (world_t){.start = MPI_COMM_NULL, .timeout = watch_default_timeout()};
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
  own->is_guest = world->is_guest;
  own->timeout = world->timeout;
  own->start = own->lane = MPI_COMM_NULL;
  if (!is_alone(world))
    status = mpi_check(WATCH_MPI(world, MPI_Comm_split, world->all, number, world->rank, &own->start),
                       "MPI_Comm_split", error);
  if (status != LS_OK || (own->start == MPI_COMM_NULL && !is_alone(world)))
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

/* All ranks meet before MPI ends, because MPI_Finalize has no time limit and no message of its own. */
static void end_mpi(world_t *world) {
  MPI_Request request = MPI_REQUEST_NULL;
  if (world->all != MPI_COMM_NULL)
    world_await(world, MPI_Ibarrier(world->all, &request), &request, "MPI_Ibarrier", NULL);
  if (world->lost) {
    world_tell(world);
    world_end_job(world);
  }
  roll_answer(world, false); /* MPI must not end with messages on their way */
  free_groups(world);
  if (world->start != MPI_COMM_NULL) WATCH_MPI(world, MPI_Comm_free, &world->start);
  watch_enter("MPI_Finalize", world->peers, world->size, world->timeout);
  MPI_Finalize();
  watch_leave();
}

/* All ranks meet first: no rank may free its communicator while another rank still asks or answers. */
static void leave(world_t *world) {
  MPI_Request request = MPI_REQUEST_NULL;
  if (world->lost) return;
  if (world->all != MPI_COMM_NULL)
    world_await(world, MPI_Ibarrier(world->all, &request), &request, "MPI_Ibarrier", NULL);
  if (world->lost) return;
  roll_answer(world, false);
  free_groups(world);
  MPI_Comm_free(&world->start);
}

void world_destroy(world_t **world) {
  if (world == NULL || *world == NULL) return;
  world_t *own = *world, *whole = own->whole;
  activity_on_beat(whole == NULL ? NULL : answer_while_working, whole);
  if (whole == NULL) watch_ranks(NULL, 0, 0);
  if (is_alone(own)) {
    activity_set("ending");
  } else if (whole == NULL && own->is_guest) {
    leave(own);
  } else if (whole == NULL) {
    activity_set("ending MPI");
    if (own->lost) world_end_job(own);
    end_mpi(own);
  } else if (own->lost) { /* the whole world ends the job later */
    world_lose(whole, own);
  } else {
    free_groups(own);
    WATCH_MPI(own, MPI_Comm_free, &own->start);
  }
  free(own->node_of);
  free(own->offsets);
  free(own->hosts);
  free(own->peers);
  free(own);
  *world = NULL;
}

/* ---- queries ---- */

int world_rank(const world_t *world) {
  return world->rank;
}

bool world_has_mpi(const world_t *world) {
  return !is_alone(world);
}

int world_given_rank(const world_t *world) {
  int rank = 0;
  if (!is_alone(world)) MPI_Comm_rank(world->start, &rank);
  return rank;
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
