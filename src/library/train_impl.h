/* Inside of the library's training: what its files share. */
#ifndef LIBRARY_TRAIN_IMPL_H
#define LIBRARY_TRAIN_IMPL_H

#include "lockstep/train.h"

#include "library/library_impl.h"

#include "base/log.h"
#include "comm/world.h"
#include "config/settings.h"

#include <fenv.h>

/* ---- train_data.c ---- */

/* The rows of all ranks as a dataset file of this host. {0}: none. */
typedef struct {
  char path[TEMPORARY_PATH_SIZE];
  bool is_owner; /* this rank has made the file, and removes it */
} memory_file_t;

/* Collects the rows of all ranks on every host, and sets the names of their arrays in *settings where the
 * settings leave them open. LS_USAGE if ranks disagree, or arrays do not suit. *out is {0} on failure.
 * Collective. */
ls_status memory_file_make(world_t *world, const ls_training_data *data, settings_t *settings,
                           memory_file_t *out, ls_error *error);
void memory_file_remove(memory_file_t *file);

/* ---- train_log.c ---- */

/* A stream that calls `log` with each line, in this mode of floating point. NULL: no memory. */
typedef struct line_log line_log_t;
line_log_t *line_log_open(ls_training_log *log, void *context, const fenv_t *mode);
FILE *line_log_stream(line_log_t *log);
void line_log_close(line_log_t **log);

#endif
