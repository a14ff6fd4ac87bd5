#include "inspect/history.h"
#include "base/terminal.h"

#include "inspect/names.h"
#include "inspect/run_facts.h"
#include "inspect/tensorboard.h"
#include "store/store.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool history_format_choice(size_t i, choice_t *out) {
  if (i != HISTORY_TENSORBOARD) return listing_format_choice(i, out);
  *out = (choice_t){"tensorboard", "an event file of TensorBoard in the folder --out"};
  return true;
}

/* ---- a table ---- */

static bool is_whole(const char *name) {
  return strcmp(name, "epoch") == 0 || strcmp(name, "step") == 0 || strcmp(name, "rows") == 0;
}

/* In a narrow text the losses stay longest, and the seconds of phases go first. */
static int importance_of(const char *name, size_t place) {
  if (strncmp(name, "seconds_", 8) == 0) return 1;
  return place < 3 ? 100 : 90 - (int)(place < 80 ? place : 80);
}

static bool has_values(const double *values, size_t n) {
  for (size_t e = 0; e < n; e++)
    if (!isnan(values[e])) return true;
  return false;
}

static ls_status fill(listing_t *listing, const epochs_t *epochs, ls_error *error) {
  for (size_t e = 0; e < epochs->n; e++) {
    char checksum[17];
    TRY(listing_add_row(listing, error));
    for (size_t c = 0; c < epochs->n_columns; c++) listing_number(listing, c, epochs->columns[c].values[e]);
    snprintf(checksum, sizeof checksum, "%016" PRIx64, epochs->checksums[e]);
    TRY(listing_text(listing, epochs->n_columns, epochs->checksums[e] == 0 ? NULL : checksum, error));
    listing_number(listing, epochs->n_columns + 1, epochs->times[e]);
  }
  return LS_OK;
}

static ls_status make_listing(const epochs_t *epochs, listing_format_t format, listing_t **out,
                              ls_error *error) {
  listing_column_t *columns = calloc(epochs->n_columns + 2, sizeof *columns);
  if (columns == NULL) return error_set(error, LS_NO_MEMORY, "no memory for a history");
  for (size_t c = 0; c < epochs->n_columns; c++)
    columns[c] =
        (listing_column_t){.name = epochs->columns[c].name,
                           .kind = is_whole(epochs->columns[c].name) ? LISTING_INTEGER : LISTING_NUMBER,
                           .digits = 5,
                           .importance = importance_of(epochs->columns[c].name, c)};
  columns[epochs->n_columns] = (listing_column_t){.name = "parameters_checksum", .kind = LISTING_WORDS};
  columns[epochs->n_columns + 1] =
      (listing_column_t){.name = "time",
                         .kind = LISTING_NUMBER,
                         .digits = 13,
                         .is_hidden = format == LISTING_TEXT || !has_values(epochs->times, epochs->n)};
  ls_status status = listing_create(columns, epochs->n_columns + 2, out, error);
  free(columns);
  return status == LS_OK ? fill(*out, epochs, error) : status;
}

static ls_status write_text(const listing_t *listing, listing_format_t format, const char *path,
                            ls_error *error) {
  char *text = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);
  if (out == NULL) return error_set(error, LS_NO_MEMORY, "no memory for a history");
  listing_print(listing, format, 0, out);
  ls_status status = fclose(out) == 0 ? LS_OK : error_set(error, LS_NO_MEMORY, "no memory for a history");
  if (status == LS_OK) status = store_write_file(path, text, error);
  free(text);
  return status;
}

static void print_text(const listing_t *listing, listing_format_t format, const log_t *log) {
  char names[1024];
  size_t width = format == LISTING_TEXT ? terminal_width(stdout) : 0;
  listing_print(listing, format, width, stdout);
  listing_left_out(listing, width, names, sizeof names);
  fflush(stdout);
  if (names[0] != '\0')
    log_info(log, "left out, because the terminal has %zu columns (--columns chooses): %s", width, names);
}

static ls_status put_table(const history_options_t *options, const epochs_t *epochs, const log_t *log,
                           ls_error *error) {
  listing_t *listing = NULL;
  listing_format_t format = (listing_format_t)options->format;
  ls_status status = make_listing(epochs, format, &listing, error);
  if (status == LS_OK && options->columns != NULL) status = listing_choose(listing, options->columns, error);
  if (status == LS_OK && options->out != NULL)
    status = write_text(listing, format, options->out, error);
  else if (status == LS_OK)
    print_text(listing, format, log);
  listing_destroy(&listing);
  return status;
}

/* ---- TensorBoard ---- */

/* FOLDER/NAME/events...: TensorBoard takes each folder for a run. The file has one name, so that an earlier
 * export of the run is replaced. */
static ls_status put_events(const history_options_t *options, const run_facts_t *facts,
                            const epochs_t *epochs, const log_t *log, ls_error *error) {
  char path[2 * NAMED_PATH_SIZE];
  int length = snprintf(path, NAMED_PATH_SIZE, "%s/%s", options->out, facts->name);
  if (length >= NAMED_PATH_SIZE) return error_set(error, LS_USAGE, "--out: the path is too long");
  TRY(store_make_directory(path, error));
  snprintf(path + length, sizeof path - (size_t)length, "/events.out.tfevents.0.lockstep");
  double ended = facts->figures[FIGURE_ENDED];
  TRY(tensorboard_write(epochs, isnan(ended) ? facts->log.time : ended, path, error));
  log_info(log, "%s has %zu epochs; `tensorboard --logdir %s` shows them", path, epochs->n, options->out);
  return LS_OK;
}

/* ---- the whole ---- */

static ls_status put(const history_options_t *options, const run_facts_t *facts, const epochs_t *epochs,
                     const log_t *log, ls_error *error) {
  if (epochs->damage[0] != '\0') log_warn(log, "%s; the epochs are those of log.jsonl", epochs->damage);
  if (epochs->n == 0 && facts->is_trained)
    return error_set(error, LS_BAD_DATA, "%s has not completed an epoch yet", facts->path);
  if (epochs->n == 0 && document_find(facts->summary, "members") != NULL)
    return error_set(error, LS_BAD_DATA,
                     "%s has no epochs of its own: those of its members are in %s-member-1 and so on",
                     facts->path, facts->path);
  if (epochs->n == 0)
    return error_set(error, LS_BAD_DATA, "%s has no epochs: its weights were solved for at once",
                     facts->path);
  return options->format == HISTORY_TENSORBOARD ? put_events(options, facts, epochs, log, error)
                                                : put_table(options, epochs, log, error);
}

ls_status history_print(const history_options_t *options, const log_t *log, ls_error *error) {
  char directory[NAMED_PATH_SIZE];
  arena_t arena = {0};
  run_facts_t facts;
  epochs_t epochs;
  TRY(run_named(options->run, directory, error));
  if (!run_is_one(directory))
    return error_set(error, LS_USAGE,
                     "%.200s is not the directory of a run: none of the files of a run is in it", directory);
  ls_status status = run_facts_read(directory, true, &arena, &facts, &epochs, error);
  if (status == LS_OK) {
    status = put(options, &facts, &epochs, log, error);
    epochs_free(&epochs);
  }
  arena_free(&arena);
  return status;
}
