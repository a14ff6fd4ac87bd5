/* Messages along a lane that are under way while the rank does something else: they are begun, and looked at
 * now and then until all have ended. A library makes progress only while it is asked for it, so whoever waits
 * for messages must look. As all of this room, only for the thread that created the world. */
#ifndef COMM_TRANSFER_H
#define COMM_TRANSFER_H

#include "comm/world.h"

typedef struct transfer transfer_t;

/* Room for `most` messages at a time. *out is caller-owned. Not collective. */
ls_status transfer_create(world_t *world, size_t most, transfer_t **out, ls_error *error);
/* Messages that have not ended are left to the library. */
void transfer_destroy(transfer_t **transfer);

/* Begins a message of n floats to or from the rank of this lane on another node; values stay untouched until
 * it has ended. Messages of one tag between two ranks come in the order in which they were sent. LS_COMM,
 * after which ranks are lost. */
ls_status transfer_send(transfer_t *transfer, int node, int tag, const float *values, size_t n,
                        ls_error *error);
ls_status transfer_receive(transfer_t *transfer, int node, int tag, float *values, size_t n, ls_error *error);

/* *done: whether all messages have ended; there is room for new ones then. LS_COMM, after which ranks are
 * lost.
 */
ls_status transfer_look(transfer_t *transfer, bool *done, ls_error *error);

#endif
