#include "run/run_directory.h"

#include "base/text.h"
#include "store/store.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

ls_status run_directory_of(const settings_t *settings, run_directory_t *out, ls_error *error) {
  int length = snprintf(out->path, sizeof out->path, "%s/%s", settings->runs, settings->name);
  if (length >= (int)sizeof out->path)
    return error_set(error, LS_BAD_SETTINGS, "runs: the path of the run directory is too long");
  return LS_OK;
}

void run_file(const run_directory_t *run, const char *file, char out[RUN_FILE_SIZE]) {
  snprintf(out, RUN_FILE_SIZE, "%s/%s", run->path, file);
}

void run_checkpoint(const run_directory_t *run, int64_t step, char out[RUN_FILE_SIZE]) {
  snprintf(out, RUN_FILE_SIZE, "%s/checkpoint-%08" PRId64 ".h5", run->path, step);
}

void run_best(const run_directory_t *run, int64_t step, char out[RUN_FILE_SIZE]) {
  snprintf(out, RUN_FILE_SIZE, "%s/best-%08" PRId64 ".h5", run->path, step);
}

ls_status run_write_settings(const run_directory_t *run, const settings_t *settings, ls_error *error) {
  char path[RUN_FILE_SIZE], *text = NULL;
  TRY(settings_dump(settings, &text, error));
  run_file(run, "config.yaml", path);
  ls_status status = store_write_file(path, text, error);
  free(text);
  return status;
}

bool run_has(const char *path) {
  struct stat about;
  return lstat(path, &about) == 0;
}

/* ---- checkpoints ---- */

/* The step in the name HEADSTEP.h5, or -1 for another name. */
static int64_t step_behind(const char *head, const char *name) {
  static const char tail[] = ".h5";
  char digits[32];
  size_t length = strlen(name), fixed = strlen(head) + sizeof tail - 1;
  int64_t step = 0;
  if (length <= fixed || length - fixed >= sizeof digits || strncmp(name, head, strlen(head)) != 0 ||
      strcmp(name + length - (sizeof tail - 1), tail) != 0)
    return -1;
  memcpy(digits, name + strlen(head), length - fixed);
  digits[length - fixed] = '\0';
  return text_int64(digits, &step) ? step : -1;
}

static int64_t step_of(const char *name) {
  return step_behind("checkpoint-", name);
}

static int is_best(const struct dirent *entry) {
  return step_behind("best-", entry->d_name) >= 0;
}

static int is_checkpoint(const struct dirent *entry) {
  return step_of(entry->d_name) >= 0;
}

/* The step in the name of a part of a checkpoint, or -1. */
static int64_t step_of_part(const char *name) {
  int64_t step = -1, part = 0, parts = 0;
  int end = 0;
  int found =
      sscanf(name, "checkpoint-%" SCNd64 "-part-%" SCNd64 "-of-%" SCNd64 ".h5%n", &step, &part, &parts, &end);
  return found == 3 && end > 0 && name[end] == '\0' ? step : -1;
}

static int is_part(const struct dirent *entry) {
  return step_of_part(entry->d_name) >= 0;
}

/* Whether only the owner of the run writes this file: a checkpoint, or a result. */
static bool is_of_owner(const char *name) {
  static const char *const begins[] = {"checkpoint-", "best-",   "history.", "model.",
                                       "summary.",    "config.", "timing."};
  bool found = false;
  for (size_t i = 0; i < sizeof begins / sizeof begins[0]; i++)
    found |= strncmp(name, begins[i], strlen(begins[i])) == 0;
  return found;
}

/* The number of a dead process may be that of another program by now, or its exit code has not been fetched
 * yet. So a live one tells nothing about a file of the owner. */
static int is_left_over(const struct dirent *entry) {
  temporary_t kind = store_temporary(entry->d_name);
  return kind == TEMPORARY_LEFT || (kind != TEMPORARY_NOT && is_of_owner(entry->d_name));
}

static int by_step(const struct dirent **a, const struct dirent **b) {
  int64_t first = step_of((*a)->d_name), second = step_of((*b)->d_name);
  return (first > second) - (first < second);
}

static void free_entries(struct dirent **entries, int n) {
  for (int i = 0; i < n; i++) free(entries[i]);
  if (n >= 0) free(entries);
}

/* Calls `act` for the parts of the checkpoint of `step`, or with step -1 for those without a checkpoint. */
static void for_parts(const run_directory_t *run, int64_t step, void (*act)(const char *path)) {
  struct dirent **entries = NULL;
  char path[RUN_FILE_SIZE];
  int n = scandir(run->path, &entries, is_part, alphasort);
  for (int i = 0; i < n; i++) {
    int64_t own = step_of_part(entries[i]->d_name);
    run_checkpoint(run, own, path);
    if (step < 0 ? run_has(path) : own != step) continue;
    run_file(run, entries[i]->d_name, path);
    act(path);
  }
  free_entries(entries, n);
}

static void remove_path(const char *path) {
  unlink(path);
}

static void rename_damaged(const char *path) {
  char to[RUN_FILE_SIZE + 16];
  snprintf(to, sizeof to, "%s.damaged", path);
  rename(path, to);
}

/* Takes damaged checkpoints out of the count of those that are kept. They stay, so that users can look at
 * them. */
static void put_aside(const run_directory_t *run, struct dirent **entries, int n, const log_t *log) {
  for (int i = 0; i < n; i++) {
    char from[RUN_FILE_SIZE], to[RUN_FILE_SIZE + 16];
    run_checkpoint(run, step_of(entries[i]->d_name), from);
    snprintf(to, sizeof to, "%s.damaged", from);
    for_parts(run, step_of(entries[i]->d_name), rename_damaged);
    if (rename(from, to) == 0) log_warn(log, "the damaged checkpoint is now %s", to);
  }
}

ls_status run_newest_checkpoint(const run_directory_t *run, const log_t *log, bool *found,
                                position_t *position, ls_error *error) {
  struct dirent **entries = NULL;
  int n = scandir(run->path, &entries, is_checkpoint, by_step);
  ls_status status = LS_OK, worst = LS_BAD_DATA;
  int valid = n; /* the newest valid one */
  *found = false;
  for (int i = n - 1; i >= 0 && !*found && status != LS_NO_MEMORY; i--) {
    char path[RUN_FILE_SIZE];
    valid = i;
    run_checkpoint(run, step_of(entries[i]->d_name), path);
    status = checkpoint_read_position(path, position, error);
    *found = status == LS_OK;
    if (status == LS_IO) worst = LS_IO; /* the disk fails, the file may be fine */
    if (!*found && status != LS_NO_MEMORY)
      log_warn(log, "%s; trying the checkpoint before it", error != NULL ? error->message : "bad checkpoint");
  }
  if (*found) put_aside(run, entries + valid + 1, n - valid - 1, log);
  if (n > 0 && !*found && status != LS_NO_MEMORY)
    status =
        error_set(error, worst,
                  "%s: none of its %d checkpoints can be read; start anew without --resume (the directory is "
                  "kept, with a number behind its name)",
                  run->path, n);
  free_entries(entries, n);
  return status;
}

void run_tidy(const run_directory_t *run) {
  struct dirent **entries = NULL;
  char path[RUN_FILE_SIZE];
  int n = scandir(run->path, &entries, is_left_over, alphasort);
  for (int i = 0; i < n; i++) {
    run_file(run, entries[i]->d_name, path);
    unlink(path);
  }
  free_entries(entries, n);
  for_parts(run, -1, remove_path);
}

void run_prune(const run_directory_t *run, int64_t keep, int64_t best_step) {
  struct dirent **entries = NULL;
  char path[RUN_FILE_SIZE];
  int n = scandir(run->path, &entries, is_checkpoint, by_step);
  for (int i = 0; i < n - keep; i++) {
    if (step_of(entries[i]->d_name) == best_step) continue;
    run_checkpoint(run, step_of(entries[i]->d_name), path);
    unlink(path);
  }
  free_entries(entries, n);
  n = scandir(run->path, &entries, is_best, alphasort);
  for (int i = 0; i < n; i++) {
    if (step_behind("best-", entries[i]->d_name) == best_step) continue;
    run_file(run, entries[i]->d_name, path);
    unlink(path);
  }
  free_entries(entries, n);
  run_tidy(run);
}
