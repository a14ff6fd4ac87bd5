/* Which rows are known to be anomalous, to compare scores with. Labels have values, and some of the values
 * mean anomalous. */
#ifndef ANOMALY_LABELS_H
#define ANOMALY_LABELS_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

/* What labels are asked for; borrowed. */
typedef struct {
  const char *path;      /* the array of a dataset file, or the column of a table */
  const char *anomalous; /* values with commas between them; NULL: 1, and then labels are 0 and 1 */
} labels_request_t;

/* Reads an array of whole numbers (n) or (n, 1) that lies beside the array x of the same file and has as many
 * rows. Values may be names of the file's classes (class_names). *out (n) tells whether a row is anomalous;
 * malloc'd, caller-owned. LS_USAGE for a value that is no label of any row; LS_BAD_DATA for an array that
 * does not fit, and labels that are no numbers. Not collective. */
ls_status labels_read(const char *file, const char *x, const labels_request_t *request, bool **out,
                      int64_t *n, ls_error *error);

/* The same of the cells of a table: texts (n). An empty cell is LS_BAD_DATA. */
ls_status labels_of_texts(const char *const *texts, int64_t n, const labels_request_t *request, bool **out,
                          ls_error *error);

#endif
