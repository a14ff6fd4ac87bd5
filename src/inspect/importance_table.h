/* Shows permutation importance: a table for readers, sorted, and files for programs, in the order of the
 * columns. Names of columns may be NULL: then columns are numbered. Called on rank 0 only. */
#ifndef INSPECT_IMPORTANCE_TABLE_H
#define INSPECT_IMPORTANCE_TABLE_H

#include "base/error.h"
#include "study/importance.h"

#include <stdio.h>

/* The column with the largest rise of the loss comes first; of equal ones the first. */
ls_status importance_print(const importance_t *importance, char *const *columns, FILE *out, ls_error *error);

/* Adds the member `"importance": {...}` to an object. */
void importance_json(const importance_t *importance, char *const *columns, FILE *out);

/* Writes FILE.h5, or a table FILE.csv. LS_IO, LS_NO_MEMORY. */
ls_status importance_write(const char *path, const importance_t *importance, char *const *columns,
                           ls_error *error);

#endif
