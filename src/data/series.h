/* The series of an array: read from the file and sent to all ranks. */
#ifndef DATA_SERIES_H
#define DATA_SERIES_H

#include "base/error.h"
#include "comm/world.h"
#include "store/store.h"

/* The series of an array, in the order of its rows. */
typedef struct {
  int64_t n;
  int64_t *first; /* (n + 1): first row of each series, and the end; malloc'd */
  int64_t *ids;   /* (n): their numbers in the file, or NULL; malloc'd */
} series_t;

/* Reads the series of `rows` rows from the array `name`: one integer per row, the number of its series. The
 * rows of a series follow each other; otherwise LS_BAD_DATA. name NULL: all rows are one series. Not
 * collective. *out is caller-owned (series_free). */
ls_status series_read(const store_t *store, const char *name, int64_t rows, series_t *out, ls_error *error);
/* Sends the series of rank 0 to all ranks. Collective. */
ls_status series_share(world_t *world, series_t *series, ls_error *error);
void series_free(series_t *series);

#endif
