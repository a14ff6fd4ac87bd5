#include "host/preflight.h"

#include "base/isa.h"
#include "math/precision.h"
#include "host/host.h"

#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

/* What a rank sends to rank 0 about itself and its host. Plain values, zeroed, because they are sent and
 * compared as bytes. */
typedef struct {
  char cpu[96], isa[16], libraries[320];
  int ranks, threads, cores_host, cores_online;
  double total;        /* memory of the host in bytes */
  double free, shared; /* free part of it; memory that ranks can share */
  preflight_needs_t needs;
} facts_t;

/* Bytes available to users at `path`, or at the nearest existing directory above it; -1 if unknown. */
static double room_at(const char *path) {
  struct statvfs files;
  char at[1024];
  snprintf(at, sizeof at, "%s", path);
  while (statvfs(at, &files) != 0) {
    char *slash = strrchr(at, '/');
    if (strcmp(at, ".") == 0 || slash == at) return -1;
    if (slash == NULL)
      strcpy(at, ".");
    else
      *slash = '\0';
  }
  return (double)files.f_bavail * (double)files.f_frsize;
}

/* A line of /proc/meminfo in bytes; 0 if it is not there. */
static double memory_of(const char *key) {
  char line[256];
  double kilobytes = 0;
  FILE *file = fopen("/proc/meminfo", "r");
  if (file == NULL) return 0;
  while (fgets(line, sizeof line, file) != NULL)
    if (strncmp(line, key, strlen(key)) == 0) kilobytes = strtod(line + strlen(key), NULL);
  fclose(file);
  return 1024 * kilobytes;
}

static void find_facts(const world_t *world, const layout_t *layout, const preflight_needs_t *needs,
                       facts_t *facts) {
  memset(facts, 0, sizeof *facts);
  host_cpu(facts->cpu, sizeof facts->cpu);
  snprintf(facts->isa, sizeof facts->isa, "%s", isa_name(isa_selected()));
  host_libraries(", ", facts->libraries, sizeof facts->libraries);
  facts->ranks = world_host_ranks(world);
  facts->threads = layout->threads;
  facts->cores_host = layout->cores_host;
  facts->cores_online = layout->cores_online;
  facts->total = memory_of("MemTotal:");
  facts->free = host_free_memory();
  facts->shared = room_at("/dev/shm");
  facts->needs = *needs;
  facts->needs.directory = facts->needs.precision = NULL; /* pointers are meaningless on other ranks */
}

/* ---- evaluation by rank 0 ---- */

static bool same_kind(const facts_t *a, const facts_t *b) {
  return strcmp(a->cpu, b->cpu) == 0 && strcmp(a->isa, b->isa) == 0 && a->ranks == b->ranks &&
         a->threads == b->threads && a->cores_host == b->cores_host && a->cores_online == b->cores_online &&
         a->total == b->total;
}

static bool is_first_of_host(const world_t *world, int rank) {
  for (int r = 0; r < rank; r++)
    if (strcmp(world_host(world, r), world_host(world, rank)) == 0) return false;
  return true;
}

/* Prints the line of a kind of host if this rank is the first one on a host of that kind. */
static void print_kind(const world_t *world, const facts_t *all, int rank, FILE *out) {
  const facts_t *facts = &all[rank];
  int hosts = 0;
  for (int r = 0; r < world_size(world); r++) {
    if (!is_first_of_host(world, r) || !same_kind(&all[r], facts)) continue;
    if (r < rank) return;
    hosts++;
  }
  fprintf(out, "host    %s", world_host(world, rank));
  if (hosts > 1) fprintf(out, " and %d like it", hosts - 1);
  fprintf(out, ": %d rank%s x %d thread%s on %d of %d cores, %.1f GB (%.1f free), %s (%s)\n", facts->ranks,
          facts->ranks == 1 ? "" : "s", facts->threads, facts->threads == 1 ? "" : "s", facts->cores_host,
          facts->cores_online, facts->total / 1e9, facts->free / 1e9, facts->cpu, facts->isa);
}

/* Compares the needs of all ranks of a host with what the host has. */
static void warn_of_memory(const world_t *world, const facts_t *all, int rank, const log_t *log) {
  double memory = 0, shared = 0;
  for (int r = 0; r < world_size(world); r++) {
    if (strcmp(world_host(world, r), world_host(world, rank)) != 0) continue;
    memory += all[r].needs.memory;
    shared += all[r].needs.shared;
  }
  if (all[rank].free > 0 && memory > all[rank].free)
    log_warn(log,
             "%s has %.1f GB of memory free, but its ranks need %.1f GB: use more nodes, or fewer ranks with "
             "more threads",
             world_host(world, rank), all[rank].free / 1e9, memory / 1e9);
  if (all[rank].shared >= 0 && shared > all[rank].shared)
    log_warn(log,
             "%s has %.1f MB of shared memory (/dev/shm), but its ranks need %.1f MB: enlarge it, or start "
             "fewer ranks with more threads",
             world_host(world, rank), all[rank].shared / 1e6, shared / 1e6);
}

static void warn_of_differences(const world_t *world, const facts_t *all, const log_t *log) {
  for (int r = 1; r < world_size(world); r++) {
    if (strcmp(all[r].cpu, all[0].cpu) == 0 && strcmp(all[r].isa, all[0].isa) == 0) continue;
    log_warn(
        log,
        "%s has %s (%s), %s has %s (%s): the bits are the same, but every step waits for the slower kind",
        world_host(world, 0), all[0].cpu, all[0].isa, world_host(world, r), all[r].cpu, all[r].isa);
    break;
  }
  for (int r = 1; r < world_size(world); r++) {
    if (strcmp(all[r].libraries, all[0].libraries) == 0) continue;
    log_warn(log, "%s runs %s, %s runs %s: the bits may differ from those with a single set of libraries",
             world_host(world, 0), all[0].libraries, world_host(world, r), all[r].libraries);
    break;
  }
}

static void warn_of_instructions(const preflight_needs_t *needs, const log_t *log) {
  const precision_t *precision = NULL;
  if (isa_denied() != NULL) log_warn(log, "%s", isa_denied());
  if (needs->precision == NULL || precision_find(needs->precision, &precision, NULL) != LS_OK) return;
  if (precision_slow(precision) != NULL) log_warn(log, "train.precision: %s", precision_slow(precision));
}

static void judge(const world_t *world, const facts_t *all, const preflight_needs_t *needs, FILE *out,
                  const log_t *log) {
  for (int r = 0; r < world_size(world); r++) {
    if (!is_first_of_host(world, r)) continue;
    if (out != NULL) print_kind(world, all, r, out);
    warn_of_memory(world, all, r, log);
  }
  if (out != NULL) fprintf(out, "with    %s\n", all[0].libraries);
  warn_of_differences(world, all, log);
  warn_of_instructions(needs, log);
  double room = needs->directory != NULL ? room_at(needs->directory) : -1;
  if (room >= 0 && needs->files > room)
    log_warn(log,
             "the file system of %s has %.1f MB left, but the run's files need %.1f MB: set `runs` to "
             "another place, or lower checkpoint.keep",
             needs->directory, room / 1e6, needs->files / 1e6);
}

ls_status preflight_hosts(world_t *world, const layout_t *layout, const preflight_needs_t *needs, FILE *out,
                          const log_t *log, ls_error *error) {
  facts_t mine, *all = calloc((size_t)world_size(world), sizeof *all);
  ls_status status = all == NULL ? error_set(error, LS_NO_MEMORY, "no memory for the table of hosts") : LS_OK;
  TRY_OR_DONE(world_agree(world, status, error));
  find_facts(world, layout, needs, &mine);
  TRY_OR_DONE(world_gather(world, &mine, sizeof mine, all, error));
  if (world_rank(world) == 0) judge(world, all, needs, out, log);
done:
  free(all);
  return status;
}
