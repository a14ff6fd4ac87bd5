/* What principal component analysis knows beside its network: the group `components` of a model file. The
 * network's first layer holds the components themselves. */
#ifndef SCORE_COMPONENTS_FILE_H
#define SCORE_COMPONENTS_FILE_H

#include "base/arena.h"
#include "store/store.h"

#include <stdio.h>

typedef struct {
  int64_t inputs, n;  /* features; components, 0: there are none */
  int64_t rows;       /* that they were fitted to, of weight > 0 */
  const char *method; /* exact, randomized; static */
  double *mean;       /* (inputs): of the features as the network sees them */
  double *vectors;    /* (n, inputs): the components, of length 1 */
  double *variance;   /* (n): of the scores, descending; squares divided by rows - 1 */
  double *singular;   /* (n): singular values of the centred rows */
  double total;       /* sum of the variances of all features */
  arena_t arena;      /* owns the arrays */
} components_t;

void components_free(components_t *components);

/* Writes the group; nothing when there are no components. */
ls_status components_write(store_t *store, const components_t *components, ls_error *error);

/* Reads the group, without `vectors`; *out stays as it is where a file has none. `inputs`: of the network.
 * LS_BAD_DATA for arrays of other shapes. *out is caller-owned (components_free). Not collective. */
ls_status components_read(const store_t *store, int64_t inputs, components_t *out, ls_error *error);

/* Prints a table of the components: variance, its share of the total, and shares added up, of the first 20;
 * nothing where there are none. */
void components_print(const components_t *components, FILE *out);

#endif
