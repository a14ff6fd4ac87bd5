#include "inspect/watch.h"

#include "base/activity.h"
#include "base/clock.h"
#include "base/signals.h"
#include "base/terminal.h"
#include "inspect/watch_page.h"
#include "run/run_lock.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- what changes ---- */

/* The files whose content is shown. history.h5 is replaced, log.jsonl grows. */
static const char *const files[] = {"log.jsonl", "history.h5", "summary.json", "config.yaml"};
enum { FILES = sizeof files / sizeof files[0] };

typedef struct {
  dev_t device;
  ino_t node;
  off_t size;
  struct timespec time;
} file_sign_t;

/* All that tells of a change; zeroed first, so it can be compared as bytes. */
typedef struct {
  file_sign_t files[FILES];
  struct timespec directory; /* checkpoints come and go */
  bool is_held;
} signs_t;

/* Opening a file makes a shared file system ask its server; stat alone may answer from memory. */
static void look(const char *directory, signs_t *out) {
  char path[NAMED_PATH_SIZE + 16], who[512];
  struct stat about;
  memset(out, 0, sizeof *out);
  for (size_t f = 0; f < FILES; f++) {
    snprintf(path, sizeof path, "%s/%s", directory, files[f]);
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0) continue;
    if (fstat(file, &about) == 0) {
      out->files[f].device = about.st_dev;
      out->files[f].node = about.st_ino;
      out->files[f].size = about.st_size;
      out->files[f].time = about.st_mtim;
    }
    close(file);
  }
  if (stat(directory, &about) == 0) out->directory = about.st_mtim;
  out->is_held = run_lock_is_held(directory, who, sizeof who);
}

/* ---- reading ---- */

typedef struct {
  const watch_options_t *options;
  char directory[NAMED_PATH_SIZE];
  arena_t arena;
  watched_t watched; /* its texts are in the arena */
  signs_t signs;     /* of what was read */
  bool has_read;
  double cost;                /* seconds that reading took */
  size_t drawn;               /* lines on the terminal */
  size_t width;               /* of the terminal when they were drawn */
  double printed, printed_at; /* number and time of the newest epoch that has a line */
} watch_t;

static void forget(watch_t *watch) {
  epochs_free(&watch->watched.epochs);
  arena_free(&watch->arena);
  watch->has_read = false;
}

/* Reads the run if it has changed. What is damaged for now, because it is being replaced, is read again. */
static ls_status refresh(watch_t *watch, ls_error *error) {
  signs_t signs;
  ls_error ignored = {0};
  look(watch->directory, &signs);
  watch->watched.now = clock_time();
  bool is_same = memcmp(&signs, &watch->signs, sizeof signs) == 0;
  if (watch->has_read && is_same && watch->watched.facts.note == NULL) return LS_OK;
  double begun = clock_seconds();
  forget(watch);
  TRY(run_facts_read(watch->directory, true, &watch->arena, &watch->watched.facts, &watch->watched.epochs,
                     error));
  watch->has_read = true;
  watch->signs = signs;
  if (run_files_find(watch->directory, &watch->watched.files, &ignored) != LS_OK)
    watch->watched.files = (run_files_t){.newest = -1};
  watch->cost = clock_seconds() - begun;
  return LS_OK;
}

/* ---- showing ---- */

static watch_page_t page_for(const watch_t *watch) {
  size_t width = terminal_width(stdout), height = terminal_height(stdout);
  return (watch_page_t){.width = width > 1 ? width - 1 : 80, /* the last column may wrap */
                        .height = height > 1 ? height - 1 : 0,
                        .is_utf8 = terminal_has_utf8(),
                        .columns = watch->options->columns};
}

/* Draws the page over the one before: every line is cleared behind its text, and what is left below. */
static ls_status draw(watch_t *watch, ls_error *error) {
  watch_page_t page = page_for(watch);
  char *text = NULL;
  size_t size = 0, lines = 0;
  FILE *memory = open_memstream(&text, &size);
  if (memory == NULL) return error_set(error, LS_NO_MEMORY, "no memory for a page");
  watch_page_print(&page, &watch->watched, memory);
  fclose(memory);
  if (text == NULL) return error_set(error, LS_NO_MEMORY, "no memory for a page");
  if (watch->drawn > 0 && watch->width != page.width)
    fputs("\033[H\033[2J", stdout); /* the terminal has wrapped lines in its own way */
  else if (watch->drawn > 0)
    printf("\033[%zuA\r", watch->drawn);
  for (char *rest = text, *line = NULL;
       (line = strsep(&rest, "\n")) != NULL && rest != NULL && (page.height == 0 || lines < page.height);
       lines++)
    printf("%s\033[K\n", line);
  fputs("\033[J", stdout);
  free(text);
  watch->drawn = lines;
  watch->width = page.width;
  return LS_OK;
}

/* A line for each epoch that has none: at first the newest one. A resumed run repeats epochs, which then have
 * later times; if the log has no times, they are new if the run was seen to go back. */
static void print_lines(watch_t *watch, bool is_first) {
  const epochs_t *epochs = &watch->watched.epochs;
  const double *numbers = epochs_column(epochs, "epoch");
  if (is_first) watch_print_state(&watch->watched, 1000, stdout);
  if (numbers == NULL || epochs->n == 0) return;
  size_t last = epochs->n - 1;
  if (is_first && last > 0) watch->printed = numbers[last - 1];
  if (watch->printed > numbers[last]) watch->printed = numbers[last];
  for (size_t e = is_first ? last : 0; e < epochs->n; e++)
    if (numbers[e] > watch->printed || (!is_first && epochs->times[e] > watch->printed_at))
      watch_print_epoch(&watch->watched, e, stdout);
  watch->printed = numbers[last];
  watch->printed_at = epochs->times[last];
}

/* ---- the end ---- */

static ls_status end_status(const watch_t *watch, ls_error *error) {
  static const ls_status status[RUN_STATES] = {[RUN_FINISHED] = LS_OK,
                                               [RUN_STOPPED] = LS_STOPPED,
                                               [RUN_FAILED] = LS_FAILED,
                                               [RUN_INTERRUPTED] = LS_FAILED};
  const run_facts_t *facts = &watch->watched.facts;
  if (status[facts->state] == LS_OK) return LS_OK;
  return error_set(error, status[facts->state], "the run %.200s is %s: %s", facts->name,
                   run_state_name(facts->state), run_facts_reason(facts));
}

/* Sleeps until the next look, or a signal. A run that is costly to read is read less often. */
static void sleep_between(const watch_t *watch) {
  const double year = 365 * 24 * 3600.0;
  double seconds = fmin(fmax(watch->options->every, 10 * watch->cost), year);
  struct timespec time = {(time_t)seconds, (long)((seconds - floor(seconds)) * 1e9)};
  nanosleep(&time, NULL);
}

static ls_status follow(watch_t *watch, ls_error *error) {
  bool can_move = terminal_can_move(stdout);
  for (bool is_first = true;; is_first = false) {
    activity_beat();
    TRY(refresh(watch, error));
    bool is_running = watch->watched.facts.state == RUN_RUNNING;
    if (can_move)
      TRY(draw(watch, error));
    else
      print_lines(watch, is_first);
    if (fflush(stdout) != 0) return LS_OK; /* the reader of stdout is gone; the program reports that */
    if (!is_running) {
      if (!can_move && !is_first) watch_print_state(&watch->watched, 1000, stdout);
      return end_status(watch, error);
    }
    sleep_between(watch);
    if (signals_take() != 0)
      return error_set(error, LS_STOPPED, "not watching any more; the run %.200s goes on",
                       watch->watched.facts.name);
  }
}

/* A run that is starting may have no directory yet, or an empty one, but it has an owner. */
static ls_status find_run(const char *word, char out[NAMED_PATH_SIZE], ls_error *error) {
  char who[512];
  bool is_found = run_find(word, out);
  if (is_found && (run_is_one(out) || run_lock_is_held(out, who, sizeof who))) return LS_OK;
  if (is_found)
    return error_set(
        error, LS_USAGE,
        "%.200s is not the directory of a run: none of the files of a run is in it; `lockstep runs "
        "%.200s` lists the runs in it",
        out, out);
  if (snprintf(out, NAMED_PATH_SIZE, "%s%s", strchr(word, '/') == NULL ? "runs/" : "", word) <
          NAMED_PATH_SIZE &&
      run_lock_is_held(out, who, sizeof who))
    return LS_OK;
  return run_named(word, out, error);
}

ls_status watch_run(const watch_options_t *options, ls_error *error) {
  watch_t watch = {.options = options};
  TRY(find_run(options->run, watch.directory, error));
  ls_status status = refresh(&watch, error);
  watch_page_t page = page_for(&watch);
  if (status == LS_OK) status = watch_page_check(&page, &watch.watched.epochs, error);
  if (status == LS_OK && options->is_once)
    watch_page_print(&page, &watch.watched, stdout);
  else if (status == LS_OK)
    status = follow(&watch, error);
  forget(&watch);
  return status;
}
