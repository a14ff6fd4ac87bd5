/* Variables of OpenMP that the program ignores. */
#ifndef CLI_OPENMP_H
#define CLI_OPENMP_H

#include <stddef.h>

/* The names of the variables that bind threads, change their number without being asked or let them spin, and
 * were found in the environment, with ", " between, in `out`; NULL if there were none. They were removed
 * before the OpenMP library could read them. */
const char *openmp_ignored(char *out, size_t size);

#endif
