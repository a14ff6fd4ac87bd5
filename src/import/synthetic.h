/* Synthetic data: points from formulas and random numbers, made to show what a network can and cannot learn.
 * Each kind of set is a row of a table. A row of data depends only on the seed and the number of the row, so
 * a larger set begins with the rows of a smaller one. The classes alternate, so K consecutive rows hold all K
 * classes. */
#ifndef IMPORT_SYNTHETIC_H
#define IMPORT_SYNTHETIC_H

#include "base/error.h"
#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>

enum { SYNTHETIC_DEFAULT = -1 };

typedef struct {
  const char *name; /* kind: a row of the table; NULL: the data comes from files */
  int64_t rows;     /* >= 1 */
  int64_t features; /* or SYNTHETIC_DEFAULT: the kind's default */
  int64_t classes;  /* or SYNTHETIC_DEFAULT: the kind's default */
  double noise;     /* standard deviation of the noise, added to x (classes, series) or y (values);
                       SYNTHETIC_DEFAULT: the kind's default */
  uint64_t seed;
} synthetic_t;

bool synthetic_choice(size_t i, choice_t *out);

/* Replaces SYNTHETIC_DEFAULT by the kind's defaults. LS_USAGE for a request that the kind does not
 * support. */
ls_status synthetic_settle(const synthetic_t *wanted, synthetic_t *out, ls_error *error);

/* Writes the text of the attribute `source`, which states that the data is synthetic. */
void synthetic_describe(const synthetic_t *set, char *out, size_t size);

#endif
