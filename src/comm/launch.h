/* Reads what launchers and batch systems pass in the environment. No other file knows their variables. */
#ifndef COMM_LAUNCH_H
#define COMM_LAUNCH_H

#include "comm/world.h"

#include <stdbool.h>
#include <stdint.h>

/* How this process was started. */
typedef struct {
  const char *launcher; /* "srun", "mpirun of Open MPI" …; NULL without a launcher */
  const char *remedy;   /* what to do when MPI does not find the other processes */
  int ranks, rank;      /* as the launcher counts; 1 and 0 without a launcher */
  bool is_step;         /* started by srun directly, not by another launcher inside a job */
  int job_tasks;        /* SLURM_NTASKS of the job; 0 when not set */
} launch_t;

/* Call this before MPI starts, because MPI adds variables of its own. */
launch_t launch_read(void);

/* Whether no launcher has started this process, so that it needs no MPI. Says so only with Open MPI: the
 * launchers that it knows pass variables by which they are seen. */
bool launch_is_alone(const launch_t *launch);

/* Checks that the launcher and the MPI library fit together, as far as this is visible before MPI starts:
 * Open MPI ends the process when srun provides no PMI. Returns LS_USAGE when they do not fit; only
 * launch->rank 0 needs to print the error. Not collective. */
ls_status launch_check_library(const launch_t *launch, ls_error *error);

/* Checks that the processes that were started together form one world. Returns LS_USAGE when they do not;
 * only launch->rank 0 needs to print the error. Not collective, because separate worlds cannot
 * communicate. */
ls_status launch_check_ranks(const launch_t *launch, const world_t *world, ls_error *error);

/* Checks that a SLURM job has as many ranks as tasks. LS_USAGE otherwise. Collective. */
ls_status launch_check_tasks(const launch_t *launch, world_t *world, ls_error *error);

/* CPUs per task from the batch system, 0 when unknown. */
int launch_cpus_per_task(void);

/* CPUs that a SLURM job has on the first of its nodes; 0 outside a job. */
int launch_job_cpus(void);

/* The first number of OMP_NUM_THREADS, 0 when there is none: threads of the outermost parallel region (OpenMP
 * 5.2, section 21.1.2). */
int launch_openmp_threads(void);

/* What the number of threads does not follow of OMP_NUM_THREADS and OMP_THREAD_LIMIT, and why, as it goes on
 * after "ignored"; NULL: nothing. threads: the setting, or below 1 if the variables may decide. */
const char *launch_openmp_ignored(int64_t threads, char *out, size_t size);

/* The end of the job by the batch system, in seconds since 1970; 0 when unknown. */
int64_t launch_job_end(void);

#endif
