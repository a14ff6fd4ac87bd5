/* The command that starts ranks: on the cores of the hosts of this job, or ranks that are planned. */
#include "study/plan.h"

#include "comm/launch.h"

#include <stdio.h>
#include <string.h>

enum { MOST_RANKS = 1 << 20 };

/* Hardware threads of a core. Launchers count cores, the system counts hardware threads. */
static int threads_of_a_core(void) {
  unsigned siblings = 0;
  char text[64] = "";
  FILE *file = fopen("/sys/devices/system/cpu/cpu0/topology/thread_siblings_list", "r");
  if (file == NULL) return 1;
  if (fgets(text, sizeof text, file) != NULL)
    for (const char *at = text; *at != '\0'; at++) siblings += *at == ',' || *at == '-';
  fclose(file);
  return 1 + (int)siblings; /* "0,64" or "0-1": two */
}

/* Whether every node of `group` ranks (0: no such groups) is full if a host has `ranks` ranks. */
static bool fills_nodes(int ranks, int group) {
  return group <= 0 || ranks < group || ranks % group == 0;
}

static void write_mpirun(int ranks, int threads, int cores, bool is_crowded, char *out, size_t size) {
  char library[128];
  int bound = threads < cores ? threads : cores;
  world_library_version(library, sizeof library);
  const bool is_open_mpi = strncmp(library, "Open MPI", strlen("Open MPI")) == 0;
  if (is_crowded)
    snprintf(out, size, is_open_mpi ? "mpirun -n %d --oversubscribe --bind-to none" : "mpiexec -n %d", ranks);
  else if (is_open_mpi)
    snprintf(out, size, "mpirun -n %d --map-by slot:PE=%d --bind-to core", ranks, bound);
  else
    snprintf(out, size, "mpiexec -n %d -bind-to core:%d", ranks, bound);
}

/* Of the hosts of this job. */
static void find_line(const world_t *world, const layout_t *layout, const settings_t *settings,
                      launch_line_t *out) {
  const int hosts = world_hosts(world), of_job = launch_job_cpus();
  const int group =
      settings->parallel.ranks_per_node == SETTINGS_AUTO ? 0 : (int)settings->parallel.ranks_per_node;
  const bool is_given = settings->parallel.threads != SETTINGS_AUTO || layout->openmp != NULL;
  /* a rank needs a shard, and the members of an ensemble are trained side by side */
  const int64_t parts = layout->shards * settings->train.members;
  const int useful = parts < MOST_RANKS ? (int)parts : MOST_RANKS;
  int cores = of_job > 0 ? of_job : layout->cores_online / threads_of_a_core();
  if (cores < 1) cores = 1;
  int most = is_given ? cores / layout->threads : cores, ranks = useful / hosts;
  if (ranks > most) ranks = most;
  if (ranks < 1) ranks = 1;
  /* equally many threads for all ranks, unless their number is given */
  while (ranks > 1 && ((!is_given && cores % ranks != 0) || !fills_nodes(ranks, group))) ranks--;
  int threads = is_given ? layout->threads : cores / ranks, all = hosts * ranks;
  if (all > useful) all = useful;
  if (of_job > 0)
    snprintf(out->text, sizeof out->text, "srun --mpi=pmix --ntasks=%d --cpus-per-task=%d", all, threads);
  else
    write_mpirun(all, threads, cores, false, out->text, sizeof out->text);
  int bound = threads < cores ? threads : cores;
  out->cores = cores;
  out->cores_used = ranks * bound;
}

/* Of hosts that are planned. */
static void plan_line(const run_plan_t *plan, launch_line_t *out) {
  const plan_request_t *request = &plan->request;
  const int threads = plan->ranks[0].layout.threads;
  const int host = (request->ranks + request->hosts - 1) / request->hosts; /* most ranks of a host */
  *out = (launch_line_t){.cores = request->cores,
                         .cores_used = host * threads < request->cores ? host * threads : request->cores};
  if (request->hosts > 1)
    snprintf(out->text, sizeof out->text, "srun --mpi=pmix --nodes=%d --ntasks=%d --cpus-per-task=%d",
             request->hosts, request->ranks, threads);
  else
    write_mpirun(request->ranks, threads, request->cores, host * threads > request->cores, out->text,
                 sizeof out->text);
}

void run_plan_launch_line(const run_plan_t *plan, launch_line_t *out) {
  if (plan->world != plan->job)
    plan_line(plan, out);
  else
    find_line(plan->job, plan->training.layout, &plan->settings, out);
}
