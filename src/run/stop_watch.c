#include "run/stop_watch.h"

#include "base/activity.h"
#include "base/clock.h"
#include "base/signals.h"
#include "comm/crew.h"

#include <math.h>
#include <stdio.h>
#include <time.h>

/* Approximate time between two looks: the longest delay of a request, apart from a step. */
#define LOOK_SECONDS 0.25

enum { MOST_STEPS_BETWEEN = 1 << 30 }; /* looks */

/* Estimate until a checkpoint has been timed: a slow disk, plus the time to open and sync files. */
#define GUESS_BYTES_PER_SECOND 100e6
#define GUESS_SECONDS          0.1

/* Time that a job needs after the last checkpoint to end its ranks and requeue itself before it is killed. */
#define JOB_END_SECONDS 15.0

void stop_watch_begin(stop_watch_t *watch, world_t *world, double began, double time_limit, int64_t job_end,
                      double checkpoint_bytes) {
  double now = clock_seconds();
  *watch = (stop_watch_t){.world = world,
                          .steps_left = 1,
                          .steps_between = 1,
                          .last_look = now,
                          .last_asked = now,
                          .longest = LOOK_SECONDS,
                          .pace = {.every = INFINITY},
                          .save = GUESS_SECONDS + checkpoint_bytes / GUESS_BYTES_PER_SECOND};
  for (int r = 0; r < STOPS; r++) watch->deadlines[r] = INFINITY;
  if (time_limit > 0) watch->deadlines[STOP_TIME_LIMIT] = began + time_limit;
  if (job_end > 0)
    watch->deadlines[STOP_JOB_END] = now + difftime((time_t)job_end, time(NULL)) - JOB_END_SECONDS;
}

void stop_watch_saves(stop_watch_t *watch) {
  save_pace_saves(&watch->pace, clock_seconds());
  watch->save_due = false;
}

void stop_watch_saved(stop_watch_t *watch, double pause, const background_cost_t *cost) {
  save_pace_saved(&watch->pace, pause + cost->core);
  watch->save = fmax(watch->save, pause + cost->wall);
}

/* Takes a signal that came to this rank, or on rank 0 to an idle rank. */
static void take_signal(stop_watch_t *watch) {
  int rank = world_rank(watch->world);
  const char *host = world_host(watch->world, rank);
  watch->signal = signals_take();
  if (watch->signal == 0) watch->signal = crew_signal(watch->world, &rank, &host);
  if (watch->signal != 0) snprintf(watch->receiver, sizeof watch->receiver, "rank %d on %s", rank, host);
}

/* The request that this rank knows of. A deadline counts as reached if waiting until the next check could
 * leave too little time to save a checkpoint. */
static stop_reason_t own_reason(stop_watch_t *watch, double now) {
  stop_reason_t reason = STOP_NOT;
  if (now - watch->last_asked > watch->longest) watch->longest = now - watch->last_asked;
  watch->last_asked = now;
  for (int r = 0; r < STOPS; r++)
    if (now + watch->longest + 2 * watch->save > watch->deadlines[r]) reason = (stop_reason_t)r;
  if (watch->signal == 0) take_signal(watch);
  return watch->signal != 0 ? STOP_SIGNAL : reason;
}

/* Whether this rank wants a checkpoint: it is due by the clock, or SIGCONT has come, perhaps the beginning of
 * the end. */
static bool wants_save(stop_watch_t *watch, double now) {
  if (signals_take_continued()) watch->continued = true;
  return watch->continued || save_pace_due(&watch->pace, now, false);
}

bool stop_watch_wants_look(stop_watch_t *watch) {
  double now = clock_seconds();
  bool save = !watch->save_due && wants_save(watch, now);
  return own_reason(watch, now) != STOP_NOT || save;
}

/* Steps to the next look, from the time that the last ones took. Halved or doubled, because the measurement
 * is coarse. Epochs of a fit look more often than this asks for, so there is a limit. Shares of a pass are
 * equal, and a pass has few of them, so there a single measurement counts. */
static int64_t pace(const stop_watch_t *watch, double took) {
  if (watch->most_between > 0) {
    const double steps = (double)watch->steps_between * LOOK_SECONDS / took;
    return steps < (double)watch->most_between ? (int64_t)fmax(1, steps) : watch->most_between;
  }
  if (took > LOOK_SECONDS) return watch->steps_between / 2 + 1;
  const bool may_double = took < LOOK_SECONDS / 2 && watch->steps_between < MOST_STEPS_BETWEEN;
  return may_double ? 2 * watch->steps_between : watch->steps_between;
}

void stop_watch_pass(stop_watch_t *watch, int64_t steps) {
  watch->steps_left = watch->steps_between = 1;
  watch->most_between = steps;
  watch->last_look = clock_seconds();
}

/* Finds the first rank that received the signal, and which signal. */
static ls_status find_signal(stop_watch_t *watch, ls_error *error) {
  world_t *world = watch->world;
  int64_t first = watch->signal != 0 ? world_rank(world) : world_size(world);
  TRY(world_min_i64(world, &first, 1, error));
  TRY(world_broadcast(world, &watch->signal, sizeof watch->signal, (int)first, error));
  return world_broadcast(world, watch->receiver, sizeof watch->receiver, (int)first, error);
}

ls_status stop_watch_look(stop_watch_t *watch, stop_reason_t *stop, ls_error *error) {
  double now = clock_seconds(), took = now - watch->last_look;
  watch->last_look = now;
  activity_beat();
  crew_listen(watch->world);
  int64_t told[] = {own_reason(watch, now), world_rank(watch->world) == 0 ? pace(watch, took) : 0,
                    wants_save(watch, now)};
  watch->continued = false;
  TRY(world_max_i64(watch->world, told, 3, error));
  watch->steps_left = watch->steps_between = told[1];
  watch->save_due = told[2] != 0;
  if (told[0] == STOP_NOT) return LS_OK;
  if (told[0] == STOP_SIGNAL) TRY(find_signal(watch, error));
  *stop = (stop_reason_t)told[0];
  return LS_OK;
}

void stop_watch_text(const stop_watch_t *watch, stop_reason_t reason, char *out, size_t size) {
  if (reason != STOP_SIGNAL)
    snprintf(out, size, "%s", stop_text(reason));
  else
    snprintf(out, size, "%s came to %s", signals_name(watch->signal), watch->receiver);
}
