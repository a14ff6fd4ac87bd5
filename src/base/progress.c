#include "base/progress.h"

#include "base/clock.h"
#include "base/terminal.h"
#include "base/text.h"

#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const double FIRST_SECONDS = 1;   /* of silence, until something is drawn on a terminal */
static const double DRAW_SECONDS = 0.1;  /* between two drawings */
static const double LINE_SECONDS = 10.0; /* between two lines, if no setting says otherwise */

/* ---- the text ---- */

/* The parts behind the text and the bar, in the order in which they are shown. */
enum { COUNT, LOSS, RATE, ETA, PARTS, BAR = PARTS };

/* The order in which they are left out if the terminal is too narrow. */
static const int left_out[] = {RATE, COUNT, BAR, LOSS, ETA};
enum { LEFT_OUT = sizeof left_out / sizeof left_out[0] };

enum {
  MOST_TEXT = 24,
  /* columns of the text, or half of the terminal if that is more */ LEAST_BAR = 6,
  MOST_BAR = 30,
  PART_SIZE = 64
};

static void write_parts(const progress_figures_t *figures, char parts[PARTS][PART_SIZE]) {
  char number[32];
  const double loss = figures->loss, size = fabs(loss);
  for (int p = 0; p < PARTS; p++) parts[p][0] = '\0';
  if (figures->total > 0 && figures->unit != NULL)
    snprintf(parts[COUNT], PART_SIZE, "%s %" PRId64 "/%" PRId64, figures->unit, figures->done,
             figures->total);
  else if (figures->total > 0)
    snprintf(parts[COUNT], PART_SIZE, "%.0f %%",
             floor(100 * fmin(1, (double)figures->done / (double)figures->total)));
  if (!isnan(loss))
    snprintf(parts[LOSS], PART_SIZE, size == 0 || (size >= 0.001 && size < 1e5) ? "loss %.4f" : "loss %.3e",
             loss);
  if (!isnan(figures->rate)) {
    text_write_grouped(figures->rate, number, sizeof number);
    snprintf(parts[RATE], PART_SIZE, "%s rows/s", number);
  }
  if (figures->total == 0 || isfinite(figures->eta)) {
    text_write_duration(figures->total == 0 ? figures->seconds : figures->eta, number, sizeof number);
    snprintf(parts[ETA], PART_SIZE, "%s %s", figures->total == 0 ? "for" : "ETA", number);
  }
}

/* Columns of the text and the parts, each of which has two spaces before it. */
static int parts_columns(const char *what, char parts[PARTS][PART_SIZE]) {
  int n = text_columns(what);
  for (int p = 0; p < PARTS; p++)
    if (parts[p][0] != '\0') n += 2 + text_columns(parts[p]);
  return n;
}

void progress_format(const progress_figures_t *figures, int width, char *out, size_t size) {
  char parts[PARTS][PART_SIZE], what[PROGRESS_TEXT], bar[MOST_BAR + 4] = "";
  const int room = width > 0 ? width - 1 : INT_MAX, frame = 3; /* " [" and "]" */
  bool has_bar = width > 0 && figures->total > 0;
  write_parts(figures, parts);
  snprintf(what, sizeof what, "%s", figures->what);
  int most = room / 2 > MOST_TEXT ? room / 2 : MOST_TEXT;
  text_clip(what, most < room ? most : room);
  for (int i = 0; i < LEFT_OUT; i++) {
    if (parts_columns(what, parts) + (has_bar ? LEAST_BAR + frame : 0) <= room) break;
    if (left_out[i] == BAR)
      has_bar = false;
    else
      parts[left_out[i]][0] = '\0';
  }
  if (has_bar) {
    int spare = room - frame - parts_columns(what, parts), length = spare < MOST_BAR ? spare : MOST_BAR;
    int full = (int)(fmin(1, (double)figures->done / (double)figures->total) * length);
    snprintf(bar, sizeof bar, " [%-*.*s]", length, full, "##############################");
  }
  int used = snprintf(out, size, "%s%s", what, bar);
  for (int p = 0; p < PARTS && used < (int)size; p++)
    if (parts[p][0] != '\0') used += snprintf(out + used, size - (size_t)used, "  %s", parts[p]);
}

/* ---- where it is shown ---- */

static const char clearing[] = "\r\033[K"; /* to the beginning of the line; erase to its end */

static struct {
  FILE *out; /* NULL: nothing is shown */
  bool is_terminal;
  double interval; /* seconds between two lines */
  char prefix[PROGRESS_TEXT / 2];
  progress_figures_t now;
  double begun;
} own = {.interval = 10};

static atomic_llong done;
static _Atomic double shown, next; /* when work was last shown, and when it will be due */
static _Atomic double said;        /* when a line was last written, by anybody who called progress_clear */
static atomic_bool is_drawn;       /* a line is on the terminal */
static _Thread_local char self;    /* its address is the name of a thread */
static char *_Atomic owner;        /* of the work under way; NULL: there is none */

void progress_open(FILE *out) {
  const char *kind = getenv("TERM");
  own.out = out;
  own.is_terminal = isatty(fileno(out)) == 1 && kind != NULL && strcmp(kind, "dumb") != 0;
  own.interval = LINE_SECONDS;
  atomic_store(&said, clock_seconds());
}

void progress_set_interval(double seconds) {
  own.interval = seconds;
}

void progress_set_prefix(const char *prefix) {
  snprintf(own.prefix, sizeof own.prefix, "%s%s", prefix, prefix[0] != '\0' ? "  " : "");
}

static void clear(void) {
  if (!atomic_exchange(&is_drawn, false)) return;
  fputs(clearing, own.out);
  fflush(own.out);
}

/* Clears the line, and lets the signal end the process as it would have without this. */
static void end_by_signal(int number) {
  ssize_t written = 0;
  if (atomic_exchange(&is_drawn, false)) written = write(fileno(own.out), clearing, sizeof clearing - 1);
  (void)written; /* the terminal may be gone */
  raise(number);
}

/* Signals that end the process leave a cleared line, too, unless the program has a handler of its own. */
static void watch_signals(void) {
  static const int ending[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
  struct sigaction now, ours = {.sa_handler = end_by_signal, .sa_flags = (int)SA_RESETHAND};
  sigemptyset(&ours.sa_mask);
  for (size_t i = 0; i < sizeof ending / sizeof ending[0]; i++)
    if (sigaction(ending[i], NULL, &now) == 0 && now.sa_handler == SIG_DFL) sigaction(ending[i], &ours, NULL);
}

static void show(double now) {
  char line[PROGRESS_LINE];
  own.now.done = atomic_load(&done);
  own.now.seconds = now - own.begun;
  progress_format(&own.now, own.is_terminal ? (int)terminal_width(own.out) : 0, line, sizeof line);
  if (own.is_terminal) {
    watch_signals();
    atomic_store(&is_drawn, true);
    fprintf(own.out, "\r%s\033[K", line);
  } else {
    fprintf(own.out, "%s\n", line);
    atomic_store(&said, now);
  }
  fflush(own.out);
  atomic_store(&shown, now);
  atomic_store(&next, now + (own.is_terminal ? DRAW_SECONDS : own.interval));
}

/* Shows the work if it is time; the end is expected as if it went on as fast as so far. */
static void show_if_due(void) {
  const double now = clock_seconds(), part = (double)atomic_load(&done), all = (double)own.now.total;
  if (now < atomic_load(&next)) return;
  own.now.eta = part > 0 && part <= all ? (now - own.begun) * (all - part) / part : NAN;
  show(now);
}

static bool is_owner(void) {
  return atomic_load_explicit(&owner, memory_order_relaxed) == &self;
}

void progress_begin(int64_t total, const char *unit, const char *format, ...) {
  va_list arguments;
  if (own.out == NULL || own.interval <= 0) return;
  clear();
  own.begun = clock_seconds();
  own.now = (progress_figures_t){.unit = unit, .total = total, .loss = NAN, .rate = NAN, .eta = NAN};
  int used = snprintf(own.now.what, sizeof own.now.what, "%s", own.prefix);
  va_start(arguments, format);
  vsnprintf(own.now.what + used, sizeof own.now.what - (size_t)used, format, arguments);
  va_end(arguments);
  text_without_controls(own.now.what);
  atomic_store(&done, 0);
  atomic_store(&next, atomic_load(&said) + (own.is_terminal ? FIRST_SECONDS : own.interval));
  atomic_store(&owner, &self);
}

void progress_advance(int64_t n) {
  if (atomic_load_explicit(&owner, memory_order_relaxed) == NULL) return;
  atomic_fetch_add_explicit(&done, n, memory_order_relaxed);
  if (is_owner()) show_if_due();
}

void progress_reach(int64_t reached) {
  if (atomic_load_explicit(&owner, memory_order_relaxed) == NULL) return;
  atomic_store_explicit(&done, reached, memory_order_relaxed);
  if (is_owner()) show_if_due();
}

void progress_beat(void) {
  if (is_owner() && own.now.total == 0) show_if_due();
}

void progress_figures(int64_t reached, double loss, double rate, double eta) {
  if (!is_owner() || clock_seconds() < atomic_load(&next)) return;
  atomic_store(&done, reached);
  own.now.loss = loss;
  own.now.rate = rate;
  own.now.eta = eta;
  show(clock_seconds());
}

bool progress_is_due(double least) {
  if (atomic_load_explicit(&owner, memory_order_relaxed) == NULL) return false;
  const double now = clock_seconds();
  return now >= atomic_load(&next) && (!own.is_terminal || now >= atomic_load(&shown) + least);
}

void progress_end(void) {
  if (!is_owner()) return;
  clear();
  atomic_store(&owner, NULL);
}

void progress_clear(void) {
  clear();
  atomic_store(&said, clock_seconds());
}
