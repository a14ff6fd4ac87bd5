/* For LD_PRELOAD: one call never returns. STALL_CALL is fsync, pread or pwrite, like those of a disk which
 * does not answer: STALL_NUMBER says which of these calls, of those on files whose path contains STALL_FILE.
 * With STALL_CHILD set, only calls of child processes count. Or it is MPI_Init. */
#include <dlfcn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static atomic_int calls;
static pid_t parent;

__attribute__((constructor)) static void begin(void) {
  parent = getpid();
}

static void count(const char *call, int file) {
  char link[64], path[4096] = "";
  const char *wanted = getenv("STALL_CALL"), *number = getenv("STALL_NUMBER"), *part = getenv("STALL_FILE");
  if (wanted == NULL || number == NULL || part == NULL || strcmp(wanted, call) != 0) return;
  if (getenv("STALL_CHILD") != NULL && getpid() == parent) return;
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = readlink(link, path, sizeof path - 1);
  path[length > 0 ? length : 0] = '\0';
  if (strstr(path, part) == NULL || atomic_fetch_add(&calls, 1) + 1 != atoi(number)) return;
  for (;;) pause();
}

int fsync(int file) {
  int (*next)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
  count("fsync", file);
  return next(file);
}

ssize_t pwrite(int file, const void *bytes, size_t size, off_t at) {
  ssize_t (*next)(int, const void *, size_t, off_t) =
      (ssize_t(*)(int, const void *, size_t, off_t))dlsym(RTLD_NEXT, "pwrite");
  count("pwrite", file);
  return next(file, bytes, size, at);
}

int MPI_Init_thread(int *argc, char ***argv, int wanted, int *provided) {
  int (*next)(int *, char ***, int, int *) =
      (int (*)(int *, char ***, int, int *))dlsym(RTLD_NEXT, "MPI_Init_thread");
  const char *call = getenv("STALL_CALL");
  while (call != NULL && strcmp(call, "MPI_Init") == 0) pause();
  return next(argc, argv, wanted, provided);
}

ssize_t pread(int file, void *bytes, size_t size, off_t at) {
  ssize_t (*next)(int, void *, size_t, off_t) =
      (ssize_t(*)(int, void *, size_t, off_t))dlsym(RTLD_NEXT, "pread");
  count("pread", file);
  return next(file, bytes, size, at);
}

ssize_t pread64(int file, void *bytes, size_t size, off_t at) {
  return pread(file, bytes, size, at);
}

ssize_t pwrite64(int file, const void *bytes, size_t size, off_t at) {
  return pwrite(file, bytes, size, at);
}
