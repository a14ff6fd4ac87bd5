/* What a word on the command line names: a file, or a run. */
#ifndef INSPECT_NAMES_H
#define INSPECT_NAMES_H

#include "base/error.h"

#include <stddef.h>

/* The model file for a word: model.h5 if the word is a run directory, otherwise the word itself. LS_USAGE if
 * the path is too long. */
ls_status model_path(const char *word, char *out, size_t size, ls_error *error);

#endif
