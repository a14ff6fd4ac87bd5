/* Shows the user the progress of long work:
 *
 *     epoch 3/20 [####      ]  step 1200/4000  loss 0.1234  51,200 rows/s  ETA 2 min 10 s
 *
 * On a terminal one line is drawn again and again, after a second without a message. It is cleared before a
 * line of base/log.h, at the end of the work, and when a signal ends the process. Elsewhere, in a file or a
 * pipe, a plain line without control characters appears after each interval without a message. The interval
 * is ten seconds, or the value of train.progress_every. Work that takes less time, or prints its own messages
 * more often, shows no line.
 *
 * Global, like the terminal. Nothing is shown before progress_open, which the program calls on rank 0 alone:
 * on other ranks, and inside other programs, all functions return at once. There is one piece of work at a
 * time: progress_begin ends the one before.
 *
 * Threads: the thread that calls progress_begin owns the work. It alone draws. In other threads
 * progress_advance and progress_reach only count, and progress_end does nothing. progress_clear and
 * progress_is_due may be called by any thread, the rest by one thread at a time. */
#ifndef BASE_PROGRESS_H
#define BASE_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { PROGRESS_TEXT = 128, PROGRESS_LINE = 512 };

/* What a line shows. */
typedef struct {
  char what[PROGRESS_TEXT]; /* "epoch 3/20" */
  const char *unit;         /* of done and total: "step"; NULL: a percentage is shown instead. Static. */
  int64_t done, total;      /* total 0: not known */
  double loss, rate;        /* rate in rows per second; NaN: not shown */
  double eta;               /* seconds to the end; not shown if it is not finite */
  double seconds;           /* since the work began; shown if total is 0 */
} progress_figures_t;

/* Writes the line for a terminal of `width` columns, which takes at most width - 1 of them; width 0: the
 * plain line. The bar shrinks first. If that is not enough, these are left out in turn: rate, count, bar,
 * loss, ETA. `out` needs PROGRESS_LINE bytes, without a newline. Thread-safe. */
void progress_format(const progress_figures_t *figures, int width, char *out, size_t size);

/* Shows progress on `out` from now on: drawn in place if `out` is a terminal that knows how (TERM is not
 * dumb), otherwise as a line every 10 seconds. */
void progress_open(FILE *out);

/* Seconds between two lines; 0: nothing is shown, on a terminal either. */
void progress_set_interval(double seconds);

/* Begins every following text with `prefix`: "member 2/5"; "": with nothing. */
void progress_set_prefix(const char *prefix);

/* Begins work of `total` units; 0: how many is not known. For `unit` see progress_figures_t. */
void progress_begin(int64_t total, const char *unit, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* n more units are done, or `done` units in all. Not for the step loop. */
void progress_advance(int64_t n);
void progress_reach(int64_t done);

/* Shows that work of unknown size goes on. Called by activity_beat. */
void progress_beat(void);

/* The same as progress_reach, with figures of a training. */
void progress_figures(int64_t done, double loss, double rate, double eta);

/* Whether it is time to show work that is under way. `least`: seconds that must pass between two drawings on
 * a terminal, for work that must be interrupted to be shown. */
bool progress_is_due(double least);

/* Ends the work and clears the line. */
void progress_end(void);

/* Clears the line, because a message will be written. */
void progress_clear(void);

#endif
