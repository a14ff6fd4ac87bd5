/* What launchers and batch systems tell a process in its environment: the only place that knows their
 * variables. */
#ifndef COMM_LAUNCH_H
#define COMM_LAUNCH_H

#include "comm/world.h"

#include <stdbool.h>
#include <stdint.h>

/* How this process was started. */
typedef struct {
  const char *launcher; /* "srun", "mpirun of Open MPI" …; NULL without one */
  const char *remedy;   /* what to do when the MPI library does not find the launcher's other processes */
  int ranks, rank;      /* as the launcher counts; 1 and 0 without one */
  bool is_step;         /* by SLURM itself, and not by another launcher inside a job */
  int job_tasks;        /* SLURM_NTASKS, the job's; 0: no such job */
} launch_t;

/* To be called before MPI starts, which adds variables of its own. */
launch_t launch_read(void);

/* Whether the launcher and the MPI library fit, as far as it shows before MPI starts: Open MPI ends the
 * process when srun gives it no PMI. Not collective; on LS_USAGE only launch->rank 0 needs to speak. */
ls_status launch_check_library(const launch_t *launch, ls_error *error);

/* Whether the processes that were started together have found each other. Not collective (when they have not,
 * there is nothing collective to do); on LS_USAGE only launch->rank 0 needs to speak. */
ls_status launch_check_ranks(const launch_t *launch, const world_t *world, ls_error *error);

/* Whether a job's ranks are all that it has room for. LS_USAGE. Collective. */
ls_status launch_check_tasks(const launch_t *launch, world_t *world, ls_error *error);

/* CPUs that the batch system gave to each task, 0 when nobody says. */
int launch_cpus_per_task(void);

/* When the batch system will end the job, in seconds since 1970; 0 when nobody says. */
int64_t launch_job_end(void);

#endif
