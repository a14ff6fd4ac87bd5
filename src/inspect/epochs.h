/* The epochs of a run: the columns of history.h5, and the epochs that only log.jsonl has yet.
 *
 * While a run trains, history.h5 is replaced at most once a second and not beside a checkpoint, so the log
 * may be ahead. The log alone is enough, too: if history.h5 is missing or damaged, all epochs come from the
 * log. */
#ifndef INSPECT_EPOCHS_H
#define INSPECT_EPOCHS_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { EPOCH_NAME_SIZE = 128 };

typedef struct {
  char name[EPOCH_NAME_SIZE]; /* "valid_loss", "heads/NAME/train_loss" */
  double *values;             /* (n); NaN: not known */
} epoch_column_t;

typedef struct {
  size_t n, capacity;
  epoch_column_t *columns; /* (n_columns), in the order of docs/formats.md: the network, its heads, others */
  size_t n_columns;
  uint64_t *checksums; /* (n), of the parameters; 0: not known */
  double *times;       /* (n), when the epoch ended, seconds since 1970; NaN: not known */
  char damage[256];    /* why history.h5 could not be read; "" if it could, or if there is none */
} epochs_t;

/* Reads the epochs of a run directory; none is no error. `with_times`: fills `times` from the log, which then
 * is read as a whole. *out is caller-owned (epochs_free), empty on failure. LS_IO, LS_NO_MEMORY. */
ls_status epochs_read(const char *directory, bool with_times, epochs_t *out, ls_error *error);
void epochs_free(epochs_t *epochs);

/* The values (n) of a column, or NULL if there is none of this name. */
const double *epochs_column(const epochs_t *epochs, const char *name);

#endif
