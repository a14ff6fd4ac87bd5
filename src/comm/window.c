/* Shared memory by MPI_Win_allocate_shared. MPI provides the memory. This file aligns each segment, has its
 * owner zero it (so that the pages are placed near that rank), and turns failures into messages. The window
 * stays in one passive epoch (lock_all) for its whole life; barriers order accesses between ranks. A rank
 * that is alone on its node uses private memory instead, with huge pages where available. */
#include "comm/window.h"

#include "base/arena.h"
#include "comm/world_impl.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/statvfs.h>

enum { ALIGNMENT = 64, REFUSED_SECONDS = 30 };

struct window {
  const world_t *world;
  MPI_Win win;
  int places;
  void **segments; /* (places) */
  arena_t own;     /* private memory of a rank alone on its node */
};

static const char memory_files[] = "/dev/shm"; /* where MPI libraries on Linux allocate shared memory */

/* Every rank maps all segments. Tries that, and gives the addresses back: a rank whose address space or files
 * are limited says so before the others wait for it in the library. */
static ls_status check_limits(double total, const char *what, ls_error *error) {
  struct rlimit limit;
  size_t bytes = total < (double)SIZE_MAX / 2 ? (size_t)total + ALIGNMENT : SIZE_MAX / 2;
  void *trial = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (trial == MAP_FAILED)
    return error_set(
        error, LS_NO_MEMORY,
        "no shared memory for %s: this rank cannot map %.1f MB (%s); raise the limit of its address "
        "space (ulimit -v)",
        what, total / 1e6, strerror(errno));
  munmap(trial, bytes);
  if (getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY ||
      (double)limit.rlim_cur >= total)
    return LS_OK;
  return error_set(
      error, LS_NO_MEMORY,
      "no shared memory for %s: it needs %.1f MB, but this rank may write files of %.1f MB at most; "
      "raise the limit (ulimit -f)",
      what, total / 1e6, (double)limit.rlim_cur / 1e6);
}

/* Checks for free space first, because a refused request can hang the library (Open MPI 4.1). Adds up the
 * requests of all ranks of this host. If the file system cannot be examined, MPI decides. */
static ls_status check_room(world_t *world, size_t bytes, const char *what, ls_error *error) {
  struct statvfs files;
  size_t *wanted = calloc((size_t)world_size(world), sizeof *wanted);
  ls_status status =
      wanted == NULL ? error_set(error, LS_NO_MEMORY, "no memory for the table of ranks") : LS_OK;
  TRY_OR_DONE(world_agree(world, status, error));
  TRY_OR_DONE(world_gather(world, &bytes, sizeof bytes, wanted, error));
  double total = 0;
  for (int r = 0; r < world_size(world); r++)
    if (strcmp(world_host(world, r), world_host(world, world_rank(world))) == 0) total += (double)wanted[r];
  if (world_host_ranks(world) > 1) status = check_limits(total, what, error);
  if (status == LS_OK && world_host_ranks(world) > 1 && statvfs(memory_files, &files) == 0) {
    double room = (double)files.f_bavail * (double)files.f_frsize;
    if (total > room)
      status =
          error_set(error, LS_COMM,
                    "no shared memory for %s: this host's ranks need %.1f MB and %s has %.1f MB; enlarge it "
                    "(mount -o remount,size=…), start fewer ranks with more threads, or set "
                    "parallel.reduce=mpi",
                    what, total / 1e6, memory_files, room / 1e6);
  }
  status = world_agree(world, status, error);
done:
  free(wanted);
  return status;
}

static ls_status allocate(world_t *world, size_t bytes, MPI_Win *win, ls_error *error) {
  MPI_Info info;
  void *mine = NULL;
  TRY(mpi_check(MPI_Info_create(&info), "MPI_Info_create", error));
  MPI_Info_set(info, "alloc_shared_noncontig", "true"); /* each segment on pages of its own */
  /* MPI guarantees no alignment (Open MPI puts a header in front), so this allocates room to align */
  int code = WATCH_MPI(world, MPI_Win_allocate_shared, (MPI_Aint)(bytes + ALIGNMENT), 1, info, world->node,
                       &mine, win);
  MPI_Info_free(&info);
  return mpi_check(code, "MPI_Win_allocate_shared", error);
}

/* Mappings start on a page boundary, so all ranks of the node compute the same aligned start. */
static ls_status find_segments(window_t *window, ls_error *error) {
  for (int place = 0; place < window->places; place++) {
    MPI_Aint size = 0;
    int unit = 0;
    char *segment = NULL;
    TRY(mpi_check(MPI_Win_shared_query(window->win, place, &size, &unit, &segment), "MPI_Win_shared_query",
                  error));
    window->segments[place] = segment + (ALIGNMENT - (uintptr_t)segment % ALIGNMENT) % ALIGNMENT;
  }
  return LS_OK;
}

/* Allocates nothing of its own before MPI_Win_allocate_shared: a rank that failed here alone would leave the
 * others waiting in it. */
static ls_status open_window(world_t *world, size_t bytes, window_t *window, ls_error *error) {
  if (window->places == 1) {
    window->segments[0] = arena_new(&window->own, bytes, 1);
    return window->segments[0] == NULL ? error_set(error, LS_NO_MEMORY, "no memory") : LS_OK;
  }
  TRY(allocate(world, bytes, &window->win, error));
  MPI_Win_set_errhandler(window->win, MPI_ERRORS_RETURN);
  TRY(find_segments(window, error));
  return mpi_check(MPI_Win_lock_all(MPI_MODE_NOCHECK, window->win), "MPI_Win_lock_all", error);
}

/* A rank that was refused tells the others. But Open MPI 4.1 does not let those go whom it did not refuse, so
 * after half a minute this rank ends the job with its own message. */
static ls_status agree_on_window(world_t *world, ls_status status, const char *what, size_t bytes,
                                 ls_error *error) {
  ls_error local = {0};
  if (error == NULL) error = &local;
  if (status == LS_OK) return world_agree(world, status, error);
  error_prefix(error, status, "no shared memory for %s (%zu bytes)", what, bytes);
  const ls_error own = *error;
  const double timeout = world->timeout;
  world->timeout = timeout <= 0 || timeout > 2 * REFUSED_SECONDS ? REFUSED_SECONDS : timeout / 2;
  ls_status agreed = world_agree(world, status, error);
  world->timeout = timeout;
  if (!world->lost) return agreed;
  error_set(&world->why, LS_COMM, "%.700s (rank %d on %s; the other ranks hang in the MPI library)",
            own.message, world_rank(world), world_host(world, world_rank(world)));
  return world_usable(world, error);
}

ls_status window_create(world_t *world, size_t bytes, const char *what, window_t **out, ls_error *error) {
  size_t whole = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  TRY(check_room(world, whole, what, error));
  window_t *window = calloc(1, sizeof *window);
  if (window != NULL) {
    *window = (window_t){.world = world, .win = MPI_WIN_NULL, .places = world_places(world)};
    window->segments = calloc((size_t)window->places, sizeof *window->segments);
  }
  ls_status status = LS_OK;
  if (window == NULL || window->segments == NULL)
    status = error_set(error, LS_NO_MEMORY, "no memory for a window");
  TRY_OR_DONE(world_agree(world, status, error));
  TRY_OR_DONE(agree_on_window(world, open_window(world, whole, window, error), what, whole, error));
  if (window->win != MPI_WIN_NULL) memset(window->segments[world_place(world)], 0, whole);
  status = world_barrier(world, error); /* no rank reads a segment before its owner has zeroed it */
done:
  if (status != LS_OK) {
    window_destroy(&window);
    return status;
  }
  *out = window;
  return LS_OK;
}

void window_destroy(window_t **window) {
  if (window == NULL || *window == NULL) return;
  if ((*window)->win != MPI_WIN_NULL && !(*window)->world->lost) { /* lost ranks would not take part */
    WATCH_MPI((*window)->world, MPI_Win_unlock_all, (*window)->win);
    WATCH_MPI((*window)->world, MPI_Win_free, &(*window)->win);
  }
  arena_free(&(*window)->own);
  free((*window)->segments);
  free(*window);
  *window = NULL;
}

void *window_segment(const window_t *window, int place) {
  return window->segments[place];
}
