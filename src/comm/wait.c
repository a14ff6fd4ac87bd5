/* Waiting for other ranks, with a time limit: no call by TRY_MPI waits longer than world_set_timeout allows.
 * (Calls that have no nonblocking form are limited by the watching thread, watch.h.)
 *
 * Nothing reports that a node is lost. TCP retransmits for a quarter of an hour, and a launcher that waits
 * for its own daemon does the same. Nor does anything report that a rank is stuck. So a rank that has waited
 * too long finds out itself: it looks at the ranks of its host (board.h) and calls the roll of the other
 * nodes (roll.h). Either
 *
 *   - some rank works, and none is stuck: it waits on. A rank shows that it works by beats (base/activity.h).
 * Or
 *   - all ranks seem to wait: it looks once more, because one of them may just have begun to work. Or
 *   - ranks are lost: those that are stuck or silent are named, and the job ends.
 *
 * The timeout is spent like this (a part is a tenth of it, at most ten seconds):
 *
 *   | waiting (world_patience)          | roll call | claim  | reporting rank prints |
 *     timeout - 3 parts                   1 part      1 part   1 part
 *
 * Exactly one rank reports: in the claim, ranks that have given up show it on their pages; the lowest of the
 * host of the stuck rank reports, and without such a host, the lowest of the first host that is left. While
 * it prints, the others wait before they end the job. On a busy machine ranks notice at different times: the
 * reporting rank tells the others, so a rank that gives up later does not report too. */
#include "base/clock.h"
#include "base/progress.h"
#include "comm/idle.h"
#include "comm/roll.h"
#include "comm/world_impl.h"

#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
  ABORT_SECONDS = 1,
  QUICK_LOOKS = 100, /* polls before yielding the core: polling MPI takes longer than polling memory */
  YIELDS = 2000,
  POLLS_TO_SIGN = 64, /* polls between two signs of life: on a busy machine a yield takes milliseconds */
  MOST_ROLLS = 3,
  MOST_TIMEOUTS = 100, /* how long ranks wait for one that works, in timeouts */
};

static const double LOOK_SECONDS = 0.25, FIRST_SURVEY_SECONDS = 1;
static const double NEWS_SECONDS = 0.02; /* in which MPI sends what roll_tell has given it */

bool world_reports(const world_t *world) {
  return world->lost ? world->reports : world->rank == 0;
}

ls_status world_reason(const world_t *world, ls_status status, ls_error *error) {
  if (world->lost) *error = world->why;
  return world->lost ? world->why.status : status;
}

ls_status world_usable(const world_t *world, ls_error *error) {
  return world->lost ? error_set(error, LS_COMM, "%s", world->why.message) : LS_OK;
}

/* Waits, and goes on to answer those who call the roll. */
static void pass_seconds(world_t *world, double seconds) {
  double until = clock_seconds() + seconds, now;
  for (int tries = 0; (now = clock_seconds()) < until; tries += tries < INT_MAX / 2) {
    activity_waits(now);
    if (tries % QUICK_LOOKS == 0) roll_answer(world, false);
    idle(NULL, tries);
  }
}

void world_tell(const world_t *world) {
  if (!world->lost || !world->reports || world->is_guest) return;
  progress_clear();
  fprintf(stderr, "lockstep: %s\n", world->why.message);
}

/* MPI_Finalize would wait for all ranks, and the launcher would wait for all its daemons, so the job ends by
 * MPI_Abort. Ranks that do not report wait first, to let the reporting rank print. A node that is cut off
 * cannot reach the launcher and MPICH keeps trying; there the alarm signal ends the process. */
void world_end_job(world_t *world) {
  if (!world->reports) pass_seconds(world, world_part_of_timeout(world));
  watch_lost(world->why.message, false, world_part_of_timeout(world)); /* the report has been printed */
  alarm(ABORT_SECONDS);
  MPI_Abort(MPI_COMM_WORLD, ls_status_exit_code(LS_COMM));
}

/* ---- who is lost ---- */

static bool is_silent(const world_t *world, const roll_t *roll, int rank) {
  return !roll->answers[world->node_of[rank]] && strcmp(world->hosts[rank], world->hosts[world->rank]) != 0;
}

/* Writes the hosts of silent nodes, each once, as "a, b" to names, and their ranks as "2 to 3, 5". Returns
 * how many hosts there are. */
static int name_silent(const world_t *world, const roll_t *roll, char *names, char *ranks, size_t size) {
  const char *last = "";
  int n = 0;
  names[0] = ranks[0] = '\0';
  for (int r = 0; r < world->size; r++) {
    if (!is_silent(world, roll, r)) continue;
    size_t used = strlen(names), used_ranks = strlen(ranks);
    bool begins = r == 0 || !is_silent(world, roll, r - 1);
    bool ends = r + 1 == world->size || !is_silent(world, roll, r + 1);
    if (strcmp(world->hosts[r], last) != 0)
      snprintf(names + used, size - used, "%s%s", n++ > 0 ? ", " : "", world->hosts[r]);
    if (begins) snprintf(ranks + used_ranks, size - used_ranks, "%s%d", used_ranks > 0 ? ", " : "", r);
    if (ends && !begins) snprintf(ranks + used_ranks, size - used_ranks, " to %d", r);
    last = world->hosts[r];
  }
  return n;
}

static const char advice[] =
    "A training goes on from its last checkpoint with --resume; when the %s only slow, set a "
    "longer time";

/* Sets world->why; `why` says what led to it. */
static void explain(world_t *world, const char *why, const roll_t *roll) {
  enum { LIST_SIZE = 160 };
  char names[LIST_SIZE] = "", ranks[LIST_SIZE] = "", found[LS_MESSAGE_SIZE / 2], more[LIST_SIZE] = "",
       what[LIST_SIZE];
  const activity_page_t *page = activity_page();
  const survey_t *survey = &roll->survey;
  int silent = world->node_of == NULL ? 0 : name_silent(world, roll, names, ranks, LIST_SIZE);
  if (survey->found > 0) {
    char host[HOST_NAME_SIZE] = "";
    gethostname(host, sizeof host - 1);
    board_describe(&survey->first, host, found, sizeof found);
    if (survey->found > 1)
      snprintf(more, sizeof more, " (%d other ranks of this host neither)", survey->found - 1);
    else if (silent > 0)
      snprintf(more, sizeof more, " (nor does %.100s)", names);
    snprintf(what, sizeof what, advice, "rank is");
    error_set(&world->why, LS_COMM, "%s%s, so the job ends (parallel.timeout is %g s; %s). %s", found, more,
              world->timeout, why, what);
  } else if (silent > 0) {
    snprintf(what, sizeof what, advice, silent == 1 ? "node is" : "nodes are");
    error_set(
        &world->why, LS_COMM,
        "node%s %s %s not answer (rank %s), so the job ends (parallel.timeout is %g s; %s; this rank has "
        "been %s). %s",
        silent == 1 ? "" : "s", names, silent == 1 ? "does" : "do", ranks, world->timeout, why,
        page->text[atomic_load(&page->turn) % 2], what);
  } else {
    error_set(
        &world->why, LS_COMM,
        "%s, though every rank answers: the ranks wait for each other, or parallel.timeout (%g s) is too "
        "short. This rank has been %s",
        why, world->timeout, page->text[atomic_load(&page->turn) % 2]);
  }
}

/* Ranks are lost. Decides which rank reports it. */
static void lose(world_t *world, const char *why, roll_t *roll) {
  activity_page_t *page = activity_page();
  int first = 0;
  explain(world, why, roll);
  if (watch_was_stopped() || roll->survey.gone > 0) pass_seconds(world, WATCH_SECONDS_FOR_OTHERS);
  if (roll->found && roll->survey.found == 0) atomic_store(&page->told, true);
  atomic_store(&page->lost, LOST);
  pass_seconds(world, world_part_of_timeout(world));
  survey_t claims = roll_survey(world, world_patience(world));
  while (first < world->nodes && !roll->answers[first]) first++;
  bool is_host = roll->survey.found > 0 || world->nodes == 0 || first == world->node_index;
  world->reports = claims.leads && !claims.is_claimed && !claims.told && is_host;
  if (world->reports) {
    atomic_store(&page->lost, LOST_REPORTS);
    roll_tell(world);
    pass_seconds(world, NEWS_SECONDS);
  }
  watch_lost(world->why.message, world->reports, world_part_of_timeout(world));
  world->lost = true;
}

/* Without memory or tables there is no roll call, only a look at this host. */
static bool prepare_roll(const world_t *world, roll_t *roll) {
  *roll = (roll_t){.answers = calloc((size_t)world->nodes + 1, sizeof *roll->answers)};
  return roll->answers != NULL;
}

static bool has_silent(const world_t *world, const roll_t *roll) {
  bool found = false;
  for (int r = 0; r < world->size && world->node_of != NULL; r++) found |= is_silent(world, roll, r);
  return found;
}

/* Some rank is lost for certain. One that has moved shortly before may count as working for a while. */
static void call_until_found(world_t *world, roll_t *roll) {
  const double part = world_part_of_timeout(world);
  for (int tries = 0; tries < MOST_ROLLS; tries++) {
    if (tries > 0) pass_seconds(world, part > FIRST_SURVEY_SECONDS ? part : FIRST_SURVEY_SECONDS);
    roll_call(world, NULL, roll);
    if (roll->survey.found > 0 || roll->found || has_silent(world, roll)) return;
  }
}

ls_status world_abandon(world_t *world, const char *why, ls_error *error) {
  roll_t roll;
  if (world->lost) return world_usable(world, error);
  if (prepare_roll(world, &roll)) {
    call_until_found(world, &roll);
    lose(world, why, &roll);
  } else {
    error_set(&world->why, LS_COMM, "%s", why);
    world->lost = true;
  }
  free(roll.answers);
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

/* One wait. */
typedef struct {
  const char *call;
  MPI_Request *request;
  waited_t time;   /* all of it */
  double due;      /* at which time.seconds the next roll call is due */
  bool doubted;    /* all ranks seemed to wait for each other, once */
  double answered; /* when questions were last answered, and the ranks of this host last looked at */
  double surveyed;
} wait_t;

typedef enum { WAIT_ON, WAIT_DONE, WAIT_LOST } verdict_t;

/* The wait has taken too long: finds out why. */
static verdict_t find_out(world_t *world, wait_t *wait) {
  roll_t roll;
  char why[LS_MESSAGE_SIZE / 4];
  verdict_t verdict = WAIT_ON;
  if (!prepare_roll(world, &roll)) return WAIT_ON;
  roll_call(world, wait->request, &roll);
  double now = clock_seconds(), seconds = waited(&wait->time, now);
  bool works = roll.survey.works > 0 || roll.works;
  bool is_lost = roll.survey.found > 0 || roll.found || has_silent(world, &roll);
  if (roll.has_completed) {
    verdict = WAIT_DONE;
  } else if (!is_lost && works && seconds < MOST_TIMEOUTS * world->timeout) {
    double part = world_part_of_timeout(world);
    wait->due = seconds + (roll.works || roll.survey.rest < part ? part : roll.survey.rest);
  } else if (!is_lost && !works && !wait->doubted) {
    wait->doubted = true;
    wait->due = seconds + BOARD_FRESH_SECONDS + world_part_of_timeout(world);
  } else {
    snprintf(why, sizeof why, "%s waits for %.3g s", wait->call, seconds);
    lose(world, why, &roll);
    verdict = WAIT_LOST;
  }
  free(roll.answers);
  return verdict;
}

/* After a poll that slept. A rank that is gone ends the wait at once. */
static verdict_t look_around(world_t *world, wait_t *wait) {
  double now = clock_seconds(), seconds = waited(&wait->time, now);
  bool found = false;
  activity_waits(now);
  if (world->timeout <= 0) return WAIT_ON;
  if (now - wait->answered > LOOK_SECONDS) {
    wait->answered = now;
    found = roll_answer(world, false);
  }
  if (seconds > FIRST_SURVEY_SECONDS && now - wait->surveyed > FIRST_SURVEY_SECONDS) {
    wait->surveyed = now;
    found |= roll_survey(world, world->timeout).gone > 0;
  }
  return found || seconds > wait->due ? find_out(world, wait) : WAIT_ON;
}

ls_status world_await(world_t *world, int code, MPI_Request *request, const char *call, ls_error *error) {
  ls_error failure = {0};
  wait_t wait = {.call = call, .request = request, .due = world_patience(world)};
  verdict_t verdict = WAIT_ON;
  int done = 0;
  for (int tries = 0; code == MPI_SUCCESS && verdict == WAIT_ON; tries += tries < INT_MAX / 2) {
    code = MPI_Test(request, &done, MPI_STATUS_IGNORE);
    if (code == MPI_SUCCESS && done) {
      if (wait.time.last > 0) activity_beat(); /* it does not wait any more */
      return LS_OK;
    }
    if (tries % POLLS_TO_SIGN == POLLS_TO_SIGN - 1) activity_waits(clock_seconds());
    if (code == MPI_SUCCESS && idle_between(tries)) verdict = look_around(world, &wait);
  }
  if (verdict == WAIT_DONE) {
    activity_beat();
    return LS_OK;
  }
  if (verdict == WAIT_LOST) return world_usable(world, error);
  mpi_check(code, call, &failure);
  return world_abandon(world, failure.message, error);
}
