/* The files in a run directory, and what each of them holds. */
#ifndef INSPECT_RUN_FILES_H
#define INSPECT_RUN_FILES_H

#include "base/error.h"
#include "inspect/names.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct {
  bool has_model;              /* model.h5 */
  int64_t newest;              /* step of the newest checkpoint; -1: none */
  char model[NAMED_PATH_SIZE]; /* the file that shows the network: model.h5, or that checkpoint; "": none */
} run_files_t;

/* Looks through a run directory. LS_IO. */
ls_status run_files_find(const char *directory, run_files_t *out, ls_error *error);

/* Prints a table of the files to stdout: name, bytes, what it holds. The parts of a checkpoint are one line
 * with it. LS_IO, LS_NO_MEMORY. */
ls_status run_files_print(const char *directory, ls_error *error);

#endif
