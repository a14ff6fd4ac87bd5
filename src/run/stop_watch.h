/* Requests to stop, and how all ranks stop after the same step.
 *
 * A request can reach any rank at any time, from a signal or from a clock. Ranks without shared memory agree
 * only by a collective call, and one call per step would cost a small network more than its arithmetic. So
 * all ranks check for requests together a few times per second; such a check is called a look. Rank 0 decides
 * from its clock how many steps to run before the next look, and tells the others at each look, so all ranks
 * count the same steps. Between looks the loop over steps only counts and makes no collective call.
 *
 * With several nodes, steps overlap and a look would break the overlap. There the ranks look only when some
 * rank has a request: each rank checks its own requests in every step, and the exchange of the step tells the
 * others.
 *
 * A checkpoint that is due by rank 0's clock, or asked for by SIGCONT, is requested in the same way, but does
 * not end the run. */
#ifndef RUN_STOP_WATCH_H
#define RUN_STOP_WATCH_H

#include "comm/world.h"
#include "run/background.h"
#include "run/save_pace.h"
#include "run/stop.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct {
  int64_t steps_left; /* steps to the next look; the same on all ranks, decremented by the loop over steps */
  int64_t steps_between;   /* steps between the last look and the next */
  int64_t most_between;    /* steps of a pass over the rows, which are equal; 0: of a training */
  double deadlines[STOPS]; /* by clock_seconds; infinity: none */
  double last_look;        /* time of the last look */
  double last_asked;       /* when this rank last checked its own requests */
  double longest;          /* longest time between two such checks so far, in seconds */
  double save;             /* seconds needed for a checkpoint */
  world_t *world;          /* whose ranks look together */
  int signal;              /* for STOP_SIGNAL: the signal */
  char receiver[96];       /* and the first rank that received it: "rank 3 on node07" */
  bool continued;          /* SIGCONT has come to this rank since the last look */
  save_pace_t pace;        /* on rank 0: when checkpoints are due; elsewhere never */
  bool save_due;           /* the last look found that one is; the same on all ranks */
} stop_watch_t;

/* Starts a watch of the ranks of `world`. `began`: when this process began to work on the run, by
 * clock_seconds. time_limit: seconds from then, 0 for none. job_end: seconds since 1970, 0 for none.
 * checkpoint_bytes: for the first estimate of the time to save. */
void stop_watch_begin(stop_watch_t *watch, world_t *world, double began, double time_limit, int64_t job_end,
                      double checkpoint_bytes);

/* Whether this rank has a request or a checkpoint is due. Called by one thread at a time. */
bool stop_watch_wants_look(stop_watch_t *watch);

/* The next steps are `steps` equal shares of a pass over the rows. The ranks look after the first one; the
 * time that it took says when they look next. */
void stop_watch_pass(stop_watch_t *watch, int64_t steps);

/* Performs a look. Called when steps_left is 0 or when some rank wants a look. If any rank has a request,
 * sets *stop on all ranks; otherwise leaves *stop unchanged. Sets save_due. Collective. */
ls_status stop_watch_look(stop_watch_t *watch, stop_reason_t *stop, ls_error *error);

/* Records that a checkpoint begins. */
void stop_watch_saves(stop_watch_t *watch);
/* Records that it is complete or has failed: seconds that the steps paused, and the cost of writing it. */
void stop_watch_saved(stop_watch_t *watch, double pause, const background_cost_t *cost);

/* Describes the reason in detail: "SIGTERM came to rank 3 on node07". */
void stop_watch_text(const stop_watch_t *watch, stop_reason_t reason, char *out, size_t size);

#endif
