#include "inspect/names.h"

#include "base/path.h"
#include "base/text.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char default_runs[] = "runs";

static bool is_directory(const char *path) {
  struct stat about;
  return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

static bool exists(const char *path) {
  struct stat about;
  return stat(path, &about) == 0;
}

bool run_find(const char *word, char out[NAMED_PATH_SIZE]) {
  if (word[0] == '\0') return false;
  int length = exists(word) ? snprintf(out, NAMED_PATH_SIZE, "%s", word)
                            : snprintf(out, NAMED_PATH_SIZE, "%s/%s", default_runs, word);
  while (length > 1 && length < NAMED_PATH_SIZE && out[length - 1] == '/') out[--length] = '\0';
  return length < NAMED_PATH_SIZE && is_directory(out);
}

/* The run whose name is nearest to a path that leads nowhere, as a user would name it: NAME, or
 * DIRECTORY/NAME. */
static bool nearest_run(const char *word, char *out, size_t size) {
  const char *slash = strrchr(word, '/');
  char folder[NAMED_PATH_SIZE], name[256];
  if (slash == NULL) return runs_nearest(default_runs, word, out, size);
  snprintf(folder, sizeof folder, "%.*s", (int)(slash - word), word);
  if (!runs_nearest(folder, slash + 1, name, sizeof name)) return false;
  return snprintf(out, size, "%s/%s", folder, name) < (int)size;
}

ls_status model_path(const char *word, char *out, size_t size, ls_error *error) {
  char run[NAMED_PATH_SIZE], nearest[512];
  bool is_run = run_find(word, run);
  int length = is_run ? snprintf(out, size, "%s/model.h5", run) : snprintf(out, size, "%s", word);
  if (length < 0 || (size_t)length >= size)
    return error_set(error, LS_USAGE, "%.80s…: the path is too long", word);
  if (!is_run && !exists(word) && nearest_run(word, nearest, sizeof nearest)) {
    char start[PATH_HINT_SIZE];
    path_start(word, start);
    return error_set(error, LS_BAD_DATA,
                     "there is neither a file nor a run '%.200s'%s; did you mean the run %s?", word, start,
                     nearest);
  }
  return LS_OK;
}

bool run_is_one(const char *directory) {
  static const char *const files[] = {"config.yaml", "log.jsonl", "history.h5", "model.h5", "summary.json"};
  char path[NAMED_PATH_SIZE + 16];
  for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
    int length = snprintf(path, sizeof path, "%s/%s", directory, files[i]);
    if (length < (int)sizeof path && exists(path)) return true;
  }
  return false;
}

ls_status run_named(const char *word, char out[NAMED_PATH_SIZE], ls_error *error) {
  char nearest[512], path[NAMED_PATH_SIZE];
  if (run_find(word, path)) {
    memcpy(out, path, sizeof path);
    return LS_OK;
  }
  if (exists(word)) return error_set(error, LS_USAGE, "%.200s is a file, not the directory of a run", word);
  if (nearest_run(word, nearest, sizeof nearest))
    return error_set(
        error, LS_BAD_DATA,
        "there is no run '%.200s', neither a directory of this name nor one in runs/; did you mean %s?", word,
        nearest);
  return error_set(
      error, LS_BAD_DATA,
      "there is no run '%.200s', neither a directory of this name nor one in runs/; `lockstep runs` lists "
      "the runs",
      word);
}

/* ---- the runs below a directory ---- */

/* The name in `.NAME.lock`, cut out of a copy; NULL for other files. */
static char *name_in_lock(char *file) {
  static const char tail[] = ".lock";
  size_t length = strlen(file), fixed = sizeof tail - 1;
  if (file[0] != '.' || length < fixed + 2 || strcmp(file + length - fixed, tail) != 0) return NULL;
  file[length - fixed] = '\0';
  return file + 1;
}

/* Whether an entry of a directory is a run, or the lock of one that has no directory yet; *name is its name.
 */
static bool is_run(const char *directory, char *entry, char **name) {
  char path[NAMED_PATH_SIZE];
  *name = entry[0] == '.' ? name_in_lock(entry) : entry;
  if (*name == NULL) return false;
  bool is_lock = *name != entry;
  if (snprintf(path, sizeof path, "%s/%s", directory, *name) >= (int)sizeof path) return false;
  return is_lock ? !exists(path) : run_is_one(path);
}

static int by_version(const void *a, const void *b) {
  return strverscmp(*(char *const *)a, *(char *const *)b);
}

/* Copies the texts behind a list of pointers to them, into one block. */
static char **block_of(char *const *names, size_t n) {
  size_t bytes = (n + 1) * sizeof(char *);
  for (size_t i = 0; i < n; i++) bytes += strlen(names[i]) + 1;
  char **block = malloc(bytes);
  char *at = block == NULL ? NULL : (char *)(block + n + 1);
  for (size_t i = 0; block != NULL && i < n; i++) {
    block[i] = at;
    at = stpcpy(at, names[i]) + 1;
  }
  return block;
}

ls_status runs_below(const char *directory, char ***out, size_t *n, ls_error *error) {
  struct dirent **entries = NULL;
  int found = scandir(directory, &entries, NULL, NULL);
  if (found < 0) return error_set(error, LS_IO, "%.200s: cannot be listed: %s", directory, strerror(errno));
  char **names = malloc(((size_t)found + 1) * sizeof *names), **block = NULL;
  size_t count = 0;
  for (int i = 0; i < found && names != NULL; i++)
    if (is_run(directory, entries[i]->d_name, &names[count])) count++;
  if (names != NULL) {
    qsort(names, count, sizeof *names, by_version);
    block = block_of(names, count);
  }
  for (int i = 0; i < found; i++) free(entries[i]);
  free(entries);
  free(names);
  if (block == NULL) return error_set(error, LS_NO_MEMORY, "no memory for the names of %d runs", found);
  *out = block;
  *n = count;
  return LS_OK;
}

bool runs_nearest(const char *runs, const char *word, char *out, size_t size) {
  char **names = NULL;
  size_t n = 0, least = strlen(word) / 3 + 2;
  const char *nearest = NULL;
  if (runs_below(runs, &names, &n, NULL) != LS_OK) return false;
  for (size_t i = 0; i < n; i++) {
    size_t distance = text_distance(word, names[i]);
    if (distance >= least) continue;
    least = distance;
    nearest = names[i];
  }
  if (nearest != NULL) snprintf(out, size, "%s", nearest);
  free(names);
  return nearest != NULL;
}
