/* Removes variables that bind threads to cores, or let the library start fewer threads than it is told to,
 * from the environment, before the OpenMP library reads them.
 *
 * The GNU library binds the main thread when it is loaded, long before `main`. Counted after that, the cores
 * of a rank would be one, and all ranks of a host would bind their first thread to the same core. Module
 * systems set these variables for everyone. lockstep leaves the placement of threads to the launcher and the
 * system.
 *
 * Functions in .preinit_array run before the constructors of all libraries. This file, like entry.c, is
 * compiled for any CPU of its architecture. */
#include "cli/openmp.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const char *const names[] = {"OMP_PROC_BIND", "OMP_PLACES",  "GOMP_CPU_AFFINITY",
                                    "KMP_AFFINITY",  "OMP_DYNAMIC", "OMP_MAX_ACTIVE_LEVELS"};
enum { NAMES = sizeof names / sizeof names[0] };
static int removed[NAMES];

/* The index of the name that `variable`, NAME=value, has; -1: another one. */
static int find(const char *variable) {
  for (int i = 0; i < NAMES; i++) {
    size_t length = strlen(names[i]);
    if (strncmp(variable, names[i], length) == 0 && variable[length] == '=') return i;
  }
  return -1;
}

#ifdef __ELF__
/* The environment is this array until a library changes it. */
static void remove_bindings(int argc, char **argv, char **environment) {
  char **kept = environment;
  (void)argc, (void)argv;
  for (char **variable = environment; *variable != NULL; variable++) {
    int found = find(*variable);
    if (found >= 0)
      removed[found] = 1;
    else
      *kept++ = *variable;
  }
  *kept = NULL;
}

__attribute__((used,
               section(".preinit_array"))) static void (*const before_libraries)(int, char **,
                                                                                 char **) = remove_bindings;
#endif

const char *openmp_ignored(char *out, size_t size) {
  size_t used = 0;
  out[0] = '\0';
  for (int i = 0; i < NAMES; i++)
    if (removed[i] && used < size)
      used += (size_t)snprintf(out + used, size - used, "%s%s", used > 0 ? ", " : "", names[i]);
  return used > 0 ? out : NULL;
}
