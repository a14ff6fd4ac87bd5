#include "host/host.h"

#include "comm/world.h"
#include "math/functions.h"
#include "math/linear.h"
#include "store/store.h"

#include <stdio.h>
#include <string.h>

void host_cpu(char *out, size_t size) {
  static const char key[] = "model name";
  char line[256];
  snprintf(out, size, "unknown");
  FILE *file = fopen("/proc/cpuinfo", "r");
  if (file == NULL) return;
  while (fgets(line, sizeof line, file) != NULL) {
    const char *colon = strchr(line, ':');
    if (strncmp(line, key, sizeof key - 1) != 0 || colon == NULL) continue;
    line[strcspn(line, "\n")] = '\0';
    snprintf(out, size, "%s", colon + 2);
    break;
  }
  fclose(file);
}

void host_libraries(const char *separator, char *out, size_t size) {
#ifdef __clang__
  const char *compiler = "clang " __clang_version__;
#else
  const char *compiler = "gcc " __VERSION__;
#endif
  char mpi[128], linear[64];
  world_library_version(mpi, sizeof mpi);
  linear_library_version(linear, sizeof linear);
  snprintf(out, size, "lockstep %s%s%s%s%s%sHDF5 %s%s%s%s%s", LOCKSTEP_VERSION, separator, compiler,
           separator, mpi, separator, store_library_version(), separator, floats_library_version(), separator,
           linear);
}

void host_facts(host_facts_t *out) {
  host_libraries(", ", out->libraries, sizeof out->libraries);
  host_cpu(out->cpu, sizeof out->cpu);
}

/* The figure after `key` in a file of /proc, converted from kB to bytes; 0 if it is not there. */
static double read_kilobytes(const char *path, const char *key) {
  char line[256];
  double kilobytes = 0;
  FILE *file = fopen(path, "r");
  if (file == NULL) return 0;
  while (fgets(line, sizeof line, file) != NULL)
    if (strncmp(line, key, strlen(key)) == 0 && sscanf(line + strlen(key), " %lf kB", &kilobytes) == 1) break;
  fclose(file);
  return kilobytes * 1024;
}

host_memory_t host_memory(void) {
  static const char status[] = "/proc/self/status", pages[] = "/proc/self/smaps_rollup";
  double now = read_kilobytes(pages, "Pss:");
  double given_back = read_kilobytes(status, "VmHWM:") - read_kilobytes(status, "VmRSS:");
  return (host_memory_t){now, now > 0 ? now + given_back : 0, read_kilobytes(pages, "Private_Clean:")};
}

double host_free_memory(void) {
  return read_kilobytes("/proc/meminfo", "MemAvailable:");
}
