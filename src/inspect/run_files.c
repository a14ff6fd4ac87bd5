#include "inspect/run_files.h"

#include "base/listing.h"
#include "base/terminal.h"
#include "store/store.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int is_visible(const struct dirent *entry) {
  return entry->d_name[0] != '.';
}

static ls_status list(const char *directory, struct dirent ***out, int *n, ls_error *error) {
  *n = scandir(directory, out, is_visible, versionsort);
  return *n >= 0 ? LS_OK
                 : error_set(error, LS_IO, "%.200s: cannot be listed: %s", directory, strerror(errno));
}

static void free_entries(struct dirent **entries, int n) {
  for (int i = 0; i < n; i++) free(entries[i]);
  free(entries);
}

/* The step in the name of a checkpoint, of best parameters or of a part of a checkpoint; -1 for other names.
 */
typedef enum { CHECKPOINT, BEST, PART } state_file_t;
static int64_t step_of(const char *name, state_file_t kind) {
  static const char *const forms[] = {[CHECKPOINT] = "checkpoint-%" SCNd64 ".h5%n",
                                      [BEST] = "best-%" SCNd64 ".h5%n",
                                      [PART] = "checkpoint-%" SCNd64 "-part-%*d-of-%*d.h5%n"};
  int64_t step = -1;
  int end = 0;
  bool fits = sscanf(name, forms[kind], &step, &end) == 1 && end > 0 && name[end] == '\0';
  return fits ? step : -1;
}

ls_status run_files_find(const char *directory, run_files_t *out, ls_error *error) {
  struct dirent **entries = NULL;
  int n = 0, newest = -1;
  run_files_t files = {.newest = -1};
  TRY(list(directory, &entries, &n, error));
  for (int i = 0; i < n; i++) {
    int64_t step = step_of(entries[i]->d_name, CHECKPOINT);
    if (strcmp(entries[i]->d_name, "model.h5") == 0) files.has_model = true;
    if (step <= files.newest) continue;
    files.newest = step;
    newest = i;
  }
  const char *name = files.has_model ? "model.h5" : newest >= 0 ? entries[newest]->d_name : "";
  if (name[0] != '\0') snprintf(files.model, sizeof files.model, "%s/%s", directory, name);
  free_entries(entries, n);
  *out = files;
  return LS_OK;
}

/* ---- the table ---- */

static int64_t bytes_of(const char *directory, const char *name) {
  char path[NAMED_PATH_SIZE + 256];
  struct stat about;
  snprintf(path, sizeof path, "%s/%s", directory, name);
  return stat(path, &about) == 0 ? (int64_t)about.st_size : 0;
}

static void describe(const char *name, char *out, size_t size) {
  static const struct {
    const char *name, *meaning;
  } known[] = {{"config.yaml", "all settings"},
               {"log.jsonl", "events, one in each line"},
               {"history.h5", "the epochs: lockstep history"},
               {"model.h5", "the trained model, for eval and predict"},
               {"summary.json", "the results, for programs"},
               {"timing.h5", "the seconds of every step"}};
  int64_t step = step_of(name, CHECKPOINT), best = step_of(name, BEST);
  out[0] = '\0';
  if (step >= 0) snprintf(out, size, "the state after step %" PRId64, step);
  if (best >= 0) snprintf(out, size, "the best parameters so far, of step %" PRId64, best);
  if (store_temporary(name) != TEMPORARY_NOT) snprintf(out, size, "not complete, or left over");
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
    if (strcmp(name, known[i].name) == 0) snprintf(out, size, "%s", known[i].meaning);
}

static ls_status fill(const char *directory, struct dirent **entries, int n, listing_t *listing,
                      ls_error *error) {
  for (int i = 0; i < n; i++) {
    const char *name = entries[i]->d_name;
    char meaning[160];
    int64_t bytes = bytes_of(directory, name), step = step_of(name, CHECKPOINT);
    int parts = 0;
    if (step_of(name, PART) >= 0) continue;
    describe(name, meaning, sizeof meaning);
    for (int k = 0; k < n && step >= 0; k++) {
      if (step_of(entries[k]->d_name, PART) != step) continue;
      bytes += bytes_of(directory, entries[k]->d_name);
      parts++;
    }
    size_t used = strlen(meaning);
    if (parts > 0) snprintf(meaning + used, sizeof meaning - used, ", with %d parts", parts);
    TRY(listing_add_row(listing, error));
    TRY(listing_text(listing, 0, name, error));
    listing_number(listing, 1, (double)bytes);
    TRY(listing_text(listing, 2, meaning[0] == '\0' ? NULL : meaning, error));
  }
  return LS_OK;
}

ls_status run_files_print(const char *directory, ls_error *error) {
  static const listing_column_t columns[] = {{.name = "file", .kind = LISTING_WORDS},
                                             {.name = "bytes", .kind = LISTING_INTEGER, .importance = 2},
                                             {.name = "content", .kind = LISTING_WORDS, .importance = 1}};
  struct dirent **entries = NULL;
  listing_t *listing = NULL;
  int n = 0;
  TRY(list(directory, &entries, &n, error));
  ls_status status = listing_create(columns, sizeof columns / sizeof columns[0], &listing, error);
  if (status == LS_OK) status = fill(directory, entries, n, listing, error);
  if (status == LS_OK) listing_print(listing, LISTING_TEXT, terminal_width(stdout), stdout);
  listing_destroy(&listing);
  free_entries(entries, n);
  return status;
}
