#include "comm/launch.h"

#include "base/text.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern char **environ;

/* The variables by which each launcher passes the number of ranks. The first one that is set belongs to the
 * innermost launcher. */
static const struct {
  const char *name, *ranks, *rank, *remedy;
} launchers[] = {
    {"mpirun of Open MPI", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK",
     "start it with the mpiexec of the library that it was built with"},
    {"mpiexec of MPICH or a relative", "PMI_SIZE", "PMI_RANK",
     "start it with the mpirun of the library that it was built with"},
    {"srun", "SLURM_STEP_NUM_TASKS", "SLURM_PROCID",
     "start it with `srun --mpi=pmix` (`srun --mpi=list` tells what this SLURM has; MPICH also takes pmi2), "
     "or "
     "with mpirun inside the job"},
};
enum { LAUNCHERS = sizeof launchers / sizeof launchers[0], SRUN = LAUNCHERS - 1 };

/* The value of a variable as a number, or `otherwise`. */
static int64_t number_of(const char *variable, int64_t otherwise) {
  const char *text = getenv(variable);
  int64_t number = otherwise;
  if (text != NULL) text_int64(text, &number);
  return number;
}

static int count_of(const char *variable, int otherwise) {
  int64_t number = number_of(variable, otherwise);
  return number >= 0 && number <= INT_MAX ? (int)number : otherwise;
}

launch_t launch_read(void) {
  launch_t launch = {.ranks = 1, .job_tasks = count_of("SLURM_NTASKS", 0)};
  for (int i = 0; i < LAUNCHERS && launch.launcher == NULL; i++) {
    if (getenv(launchers[i].ranks) == NULL) continue;
    launch.launcher = launchers[i].name;
    launch.remedy = launchers[i].remedy;
    launch.ranks = count_of(launchers[i].ranks, 1);
    launch.rank = count_of(launchers[i].rank, 0);
    launch.is_step = i == SRUN;
  }
  return launch;
}

/* ---- checks ---- */

/* Whether a variable is set whose name begins so. */
static bool has_variable(const char *prefix) {
  for (char **variable = environ; *variable != NULL; variable++)
    if (strncmp(*variable, prefix, strlen(prefix)) == 0) return true;
  return false;
}

/* Whether a process management interface is present. Its variables start with PMI, for example PMI_RANK. */
static bool has_pmi(void) {
  return has_variable("PMI");
}

static bool has_open_mpi(void) {
  static const char open_mpi[] = "Open MPI";
  char library[128];
  world_library_version(library, sizeof library);
  return strncmp(library, open_mpi, sizeof open_mpi - 1) == 0;
}

/* A launcher that is not in the table gives PMI, or is one of Cray's. */
bool launch_is_alone(const launch_t *launch) {
  return launch->launcher == NULL && !has_pmi() && !has_variable("ALPS_") && !has_variable("PALS_") &&
         has_open_mpi();
}

static ls_status refuse_strangers(const launch_t *launch, ls_error *error) {
  char library[128];
  world_library_version(library, sizeof library);
  return error_set(
      error, LS_USAGE,
      "%s started %d processes, but they do not find each other: this program was built with %s; %s",
      launch->launcher, launch->ranks, library, launch->remedy);
}

ls_status launch_check_library(const launch_t *launch, ls_error *error) {
  bool needs_pmi = launch->is_step && launch->ranks > 1 && has_open_mpi();
  return needs_pmi && !has_pmi() ? refuse_strangers(launch, error) : LS_OK;
}

ls_status launch_check_ranks(const launch_t *launch, const world_t *world, ls_error *error) {
  return launch->ranks == world_size(world) ? LS_OK : refuse_strangers(launch, error);
}

/* Rank 0 decides for all ranks. On other nodes mpirun's daemons are themselves SLURM tasks, and their ranks
 * inherit the daemons' variables. */
ls_status launch_check_tasks(const launch_t *launch, world_t *world, ls_error *error) {
  int tasks = launch->is_step || getenv("SLURM_STEP_ID") != NULL ? 0 : launch->job_tasks;
  TRY(world_broadcast(world, &tasks, sizeof tasks, 0, error));
  if (tasks == 0 || tasks == world_size(world)) return LS_OK;
  return error_set(
      error, LS_USAGE,
      "%d rank(s) in a SLURM job of %d task(s): start them with `srun --mpi=pmix`, or with mpirun "
      "without a number, which start as many as the job has; if %d are meant, say so with "
      "SLURM_NTASKS=%d in front of the command",
      world_size(world), tasks, world_size(world), world_size(world));
}

/* ---- limits from the batch system ---- */

int launch_cpus_per_task(void) {
  return count_of("SLURM_CPUS_PER_TASK", 0);
}

/* "4(x2),2": four on each of two nodes, two on the next one. */
int launch_job_cpus(void) {
  const char *text = getenv("SLURM_JOB_CPUS_PER_NODE");
  char first[16];
  int64_t number = 0;
  if (text == NULL) return count_of("SLURM_CPUS_ON_NODE", launch_cpus_per_task());
  snprintf(first, sizeof first, "%.*s", (int)strcspn(text, "(,"), text);
  return text_int64(first, &number) && number > 0 && number <= INT_MAX ? (int)number : 0;
}

/* The first of the numbers that a variable of OpenMP holds; 0 when there is none. */
static int first_number(const char *text) {
  char first[16];
  int64_t number = 0;
  if (text == NULL) return 0;
  text += strspn(text, " \t");
  snprintf(first, sizeof first, "%.*s", (int)strcspn(text, ", \t"), text);
  return text_int64(first, &number) && number > 0 && number <= INT_MAX ? (int)number : 0;
}

int launch_openmp_threads(void) {
  return first_number(getenv("OMP_NUM_THREADS"));
}

const char *launch_openmp_ignored(int64_t threads, char *out, size_t size) {
  const char *text = getenv("OMP_NUM_THREADS"), *limit_text = getenv("OMP_THREAD_LIMIT");
  const int asked = first_number(text), limit = first_number(limit_text);
  int used = 0;
  if (text != NULL && asked == 0)
    used = snprintf(out, size, "OMP_NUM_THREADS='%.40s', which is not a number of threads", text);
  else if (text != NULL && threads > 0 && threads != asked)
    used = snprintf(out, size, "OMP_NUM_THREADS=%.40s, because parallel.threads is %" PRId64, text, threads);
  else if (text != NULL && threads < 1 && limit > 0 && limit < asked)
    used = snprintf(out, size, "OMP_NUM_THREADS=%.40s, because OMP_THREAD_LIMIT is %d", text, limit);
  else if (text != NULL && threads < 1 && strchr(text, ',') != NULL)
    used =
        snprintf(out, size,
                 "all but the first number of OMP_NUM_THREADS=%.40s, because threads start no threads", text);
  if (limit_text != NULL && limit == 0 && used < (int)size)
    used += snprintf(out + used, size - (size_t)used,
                     "%sOMP_THREAD_LIMIT='%.40s', which is not a number of threads", used > 0 ? "; " : "",
                     limit_text);
  return used > 0 ? out : NULL;
}

int64_t launch_job_end(void) {
  return number_of("SLURM_JOB_END_TIME", 0);
}
