#include "inspect/runs.h"
#include "base/show.h"
#include "base/terminal.h"

#include "inspect/names.h"
#include "inspect/run_choice.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BEFORE = 3, AFTER = 4, COLUMNS = BEFORE + RUN_FIGURE_COUNT + AFTER, MOST_RUNS_BESIDE = 8 };
enum {
  COLUMN_NAME,
  COLUMN_STATUS,
  COLUMN_REASON,
  COLUMN_LAYOUT = BEFORE + RUN_FIGURE_COUNT,
  COLUMN_CHECKSUM,
  COLUMN_PATH,
  COLUMN_NOTE
};

static const listing_column_t columns[COLUMNS] = {
    [COLUMN_NAME] = {"name", "of the run", LISTING_WORDS, .importance = 100},
    [COLUMN_STATUS] = {"status", "finished, stopped, running, failed or interrupted", LISTING_WORDS,
                       .importance = 90},
    [COLUMN_REASON] = {"reason", "why it ended", LISTING_WORDS, .importance = 55},
#define RUN_FIGURE_COLUMN(code, name, kind, digits, importance, hidden, summary, history, meaning)           \
  [BEFORE + FIGURE_##code] = {name, meaning, kind, digits, importance, hidden},
    RUN_FIGURES(RUN_FIGURE_COLUMN)
#undef RUN_FIGURE_COLUMN
        [COLUMN_LAYOUT] = {"layout", "nodes x ranks of each x threads", LISTING_WORDS, .importance = 20},
    [COLUMN_CHECKSUM] = {"checksum", "of the parameters", LISTING_WORDS, .importance = 15},
    [COLUMN_PATH] = {"path", "of the run directory", LISTING_WORDS, .importance = 5, .is_hidden = true},
    [COLUMN_NOTE] = {"note", "what is wrong with its files", LISTING_WORDS, .importance = 85},
};

bool runs_column_choice(size_t i, choice_t *out) {
  if (i >= COLUMNS) return false;
  *out = (choice_t){columns[i].name, columns[i].meaning};
  return true;
}

/* ---- the table ---- */

/* Text has a mark instead of the note, which would fill the line. */
static ls_status add_row(listing_t *listing, const run_facts_t *facts, bool is_text, ls_error *error) {
  char status[32];
  snprintf(status, sizeof status, "%s%s", run_state_name(facts->state),
           is_text && facts->note != NULL ? " *" : "");
  TRY(listing_add_row(listing, error));
  TRY(listing_text(listing, COLUMN_NAME, facts->name, error));
  TRY(listing_text(listing, COLUMN_STATUS, status, error));
  TRY(listing_text(listing, COLUMN_REASON, facts->reason, error));
  for (size_t f = 0; f < RUN_FIGURE_COUNT; f++) listing_number(listing, BEFORE + f, facts->figures[f]);
  TRY(listing_text(listing, COLUMN_LAYOUT, facts->layout, error));
  TRY(listing_text(listing, COLUMN_CHECKSUM, facts->checksum, error));
  TRY(listing_text(listing, COLUMN_PATH, facts->path, error));
  return listing_text(listing, COLUMN_NOTE, facts->note, error);
}

static void print(const listing_t *listing, listing_format_t format, const log_t *log) {
  char names[1024];
  size_t width = format == LISTING_TEXT ? terminal_width(stdout) : 0;
  listing_print(listing, format, width, stdout);
  listing_left_out(listing, width, names, sizeof names);
  if (names[0] == '\0') return;
  fflush(stdout);
  log_info(log, "left out, because the terminal has %zu columns (--columns chooses): %s", width, names);
}

/* ---- settings ---- */

typedef struct {
  const run_facts_t *facts; /* (n) */
  size_t n;
  const char *const *keys; /* (n_keys) in which they differ */
  size_t n_keys;
} difference_t;

/* A line for each key, a column for each run. */
static ls_status keys_by_runs(const difference_t *difference, listing_column_t *heads, listing_t **out,
                              ls_error *error) {
  heads[0] = (listing_column_t){"setting", NULL, LISTING_WORDS, .importance = 2};
  for (size_t r = 0; r < difference->n; r++)
    heads[r + 1] = (listing_column_t){difference->facts[r].name, NULL, LISTING_WORDS, .importance = 1};
  TRY(listing_create(heads, difference->n + 1, out, error));
  for (size_t k = 0; k < difference->n_keys; k++) {
    TRY(listing_add_row(*out, error));
    TRY(listing_text(*out, 0, difference->keys[k], error));
    for (size_t r = 0; r < difference->n; r++)
      TRY(listing_text(*out, r + 1, run_settings_value(&difference->facts[r].settings, difference->keys[k]),
                       error));
  }
  return LS_OK;
}

/* A line for each run, a column for each key: for many runs. */
static ls_status runs_by_keys(const difference_t *difference, listing_column_t *heads, listing_t **out,
                              ls_error *error) {
  heads[0] = (listing_column_t){"name", NULL, LISTING_WORDS, .importance = 2};
  for (size_t k = 0; k < difference->n_keys; k++)
    heads[k + 1] = (listing_column_t){difference->keys[k], NULL, LISTING_WORDS, .importance = 1};
  TRY(listing_create(heads, difference->n_keys + 1, out, error));
  for (size_t r = 0; r < difference->n; r++) {
    TRY(listing_add_row(*out, error));
    TRY(listing_text(*out, 0, difference->facts[r].name, error));
    for (size_t k = 0; k < difference->n_keys; k++)
      TRY(listing_text(*out, k + 1, run_settings_value(&difference->facts[r].settings, difference->keys[k]),
                       error));
  }
  return LS_OK;
}

static ls_status print_settings(const difference_t *difference, const log_t *log, ls_error *error) {
  if (difference->n_keys == 0) {
    puts("\nThe settings of these runs do not differ.");
    return LS_OK;
  }
  size_t most = difference->n > difference->n_keys ? difference->n : difference->n_keys;
  listing_column_t *heads = calloc(most + 1, sizeof *heads);
  listing_t *listing = NULL;
  if (heads == NULL) return error_set(error, LS_NO_MEMORY, "no memory for a table of settings");
  ls_status status = difference->n <= MOST_RUNS_BESIDE ? keys_by_runs(difference, heads, &listing, error)
                                                       : runs_by_keys(difference, heads, &listing, error);
  if (status == LS_OK) puts("\nSettings that differ:");
  if (status == LS_OK) print(listing, LISTING_TEXT, log);
  listing_destroy(&listing);
  free(heads);
  return status;
}

static ls_status find_difference(const run_facts_t *facts, size_t n, arena_t *arena, difference_t *out,
                                 ls_error *error) {
  run_settings_t *settings = arena_new(arena, n, sizeof *settings);
  if (settings == NULL) return error_set(error, LS_NO_MEMORY, "no memory for a table of settings");
  for (size_t r = 0; r < n; r++) settings[r] = facts[r].settings;
  *out = (difference_t){.facts = facts, .n = n};
  return run_settings_differing(settings, n, arena, &out->keys, &out->n_keys, error);
}

/* ---- the whole ---- */

/* The table, for CSV and JSON with a column for each setting that differs. */
static ls_status make_listing(const difference_t *runs, bool is_text, arena_t *arena, listing_t **out,
                              ls_error *error) {
  size_t n = COLUMNS + runs->n_keys;
  listing_column_t *all = arena_new(arena, n, sizeof *all);
  if (all == NULL) return error_set(error, LS_NO_MEMORY, "no memory for a table of runs");
  memcpy(all, columns, sizeof columns);
  all[COLUMN_NOTE].is_hidden = is_text;
  for (size_t k = 0; k < runs->n_keys; k++)
    all[COLUMNS + k] = (listing_column_t){runs->keys[k], NULL, LISTING_WORDS, 0, 0, false};
  TRY(listing_create(all, n, out, error));
  for (size_t r = 0; r < runs->n; r++) {
    TRY(add_row(*out, &runs->facts[r], is_text, error));
    for (size_t k = 0; k < runs->n_keys; k++)
      TRY(listing_text(*out, COLUMNS + k, run_settings_value(&runs->facts[r].settings, runs->keys[k]),
                       error));
  }
  return LS_OK;
}

static void print_notes(const run_facts_t *facts, size_t n) {
  bool is_first = true;
  for (size_t r = 0; r < n; r++) {
    if (facts[r].note == NULL) continue;
    fputs(is_first ? "\n" : "", stdout);
    show(stdout, "* %s: %s\n", facts[r].name, facts[r].note);
    is_first = false;
  }
}

static ls_status print_runs(const runs_options_t *options, const run_facts_t *facts, size_t n,
                            bool with_settings, arena_t *arena, const log_t *log, ls_error *error) {
  difference_t difference = {.facts = facts, .n = n};
  listing_t *listing = NULL;
  bool is_text = options->format == LISTING_TEXT;
  if (with_settings) TRY(find_difference(facts, n, arena, &difference, error));
  const difference_t runs = {facts, n, difference.keys, is_text ? 0 : difference.n_keys};
  ls_status status = make_listing(&runs, is_text, arena, &listing, error);
  if (status == LS_OK && options->sort != NULL)
    status = listing_sort(listing, options->sort, options->descending, error);
  if (status == LS_OK && options->columns != NULL) status = listing_choose(listing, options->columns, error);
  if (status == LS_OK) print(listing, options->format, log);
  if (status == LS_OK && is_text) print_notes(facts, n);
  listing_destroy(&listing);
  return status == LS_OK && with_settings && is_text ? print_settings(&difference, log, error) : status;
}

ls_status runs_print(const runs_options_t *options, const log_t *log, ls_error *error) {
  arena_t arena = {0};
  run_choice_t choice = {0};
  run_facts_t *facts = NULL;
  ls_status status = run_choice_make(options->words, options->n, options->all, &arena, &choice, error);
  if (status == LS_OK && (facts = arena_new(&arena, choice.n, sizeof *facts)) == NULL)
    status = error_set(error, LS_NO_MEMORY, "no memory for a table of runs");
  for (size_t r = 0; r < choice.n && status == LS_OK; r++) {
    epochs_t epochs;
    status = run_facts_read(choice.paths[r], false, &arena, &facts[r], &epochs, error);
    if (status == LS_OK) epochs_free(&epochs);
  }
  bool with_settings = options->settings || (choice.are_named && choice.n > 1);
  if (status == LS_OK) status = print_runs(options, facts, choice.n, with_settings, &arena, log, error);
  if (status == LS_OK && choice.left_out > 0 && options->format == LISTING_TEXT) {
    fflush(stdout);
    log_info(log, "%zu earlier run%s of these names (NAME.1, NAME.2, ...) %s not shown; --all shows them",
             choice.left_out, choice.left_out == 1 ? "" : "s", choice.left_out == 1 ? "is" : "are");
  }
  arena_free(&arena);
  return status;
}
