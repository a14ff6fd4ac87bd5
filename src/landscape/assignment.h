/* The assignment problem: which partner each of n things gets, so that the sum of gains is greatest. It is
 * solved exactly by the Hungarian method (Kuhn 1955) with shortest augmenting paths (Jonker and Volgenant
 * 1987), in time n^3. */
#ifndef LANDSCAPE_ASSIGNMENT_H
#define LANDSCAPE_ASSIGNMENT_H

#include "base/error.h"

#include <stddef.h>

/* partner (n): a permutation with the greatest sum of gain[i][partner[i]]. gain (n, n), row-major, must be
 * finite. The same gains give the same permutation. LS_NO_MEMORY; `partner` is then untouched. Pure. */
ls_status assignment_best(size_t n, const double *gain, size_t *partner, ls_error *error);

#endif
