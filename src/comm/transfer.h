/* Messages along a lane that are under way while the rank does something else: they are begun, and one look
 * now and then tells which of them have ended. A library makes progress only while it is asked for it, so
 * whoever waits for messages must look; and asking costs the same for one message as for all, so they are all
 * in one table. As all of this room, only for the thread that created the world. */
#ifndef COMM_TRANSFER_H
#define COMM_TRANSFER_H

#include "comm/world.h"

typedef struct transfer transfer_t;

/* Room for `most` messages at a time. *out is caller-owned. Not collective. */
ls_status transfer_create(world_t *world, size_t most, transfer_t **out, ls_error *error);
/* Messages that have not ended are left to the library. */
void transfer_destroy(transfer_t **transfer);

/* Begins a message of n floats to or from the rank of this lane on another node; values stay untouched until
 * it has ended. *open, which is the caller's and outlives the message, is one more until then. Messages of
 * one tag between two ranks come in the order in which they were sent. LS_COMM, after which ranks are lost.
 */
ls_status transfer_send(transfer_t *transfer, int node, int tag, const float *values, size_t n, int *open,
                        ls_error *error);
ls_status transfer_receive(transfer_t *transfer, int node, int tag, float *values, size_t n, int *open,
                           ls_error *error);

/* Lets the library go on; *ended: whether some message has ended since the last look. LS_COMM, after which
 * ranks are lost. */
ls_status transfer_look(transfer_t *transfer, bool *ended, ls_error *error);

#endif
