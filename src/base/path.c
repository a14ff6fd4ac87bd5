#include "base/path.h"

#include "base/text.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LONGEST = 4096 };

static bool exists(const char *path) {
  struct stat info;
  return stat(path, &info) == 0;
}

static const char *ending_of(const char *name) {
  const char *dot = strrchr(name, '.');
  return dot == NULL || dot == name ? "" : dot + 1;
}

/* Names of one kind: their ends differ in a letter at most (yml, yaml), or one of them has none. */
static bool may_be_alike(const char *a, const char *b) {
  const char *of_a = ending_of(a), *of_b = ending_of(b);
  return of_a[0] == '\0' || of_b[0] == '\0' || text_distance(of_a, of_b) <= 1;
}

/* The visible name in a folder that is nearest to `name`; false if none is near. */
static bool nearest_in(const char *folder, const char *name, char *out, size_t size) {
  size_t best = strlen(name) / 3 + 2; /* as choice_nearest */
  bool found = false;
  DIR *entries = opendir(folder[0] == '\0' ? "." : folder);
  if (entries == NULL) return false;
  for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
    const char *other = entry->d_name;
    const size_t distance = strcasecmp(name, other) == 0 ? 0 : text_distance(name, other);
    const bool is_better = distance < best || (found && distance == best && strcmp(other, out) < 0);
    if (other[0] == '.' || !is_better || !may_be_alike(name, other)) continue;
    best = distance;
    found = true;
    snprintf(out, size, "%s", other);
  }
  closedir(entries);
  return found;
}

/* The first part of the path that is not there, replaced by the nearest name in its place. */
static bool nearest_path(const char *path, char *out, size_t size) {
  char folder[LONGEST], part[LONGEST], near[256];
  size_t begin = 0, end = 0;
  for (;; begin = end + 1) {
    end = begin + strcspn(path + begin, "/");
    snprintf(part, sizeof part, "%.*s", (int)end, path);
    if (end > begin && !exists(part)) break;
    if (path[end] == '\0') return false;
  }
  snprintf(folder, sizeof folder, "%.*s", (int)begin, path);
  snprintf(part, sizeof part, "%.*s", (int)(end - begin), path + begin);
  if (!nearest_in(folder, part, near, sizeof near)) return false;
  snprintf(out, size, "%.1900s%.200s%.1900s", folder, near, path + end);
  return exists(out);
}

/* What the user may have meant; false if there is nothing like it. */
static bool find_meant(const char *path, const char *ending, char *out, size_t size) {
  char run[LONGEST];
  const bool may_be_run = strchr(path, '/') == NULL && strcmp(ending, ".h5") == 0;
  snprintf(run, sizeof run, "runs/%.4000s", path);
  snprintf(out, size, "%s", run);
  if (may_be_run && exists(out)) return true;
  snprintf(out, size, "%s%s", path, ending);
  if (ending_of(path)[0] == '\0' && exists(out)) return true;
  return nearest_path(path, out, size) || (may_be_run && nearest_path(run, out, size));
}

void path_start(const char *path, char out[PATH_HINT_SIZE]) {
  char here[LONGEST];
  out[0] = '\0';
  if (path[0] != '/' && getcwd(here, sizeof here) != NULL)
    snprintf(out, PATH_HINT_SIZE, " (relative to %.200s)", here);
}

void path_hint(const char *path, const char *ending, char out[PATH_HINT_SIZE]) {
  char meant[LONGEST];
  out[0] = '\0';
  if (exists(path) || strlen(path) >= LONGEST / 2) return;
  path_start(path, out);
  const size_t used = strlen(out);
  if (find_meant(path, ending, meant, sizeof meant))
    snprintf(out + used, PATH_HINT_SIZE - used, "; did you mean %.200s?", meant);
}

const char *path_advice(const char *path) {
  static const char table[] = ": `lockstep import` makes a dataset of a table or an array";
  static const char settings[] = ": settings are for `lockstep train`, `check` and the like";
  static const struct {
    const char *ending, *advice;
  } rows[] = {
      {"csv", table},        {"tsv", table},     {"txt", table},     {"dat", table},    {"data", table},
      {"npy", table},        {"npz", table},     {"gz", table},      {"libsvm", table}, {"svm", table},
      {"xlsx", table},       {"parquet", table}, {"feather", table}, {"idx", table},    {"idx1-ubyte", table},
      {"idx3-ubyte", table}, {"yaml", settings}, {"yml", settings},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    if (strcasecmp(ending_of(path), rows[i].ending) == 0) return rows[i].advice;
  return "";
}
