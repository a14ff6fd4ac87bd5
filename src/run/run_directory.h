/* The run directory runs/NAME: the paths of its files, and its checkpoints. Called on rank 0 only, not
 * collective. */
#ifndef RUN_RUN_DIRECTORY_H
#define RUN_RUN_DIRECTORY_H

#include "base/error.h"
#include "base/log.h"
#include "config/settings.h"
#include "run/checkpoint.h"

enum {
  RUN_PATH_SIZE = 1024,
  RUN_FILE_SIZE = RUN_PATH_SIZE + 320
}; /* bytes of the path of a directory, and of a file in it */

typedef struct {
  char path[RUN_PATH_SIZE];    /* runs/NAME */
  const struct run_lock *lock; /* on rank 0: that makes it ours, borrowed; NULL: no files are written */
} run_directory_t;

/* Sets the path; the lock stays as it is. */
ls_status run_directory_of(const settings_t *settings, run_directory_t *out, ls_error *error);

/* runs/NAME/file */
void run_file(const run_directory_t *run, const char *file, char out[RUN_FILE_SIZE]);
/* runs/NAME/checkpoint-STEP.h5 */
void run_checkpoint(const run_directory_t *run, int64_t step, char out[RUN_FILE_SIZE]);

/* runs/NAME/best-STEP.h5 */
void run_best(const run_directory_t *run, int64_t step, char out[RUN_FILE_SIZE]);

/* Writes runs/NAME/config.yaml. */
ls_status run_write_settings(const run_directory_t *run, const settings_t *settings, ls_error *error);

/* Whether the run has a file. */
bool run_has(const char *path);

/* Reads the position of the newest valid checkpoint. Invalid ones are reported, and the next older one is
 * tried. *found is false if there is no checkpoint; LS_BAD_DATA if all are invalid, LS_IO if one of them
 * could not be read. */
ls_status run_newest_checkpoint(const run_directory_t *run, const log_t *log, bool *found,
                                position_t *position, ls_error *error);

/* Removes what dead processes have left: parts without their checkpoint, and temporary files whose writers
 * have ended: those of checkpoints, because only owners of the run write these, and this process is the owner
 * now; others if they belong to dead processes of this host. Nothing else may be written to the
 * directory meanwhile. */
void run_tidy(const run_directory_t *run);

/* Removes all checkpoints but the newest `keep` and the best one, and other best-STEP.h5 than that of
 * best_step; then does what run_tidy does. */
void run_prune(const run_directory_t *run, int64_t keep, int64_t best_step);

#endif
