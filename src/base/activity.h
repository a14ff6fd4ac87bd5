/* What this process is doing, for the other processes of its job.
 *
 * A rank that waits too long for another one wants to say which rank it is and what that rank does. But a
 * rank that is stopped, or blocked in a disk call, cannot answer. So each process keeps one page up to date,
 * in memory that others on the host can read through /proc, also when the process does not run any more:
 *
 *     process 4711, rank 0                         process 4712, rank 1
 *     +----------------------------------+         +------------------------------+
 *     | "writing checkpoint-000400.h5"   |         | waits: seen 0.1 s ago        |
 *     | since 31 s, beats 8812, …        | <------ | reads /proc/4711/fd/5        |
 *     +----------------------------------+         +------------------------------+
 *
 * Three kinds of signs tell how a rank is. Beats: its work goes on. Seen: it waits for other ranks, and is
 * alive while it does. Neither for a long time: it is stuck. comm/board.h judges them.
 *
 * The main thread is the one that called activity_begin. Of other threads only beats count. */
#ifndef BASE_ACTIVITY_H
#define BASE_ACTIVITY_H

#include <stdatomic.h>
#include <stdbool.h>

enum { ACTIVITY_TEXT = 160 };

/* Times are those of clock_seconds, which all processes of a host share. Written by the process itself alone.
 */
typedef struct {
  char magic[16]; /* ACTIVITY_MAGIC */
  int process;
  atomic_int rank;      /* in the whole world; before that is known, as the launcher counts; -1: unknown */
  atomic_ulong beats;   /* grows while work goes on */
  _Atomic double moved; /* when a watching thread last saw that `beats` had grown */
  _Atomic double ran;   /* the same for the processor time of the main thread */
  _Atomic double seen;  /* when the main thread last looked for what it waits for */
  atomic_int lost;      /* whether it has given up waiting: a lost_t */
  atomic_bool told;     /* another rank has said that it reports which ranks are lost */
  _Atomic double since; /* when the activity began */
  atomic_uint turn;     /* text[turn % 2] is the present activity */
  char text[2][ACTIVITY_TEXT];
} activity_page_t;

/* LOST_REPORTS: this rank tells the user. */
typedef enum { LOST_NOT, LOST, LOST_REPORTS } lost_t;

#define ACTIVITY_MAGIC "lockstep page 1"
#define ACTIVITY_FILE  "lockstep-page" /* the name of the memory, as links in /proc/PID/fd show it */

/* Makes the calling thread the main thread, and the page readable for other processes. Returns the number of
 * the file that is the page, or -1 if there can be none; then the page is for this process alone. Call once,
 * before other threads exist. */
int activity_begin(void);

/* The page. Never NULL. */
activity_page_t *activity_page(void);

/* Begins an activity, a phase of the program that may take seconds. The text goes on after "it has been":
 * "reading train/x of data.h5". It is cut off if it is too long. Not for the loop over steps. */
void activity_set(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The work goes on: another step. Costs one store. */
void activity_step(void);

/* The same for work of more than a few milliseconds: another block of rows, another file. Now and then, it
 * also calls the function of activity_on_beat. In another thread it is a beat, and no more. Thread-safe. */
void activity_beat(void);

/* What else to do while work goes on: answer the ranks that wait for it. NULL: nothing. */
void activity_on_beat(void (*answer)(void *context), void *context);

/* The main thread waits for other ranks and is alive; `now` is the time. */
void activity_waits(double now);

#endif
