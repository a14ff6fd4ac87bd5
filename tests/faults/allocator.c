/* A library to load before lockstep (LD_PRELOAD): counts the allocations that lockstep's own code makes, and
 * lets one of them fail. Calls from other libraries are neither counted nor failed. glibc alone.
 *
 *   FAULT_ALLOCATION=N   the N-th allocation, from 1, returns NULL; 0 or unset: none does
 *   FAULT_RANK=R         only on rank R of the job
 *   FAULT_REPORT=FILE    at the end FILE.R gets the line `allocations LIVE_BLOCKS` of rank R: how many calls
 * there were, and how many blocks were never freed. */
#define _GNU_SOURCE
#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t n, size_t bytes);
void *__libc_realloc(void *block, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);
void __libc_free(void *block);

enum { PLACES = 1 << 16 };

static struct {
  uintptr_t begin, end; /* the program's own code */
  long failing, calls;
  const char *report;
  int rank;
  pthread_mutex_t mutex;
  void *live[PLACES]; /* hashed by address, open addressing; REMOVED marks a place that was used */
  long blocks;
} state = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static char removed_mark;
#define REMOVED ((void *)&removed_mark)

/* ---- set-up ---- */

/* The first object is the program. */
static int find_code(struct dl_phdr_info *object, size_t size, void *data) {
  (void)size, (void)data;
  for (int i = 0; i < object->dlpi_phnum; i++) {
    const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
    if (segment->p_type != PT_LOAD || (segment->p_flags & PF_X) == 0) continue;
    state.begin = object->dlpi_addr + segment->p_vaddr;
    state.end = state.begin + segment->p_memsz;
  }
  return 1;
}

static long number_of(const char *name, long otherwise) {
  const char *text = getenv(name);
  return text != NULL ? strtol(text, NULL, 10) : otherwise;
}

/* Open MPI and MPICH tell ranks their number so. */
static int own_rank(void) {
  long rank = number_of("OMPI_COMM_WORLD_RANK", -1);
  return (int)(rank >= 0 ? rank : number_of("PMI_RANK", 0));
}

__attribute__((constructor)) static void begin(void) {
  dl_iterate_phdr(find_code, NULL);
  state.rank = own_rank();
  state.report = getenv("FAULT_REPORT");
  if (state.rank == number_of("FAULT_RANK", state.rank)) state.failing = number_of("FAULT_ALLOCATION", 0);
}

__attribute__((destructor)) static void end(void) {
  char path[4096];
  if (state.report == NULL) return;
  snprintf(path, sizeof path, "%s.%d", state.report, state.rank);
  FILE *file = fopen(path, "w");
  if (file == NULL) return;
  fprintf(file, "%ld %ld\n", state.calls, state.blocks);
  fclose(file);
}

/* ---- blocks that are alive ---- */

static size_t place_of(const void *block) {
  return (size_t)(((uintptr_t)block >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 48) % PLACES;
}

static void add(void *block) {
  if (block == NULL) return;
  pthread_mutex_lock(&state.mutex);
  size_t at = place_of(block);
  for (int tries = 0; tries < PLACES && state.live[at] != NULL && state.live[at] != REMOVED; tries++)
    at = (at + 1) % PLACES;
  state.live[at] = block;
  state.blocks++;
  pthread_mutex_unlock(&state.mutex);
}

static void take_away(void *block) {
  if (block == NULL || state.blocks == 0) return;
  pthread_mutex_lock(&state.mutex);
  size_t at = place_of(block);
  for (int tries = 0; tries < PLACES && state.live[at] != NULL && state.live[at] != block; tries++)
    at = (at + 1) % PLACES;
  if (state.live[at] == block) {
    state.live[at] = REMOVED;
    state.blocks--;
  }
  pthread_mutex_unlock(&state.mutex);
}

/* ---- the calls ---- */

static bool is_own(const void *caller) {
  return (uintptr_t)caller >= state.begin && (uintptr_t)caller < state.end;
}

/* Whether this call of the program's is the one that fails. */
static bool fails(void) {
  long call = __atomic_add_fetch(&state.calls, 1, __ATOMIC_RELAXED);
  if (call != state.failing) return false;
  errno = ENOMEM;
  return true;
}

#define ALLOCATE(call)                                                                                       \
  bool own = is_own(__builtin_return_address(0));                                                            \
  if (own && fails()) return NULL;                                                                           \
  void *block = call;                                                                                        \
  if (own) add(block);                                                                                       \
  return block

void *malloc(size_t bytes) {
  ALLOCATE(__libc_malloc(bytes));
}

void *calloc(size_t n, size_t bytes) {
  ALLOCATE(__libc_calloc(n, bytes));
}

void *aligned_alloc(size_t alignment, size_t bytes) {
  ALLOCATE(__libc_memalign(alignment, bytes));
}

void *realloc(void *block, size_t bytes) {
  bool own = is_own(__builtin_return_address(0));
  if (own && fails()) return NULL;
  take_away(block);
  void *moved = __libc_realloc(block, bytes);
  if (own) add(moved);
  return moved;
}

void free(void *block) {
  take_away(block);
  __libc_free(block);
}
