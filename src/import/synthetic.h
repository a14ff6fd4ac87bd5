/* Synthetic data: points by formula and chance, on which one sees what a network can learn and what it
 * cannot. A kind of set is a row of a table; every row of data is a function of (seed, number of the row), so
 * that a larger set begins with the rows of a smaller one. Rows come mixed: any part of them holds all
 * classes. */
#ifndef IMPORT_SYNTHETIC_H
#define IMPORT_SYNTHETIC_H

#include "base/error.h"
#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>

enum { SYNTHETIC_DEFAULT = -1 };

typedef struct {
  const char *name; /* a row of the table, NULL: the data comes from files */
  int64_t rows;     /* >= 1 */
  int64_t features; /* or SYNTHETIC_DEFAULT, where the kind takes any number */
  int64_t classes;  /* or SYNTHETIC_DEFAULT, where the kind takes any number */
  double noise; /* standard deviation of what is added: to x of classes, to y of curves; SYNTHETIC_DEFAULT:
                   the kind's own */
  uint64_t seed;
} synthetic_t;

bool synthetic_choice(size_t i, choice_t *out);

/* Puts the kind's own values in the place of SYNTHETIC_DEFAULT. LS_USAGE for what the kind cannot be. */
ls_status synthetic_settle(const synthetic_t *wanted, synthetic_t *out, ls_error *error);

/* What the attribute `source` says of it, so that nobody takes it for measured data. */
void synthetic_describe(const synthetic_t *set, char *out, size_t size);

#endif
