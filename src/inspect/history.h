/* The epochs of a run as a table, for other programs: `lockstep history`. */
#ifndef INSPECT_HISTORY_H
#define INSPECT_HISTORY_H

#include "base/error.h"
#include "base/listing.h"
#include "base/log.h"

#include <stdbool.h>

/* text, csv and json as in base/listing.h, and HISTORY_TENSORBOARD: event files. */
enum { HISTORY_TENSORBOARD = LISTING_JSON + 1 };
bool history_format_choice(size_t i, choice_t *out);

typedef struct {
  const char *run;     /* a run directory, or the name of a run */
  const char *columns; /* NULL: all */
  int format;
  const char *out; /* the file to write, NULL: stdout; for TensorBoard the folder in which it finds runs */
} history_options_t;

/* Prints or writes the epochs of a run: the columns of history.h5 under their names, then parameters_checksum
 * and, where the log has them, `time`, seconds since 1970 (in text only if it is chosen). What is written,
 * and what is damaged, is told to `log`. LS_BAD_DATA if there is no such run, or if the run has no epochs,
 * LS_USAGE for columns that there are not, LS_IO. Not collective. */
ls_status history_print(const history_options_t *options, const log_t *log, ls_error *error);

#endif
