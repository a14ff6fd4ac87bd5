#include "run/predecessor.h"

#include "base/text.h"
#include "store/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NAME_SIZE = RUN_PATH_SIZE + 24 };

/* ---- what a directory holds ---- */

/* Files that a run writes before its first step. */
static bool is_of_start(const char *name) {
  return strcmp(name, "config.yaml") == 0 || strcmp(name, "log.jsonl") == 0;
}

/* Half a file of a process that has ended. Only owners of the run write checkpoints, and the caller is it. */
static bool is_left_over(const char *name) {
  temporary_t kind = store_temporary(name);
  return kind == TEMPORARY_LEFT || (kind == TEMPORARY_ELSEWHERE && strncmp(name, "checkpoint-", 11) == 0);
}

/* Files of which a run, or a sweep, has at least one, from its start on. */
static bool is_of_run(const char *name) {
  return is_of_start(name) || strcmp(name, "history.h5") == 0 || strcmp(name, "model.h5") == 0 ||
         strcmp(name, "sweep.yaml") == 0;
}

static int is_entry(const struct dirent *entry) {
  return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

/* EMPTY; BARELY_BEGUN: a run that has nothing but what it wrote at its start; RUN; FOREIGN: anything else,
 * which lockstep did not write. */
typedef enum { EMPTY, BARELY_BEGUN, RUN, FOREIGN } content_t;

static content_t content_of(const char *path) {
  struct dirent **entries = NULL;
  int n = scandir(path, &entries, is_entry, NULL), of_start = 0, of_run = 0;
  for (int i = 0; i < n; i++) {
    of_start += is_of_start(entries[i]->d_name) || is_left_over(entries[i]->d_name);
    of_run += is_of_run(entries[i]->d_name);
    free(entries[i]);
  }
  if (n >= 0) free(entries);
  if (n == 0) return EMPTY;
  if (n < 0 || of_run == 0) return FOREIGN;
  return of_start == n ? BARELY_BEGUN : RUN;
}

/* ---- names ---- */

/* The number behind NAME. in the name of a directory beside the run; 0 for other names. */
static int64_t number_behind(const char *name, const char *entry) {
  size_t length = strlen(name);
  int64_t number = 0;
  if (strncmp(entry, name, length) != 0 || entry[length] != '.') return 0;
  const char *digits = entry + length + 1;
  if (digits[strspn(digits, "0123456789")] != '\0' || !text_int64(digits, &number)) return 0;
  return number < INT64_MAX ? number : 0;
}

/* One above the highest number that is taken. */
static int64_t next_number(const char *path) {
  const char *slash = strrchr(path, '/');
  const char *name = slash == NULL ? path : slash + 1;
  char folder[NAME_SIZE];
  int64_t highest = 0;
  snprintf(folder, sizeof folder, "%.*s", slash == NULL ? 1 : (int)(slash - path) + 1,
           slash == NULL ? "." : path);
  DIR *directory = opendir(folder);
  for (struct dirent *entry; directory != NULL && (entry = readdir(directory)) != NULL;) {
    int64_t number = number_behind(name, entry->d_name);
    if (number > highest) highest = number;
  }
  if (directory != NULL) closedir(directory);
  return highest + 1;
}

/* Renames, but never onto something that exists; where the file system cannot promise that, only onto an
 * empty directory. Sets errno. */
static bool rename_to_new(const char *from, const char *to) {
  if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0) return true;
  if (errno != EINVAL && errno != ENOSYS) return false;
  return rename(from, to) == 0;
}

/* ---- the earlier run ---- */

static int remove_entry(const char *path, const struct stat *about, int type, struct FTW *walk) {
  (void)about;
  (void)type;
  (void)walk;
  return remove(path);
}

/* Renames the earlier run to the next number. */
static ls_status set_aside(const char *path, char aside[NAME_SIZE], ls_error *error) {
  enum { TRIES = 100 };
  for (int i = 0; i < TRIES; i++) {
    snprintf(aside, NAME_SIZE, "%s.%" PRId64, path, next_number(path));
    if (rename_to_new(path, aside)) return LS_OK;
    if (errno != EEXIST && errno != ENOTEMPTY) break;
  }
  return error_set(error, LS_IO, "%s: cannot rename the earlier run to %s: %s", path, aside, strerror(errno));
}

ls_status run_directory_fresh(const run_directory_t *run, bool replaces, const log_t *log, ls_error *error) {
  char aside[NAME_SIZE] = "";
  if (!run_has(run->path)) return store_make_directory(run->path, error);
  content_t content = content_of(run->path);
  if (content == EMPTY) return LS_OK;
  if (content == FOREIGN)
    return error_set(error, LS_BAD_SETTINGS,
                     "%s exists and is not the directory of a run: choose another name or another `runs`",
                     run->path);
  TRY(set_aside(run->path, aside, error));
  TRY(store_make_directory(run->path, error));
  if (!replaces && content == RUN) {
    log_info(log, "the earlier run is kept as %s", aside);
    return LS_OK;
  }
  nftw(aside, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
  log_info(log, "the earlier run %s was removed%s", run->path,
           replaces ? "" : ": it had ended before its first epoch and its first checkpoint");
  return LS_OK;
}

bool run_is_finished(const run_directory_t *run) {
  char model[RUN_FILE_SIZE], summary[RUN_FILE_SIZE];
  run_file(run, "model.h5", model);
  run_file(run, "summary.json", summary);
  return run_has(model) && run_has(summary);
}
