/* Changes variables of OpenMP before the OpenMP library reads them: removes those that bind threads to cores,
 * or let the library start fewer threads than it is told to, and makes waiting threads sleep.
 *
 * The GNU library binds the main thread when it is loaded, long before `main`. Counted after that, the cores
 * of a rank would be one, and all ranks of a host would bind their first thread to the same core. Module
 * systems set these variables for everyone. lockstep leaves the placement of threads to the launcher and the
 * system.
 *
 * Between two parallel regions the GNU library lets its threads spin for milliseconds. If ranks share cores,
 * the threads of one rank then keep the other rank from working, in each region: L-BFGS, which has many
 * regions, was 24 to 66 times slower. Within a region lockstep waits in its own way (comm/idle.h).
 *
 * Functions in .preinit_array run before the constructors of all libraries. This file, like entry.c, is
 * compiled for any CPU of its architecture. */
#include "cli/openmp.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const char *const names[] = {"OMP_PROC_BIND",  "OMP_PLACES",    "GOMP_CPU_AFFINITY",
                                    "KMP_AFFINITY",   "OMP_DYNAMIC",   "OMP_MAX_ACTIVE_LEVELS",
                                    "GOMP_SPINCOUNT", "KMP_BLOCKTIME", "OMP_WAIT_POLICY"};
enum { NAMES = sizeof names / sizeof names[0] };
static int removed[NAMES];

static char sleeping[] = "OMP_WAIT_POLICY=passive";

/* What shells tell shells. Nothing that lockstep loads reads it, so its place may be used. */
static const char *const of_shells[] = {"_", "SHLVL", "OLDPWD"};
enum { OF_SHELLS = sizeof of_shells / sizeof of_shells[0] };

/* The index of the name that `variable`, NAME=value, has; -1: another one. */
static int find(const char *const *list, int n, const char *variable) {
  for (int i = 0; i < n; i++) {
    size_t length = strlen(list[i]);
    if (strncmp(variable, list[i], length) == 0 && variable[length] == '=') return i;
  }
  return -1;
}

#ifdef __ELF__
/* The environment is this array until a library changes it, and it cannot grow: what is added takes the place
 * of what was removed, or of a variable of shells. With neither, threads spin. */
static void change_environment(int argc, char **argv, char **environment) {
  char **kept = environment, **place = NULL;
  (void)argc, (void)argv;
  for (char **variable = environment; *variable != NULL; variable++) {
    int found = find(names, NAMES, *variable);
    if (found >= 0 && strcmp(*variable, sleeping) != 0) removed[found] = 1;
    if (found >= 0) continue;
    if (find(of_shells, OF_SHELLS, *variable) >= 0) place = kept;
    *kept++ = *variable;
  }
  char *end = *kept;
  if (end != NULL)
    *kept++ = sleeping;
  else if (place != NULL)
    *place = sleeping;
  *kept = NULL;
}

__attribute__((used, section(".preinit_array"))) static void (*const before_libraries)(
    int, char **, char **) = change_environment;
#endif

const char *openmp_ignored(char *out, size_t size) {
  size_t used = 0;
  out[0] = '\0';
  for (int i = 0; i < NAMES; i++)
    if (removed[i] && used < size)
      used += (size_t)snprintf(out + used, size - used, "%s%s", used > 0 ? ", " : "", names[i]);
  return used > 0 ? out : NULL;
}
