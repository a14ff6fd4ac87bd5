/* A world of ranks that are not started, to plan a run. It answers the queries of world.h, and every
 * collective call fails at once. */
#ifndef COMM_IMAGINE_H
#define COMM_IMAGINE_H

#include "comm/world.h"

/* What a launcher would be asked for. Hosts get consecutive ranks, and the first hosts one more if the ranks
 * do not divide evenly, which is the default of srun. */
typedef struct {
  int ranks, hosts;   /* 1 <= hosts <= ranks */
  int ranks_per_node; /* as for world_group; 0: all ranks of a host are a node */
  int working;        /* the first ranks, which have work (crew.h); the others are left out of the world */
} imagined_t;

/* *out is caller-owned (world_forget), untouched on failure, and stands for its rank 0. LS_NO_MEMORY. Not
 * collective. */
ls_status world_imagine(const imagined_t *job, world_t **out, ls_error *error);
void world_forget(world_t **world);

/* From now on the world stands for another of its ranks. */
void world_imagine_rank(world_t *world, int rank);

#endif
