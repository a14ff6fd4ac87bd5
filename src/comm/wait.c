/* Waiting for other ranks, with an end: no call of this room waits for a rank longer than world_set_timeout
 * allows. A network that loses a node tells nobody: TCP repeats what it has sent for a quarter of an hour,
 * and a launcher that waits for its own daemon does the same. So a rank that has waited too long calls the
 * roll: every rank of a lane sends every other an empty message, and the nodes that send none are the ones
 * that are named. Those who wait at the same time answer, since they call the roll as well.
 *
 * Parts of the timeout: waiting, then a tenth (at most ten seconds) for the roll, another in which the rank
 * that reports is not yet ended by the launcher, and another in reserve. */
#include "base/clock.h"
#include "comm/idle.h"
#include "comm/world_impl.h"

#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
  ROLL_TAG = 1,
  LONGEST_PART = 10, /* seconds */
  ABORT_SECONDS = 1,
  QUICK_LOOKS = 100, /* before the core is left to others: asking MPI takes longer than a look at memory */
  YIELDS = 2000,
};

void world_set_timeout(world_t *world, double seconds) {
  world->timeout = seconds;
}

double world_timeout(const world_t *world) {
  return world->timeout;
}

bool world_reports(const world_t *world) {
  return world->lost ? world->reports : world->rank == 0;
}

ls_status world_usable(const world_t *world, ls_error *error) {
  return world->lost ? error_set(error, LS_COMM, "%s", world->why.message) : LS_OK;
}

static double tenth(const world_t *world) {
  double part = world->timeout / 10;
  return part > LONGEST_PART ? LONGEST_PART : part;
}

double world_patience(const world_t *world) {
  return world->timeout - 3 * tenth(world);
}

static void pass_seconds(double seconds) {
  double until = clock_seconds() + seconds;
  for (int tries = 0; clock_seconds() < until; tries += tries < INT_MAX / 2) idle(NULL, tries);
}

/* MPI_Finalize would wait for all ranks, and a launcher that is not told so waits for all its daemons. Who
 * does not report gives the one who does the time to. On a node that is cut off the launcher cannot be told,
 * and MPICH goes on trying: there the signal ends the process. */
void world_end_job(const world_t *world) {
  if (!world->reports) pass_seconds(tenth(world));
  alarm(ABORT_SECONDS);
  MPI_Abort(MPI_COMM_WORLD, ls_status_exit_code(LS_COMM));
}

/* ---- the roll ---- */

/* answers[node]: whether the rank of this lane on that node sends a word within a tenth of the timeout. A
 * message that cannot be sent or received is none. */
static void call_roll(const world_t *world, MPI_Request *requests, bool *answers) {
  MPI_Request *sent = requests, *received = requests + world->nodes;
  for (int node = 0; node < world->nodes; node++) {
    answers[node] = node == world->node_index;
    if (answers[node]) continue;
    if (MPI_Irecv(NULL, 0, MPI_BYTE, node, ROLL_TAG, world->lane, &received[node]) != MPI_SUCCESS)
      received[node] = MPI_REQUEST_NULL;
    MPI_Isend(NULL, 0, MPI_BYTE, node, ROLL_TAG, world->lane, &sent[node]);
  }
  double until = clock_seconds() + tenth(world);
  for (int missing = world->nodes, tries = 0; missing > 0 && clock_seconds() < until; tries++) {
    missing = 0;
    for (int node = 0; node < world->nodes; node++) {
      int done = 0;
      if (!answers[node] && received[node] != MPI_REQUEST_NULL &&
          MPI_Test(&received[node], &done, MPI_STATUS_IGNORE) == MPI_SUCCESS)
        answers[node] = done;
      missing += !answers[node];
    }
    idle(NULL, tries);
  }
}

/* The hosts of silent nodes, each once, as "a, b"; how many. */
static int name_silent(const world_t *world, const bool *answers, char *names, size_t size) {
  const char *last = "";
  int n = 0;
  names[0] = '\0';
  for (int r = 0; r < world->size; r++) {
    if (answers[world->node_of[r]] || strcmp(world->hosts[r], last) == 0) continue;
    size_t used = strlen(names);
    snprintf(names + used, size - used, "%s%s", n++ > 0 ? ", " : "", world->hosts[r]);
    last = world->hosts[r];
  }
  return n;
}

/* Sets world->why from the roll; `why` says how it came to it. A rank without a lane knows no more than that,
 * and waits as long as others call theirs: were it the first to end the job, nobody would name the lost. */
static void find_lost(world_t *world, const char *why) {
  char names[LS_MESSAGE_SIZE / 2];
  MPI_Request *requests = calloc(2 * (size_t)world->nodes, sizeof *requests);
  bool *answers = calloc((size_t)world->nodes, sizeof *answers);
  if (requests == NULL || answers == NULL || world->lane == MPI_COMM_NULL) {
    error_set(&world->why, LS_COMM, "%s", why);
    pass_seconds(tenth(world));
  } else {
    for (int i = 0; i < 2 * world->nodes; i++) requests[i] = MPI_REQUEST_NULL;
    call_roll(world, requests, answers);
    int silent = name_silent(world, answers, names, sizeof names), first = 0;
    while (!answers[first]) first++;
    world->reports = world->place == 0 && first == world->node_index;
    if (silent > 0)
      error_set(&world->why, LS_COMM,
                "node%s %s %s not answer, so the job ends (parallel.timeout is %g s; %s). When the node is "
                "lost, go on without it from the last checkpoint: `lockstep train --resume`; when it is only "
                "slow, set a longer time",
                silent == 1 ? "" : "s", names, silent == 1 ? "does" : "do", world->timeout, why);
    else
      error_set(&world->why, LS_COMM,
                "%s, though every node answers: a rank hangs, or parallel.timeout (%g s) is too short", why,
                world->timeout);
  }
  free(requests); /* those still open are never looked at again */
  free(answers);
}

ls_status world_abandon(world_t *world, const char *why, ls_error *error) {
  if (!world->lost) find_lost(world, why);
  world->lost = true;
  return world_usable(world, error);
}

/* ---- waiting ---- */

/* A library goes on only while it is asked to, so this looks again and again, and others may have the core
 * meanwhile: some may be who it waits for. It sleeps when nothing has come for long. */
static bool idle_between(int looks) {
  if (looks < QUICK_LOOKS) return false;
  if (looks >= QUICK_LOOKS + YIELDS) return idle(NULL, IDLE_SPINS);
  sched_yield();
  return false;
}

ls_status world_await(world_t *world, int code, MPI_Request *request, const char *call, ls_error *error) {
  char why[LS_MESSAGE_SIZE / 2];
  ls_error failure = {0};
  double asleep = 0, limit = world_patience(world); /* asleep: since when */
  int done = 0;
  for (int tries = 0; code == MPI_SUCCESS; tries += tries < INT_MAX / 2) {
    code = MPI_Test(request, &done, MPI_STATUS_IGNORE);
    if (code == MPI_SUCCESS && done) return LS_OK;
    if (code != MPI_SUCCESS || !idle_between(tries) || world->timeout <= 0) continue;
    double now = clock_seconds();
    if (asleep <= 0) asleep = now;
    if (now - asleep > limit) break;
  }
  if (code == MPI_SUCCESS)
    snprintf(why, sizeof why, "%s waits for %.3g s", call, limit);
  else
    snprintf(why, sizeof why, "%.400s", (mpi_check(code, call, &failure), failure.message));
  return world_abandon(world, why, error);
}
