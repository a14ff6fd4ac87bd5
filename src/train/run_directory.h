/* The run directory runs/NAME: where its files are, which checkpoints it holds. Rank 0 only, not collective.
 */
#ifndef TRAIN_RUN_DIRECTORY_H
#define TRAIN_RUN_DIRECTORY_H

#include "base/error.h"
#include "base/log.h"
#include "config/settings.h"
#include "train/checkpoint.h"

enum { RUN_PATH_SIZE = 1024, RUN_FILE_SIZE = RUN_PATH_SIZE + 320 }; /* of a directory, of a file in it */

typedef struct {
  char path[RUN_PATH_SIZE]; /* runs/NAME */
} run_directory_t;

ls_status run_directory_of(const settings_t *settings, run_directory_t *out, ls_error *error);

/* runs/NAME/file */
void run_file(const run_directory_t *run, const char *file, char out[RUN_FILE_SIZE]);
/* runs/NAME/checkpoint-STEP.h5 */
void run_checkpoint(const run_directory_t *run, int64_t step, char out[RUN_FILE_SIZE]);

/* An empty directory for a fresh run. One that is there already is kept as runs/NAME.previous (which replaces
 * an older one of that name), so that a run started anew by mistake is not lost. */
ls_status run_directory_fresh(const run_directory_t *run, const log_t *log, ls_error *error);

/* The newest checkpoint whose manifest holds, in *position; bad ones are reported and the one before is
 * taken. *found is false when there is no checkpoint at all; LS_BAD_DATA when there are only bad ones. */
ls_status run_newest_checkpoint(const run_directory_t *run, const log_t *log, bool *found,
                                position_t *position, ls_error *error);

/* Removes all but the newest `keep` checkpoints and the best, and what killed writers left behind. */
void run_prune(const run_directory_t *run, int64_t keep, int64_t best_step);

#endif
