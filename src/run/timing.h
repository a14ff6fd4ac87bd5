/* timing.h5: the seconds of every step of this process's part of a run, by phase. Studies of speed need
 * single steps for medians, spreads and skipping a warm-up; the history only has sums.
 *
 * While steps run, each thread only copies its own sums of seconds to its own timeline (the engine's); what
 * costs time happens here, after the last step. */
#ifndef RUN_TIMING_H
#define RUN_TIMING_H

#include "step/engine.h"

/* Collects the timelines of all threads of all ranks and writes them to `path` on rank 0. Collective. */
ls_status timing_write(world_t *world, const engine_t *engine, const char *path, ls_error *error);

#endif
