/* Requests to stop, and how all ranks come to stop after the same step.
 *
 * A request reaches any rank at any time: a signal, or a clock. Ranks that share no memory can only agree by
 * a collective call, and one in every step would cost a small network more than its arithmetic. So the ranks
 * look up together a few times a second: all count the same steps to the next look, since rank 0, whose clock
 * decides how many they are, has told them at the last one. Between looks the loop over steps asks, counts
 * and calls nothing.
 *
 * With several nodes steps overlap, and a look would part them. There nobody looks before somebody has a
 * request: each rank asks itself in every step, and the exchange of the step tells the others. */
#ifndef TRAIN_STOP_WATCH_H
#define TRAIN_STOP_WATCH_H

#include "comm/world.h"
#include "train/stop.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct {
  int64_t steps_left;      /* to the next look; the same on all ranks, counted down by whoever does steps */
  int64_t steps_between;   /* from the last look to the next */
  double deadlines[STOPS]; /* by clock_seconds; infinity where there is none */
  double last_look;        /* when */
  double last_asked;       /* when this rank asked itself */
  double longest;          /* seconds between two times that it did so far */
  double save;             /* seconds that a checkpoint takes */
  int signal, rank;        /* for STOP_SIGNAL: which, and the first rank that has it */
} stop_watch_t;

/* `began`: when this process began to work on the run, by clock_seconds. time_limit: seconds from then, 0 for
 * none. job_end: seconds since 1970, 0 for none. checkpoint_bytes: for a first guess at how long one takes.
 */
void stop_watch_begin(stop_watch_t *watch, double began, double time_limit, int64_t job_end,
                      double checkpoint_bytes);

/* Whether this rank has a request, or has not looked for `longest` seconds. One thread at a time. */
bool stop_watch_wants_look(stop_watch_t *watch, double longest);

/* When steps_left is 0, or some rank wants it: sets *stop on all ranks when any of them was asked to stop,
 * else leaves it. Collective. */
ls_status stop_watch_look(stop_watch_t *watch, world_t *world, stop_reason_t *stop, ls_error *error);

/* A checkpoint took so long. */
void stop_watch_saved(stop_watch_t *watch, double seconds);

/* The reason with what the watch knows of it: "SIGTERM came to rank 3 on node07". */
void stop_watch_text(const stop_watch_t *watch, stop_reason_t reason, const world_t *world, char *out,
                     size_t size);

#endif
