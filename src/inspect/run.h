/* Prints what a run is and what its directory holds. */
#ifndef INSPECT_RUN_H
#define INSPECT_RUN_H

#include "base/error.h"

/* Prints to stdout. LS_IO if the directory cannot be listed. Not collective. */
ls_status inspect_run(const char *directory, ls_error *error);

#endif
