#include "inspect/watch_page.h"

#include "base/clock.h"
#include "base/progress.h"
#include "base/text.h"
#include "inspect/chart.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { LINE_SIZE = 1024, MOST_CURVES = 8, RECENT_EPOCHS = 5, PLAIN_WIDTH = 80 };

/* ---- figures ---- */

/* The value of a column in epoch e; NaN if there is no such column. */
static double figure(const epochs_t *epochs, const char *name, size_t e) {
  const double *values = epochs_column(epochs, name);
  return values == NULL || e >= epochs->n ? NAN : values[e];
}

static double last_figure(const epochs_t *epochs, const char *name) {
  return epochs->n == 0 ? NAN : figure(epochs, name, epochs->n - 1);
}

static bool has_values(const epochs_t *epochs, const char *name) {
  const double *values = epochs_column(epochs, name);
  for (size_t e = 0; values != NULL && e < epochs->n; e++)
    if (isfinite(values[e])) return true;
  return false;
}

/* The column that says how good the model is: the network's, or that of its first head that has one; NULL if
 * there is none. */
static const char *metric_of(const epochs_t *epochs) {
  static const char *const metrics[] = {"valid_accuracy", "valid_r2", "valid_rmse"};
  enum { METRICS = sizeof metrics / sizeof metrics[0] };
  for (size_t m = 0; m < METRICS; m++)
    if (has_values(epochs, metrics[m])) return metrics[m];
  for (size_t c = 0; c < epochs->n_columns; c++) {
    const char *name = epochs->columns[c].name, *slash = strrchr(name, '/');
    for (size_t m = 0; slash != NULL && m < METRICS; m++)
      if (strcmp(slash + 1, metrics[m]) == 0 && has_values(epochs, name)) return name;
  }
  return NULL;
}

static double rate_of(const epochs_t *epochs, size_t e) {
  double seconds = figure(epochs, "seconds", e);
  return seconds > 0 ? figure(epochs, "rows", e) / seconds : NAN;
}

/* Seconds from the end of an epoch to that of the next, validation and saving included: the mean over the
 * newest epochs of this process. Without times of ends, the seconds of the steps alone. */
static double epoch_seconds(const epochs_t *epochs) {
  size_t n = epochs->n, first = n > RECENT_EPOCHS ? n - 1 - RECENT_EPOCHS : 0;
  if (n == 0) return NAN;
  double sum = 0;
  size_t found = 0;
  for (size_t e = first + 1; e < n; e++) {
    double between = epochs->times[e] - epochs->times[e - 1], steps = figure(epochs, "seconds", e);
    if (!(between >= 0) || between > 10 * steps + 60) continue; /* the run was resumed between them */
    sum += between;
    found++;
  }
  return found > 0 ? sum / (double)found : figure(epochs, "seconds", n - 1);
}

static double steps_per_epoch(const epochs_t *epochs) {
  size_t n = epochs->n;
  if (n == 0) return NAN;
  double before = n > 1 ? figure(epochs, "step", n - 2) : 0,
         number = n > 1 ? figure(epochs, "epoch", n - 2) : 0;
  return (figure(epochs, "step", n - 1) - before) / (figure(epochs, "epoch", n - 1) - number);
}

/* Updates that the run will do, if no rule ends it earlier; NaN: not known yet. */
static double steps_in_all(const watched_t *watched) {
  const char *limit = run_settings_value(&watched->facts.settings, "train.steps");
  double all = watched->facts.figures[FIGURE_ASKED] * steps_per_epoch(&watched->epochs), most = NAN;
  if (limit != NULL && text_double(limit, &most) && most > 0)
    return fmin(all, most); /* fmin passes over NaN */
  return all;
}

/* Seconds until the run ends: what is left, at the pace of the newest epochs. The clock of the host that
 * wrote the times may differ from ours, so what has passed since the newest epoch counts as at most one
 * epoch. */
static double seconds_left(const watched_t *watched) {
  const epochs_t *epochs = &watched->epochs;
  double each = steps_per_epoch(epochs), pace = epoch_seconds(epochs);
  if (watched->facts.state != RUN_RUNNING || epochs->n == 0 || !(each > 0)) return NAN;
  double left = (steps_in_all(watched) - last_figure(epochs, "step")) / each * pace;
  double since = watched->now - epochs->times[epochs->n - 1];
  if (since > 0) left -= fmin(since, pace);
  return isnan(left) ? NAN : fmax(0, left);
}

/* ---- lines ---- */

/* Prints a line of at most `width` columns. */
__attribute__((format(printf, 3, 4))) static void print_line(FILE *out, size_t width, const char *format,
                                                             ...) {
  char text[LINE_SIZE];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  text_without_controls(text);
  text_clip(text, (int)width);
  fprintf(out, "%s\n", text);
}

/* Adds to a text, which holds LINE_SIZE. */
__attribute__((format(printf, 2, 3))) static void add(char *text, const char *format, ...) {
  size_t used = strlen(text);
  va_list args;
  va_start(args, format);
  vsnprintf(text + used, LINE_SIZE - used, format, args);
  va_end(args);
}

void watch_print_state(const watched_t *watched, size_t width, FILE *out) {
  const run_facts_t *facts = &watched->facts;
  char text[LINE_SIZE] = "", ago[64];
  double ended = facts->figures[FIGURE_ENDED];
  add(text, "%.200s: %s", facts->name, run_state_name(facts->state));
  if (facts->owner != NULL)
    add(text, ", %.300s", facts->owner);
  else
    add(text, ": %s", run_facts_reason(facts));
  text_write_duration(fmax(0, watched->now - ended), ago, sizeof ago);
  if (!isnan(ended)) add(text, "; %s %s ago", facts->state == RUN_INTERRUPTED ? "last event" : "ended", ago);
  print_line(out, width, "%s", text);
}

/* "epoch 12/40" */
static void write_epoch(const watched_t *watched, double number, char *out, size_t size) {
  double asked = watched->facts.figures[FIGURE_ASKED];
  if (isnan(asked))
    snprintf(out, size, "epoch %.0f", number);
  else
    snprintf(out, size, "epoch %.0f/%.0f", number, asked);
}

static void print_progress(const watched_t *watched, size_t width, FILE *out) {
  const epochs_t *epochs = &watched->epochs;
  char line[PROGRESS_LINE];
  double all = steps_in_all(watched), done = watched->facts.figures[FIGURE_STEPS],
         number = last_figure(epochs, "epoch");
  progress_figures_t figures = {.unit = "step",
                                .loss = last_figure(epochs, "train_loss"),
                                .rate = epochs->n > 0 ? rate_of(epochs, epochs->n - 1) : NAN,
                                .eta = seconds_left(watched)};
  if (!(all >= 1 && all < 1e15)) {
    print_line(out, width, "no epoch yet, %.0f steps", isnan(done) ? 0 : done);
    return;
  }
  write_epoch(watched, isnan(number) ? 0 : number, figures.what, sizeof figures.what);
  figures.total = (int64_t)(all + 0.5);
  figures.done = done > 0 ? (int64_t)fmin(done, all) : 0;
  progress_format(&figures, (int)width + 1, line, sizeof line);
  print_line(out, width, "%s", line);
}

/* Adds "name value" pairs of columns, as far as the epoch has them and the text stays below `width`. */
static void add_figures(char *text, size_t width, const epochs_t *epochs, size_t e, const char *const *names,
                        size_t n) {
  char pair[EPOCH_NAME_SIZE + 32];
  for (size_t i = 0; i < n; i++) {
    double value = names[i] == NULL ? NAN : figure(epochs, names[i], e);
    snprintf(pair, sizeof pair, "%s%s %.5g", text[0] == '\0' ? "" : "  ", names[i] == NULL ? "" : names[i],
             value);
    if (!isnan(value) && strlen(text) + strlen(pair) <= width) add(text, "%s", pair);
  }
}

void watch_print_epoch(const watched_t *watched, size_t e, FILE *out) {
  const epochs_t *epochs = &watched->epochs;
  const char *const names[] = {"train_loss", "valid_loss", metric_of(epochs)};
  char text[LINE_SIZE] = "", head[64], number[32];
  write_epoch(watched, figure(epochs, "epoch", e), head, sizeof head);
  add_figures(text, LINE_SIZE, epochs, e, names, 3);
  double rate = rate_of(epochs, e), left = seconds_left(watched);
  if (!isnan(rate)) {
    text_write_grouped(rate, number, sizeof number);
    add(text, "  %s rows/s", number);
  }
  if (e + 1 == epochs->n && isfinite(left)) {
    text_write_duration(left, number, sizeof number);
    add(text, "  ETA %s", number);
  }
  print_line(out, LINE_SIZE, "%s  %s", head, text);
}

static void print_newest(const watched_t *watched, size_t width, FILE *out) {
  const epochs_t *epochs = &watched->epochs;
  const char *const names[] = {"valid_loss", metric_of(epochs), "learning_rate", "gradient_norm"};
  const double *loss = epochs_column(epochs, "valid_loss");
  char text[LINE_SIZE] = "";
  size_t best = epochs->n;
  if (epochs->n == 0) return;
  add_figures(text, width > 8 ? width - 8 : 0, epochs, epochs->n - 1, names, 4);
  if (text[0] != '\0') print_line(out, width, "newest  %s", text);
  for (size_t e = 0; loss != NULL && e < epochs->n; e++)
    if (isfinite(loss[e]) && (best == epochs->n || loss[e] < loss[best])) best = e;
  if (best < epochs->n)
    print_line(out, width, "best    valid_loss %.5g in epoch %.0f", loss[best],
               figure(epochs, "epoch", best));
}

/* ---- phases ---- */

typedef struct {
  const char *name;
  double share;
} phase_share_t;

static int by_share(const void *first, const void *second) {
  double a = ((const phase_share_t *)first)->share, b = ((const phase_share_t *)second)->share;
  return (a < b) - (a > b);
}

/* The shares of the newest epoch's seconds, the largest first, down to one percent. */
static void print_phases(const watched_t *watched, size_t width, FILE *out) {
  static const char prefix[] = "seconds_";
  const epochs_t *epochs = &watched->epochs;
  double seconds = last_figure(epochs, "seconds");
  phase_share_t phases[16];
  size_t n = 0;
  char text[LINE_SIZE] = "";
  for (size_t c = 0; c < epochs->n_columns && n < sizeof phases / sizeof phases[0]; c++) {
    const char *name = epochs->columns[c].name;
    if (strncmp(name, prefix, sizeof prefix - 1) != 0) continue;
    phases[n++] = (phase_share_t){name + sizeof prefix - 1, last_figure(epochs, name) / seconds};
  }
  if (n > 0) qsort(phases, n, sizeof *phases, by_share);
  for (size_t i = 0; i < n; i++)
    if (phases[i].share >= 0.01)
      add(text, "%s%s %.0f %%", text[0] == '\0' ? "" : "  ", phases[i].name, 100 * phases[i].share);
  if (text[0] != '\0') print_line(out, width, "phases  %s", text);
}

/* ---- what it has saved, and what else is to be known ---- */

static void print_saved(const watched_t *watched, size_t width, FILE *out) {
  char path[NAMED_PATH_SIZE + 64], name[64], ago[64] = "";
  struct stat about;
  if (watched->files.newest < 0) return;
  snprintf(name, sizeof name, "checkpoint-%08" PRId64 ".h5", watched->files.newest);
  snprintf(path, sizeof path, "%s/%s", watched->facts.path, name);
  if (stat(path, &about) == 0) {
    text_write_duration(fmax(0, watched->now - (double)about.st_mtime), ago, sizeof ago);
    print_line(out, width, "saved   %s, %s ago", name, ago);
  }
}

static void print_notes(const watched_t *watched, size_t width, FILE *out) {
  const run_facts_t *facts = &watched->facts;
  char path[NAMED_PATH_SIZE + 16];
  struct stat about;
  snprintf(path, sizeof path, "%s-member-1", facts->path);
  if (watched->epochs.n == 0 && stat(path, &about) == 0)
    print_line(out, width, "note    an ensemble: each member is a run, `lockstep watch %s-member-1`",
               facts->name);
  if (facts->note != NULL) print_line(out, width, "note    %s", facts->note);
  if (facts->state != RUN_RUNNING && facts->state != RUN_FINISHED)
    print_line(out, width, "next    `lockstep info %s` has the command to go on", facts->name);
}

/* ---- curves ---- */

/* The columns that are drawn; the names are in `buffer` or in the table of columns. */
static size_t choose_curves(const watch_page_t *page, const epochs_t *epochs, char *buffer,
                            const char *names[MOST_CURVES]) {
  const char *const usual[] = {"train_loss", "valid_loss", metric_of(epochs)};
  size_t n = 0;
  if (page->columns == NULL) {
    for (size_t i = 0; i < 3; i++)
      if (usual[i] != NULL && (i == 0 || has_values(epochs, usual[i]))) names[n++] = usual[i];
    return n;
  }
  snprintf(buffer, LINE_SIZE, "%s", page->columns);
  for (char *rest = buffer, *name = NULL; n < MOST_CURVES && (name = strsep(&rest, ",")) != NULL;)
    if (name[0] != '\0') names[n++] = name;
  return n;
}

ls_status watch_page_check(const watch_page_t *page, const epochs_t *epochs, ls_error *error) {
  char buffer[LINE_SIZE];
  const char *names[MOST_CURVES];
  size_t n = page->columns == NULL || epochs->n == 0 ? 0 : choose_curves(page, epochs, buffer, names);
  for (size_t i = 0; i < n; i++) {
    const char *nearest = NULL;
    size_t least = strlen(names[i]) / 3 + 2;
    if (epochs_column(epochs, names[i]) != NULL) continue;
    for (size_t c = 0; c < epochs->n_columns; c++) {
      size_t distance = text_distance(names[i], epochs->columns[c].name);
      if (distance >= least) continue;
      least = distance;
      nearest = epochs->columns[c].name;
    }
    return error_set(error, LS_USAGE, "--columns: the run has no column '%.80s'%s%.80s%s", names[i],
                     nearest == NULL ? "; `lockstep history` lists them" : "; did you mean ",
                     nearest == NULL ? "" : nearest, nearest == NULL ? "" : "?");
  }
  return LS_OK;
}

/* Losses have the same limits, so they can be compared; but not if one of them falls so far that the others
 * would be flat. */
static void fill_charts(const epochs_t *epochs, const char *const *names, size_t n, chart_t *charts) {
  const double *losses[MOST_CURVES];
  size_t n_losses = 0;
  for (size_t i = 0; i < n; i++) {
    charts[i].title = names[i];
    charts[i].values = epochs_column(epochs, names[i]);
    charts[i].n = charts[i].values == NULL ? 0 : epochs->n;
    charts[i].limits = chart_limits(&charts[i].values, 1, charts[i].n);
    bool is_loss = strcmp(names[i], "train_loss") == 0 || strcmp(names[i], "valid_loss") == 0;
    if (is_loss && charts[i].n > 0) losses[n_losses++] = charts[i].values;
  }
  chart_limits_t shared = chart_limits(losses, n_losses, epochs->n);
  for (size_t i = 0; i < n && !shared.is_logarithmic; i++)
    for (size_t k = 0; k < n_losses; k++)
      if (charts[i].values == losses[k]) charts[i].limits = shared;
}

/* Charts first ... first + across - 1 side by side. */
static void print_row(const chart_t *charts, size_t across, double first, double last, bool with_ends,
                      FILE *out) {
  size_t lines = charts[0].height + 1 + (with_ends ? 1 : 0);
  for (size_t line = 0; line < lines; line++) {
    for (size_t i = 0; i < across; i++) {
      if (i > 0) fputs("  ", out);
      if (line == 0)
        chart_print_title(&charts[i], out);
      else if (line <= charts[i].height)
        chart_print_line(&charts[i], line - 1, out);
      else
        chart_print_ends(&charts[i], first, last, out);
    }
    fputc('\n', out);
  }
}

/* Prints the curves in `lines` lines, side by side if there is room for it. */
static void print_curves(const watch_page_t *page, const epochs_t *epochs, size_t lines, FILE *out) {
  enum { LEAST_WIDTH = 56, GAP = 2, MOST_HEIGHT = 10 };
  char buffer[LINE_SIZE];
  const char *names[MOST_CURVES];
  chart_t charts[MOST_CURVES] = {{0}};
  if (epochs->n == 0 || page->width <= 2 * CHART_FRAME || lines < 3) return;
  size_t n = choose_curves(page, epochs, buffer, names);
  size_t across = (page->width + GAP) / (LEAST_WIDTH + GAP);
  if (across > n) across = n;
  if (across == 0) across = 1;
  while (n > across && (lines - 1) / ((n + across - 1) / across) < 3)
    n--; /* a title and two lines at least */
  size_t down = n == 0 ? 0 : (n + across - 1) / across;
  fill_charts(epochs, names, n, charts);
  for (size_t i = 0; i < n; i++) {
    size_t height = (lines - 1) / down - 1;
    charts[i].width = (page->width + GAP) / across - GAP;
    charts[i].height = height > MOST_HEIGHT ? MOST_HEIGHT : height;
    charts[i].is_utf8 = page->is_utf8;
  }
  double first = figure(epochs, "epoch", 0), last = last_figure(epochs, "epoch");
  for (size_t i = 0; i < n; i += across) {
    size_t here = n - i < across ? n - i : across;
    print_row(charts + i, here, first, last, i + across >= n, out);
  }
}

/* ---- the page ---- */

void watch_page_print(const watch_page_t *page, const watched_t *watched, FILE *out) {
  enum { LINES = 20 }; /* of the curves, if nothing limits them */
  char *text = NULL;
  size_t size = 0, used = 0;
  FILE *head = open_memstream(&text, &size);
  if (head == NULL) return;
  size_t width = page->width == 0 ? PLAIN_WIDTH : page->width;
  watch_print_state(watched, width, head);
  if (watched->facts.is_trained) print_progress(watched, width, head);
  print_newest(watched, width, head);
  print_phases(watched, width, head);
  if (watched->facts.log.layout[0] != '\0') print_line(head, width, "layout  %s", watched->facts.log.layout);
  print_saved(watched, width, head);
  print_notes(watched, width, head);
  fclose(head);
  for (const char *at = text; at != NULL && *at != '\0'; at++) used += *at == '\n';
  if (text != NULL) fputs(text, out);
  free(text);
  size_t room = page->height == 0 ? LINES : page->height > used ? page->height - used : 0;
  print_curves(page, &watched->epochs, room, out);
}
