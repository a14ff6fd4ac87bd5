/* What to say of a path that cannot be opened: where it was looked for, and what the user may have meant. */
#ifndef BASE_PATH_H
#define BASE_PATH_H

#include <stddef.h>

enum { PATH_HINT_SIZE = 512 };

/* Writes what to put behind the message that there is no file at `path`: the directory that a relative path
 * starts from, and the nearest name that exists, as in " (relative to /home/me); did you mean net.yaml?".
 * `ending` is the usual end of such names, with its dot. The names of runs (runs/NAME) are tried too if
 * `ending` is ".h5", the end of models. "" if a file is there. */
void path_hint(const char *path, const char *ending, char out[PATH_HINT_SIZE]);

/* Writes the first part of that alone: " (relative to /home/me)", "" for an absolute path. */
void path_start(const char *path, char out[PATH_HINT_SIZE]);

/* What to do with a file with this name where an HDF5 file or settings were expected; "" if the end of the
 * name says nothing. Begins with ": ". Static. */
const char *path_advice(const char *path);

#endif
