/* Temporary names: PATH.tmp-HOST-PID. It is in the same directory, so the rename stays within one file
 * system. No other running process uses it, and no pattern for finished files matches it. */
#include "store/store_impl.h"

#include "base/text.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HOST_SIZE = 65 };

static const char mark[] = ".tmp-";

static void this_host(char out[HOST_SIZE]) {
  if (gethostname(out, HOST_SIZE - 1) != 0) out[0] = '\0';
  out[HOST_SIZE - 1] = '\0';
}

char *temporary_name(const char *path) {
  char host[HOST_SIZE], *name = NULL;
  this_host(host);
  return asprintf(&name, "%s%s%s-%ld", path, mark, host, (long)getpid()) < 0 ? NULL : name;
}

temporary_t store_temporary(const char *name) {
  char host[HOST_SIZE];
  int64_t process = 0;
  const char *writer = strstr(name, mark);
  if (writer == NULL) return TEMPORARY_NOT;
  writer += sizeof mark - 1;
  const char *dash = strrchr(writer, '-');
  this_host(host);
  size_t length = strlen(host);
  if (dash != writer + length || strncmp(writer, host, length) != 0) return TEMPORARY_ELSEWHERE;
  if (!text_int64(dash + 1, &process) || process <= 0) return TEMPORARY_ELSEWHERE;
  bool runs = process != getpid() && (kill((pid_t)process, 0) == 0 || errno != ESRCH);
  return runs ? TEMPORARY_IN_USE : TEMPORARY_LEFT;
}
