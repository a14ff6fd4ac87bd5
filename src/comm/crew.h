/* Ranks without work. A job may have more ranks than shards. Then the first ranks form a crew, a world of
 * their own, which does the work as if no other rank had been started. The other ranks are idle: they sleep
 * until the crew has ended, pass on signals that they receive, and end with the status of the crew. */
#ifndef COMM_CREW_H
#define COMM_CREW_H

#include "comm/world.h"

/* What the crew does. Collective over the crew. */
typedef ls_status crew_work_t(world_t *crew, void *context, ls_error *error);

/* Calls `work` on the first `most` ranks, with a world of these ranks, or with `world` if it has no more
 * ranks. The other ranks wait, without a time limit, because the work may take any time; if ranks of the crew
 * are lost, the crew ends the job, or an idle rank of its host if no rank of the crew can. Returns the status
 * and the error of the work, on idle ranks those of rank 0. most >= 1. Collective. */
ls_status crew_run(world_t *world, int most, crew_work_t *work, void *context, ls_error *error);

/* The same for a crew that works several times. crew_open gives the ranks of the crew its world, and idle
 * ranks NULL: *crew is `world` itself if it has no more ranks. crew_call calls `work` as crew_run does, and
 * crew_close ends what crew_open began. Collective over `world`. */
ls_status crew_open(world_t *world, int most, world_t **crew, ls_error *error);
ls_status crew_call(world_t *world, world_t *crew, int most, crew_work_t *work, void *context,
                    ls_error *error);
void crew_close(world_t *world, world_t **crew);

/* Receives signals that idle ranks pass on to rank 0 of the crew, at most every 50 ms. Call this now and
 * then, from the thread that created the world. Does nothing on other ranks and in other worlds. */
void crew_listen(world_t *crew);

/* The last signal that crew_listen received, and the rank it came to (a number of the whole world) with its
 * host; 0 if there is none. *rank and *host are untouched then. Thread-safe. */
int crew_signal(const world_t *crew, int *rank, const char **host);

#endif
