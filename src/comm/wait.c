/* Waiting for other ranks, with a time limit: no call by TRY_MPI waits longer than world_set_timeout allows.
 * (Creating, grouping and splitting worlds, and creating windows, also use MPI calls without a limit.)
 *
 * Nothing reports that a node is lost. TCP retransmits for a quarter of an hour, and a launcher that waits
 * for its own daemon does the same. So a rank that has waited too long holds a roll call: every rank of a
 * lane sends every other rank of the lane an empty message. Nodes that send none are reported by name.
 * Healthy ranks answer, because they are waiting too and hold the same roll call.
 *
 * The timeout is spent like this (a part is a tenth of it, at most ten seconds):
 *
 *   | waiting (world_patience)          | roll call | reporting rank prints | reserve |
 *     timeout - 3 parts                   1 part      1 part                  1 part
 *
 * While the reporting rank prints, the others wait before they end the job. */
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
  QUICK_LOOKS = 100, /* polls before yielding the core: polling MPI takes longer than polling memory */
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

/* MPI_Finalize would wait for all ranks, and the launcher would wait for all its daemons, so the job ends by
 * MPI_Abort. Ranks that do not report wait first, to let the reporting rank print. A node that is cut off
 * cannot reach the launcher and MPICH keeps trying; there the alarm signal ends the process. */
void world_end_job(const world_t *world) {
  if (!world->reports) pass_seconds(tenth(world));
  alarm(ABORT_SECONDS);
  MPI_Abort(MPI_COMM_WORLD, ls_status_exit_code(LS_COMM));
}

/* ---- roll call ---- */

/* answers[node]: whether the rank of this lane on that node answers within a tenth of the timeout. A message
 * that cannot be sent or received counts as no answer. requests (2 nodes): work space. */
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

/* Writes the hosts of silent nodes, each once, as "a, b" to names. Returns how many there are. */
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

/* Sets world->why from a roll call; `why` says what led to it. A rank without a lane cannot take part. It
 * waits for the length of a roll call: if it ended the job first, nobody would name the lost nodes. */
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
  free(requests); /* requests still open are never used again */
  free(answers);
}

ls_status world_abandon(world_t *world, const char *why, ls_error *error) {
  if (!world->lost) find_lost(world, why);
  world->lost = true;
  return world_usable(world, error);
}

/* ---- waiting ---- */

/* MPI makes progress only while it is polled, so this polls often. It yields the core between polls, because
 * the core may belong to the very rank that it waits for. After many failed polls it sleeps. */
static bool idle_between(int looks) {
  if (looks < QUICK_LOOKS) return false;
  if (looks >= QUICK_LOOKS + YIELDS) return idle(NULL, IDLE_SPINS);
  sched_yield();
  return false;
}

ls_status world_await(world_t *world, int code, MPI_Request *request, const char *call, ls_error *error) {
  char why[LS_MESSAGE_SIZE / 2];
  ls_error failure = {0};
  double asleep = 0, limit = world_patience(world); /* asleep: time of the first sleep, 0: none yet */
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
