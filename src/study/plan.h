/* What a run will do, before it starts: the model, the division of rows into steps and shards, the ranks with
 * their rows and memory, what is refused. The ranks are those of this job, or ranks that are not started. */
#ifndef STUDY_PLAN_H
#define STUDY_PLAN_H

#include "base/log.h"
#include "study/plan_limits.h"
#include "host/preflight.h"
#include "train/training.h"

/* Ranks that are planned; ranks 0: those of this job. */
typedef struct {
  int ranks, hosts;
  int cores;     /* of a host; 0: as many as this host has */
  double memory; /* bytes of a host for a job; 0: as many as are free on this host */
} plan_request_t;

/* A rank of the plan; sizes are in bytes. Plain values, because ranks send it. */
typedef struct {
  layout_t layout;
  int node;
  int64_t rows; /* training rows */
  /* of an engine; of a fit: `states` grows with rows, `partials` are sums, `tape` is blocks of rows, and
   * `copies` the parameters, of which each rank has its own */
  double program, data, partials, states, tape, exchange, copies, files;
  double parameters; /* of the rank's node, which holds them once for all its ranks */
  double shared;     /* of these, what the rank takes from memory that ranks share */
} plan_rank_t;

typedef struct {
  settings_t settings; /* `global_batch_size: all` is a number here; borrows the memory of those given */
  plan_request_t request;
  world_t *job;        /* this job */
  world_t *world;      /* the ranks of the plan: `job`, or an imagined world */
  training_t training; /* planned; its rows are read last */
  plan_rank_t *ranks;  /* (world_size(world)); on rank 0 of the job */
} run_plan_t;

/* Reads the headers of the data and describes each rank. A request for other ranks needs a job of one.
 * Refuses what a training refuses as far as settings and headers tell, and numbers of threads that a host
 * cannot have. *plan is caller-owned (run_plan_close, also after a failure) and must stay where it is;
 * `settings` are borrowed. Collective. */
ls_status run_plan_open(world_t *job, const settings_t *settings, const plan_request_t *request,
                        run_plan_t *plan, ls_error *error);
void run_plan_close(run_plan_t *plan); /* collective */

/* Does what training does before its first step, and reads every row, so that what training refuses is
 * refused. *whole: this included taking the memory of a step. It does not if one process plans a run of
 * several that needs more memory than is free here. Collective. */
ls_status run_plan_read_rows(run_plan_t *plan, const log_t *log, bool *whole, ls_error *error);

/* Prints the model, the data, the ranks and their memory; of planned ranks also their hosts. On rank 0. */
void run_plan_print(const run_plan_t *plan, FILE *out);
/* Of planned ranks: how many are sensible, by which rules, and what to change. */
void run_plan_print_limits(const run_plan_t *plan, FILE *out);
/* Warns of threads without cores, and of planned hosts with too little memory. On rank 0. */
void run_plan_warn(const run_plan_t *plan, const log_t *log);

/* A command that starts ranks, without the program. */
typedef struct {
  char text[128];
  int cores, cores_used; /* of a host, as the launcher counts them; those that threads would run on */
} launch_line_t;

/* Of planned ranks: with srun on several hosts, with mpirun on one. Otherwise the command that uses most
 * cores of the job's hosts: a rank on every core, or as many ranks as shards allow with threads on the
 * remaining cores; ranks with parallel.threads (or OMP_NUM_THREADS) threads if that is given; ranks that fill
 * nodes of parallel.ranks_per_node. Inside a SLURM job the cores are those of the job. On rank 0. */
void run_plan_launch_line(const run_plan_t *plan, launch_line_t *out);

/* Whether the settings ask for a fit (cluster/fit.h) instead of training. */
bool run_plan_fits(const run_plan_t *plan);

/* What this rank of the job needs. */
preflight_needs_t run_plan_needs(const run_plan_t *plan);

/* Bytes of a rank, without its node's parameters. */
double plan_rank_bytes(const plan_rank_t *rank);

/* Bytes that the ranks of the host of planned rank `first`, its first one, need: all, and (may be NULL) from
 * memory that ranks share. *end: the rank after the last. */
double run_plan_host_bytes(const run_plan_t *plan, int first, int *end, double *shared);

#endif
