/* The table of a sweep: a row for each combination, best first; and sweep.csv: a row for each trial. */
#include "sweep/sweep_impl.h"

#include "base/listing.h"
#include "base/show.h"
#include "base/terminal.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WIDEST = 28 };

static const char *value_of(const axes_t *axes, int64_t combination, size_t a) {
  return axes->chosen[combination * (int64_t)axes->n + (int64_t)a];
}

/* The columns `before`, one for each axis, and the columns `after`. */
static ls_status create(const axes_t *axes, const char *const *headings, const listing_column_t *before,
                        size_t n_before, const listing_column_t *after, size_t n_after, listing_t **out,
                        ls_error *error) {
  const size_t n = n_before + axes->n + n_after;
  listing_column_t *columns = calloc(n, sizeof *columns);
  if (columns == NULL) return error_set(error, LS_NO_MEMORY, "no memory for the table of a sweep");
  memcpy(columns, before, n_before * sizeof *before);
  for (size_t a = 0; a < axes->n; a++)
    columns[n_before + a] = (listing_column_t){.name = headings[a], .kind = LISTING_WORDS, .importance = 9};
  memcpy(columns + n_before + axes->n, after, n_after * sizeof *after);
  ls_status status = listing_create(columns, n, out, error);
  free(columns);
  return status;
}

/* ---- combinations ---- */

/* The last word of a key, or all of it if two axes share that word. */
static const char *heading(const axes_t *axes, size_t a) {
  const char *key = axes->axes[a].key, *dot = strrchr(key, '.');
  const char *word = dot != NULL ? dot + 1 : key;
  for (size_t b = 0; b < axes->n; b++) {
    const char *other = strrchr(axes->axes[b].key, '.');
    if (b != a && strcmp(other != NULL ? other + 1 : axes->axes[b].key, word) == 0) return key;
  }
  return word;
}

static ls_status add_standing(const sweep_t *sweep, const standing_t *standing, listing_t *listing,
                              ls_error *error) {
  const axes_t *axes = &sweep->axes;
  char half[32];
  TRY(listing_add_row(listing, error));
  listing_number(listing, 0, (double)(standing->combination + 1));
  for (size_t a = 0; a < axes->n; a++) {
    const char *value = value_of(axes, standing->combination, a);
    char text[WIDEST + 8];
    snprintf(text, sizeof text, "%.*s%s", WIDEST, value, strlen(value) > WIDEST ? "…" : "");
    TRY(listing_text(listing, 1 + a, text, error));
  }
  size_t c = 1 + axes->n;
  listing_number(listing, c++, standing->mean);
  snprintf(half, sizeof half, "± %.2g", standing->half);
  TRY(listing_text(listing, c++, isnan(standing->half) ? NULL : half, error));
  listing_number(listing, c++, (double)standing->n);
  listing_number(listing, c++, standing->figures[SWEEP_TRAIN_LOSS]);
  listing_number(listing, c++, (double)standing->epoch);
  listing_number(listing, c++, standing->seconds);
  TRY(listing_text(listing, c++, trial_state_names[standing->state], error));
  listing_number(listing, c++, standing->failed > 0 ? (double)standing->failed : (double)NAN);
  for (int f = SWEEP_HISTORY_WIDTH; f < SWEEP_WIDTH; f++)
    listing_number(listing, c++,
                   strcmp(sweep_figure_names[f], sweep->metric) != 0 ? standing->figures[f] : (double)NAN);
  return LS_OK;
}

static ls_status list_standings(const sweep_t *sweep, const standing_t *standings, listing_t **out,
                                ls_error *error) {
  const axes_t *axes = &sweep->axes;
  const listing_column_t before[] = {{.name = "number", .kind = LISTING_INTEGER}};
  const listing_column_t after[] = {
      {.name = sweep->metric, .kind = LISTING_NUMBER, .digits = 5, .importance = 10},
      {.name = "interval", .kind = LISTING_WORDS, .importance = 8},
      {.name = "n", .kind = LISTING_INTEGER, .importance = 5},
      {.name = "train_loss", .kind = LISTING_NUMBER, .digits = 4, .importance = 4},
      {.name = "epochs", .kind = LISTING_INTEGER, .importance = 3},
      {.name = "seconds", .kind = LISTING_NUMBER, .digits = 3, .importance = 2},
      {.name = "status", .kind = LISTING_WORDS, .importance = 6},
      {.name = "failed", .kind = LISTING_INTEGER, .importance = 7},
      {.name = "silhouette", .kind = LISTING_NUMBER, .digits = 4, .importance = 6},
      {.name = "davies_bouldin", .kind = LISTING_NUMBER, .digits = 4, .importance = 5},
      {.name = "bic", .kind = LISTING_NUMBER, .digits = 6, .importance = 5},
      {.name = "aic", .kind = LISTING_NUMBER, .digits = 6, .importance = 5},
  };
  const char **headings = calloc(axes->n, sizeof *headings);
  if (headings == NULL) return error_set(error, LS_NO_MEMORY, "no memory for the table of a sweep");
  for (size_t a = 0; a < axes->n; a++) headings[a] = heading(axes, a);
  ls_status status = create(axes, headings, before, 1, after, sizeof after / sizeof after[0], out, error);
  free(headings);
  for (int64_t i = 0; i < axes->combinations && status == LS_OK; i++)
    status = add_standing(sweep, &standings[i], *out, error);
  return status;
}

static void print_best(const sweep_t *sweep, const standing_t *best, FILE *out) {
  char text[400];
  arena_t scratch = {0};
  axes_describe(&sweep->axes, best->combination, text, sizeof text);
  show(out, "\nbest: combination %" PRId64 ", %s\n", best->combination + 1, text);
  char **words = axes_words(&sweep->axes, sweep->options->words[0], best->combination, &scratch);
  fprintf(out, "to train it: lockstep %s", sweep->fit_metric != NULL ? "cluster" : "train");
  for (size_t i = 0; words != NULL && i < 1 + sweep->axes.n_fixed + sweep->axes.n; i++) {
    fputc(' ', out);
    show_word(out, words[i]);
  }
  fputc('\n', out);
  arena_free(&scratch);
}

ls_status table_print(const sweep_t *sweep, const standing_t *standings, FILE *out, ls_error *error) {
  const size_t width = terminal_width(out);
  listing_t *listing = NULL;
  char left_out[256];
  ls_status status = list_standings(sweep, standings, &listing, error);
  if (status == LS_OK) {
    listing_print(listing, LISTING_TEXT, width, out);
    listing_left_out(listing, width, left_out, sizeof left_out);
    if (!isnan(standings[0].mean)) print_best(sweep, &standings[0], out);
    fflush(out);
    if (left_out[0] != '\0')
      log_info(sweep->options->log, "the terminal is too narrow for %s; %s/sweep.csv has all figures",
               left_out, sweep->directory);
  }
  listing_destroy(&listing);
  return status;
}

/* ---- trials ---- */

enum { BEFORE = 1, AFTER = 7 + SWEEP_WIDTH };

static ls_status add_trial(const sweep_t *sweep, const trial_result_t *result, int64_t index,
                           listing_t *listing, ls_error *error) {
  const axes_t *axes = &sweep->axes;
  const trial_t trial = trial_of(sweep, index);
  char checksum[17];
  TRY(listing_add_row(listing, error));
  listing_number(listing, 0, (double)(trial.combination + 1));
  for (size_t a = 0; a < axes->n; a++)
    TRY(listing_text(listing, BEFORE + a, value_of(axes, trial.combination, a), error));
  size_t c = BEFORE + axes->n;
  listing_number(listing, c++, (double)(trial.repeat + 1));
  listing_number(listing, c++, (double)trial.fold);
  TRY(listing_text(listing, c++, trial_state_names[result->state], error));
  listing_number(listing, c++, (double)result->epoch);
  listing_number(listing, c++, result->metric);
  for (int f = 0; f < SWEEP_WIDTH; f++) listing_number(listing, c++, result->figures[f]);
  listing_number(listing, c++, result->seconds);
  snprintf(checksum, sizeof checksum, "%016" PRIx64, result->checksum);
  return listing_text(listing, c, checksum, error);
}

static ls_status list_trials(const sweep_t *sweep, const trial_result_t *results, listing_t **out,
                             ls_error *error) {
  const axes_t *axes = &sweep->axes;
  const listing_column_t before[BEFORE] = {{.name = "combination", .kind = LISTING_INTEGER}};
  listing_column_t after[AFTER] = {{.name = "seed", .kind = LISTING_INTEGER},
                                   {.name = "fold", .kind = LISTING_INTEGER},
                                   {.name = "status", .kind = LISTING_WORDS},
                                   {.name = "epoch", .kind = LISTING_INTEGER},
                                   {.name = "metric", .kind = LISTING_NUMBER}};
  for (int f = 0; f < SWEEP_WIDTH; f++)
    after[5 + f] = (listing_column_t){.name = sweep_figure_names[f], .kind = LISTING_NUMBER};
  after[5 + SWEEP_WIDTH] = (listing_column_t){.name = "seconds", .kind = LISTING_NUMBER};
  after[6 + SWEEP_WIDTH] = (listing_column_t){.name = "parameters_checksum", .kind = LISTING_WORDS};
  const char **keys = calloc(axes->n, sizeof *keys);
  if (keys == NULL) return error_set(error, LS_NO_MEMORY, "no memory for the table of a sweep");
  for (size_t a = 0; a < axes->n; a++) keys[a] = axes->axes[a].key;
  ls_status status = create(axes, keys, before, BEFORE, after, AFTER, out, error);
  free(keys);
  for (int64_t i = 0; i < sweep->trials && status == LS_OK; i++)
    status = add_trial(sweep, &results[i], i, *out, error);
  return status;
}

ls_status table_csv(const sweep_t *sweep, const trial_result_t *results, char **text, ls_error *error) {
  listing_t *listing = NULL;
  size_t size = 0;
  ls_status status = list_trials(sweep, results, &listing, error);
  FILE *out = status == LS_OK ? open_memstream(text, &size) : NULL;
  if (status == LS_OK && out == NULL) status = error_set(error, LS_NO_MEMORY, "no memory for sweep.csv");
  if (out != NULL) {
    listing_print(listing, LISTING_CSV, 0, out);
    if (fclose(out) != 0) status = error_set(error, LS_NO_MEMORY, "no memory for sweep.csv");
  }
  listing_destroy(&listing);
  return status;
}
