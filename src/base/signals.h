/* The signals by which a launcher, a batch system or a person asks a run to end: SIGTERM, SIGINT, SIGUSR1.
 *
 * One that comes is only noted, until the program asks for it; a second one while the first is being dealt
 * with changes nothing. (Blocking them, so that they wait in the kernel, would do without a handler, but not
 * every thread is ours: OpenBLAS starts some before main, and a signal that one of them does not block ends
 * the process.) */
#ifndef BASE_SIGNALS_H
#define BASE_SIGNALS_H

/* Notes them from here on, whichever thread they come to; system calls go on where they can. One that was
 * ignored already (nohup, jobs in the background of a script) stays ignored. */
void signals_note(void);

/* The last one that has come since it was asked for before: its number, or 0 when there is none. One thread.
 */
int signals_take(void);

/* "SIGTERM"; never NULL, static. */
const char *signals_name(int number);

#endif
