/* The table of runs that `lockstep runs` prints, and the settings in which runs differ. */
#ifndef INSPECT_RUNS_H
#define INSPECT_RUNS_H

#include "base/error.h"
#include "base/listing.h"
#include "base/log.h"
#include "inspect/run_facts.h"

#include <stdbool.h>
#include <stddef.h>

/* The names of the columns, as one text for help. */
#define RUN_COLUMN_WORD(code, name, ...) name ", "
#define RUN_COLUMN_NAMES                 "name, status, reason, " RUN_FIGURES(RUN_COLUMN_WORD) "layout, checksum, path, note"

/* The columns of the table, for --help and completions. */
bool runs_column_choice(size_t i, choice_t *out);

typedef struct {
  char *const *words; /* (n): a directory with runs, names of runs below it, directories of runs; none: the
                         runs below runs */
  size_t n;
  bool all;         /* also the numbered predecessors of other runs */
  bool settings;    /* also show the settings in which the runs differ; several named runs imply it */
  const char *sort; /* columns; NULL: by name */
  bool descending;
  const char *columns; /* NULL: those that are not hidden, as far as they fit */
  listing_format_t format;
} runs_options_t;

/* Prints to stdout, as wide as the terminal if it is one; what is left out is told to `log`. LS_USAGE for
 * columns that there are not, LS_BAD_DATA for runs that there are not and for a directory without runs.
 * Damaged runs are rows with a note, not errors. Not collective. */
ls_status runs_print(const runs_options_t *options, const log_t *log, ls_error *error);

#endif
