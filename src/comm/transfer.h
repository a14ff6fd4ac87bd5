/* Messages along a lane that run while the rank computes: start a message, then poll for completion.
 *
 * MPI makes progress only while the program calls it, so a rank that waits for messages must poll. One poll
 * costs the same for one message as for all, so one table holds all messages. Only for the thread that
 * created the world. */
#ifndef COMM_TRANSFER_H
#define COMM_TRANSFER_H

#include "comm/world.h"

typedef struct transfer transfer_t;

/* Creates a table for up to `most` messages in flight. *out is caller-owned. Not collective. */
ls_status transfer_create(world_t *world, size_t most, transfer_t **out, ls_error *error);
/* Frees the table. Messages still in flight are left to MPI. */
void transfer_destroy(transfer_t **transfer);

/* Starts a message of n floats to or from the rank of this lane on another node. Do not touch values until
 * the message is complete. *open counts messages in flight: it goes up by one now and down by one on
 * completion. The counter belongs to the caller and must outlive the message. Messages with the same tag
 * between two ranks arrive in the order in which they were sent. LS_COMM when n exceeds MPI's int counts, or
 * when ranks are lost. */
ls_status transfer_send(transfer_t *transfer, int node, int tag, const float *values, size_t n, int *open,
                        ls_error *error);
ls_status transfer_receive(transfer_t *transfer, int node, int tag, float *values, size_t n, int *open,
                           ls_error *error);

/* Polls MPI. *ended tells whether any message has completed since the last poll. LS_COMM when ranks are
 * lost. */
ls_status transfer_look(transfer_t *transfer, bool *ended, ls_error *error);

#endif
