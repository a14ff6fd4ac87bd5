/* clang-format off */
/* The watching thread: what a rank can still do when its main thread is blocked.
 *
 *   rank 0                                        rank 1
 *   main thread: blocked in a disk call           main thread: waits in MPI, reads the page of rank 0 (wait.c)
 *        | beats, activity                             | seen
 *        v                                             v
 *   [ page ] <--- looks once a second             [ page ] <--- looks once a second
 *        ^                                             ^
 *        +-- watching thread                           +-- watching thread
 *
 * Most waits have a time limit of their own, because the main thread polls and looks at the clock. The watching
 * thread is for the rest:
 *
 *   - MPI calls that can only block: MPI_Init, splitting communicators, making windows, MPI_Finalize. Around
 *     these, watch_enter and watch_leave.
 *   - a main thread that neither works nor waits, for as long as the timeout, while no rank of its host waits for it
 *     and could report: all ranks may be blocked by the same disk, or this rank may be alone on its host.
 *   - the end of a job whose ranks are lost, if something blocks that too.
 *
 * In these cases it prints the message and ends the process with exit code 1. It never calls MPI, so it cannot
 * call MPI_Abort; the launcher ends the other ranks.
 *
 * It sleeps, takes no signals, and counts only the time in which the process could run: a job that was suspended
 * and continues has not waited. */
/* clang-format on */
#ifndef COMM_WATCH_H
#define COMM_WATCH_H

#include "base/error.h"
#include "comm/board.h"

#include <stdbool.h>

/* Starts the thread and the page of this process. `rank`: as the launcher counts. is_launched: there is a
 * launcher, so there may be other ranks. Without this call nothing watches. Call before MPI starts. */
void watch_begin(int rank, bool is_launched);
void watch_end(void);

/* Seconds that a rank waits as long as no settings say so: LOCKSTEP_TIMEOUT in the environment, or 300. */
double watch_default_timeout(void);
/* LS_USAGE if the variable is no such number; then it counts as not set. */
ls_status watch_check_timeout(ls_error *error);

/* The file that is this process's page (activity_begin); -1: none. */
int watch_page(void);

/* Around a call that may block: its name, and whom it waits for. peers is borrowed until watch_leave; NULL:
 * this process does not know the ranks yet. timeout 0: no limit. Main thread only. */
void watch_enter(const char *call, const peer_t *peers, int n, double timeout);
void watch_leave(void);

/* The ranks of the job, and how long the main thread may neither work nor wait while no rank of this host
 * waits; 0: for ever, which is right for a rank alone. peers is borrowed until the next call; NULL: nothing
 * is watched. */
void watch_ranks(const peer_t *peers, int n, double timeout);

/* Whether this process could not run until a few seconds ago: it was stopped. Then others have been waiting
 * for this rank, and know more of what is wrong. */
bool watch_was_stopped(void);

/* How long such a rank waits before it reports itself; also a rank that finds another one gone, because that
 * one may have reported, and the launcher is likely to end the job. */
#define WATCH_SECONDS_FOR_OTHERS 3.0

/* The job is about to end because ranks are lost. If the process has not ended in time, the thread ends it,
 * and prints the message if this rank reports. `part`: seconds of a tenth of the timeout (wait.c). */
void watch_lost(const char *message, bool reports, double part);

#endif
