/* A crew is a part of the world. What idle ranks wait for is one broadcast, which rank 0 starts when the crew
 * has ended: the status and the error. A signal travels to rank 0 as a message of its own. */
#include "comm/crew.h"

#include "base/clock.h"
#include "base/signals.h"
#include "comm/roll.h"
#include "comm/world_impl.h"

#include <signal.h>
#include <time.h>

enum { SIGNAL_TAG = 2, NAP_NANOSECONDS = 20000000, RANK_SHIFT = 8 };

static const double LISTEN_SECONDS = 0.05, LOOK_SECONDS = 1;

/* What rank 0 tells the idle ranks at the end. */
typedef struct {
  ls_status status;
  ls_error error;
} crew_end_t;

/* ---- signals ---- */

void crew_listen(world_t *crew) {
  if (crew->idle_ranks == 0 || crew->rank != 0 || crew->lost) return;
  double now = clock_seconds();
  int there = 0, number = 0;
  MPI_Status from;
  if (now - crew->mail.listened < LISTEN_SECONDS) return;
  crew->mail.listened = now;
  MPI_Comm all = crew->whole->all;
  if (MPI_Iprobe(MPI_ANY_SOURCE, SIGNAL_TAG, all, &there, &from) != MPI_SUCCESS || !there) return;
  if (MPI_Recv(&number, 1, MPI_INT, from.MPI_SOURCE, SIGNAL_TAG, all, MPI_STATUS_IGNORE) != MPI_SUCCESS)
    return;
  crew->whole->mail.received++;
  atomic_store(&crew->mail.heard, (from.MPI_SOURCE << RANK_SHIFT) | number);
}

int crew_signal(const world_t *crew, int *rank, const char **host) {
  int heard = atomic_load(&crew->mail.heard);
  if (heard == 0) return 0;
  *rank = heard >> RANK_SHIFT;
  *host = crew->whole->hosts[*rank];
  return heard & ((1 << RANK_SHIFT) - 1);
}

/* Receives the messages that were sent too late for crew_listen, because MPI must not end with messages on
 * their way. Rank 0 takes these signals as its own: more work may follow, such as the next member of an
 * ensemble. sent: signals that this rank has passed on. */
static ls_status receive_rest(world_t *world, int64_t sent, ls_error *error) {
  TRY(world_sum_i64(world, &sent, 1, error));
  for (; world->rank == 0 && world->mail.received < sent; world->mail.received++) {
    int number = 0;
    TRY_MPI(world, error, MPI_Irecv, &number, 1, MPI_INT, MPI_ANY_SOURCE, SIGNAL_TAG, world->all);
    raise(number);
  }
  world->mail.received = 0;
  return LS_OK;
}

/* ---- the end ---- */

/* What an idle rank knows of the crew on its host. */
typedef struct {
  double looked;
  double still; /* how long some rank of the crew has been stopped or blocked, in seconds */
} crew_view_t;

/* An idle rank waits as long as the crew works. But a crew that is stopped or blocked as a whole cannot end
 * the job itself, so a second after it should have done so, an idle rank of its host does. */
static ls_status look_after(world_t *world, int crew, crew_view_t *view, ls_error *error) {
  double now = clock_seconds();
  activity_waits(now);
  if (world->timeout <= 0 || now - view->looked < LOOK_SECONDS) return LS_OK;
  view->looked = now;
  survey_t survey = board_survey(world->peers, crew, world->timeout);
  view->still = survey.still > 0 ? view->still + LOOK_SECONDS : 0;
  if (survey.gone == 0 && view->still <= world->timeout + LOOK_SECONDS) return LS_OK;
  return world_abandon(world, "an idle rank waits for the others", error);
}

/* An idle rank waits for the broadcast. It sleeps between two looks, so it takes no time from the crew. */
static ls_status wait_for_end(world_t *world, int crew, crew_end_t *ending, int64_t *sent, ls_error *error) {
  MPI_Request request = MPI_REQUEST_NULL;
  crew_view_t view = {.looked = 0};
  TRY(mpi_check(MPI_Ibcast(ending, sizeof *ending, MPI_BYTE, 0, world->all, &request), "MPI_Ibcast", error));
  for (int done = 0;;) {
    TRY(mpi_check(MPI_Test(&request, &done, MPI_STATUS_IGNORE), "MPI_Test", error));
    if (done) return LS_OK;
    int number = signals_take();
    if (number != 0) {
      TRY(mpi_check(MPI_Send(&number, 1, MPI_INT, 0, SIGNAL_TAG, world->all), "MPI_Send", error));
      ++*sent;
    }
    TRY(look_after(world, crew, &view, error));
    nanosleep(&(struct timespec){0, NAP_NANOSECONDS}, NULL);
  }
}

/* All ranks come together again; the crew brings its status. */
static ls_status rejoin(world_t *world, int most, ls_status status, ls_error *error) {
  bool is_idle = world->rank >= most;
  ls_error local = {0};
  if (error == NULL) error = &local;
  crew_end_t ending = {.status = status, .error = *error};
  int64_t sent = 0;
  if (is_idle) {
    TRY(wait_for_end(world, most, &ending, &sent, error));
    if (ending.status != LS_OK) *error = ending.error;
  } else {
    TRY(world_broadcast(world, &ending, sizeof ending, 0, error));
  }
  TRY(receive_rest(world, sent, error));
  return is_idle ? ending.status : status;
}

ls_status crew_open(world_t *world, int most, world_t **crew, ls_error *error) {
  bool is_idle = world->rank >= most;
  if (most >= world->size) {
    *crew = world;
    return LS_OK;
  }
  TRY(world_part(world, is_idle ? MPI_UNDEFINED : 0, crew, error));
  if (is_idle) activity_set("waiting for the ranks that work");
  if (!is_idle) (*crew)->idle_ranks = world->size - most;
  return LS_OK;
}

ls_status crew_call(world_t *world, world_t *crew, int most, crew_work_t *work, void *context,
                    ls_error *error) {
  ls_status status = crew != NULL ? work(crew, context, error) : LS_OK;
  return crew == world ? status : rejoin(world, most, status, error);
}

void crew_close(world_t *world, world_t **crew) {
  if (*crew != world) world_destroy(crew);
  *crew = NULL;
}

ls_status crew_run(world_t *world, int most, crew_work_t *work, void *context, ls_error *error) {
  world_t *crew = NULL;
  TRY(crew_open(world, most, &crew, error));
  ls_status status = crew != NULL ? work(crew, context, error) : LS_OK;
  bool is_whole = crew == world;
  crew_close(world, &crew);
  return is_whole ? status : rejoin(world, most, status, error);
}
