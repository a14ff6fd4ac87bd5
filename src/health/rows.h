/* Which rows of a step may have made its loss or gradient infinite. */
#ifndef HEALTH_ROWS_H
#define HEALTH_ROWS_H

#include "step/engine.h"

/* Writes what is unusual about the rows of a step of the present epoch, of one shard or (-1) of all: values
 * that are not finite, or beyond a million, of the first shard that has such rows. Rows are numbered among
 * the training rows. The text is the same on every rank; it never is empty. Collective. */
ls_status rows_suspect(engine_t *engine, int64_t step, int64_t shard, char *out, size_t size,
                       ls_error *error);

#endif
