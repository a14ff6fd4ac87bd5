/* Whether a stored position can be one of this run. A damaged or edited checkpoint must not lead the
 * arithmetic of steps and rows astray, so its numbers are compared with each other, then with the data and
 * the settings, before anything is computed from them. */
#ifndef RUN_POSITION_H
#define RUN_POSITION_H

#include "layout/shard.h"
#include "run/checkpoint.h"

/* The ranges of the numbers, and what they say of each other. LS_BAD_DATA, naming `path` and the number.
 * Pure. */
ls_status position_check(const position_t *position, const char *path, ls_error *error);

/* Once rows and batch are known: the steps of whole epochs, and the rows of these steps. LS_BAD_DATA. Pure.
 */
ls_status position_check_rows(const position_t *position, partition_t partition, int64_t batch,
                              const char *path, ls_error *error);

#endif
