/* Prints what a run is, on one screen: its state, data, network, settings, progress, results and files, and
 * the commands that go on with it. */
#ifndef INSPECT_RUN_H
#define INSPECT_RUN_H

#include "base/error.h"

/* Prints to stdout. What is damaged is told in the text. LS_USAGE if the directory is not that of a run,
 * LS_IO if it cannot be listed, LS_NO_MEMORY. Not collective. */
ls_status inspect_run(const char *directory, ls_error *error);

#endif
