#include "inspect/run_choice.h"

#include "inspect/names.h"
#include "run/run_lock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static ls_status no_memory(ls_error *error) {
  return error_set(error, LS_NO_MEMORY, "no memory for a table of runs");
}

static bool is_directory(const char *path) {
  struct stat about;
  return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

static ls_status add_path(run_choice_t *choice, arena_t *arena, const char *path, ls_error *error) {
  if (choice->n == choice->capacity) {
    size_t capacity = 2 * choice->capacity + 16;
    const char **paths = arena_new(arena, capacity, sizeof *paths);
    if (paths == NULL) return no_memory(error);
    if (choice->n > 0) memcpy(paths, choice->paths, choice->n * sizeof *paths);
    choice->paths = paths;
    choice->capacity = capacity;
  }
  choice->paths[choice->n] = arena_text(arena, path);
  return choice->paths[choice->n++] == NULL ? no_memory(error) : LS_OK;
}

/* DIRECTORY/NAME without a slash too many. */
static bool join(const char *directory, const char *name, char out[NAMED_PATH_SIZE]) {
  size_t length = strlen(directory);
  while (length > 1 && directory[length - 1] == '/') length--;
  return snprintf(out, NAMED_PATH_SIZE, "%.*s/%s", (int)length, directory, name) < NAMED_PATH_SIZE;
}

/* Whether `name` is NAME.N, and NAME is among the names (n), too. */
static bool is_predecessor(const char *name, char *const *names, size_t n) {
  const char *dot = strrchr(name, '.');
  if (dot == NULL || dot == name || dot[1] == '\0' || dot[1 + strspn(dot + 1, "0123456789")] != '\0')
    return false;
  size_t length = (size_t)(dot - name);
  for (size_t i = 0; i < n; i++)
    if (strlen(names[i]) == length && strncmp(names[i], name, length) == 0) return true;
  return false;
}

/* Adds the runs below a directory. */
static ls_status add_below(run_choice_t *choice, arena_t *arena, const char *directory, bool all,
                           ls_error *error) {
  char **names = NULL, who[512];
  size_t n = 0;
  TRY(runs_below(directory, &names, &n, error));
  ls_status status = LS_OK;
  for (size_t i = 0; i < n && status == LS_OK; i++) {
    char path[NAMED_PATH_SIZE];
    bool is_hidden = !all && is_predecessor(names[i], names, n);
    choice->left_out += is_hidden;
    if (is_hidden || !join(directory, names[i], path)) continue;
    if (!is_directory(path) && !run_lock_is_held(path, who, sizeof who))
      continue; /* a dead process left its lock */
    status = add_path(choice, arena, path, error);
  }
  free(names);
  choice->where = directory;
  return status;
}

/* Finds the run of this name below one of the directories that were named, or anywhere else. */
static ls_status add_named(run_choice_t *choice, arena_t *arena, const char *word, const char *directory,
                           ls_error *error) {
  char path[NAMED_PATH_SIZE], nearest[256];
  if (directory == NULL) {
    TRY(run_named(word, path, error));
  } else if (!join(directory, word, path) || !is_directory(path)) {
    if (runs_nearest(directory, word, nearest, sizeof nearest))
      return error_set(error, LS_BAD_DATA, "there is no run '%.200s' in %.200s; did you mean %s?", word,
                       directory, nearest);
    return error_set(error, LS_BAD_DATA, "there is no run '%.200s' in %.200s", word, directory);
  }
  return add_path(choice, arena, path, error);
}

ls_status run_choice_make(char *const *words, size_t n, bool all, arena_t *arena, run_choice_t *out,
                          ls_error *error) {
  run_choice_t choice = {0};
  const char *directory = NULL;
  for (size_t i = 0; i < n; i++) {
    if (is_directory(words[i]) && !run_is_one(words[i])) {
      if (directory != NULL)
        return error_set(error, LS_USAGE, "%.200s and %.200s: name one directory with runs", directory,
                         words[i]);
      directory = words[i];
    } else {
      choice.are_named = true;
    }
  }
  for (size_t i = 0; i < n; i++)
    if (words[i] != directory)
      TRY(add_named(&choice, arena, words[i], is_directory(words[i]) ? NULL : directory, error));
  if (!choice.are_named) {
    const char *where = directory == NULL ? "runs" : directory;
    if (!is_directory(where))
      return error_set(
          error, LS_BAD_DATA,
          "there is no directory %.200s here: a run makes it; `lockstep runs DIR` lists the runs in another "
          "directory",
          where);
    TRY(add_below(&choice, arena, where, all, error));
    if (choice.n == 0) return error_set(error, LS_BAD_DATA, "there are no runs in %.200s", where);
  }
  *out = choice;
  return LS_OK;
}
