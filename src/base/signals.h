/* The signals by which a launcher, a batch system or a user asks a run to end: SIGTERM, SIGINT and SIGUSR1;
 * and SIGCONT. Open MPI's mpirun answers Ctrl-C and SIGTERM with SIGCONT to all ranks at once and SIGTERM a
 * second later, which a second Ctrl-C prevents. So SIGCONT is the only signal that always comes in time.
 *
 * The handler only records a signal until the program asks for it. Only the latest signal is kept. (Blocking
 * the signals would need no handler, but some threads are not ours: OpenBLAS starts threads before main, and
 * a signal delivered to a thread that does not block it ends the process.) */
#ifndef BASE_SIGNALS_H
#define BASE_SIGNALS_H

#include <stdbool.h>

/* Starts recording the signals, whichever thread receives them. Interrupted system calls are restarted where
 * possible. A signal that is already ignored (nohup, background jobs of a script) stays ignored. May be
 * called again, to take the signals back from a library that has installed a handler of its own. */
void signals_note(void);

/* Makes a write beyond the limit of a file's size (ulimit -f) fail with EFBIG, instead of ending the process
 * with SIGXFSZ. */
void signals_as_errors(void);

/* The number of the latest signal since the previous call, or 0 if there is none. Call from one thread
 * only. */
int signals_take(void);

/* Whether SIGCONT has come since the previous call. Call from one thread only. */
bool signals_take_continued(void);

/* The name, for example "SIGTERM". Never NULL, static. */
const char *signals_name(int number);

#endif
