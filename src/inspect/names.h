/* What a word on the command line names: a file, or a run. A run may be named by its directory (runs/NAME, or
 * any other path), or by its NAME below `runs`. A path comes first: a word is taken for a name only if there
 * is no such path. */
#ifndef INSPECT_NAMES_H
#define INSPECT_NAMES_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

enum { NAMED_PATH_SIZE = 4096 };

/* The model file for a word: model.h5 if the word names a run, otherwise the word itself. LS_USAGE if the
 * path is too long, LS_BAD_DATA if there is no such file but a run of nearly this name. */
ls_status model_path(const char *word, char *out, size_t size, ls_error *error);

/* Whether a directory is that of a run: one of the files that runs write is in it. */
bool run_is_one(const char *directory);

/* Finds the directory that a word names as a run, without a slash at its end; false if there is none. Whether
 * a run is in it, run_is_one tells. */
bool run_find(const char *word, char out[NAMED_PATH_SIZE]);

/* The same for callers who need it. LS_BAD_DATA if there is none, with the nearest name; LS_USAGE for a file.
 */
ls_status run_named(const char *word, char out[NAMED_PATH_SIZE], ls_error *error);

/* The name of the run below the directory `runs` that is nearest to `word`; false if none is near. */
bool runs_nearest(const char *runs, const char *word, char *out, size_t size);

/* The names of the runs below a directory, in the order of `ls -v`, in one malloc'd block; free it with one
 * call. Among them are those that have a lock but no directory yet (an ensemble that trains its members).
 * LS_IO if the directory cannot be listed. */
ls_status runs_below(const char *directory, char ***out, size_t *n, ls_error *error);

#endif
