/* A library to load before lockstep (LD_PRELOAD): counts the calls by which a process changes files below one
 * directory, and lets one of them, or all from one on, go wrong. Linux and glibc alone.
 *
 *   FAULT_UNDER=DIRECTORY  only files there count; an absolute path without symbolic links
 *   FAULT_CALL=N           the N-th call, from 1, goes wrong; 0 or unset: none does
 *   FAULT_KIND=KIND        how: kill   the process is killed before the call
 *                               torn   killed after half of a write, or before another call
 *                               ENOSPC, EIO   the call fails and does nothing; a file that is closed is
 * closed short  a write writes half of its bytes; other calls succeed full   this and all later calls that
 * need space fail with ENOSPC FAULT_RANK=R           only on rank R of the job FAULT_REPORT=FILE      FILE.R
 * gets a line `N CALL PATH` for each call of rank R
 *
 * A file that stdio writes counts when it is opened, flushed and closed: stdio's own writes cannot be seen.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

typedef enum { KILL, TORN, NO_SPACE, IO, SHORT, FULL, NONE } kind_t;

static struct {
  char under[PATH_MAX];
  long failing, calls;
  kind_t kind;
  int report; /* file, or -1 */
} state = {.kind = NONE, .report = -1};

/* ---- set-up ---- */

static long number_of(const char *name, long otherwise) {
  const char *text = getenv(name);
  return text != NULL ? strtol(text, NULL, 10) : otherwise;
}

/* Open MPI and MPICH tell ranks their number so. */
static long own_rank(void) {
  long rank = number_of("OMPI_COMM_WORLD_RANK", -1);
  return rank >= 0 ? rank : number_of("PMI_RANK", 0);
}

static kind_t kind_of(const char *name) {
  static const char *const names[NONE] = {"kill", "torn", "ENOSPC", "EIO", "short", "full"};
  for (int k = 0; name != NULL && k < NONE; k++)
    if (strcmp(names[k], name) == 0) return (kind_t)k;
  return NONE;
}

__attribute__((constructor)) static void begin(void) {
  const char *under = getenv("FAULT_UNDER"), *report = getenv("FAULT_REPORT");
  long rank = own_rank(), only = number_of("FAULT_RANK", -1); /* -1: every rank */
  if (under == NULL || (only >= 0 && rank != only)) return;
  snprintf(state.under, sizeof state.under, "%s", under);
  state.failing = number_of("FAULT_CALL", 0);
  state.kind = kind_of(getenv("FAULT_KIND"));
  if (report == NULL) return;
  char path[PATH_MAX];
  snprintf(path, sizeof path, "%s.%ld", report, rank);
  state.report = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
}

/* ---- which calls count ---- */

static bool is_under(const char *path) {
  size_t length = strlen(state.under);
  return length > 0 && strncmp(path, state.under, length) == 0 &&
         (path[length] == '/' || path[length] == '\0');
}

/* The absolute path of a name that a call got, in `out`. */
static const char *absolute(int directory, const char *name, char out[2 * PATH_MAX]) {
  char base[PATH_MAX] = "", link[64];
  if (name[0] == '/') return name;
  snprintf(link, sizeof link, directory == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", directory);
  if (readlink(link, base, sizeof base - 1) < 0) return name;
  while (strncmp(name, "./", 2) == 0) name += 2;
  snprintf(out, 2 * PATH_MAX, "%s/%s", base, name);
  return out;
}

static const char *path_of(int file, char out[2 * PATH_MAX]) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = readlink(link, out, 2 * PATH_MAX - 1);
  out[length > 0 ? length : 0] = '\0';
  return out;
}

/* Counts a call. Returns how it goes wrong; NONE: it does not. */
static kind_t count(const char *call, const char *path, bool needs_space) {
  char line[2 * PATH_MAX + 64];
  if (!is_under(path)) return NONE;
  long n = __atomic_add_fetch(&state.calls, 1, __ATOMIC_RELAXED);
  int length = snprintf(line, sizeof line, "%ld %s %s\n", n, call, path);
  if (state.report >= 0) syscall(SYS_write, state.report, line, length);
  if (state.failing == 0 || n < state.failing) return NONE;
  if (state.kind == FULL) return needs_space ? NO_SPACE : NONE;
  if (n > state.failing) return NONE;
  if (state.kind == KILL || (state.kind == TORN && strstr(call, "write") == NULL))
    syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
  return state.kind;
}

static kind_t count_name(const char *call, int directory, const char *name, bool needs_space) {
  char path[2 * PATH_MAX];
  return count(call, absolute(directory, name, path), needs_space);
}

static kind_t count_file(const char *call, int file, bool needs_space) {
  char path[2 * PATH_MAX];
  return count(call, path_of(file, path), needs_space);
}

/* Whether the call fails; sets errno. */
static bool fails(kind_t kind) {
  if (kind != NO_SPACE && kind != IO) return false;
  errno = kind == IO ? EIO : ENOSPC;
  return true;
}

/* ---- the calls ---- */

#define REAL(result, name, ...)                                                                              \
  static result (*real)(__VA_ARGS__);                                                                        \
  if (real == NULL) *(void **)&real = dlsym(RTLD_NEXT, name)

enum { WRITES = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC };

static mode_t mode_of(int flags, va_list arguments) {
  return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
}

#define OPEN(name)                                                                                           \
  int name(const char *path, int flags, ...) {                                                               \
    REAL(int, #name, const char *, int, ...);                                                                \
    va_list arguments;                                                                                       \
    va_start(arguments, flags);                                                                              \
    mode_t mode = mode_of(flags, arguments);                                                                 \
    va_end(arguments);                                                                                       \
    if ((flags & WRITES) != 0 && fails(count_name("open", AT_FDCWD, path, flags & O_CREAT))) return -1;      \
    return real(path, flags, mode);                                                                          \
  }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                                                         \
  int name(int directory, const char *path, int flags, ...) {                                                \
    REAL(int, #name, int, const char *, int, ...);                                                           \
    va_list arguments;                                                                                       \
    va_start(arguments, flags);                                                                              \
    mode_t mode = mode_of(flags, arguments);                                                                 \
    va_end(arguments);                                                                                       \
    if ((flags & WRITES) != 0 && fails(count_name("open", directory, path, flags & O_CREAT))) return -1;     \
    return real(directory, path, flags, mode);                                                               \
  }
OPENAT(openat)
OPENAT(openat64)

#define FOPEN(name)                                                                                          \
  FILE *name(const char *path, const char *mode) {                                                           \
    REAL(FILE *, #name, const char *, const char *);                                                         \
    if (strpbrk(mode, "wa+") != NULL && fails(count_name("fopen", AT_FDCWD, path, true))) return NULL;       \
    return real(path, mode);                                                                                 \
  }
FOPEN(fopen)
FOPEN(fopen64)

int fflush(FILE *file) {
  REAL(int, "fflush", FILE *);
  if (file != NULL && fails(count_file("fflush", fileno(file), true))) return EOF;
  return real(file);
}

int fclose(FILE *file) {
  REAL(int, "fclose", FILE *);
  kind_t kind = count_file("fclose", fileno(file), true);
  int result = real(file);
  return fails(kind) ? EOF : result;
}

/* Half of the bytes, at least one. */
static size_t half(size_t n) {
  return n > 1 ? n / 2 : n;
}

ssize_t write(int file, const void *data, size_t n) {
  kind_t kind = count_file("write", file, true);
  if (fails(kind)) return -1;
  ssize_t written = syscall(SYS_write, file, data, kind == SHORT || kind == TORN ? half(n) : n);
  if (kind == TORN) syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
  return written;
}

#define PWRITE(name)                                                                                         \
  ssize_t name(int file, const void *data, size_t n, off_t at) {                                             \
    kind_t kind = count_file("pwrite", file, true);                                                          \
    if (fails(kind)) return -1;                                                                              \
    ssize_t written = syscall(SYS_pwrite64, file, data, kind == SHORT || kind == TORN ? half(n) : n, at);    \
    if (kind == TORN) syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);                                       \
    return written;                                                                                          \
  }
PWRITE(pwrite)
PWRITE(pwrite64)

/* A short one writes the first piece. */
ssize_t writev(int file, const struct iovec *pieces, int n) {
  kind_t kind = count_file("writev", file, true);
  if (fails(kind)) return -1;
  ssize_t written = syscall(SYS_writev, file, pieces, kind == SHORT || kind == TORN ? 1 : n);
  if (kind == TORN) syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
  return written;
}

#define OF_FILE(name, call)                                                                                  \
  int name(int file) {                                                                                       \
    if (fails(count_file(#name, file, false))) return -1;                                                    \
    return (int)syscall(call, file);                                                                         \
  }
OF_FILE(fsync, SYS_fsync)
OF_FILE(fdatasync, SYS_fdatasync)

int close(int file) {
  REAL(int, "close", int);
  char path[2 * PATH_MAX];
  int flags = fcntl(file, F_GETFL);
  kind_t kind =
      flags >= 0 && (flags & O_ACCMODE) != O_RDONLY ? count("close", path_of(file, path), true) : NONE;
  int result = real(file);
  return fails(kind) ? -1 : result;
}

#define FTRUNCATE(name)                                                                                      \
  int name(int file, off_t length) {                                                                         \
    if (fails(count_file("ftruncate", file, true))) return -1;                                               \
    return (int)syscall(SYS_ftruncate, file, length);                                                        \
  }
FTRUNCATE(ftruncate)
FTRUNCATE(ftruncate64)

int rename(const char *from, const char *to) {
  if (fails(count_name("rename", AT_FDCWD, to, true))) return -1;
  return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int renameat(int from_directory, const char *from, int to_directory, const char *to) {
  if (fails(count_name("renameat", to_directory, to, true))) return -1;
  return (int)syscall(SYS_renameat2, from_directory, from, to_directory, to, 0);
}

int link(const char *from, const char *to) {
  if (fails(count_name("link", AT_FDCWD, to, true))) return -1;
  return (int)syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int unlink(const char *path) {
  if (fails(count_name("unlink", AT_FDCWD, path, false))) return -1;
  return (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}

int rmdir(const char *path) {
  if (fails(count_name("rmdir", AT_FDCWD, path, false))) return -1;
  return (int)syscall(SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR);
}

int remove(const char *path) {
  struct stat about;
  return lstat(path, &about) == 0 && S_ISDIR(about.st_mode) ? rmdir(path) : unlink(path);
}

int mkdir(const char *path, mode_t mode) {
  if (fails(count_name("mkdir", AT_FDCWD, path, true))) return -1;
  return (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
}
