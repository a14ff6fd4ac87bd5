#include "inspect/run_facts.h"

#include "base/clock.h"
#include "inspect/names.h"
#include "run/run_lock.h"
#include "run/stop.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const struct {
  const char *name, *meaning;
} states[RUN_STATES] = {
    [RUN_FINISHED] = {"finished", "it has its results"},
    [RUN_STOPPED] = {"stopped", "it was stopped early, and has a checkpoint to go on from"},
    [RUN_RUNNING] = {"running", "a process works on it"},
    [RUN_FAILED] = {"failed", "its numbers went wrong"},
    [RUN_INTERRUPTED] = {"interrupted", "its process is gone, and has not said why"},
};

const char *run_state_name(run_state_t state) {
  return states[state].name;
}

const char *run_state_meaning(run_state_t state) {
  return states[state].meaning;
}

static const struct {
  const char *summary, *history;
} sources[RUN_FIGURE_COUNT] = {
#define RUN_FIGURE_SOURCE(code, name, kind, digits, importance, hidden, summary, history, meaning)           \
  {summary, history},
    RUN_FIGURES(RUN_FIGURE_SOURCE)
#undef RUN_FIGURE_SOURCE
};

/* ---- reading ---- */

/* Adds to the note what is wrong. Memory that is missing is an error; everything else is a fact about the
 * run. */
static ls_status note(run_facts_t *facts, arena_t *arena, ls_status status, const ls_error *why,
                      ls_error *error) {
  if (status == LS_OK) return LS_OK;
  if (status == LS_NO_MEMORY) return error_set(error, status, "%s", why->message);
  char text[2 * sizeof why->message];
  const char *message = why->message;
  size_t length = strlen(facts->path);
  if (strncmp(message, facts->path, length) == 0 && message[length] == '/') message += length + 1;
  snprintf(text, sizeof text, "%s%s%s", facts->note == NULL ? "" : facts->note,
           facts->note == NULL ? "" : "; ", message);
  facts->note = arena_text(arena, text);
  return facts->note == NULL ? error_set(error, LS_NO_MEMORY, "no memory for a run") : LS_OK;
}

/* Formats a text in the arena. */
__attribute__((format(printf, 4, 5))) static ls_status put(const char **out, arena_t *arena, ls_error *error,
                                                           const char *format, ...) {
  char text[512];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  *out = arena_text(arena, text);
  return *out == NULL ? error_set(error, LS_NO_MEMORY, "no memory for a run") : LS_OK;
}

static ls_status read_files(run_facts_t *facts, bool with_times, arena_t *arena, epochs_t *epochs,
                            ls_error *error) {
  char path[NAMED_PATH_SIZE + 16];
  yaml_value_t *summary = NULL;
  ls_error why = {0};
  snprintf(path, sizeof path, "%s/summary.json", facts->path);
  TRY(note(facts, arena, document_read(path, arena, &summary, &why), &why, error));
  facts->summary = summary;
  snprintf(path, sizeof path, "%s/log.jsonl", facts->path);
  TRY(note(facts, arena, run_log_read(path, &facts->log, &why), &why, error));
  TRY(note(facts, arena, run_settings_read(facts->path, arena, &facts->settings, &why), &why, error));
  TRY(note(facts, arena, epochs_read(facts->path, with_times, epochs, &why), &why, error));
  if (epochs->damage[0] == '\0') return LS_OK;
  snprintf(why.message, sizeof why.message, "%s", epochs->damage);
  return note(facts, arena, LS_BAD_DATA, &why, error);
}

/* ---- the state ---- */

/* Whether the log goes on after the summary. */
static bool is_outdated(const run_facts_t *facts) {
  const run_log_t *log = &facts->log;
  if (!log->has_events || log->has_stopped) return false;
  double steps = document_number(facts->summary, "steps");
  return (log->has_resumed && log->step > 0) || log->step > steps;
}

/* The state that a run has ended in for this reason. */
static run_state_t state_for(const char *reason) {
  for (int s = STOP_NOT + 1; s < STOPS; s++)
    if (strcmp(reason, stop_name((stop_reason_t)s)) == 0)
      return stop_status((stop_reason_t)s) == LS_OK ? RUN_FINISHED : RUN_STOPPED;
  return RUN_FAILED;
}

const char *run_facts_reason(const run_facts_t *facts) {
  for (int s = STOP_NOT + 1; s < STOPS && facts->reason != NULL; s++)
    if (strcmp(facts->reason, stop_name((stop_reason_t)s)) == 0) return stop_text((stop_reason_t)s);
  if (facts->reason != NULL && strcmp(facts->reason, "diverged") == 0)
    return "the numbers were not finite any more";
  return run_state_meaning(facts->state);
}

static ls_status find_state(run_facts_t *facts, const char *owner, arena_t *arena, ls_error *error) {
  char who[512];
  if (facts->summary != NULL && is_outdated(facts)) facts->summary = NULL;
  const char *status = document_text(facts->summary, "status");
  facts->reason = document_text(facts->summary, "reason");
  if (owner != NULL || run_lock_is_held(facts->path, who, sizeof who)) {
    facts->state = RUN_RUNNING;
    facts->reason = NULL;
    facts->summary = NULL; /* of an earlier process, or about to be written */
    return put(&facts->owner, arena, error, "%s", owner != NULL ? owner : who);
  }
  facts->state = RUN_INTERRUPTED;
  if (status != NULL && strcmp(status, "done") == 0)
    facts->state = RUN_FINISHED;
  else if (status != NULL)
    facts->state = RUN_STOPPED;
  if (!facts->log.has_stopped) return LS_OK;
  facts->state = state_for(facts->log.reason);
  return put(&facts->reason, arena, error, "%s", facts->log.reason);
}

/* ---- figures, layout, checksum ---- */

size_t run_facts_best(const run_facts_t *facts, const epochs_t *epochs) {
  const double *steps = epochs_column(epochs, "step");
  for (size_t e = 0; steps != NULL && e < epochs->n; e++)
    if (steps[e] == facts->figures[FIGURE_MODEL_STEP]) return e;
  return epochs->n - 1;
}

static double sum_of(const epochs_t *epochs, const char *column) {
  const double *values = epochs_column(epochs, column);
  double sum = values == NULL || epochs->n == 0 ? NAN : 0;
  for (size_t e = 0; values != NULL && e < epochs->n; e++) sum += values[e];
  return sum;
}

static void figures_of_epochs(run_facts_t *facts, const epochs_t *epochs) {
  double *figures = facts->figures;
  if (epochs->n == 0) return;
  size_t best = run_facts_best(facts, epochs), last = epochs->n - 1;
  for (int f = 0; f < RUN_FIGURE_COUNT; f++) {
    const double *values = sources[f].history[0] == '\0' ? NULL : epochs_column(epochs, sources[f].history);
    if (values == NULL || !isnan(figures[f])) continue;
    figures[f] = values[strncmp(sources[f].history, "valid_", 6) == 0 ? best : last];
  }
  double seconds = sum_of(epochs, "seconds");
  if (isnan(figures[FIGURE_SECONDS])) figures[FIGURE_SECONDS] = seconds;
  if (isnan(figures[FIGURE_ROWS_PER_SECOND]) && seconds > 0)
    figures[FIGURE_ROWS_PER_SECOND] = sum_of(epochs, "rows") / seconds;
}

/* When a file was written; NaN if there is none. */
static double time_of(const char *directory, const char *file) {
  char path[NAMED_PATH_SIZE + 16];
  struct stat about;
  snprintf(path, sizeof path, "%s/%s", directory, file);
  return stat(path, &about) == 0 ? (double)about.st_mtime : NAN;
}

static double find_end(const run_facts_t *facts) {
  const char *text = document_text(facts->summary, "ended");
  double end = text == NULL ? NAN : clock_parse(text);
  if (facts->state == RUN_RUNNING) return NAN;
  if (isnan(end) && facts->summary != NULL) end = time_of(facts->path, "summary.json");
  if (isnan(end)) end = facts->log.time;
  return isnan(end) ? time_of(facts->path, "log.jsonl") : end;
}

static void find_figures(run_facts_t *facts, const epochs_t *epochs) {
  const char *epochs_asked = run_settings_value(&facts->settings, "train.epochs");
  double *figures = facts->figures, asked = NAN;
  for (int f = 0; f < RUN_FIGURE_COUNT; f++)
    figures[f] = sources[f].summary[0] == '\0' ? NAN : document_number(facts->summary, sources[f].summary);
  facts->is_trained =
      document_find(facts->summary, "method") == NULL && document_find(facts->summary, "members") == NULL;
  if (!facts->is_trained) figures[FIGURE_EPOCHS] = figures[FIGURE_STEPS] = figures[FIGURE_MODEL_STEP] = NAN;
  figures_of_epochs(facts, epochs);
  if (facts->is_trained && epochs_asked != NULL && text_double(epochs_asked, &asked))
    figures[FIGURE_ASKED] = asked;
  if (facts->state == RUN_RUNNING && facts->log.step > figures[FIGURE_STEPS])
    figures[FIGURE_STEPS] = facts->log.step;
  figures[FIGURE_ENDED] = find_end(facts);
}

static ls_status find_layout(run_facts_t *facts, arena_t *arena, ls_error *error) {
  int nodes = 0, ranks = 0, threads = 0;
  if (sscanf(facts->log.layout, "%d node%*[s ]x %d rank%*[s ]x %d thread", &nodes, &ranks, &threads) == 3)
    return put(&facts->layout, arena, error, "%dx%dx%d", nodes, ranks, threads);
  double n = document_number(facts->summary, "nodes"), r = document_number(facts->summary, "ranks"),
         t = document_number(facts->summary, "threads");
  if (!(n >= 1 && r >= n && t >= 1)) return LS_OK;
  return put(&facts->layout, arena, error, "%.0fx%.0fx%.0f", n, ceil(r / n), t);
}

static ls_status find_checksum(run_facts_t *facts, arena_t *arena, const epochs_t *epochs, ls_error *error) {
  facts->checksum = document_text(facts->summary, "parameters_checksum");
  if (facts->checksum != NULL || epochs->n == 0 || epochs->checksums[epochs->n - 1] == 0) return LS_OK;
  return put(&facts->checksum, arena, error, "%016" PRIx64, epochs->checksums[epochs->n - 1]);
}

ls_status run_facts_read(const char *directory, bool with_times, arena_t *arena, run_facts_t *out,
                         epochs_t *epochs, ls_error *error) {
  const char *slash = strrchr(directory, '/');
  run_facts_t facts = {0};
  char owner[512]; /* asked for before files are read: a run that ends meanwhile is still called running */
  const bool is_held = run_lock_is_held(directory, owner, sizeof owner);
  *epochs = (epochs_t){0};
  facts.path = arena_text(arena, directory);
  facts.name = arena_text(arena, slash == NULL ? directory : slash + 1);
  ls_status status = facts.path == NULL || facts.name == NULL
                         ? error_set(error, LS_NO_MEMORY, "no memory for a run")
                         : LS_OK;
  if (status == LS_OK) status = read_files(&facts, with_times, arena, epochs, error);
  if (status == LS_OK) status = find_state(&facts, is_held ? owner : NULL, arena, error);
  if (status == LS_OK) find_figures(&facts, epochs);
  if (status == LS_OK) status = find_layout(&facts, arena, error);
  if (status == LS_OK) status = find_checksum(&facts, arena, epochs, error);
  if (status == LS_OK)
    *out = facts;
  else
    epochs_free(epochs);
  return status;
}
