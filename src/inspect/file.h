/* Prints what is in one file: a dataset, a model, a checkpoint or a curve of lr-find. */
#ifndef INSPECT_FILE_H
#define INSPECT_FILE_H

#include "base/error.h"

#include <stdbool.h>

/* Prints to stdout; `settings`: only the settings that a model holds, as YAML. LS_BAD_DATA as the functions
 * that read the file. Not collective. */
ls_status inspect_file(const char *path, bool settings, ls_error *error);

#endif
