/* Event files of TensorBoard: scalars of a run, which `tensorboard --logdir` draws. */
#ifndef INSPECT_TENSORBOARD_H
#define INSPECT_TENSORBOARD_H

#include "base/error.h"
#include "inspect/epochs.h"

#include <stddef.h>
#include <stdint.h>

/* Writes the columns of the epochs as scalars to `path`; an existing file is replaced. A scalar's step is the
 * number of updates, its wall time that of the epoch. Epochs whose time is not known are placed before
 * `ended` (seconds since 1970) by the seconds of the epochs after them. Tags: train/loss, valid/accuracy,
 * seconds/gather, heads/NAME/valid_loss. LS_IO, LS_NO_MEMORY. */
ls_status tensorboard_write(const epochs_t *epochs, double ended, const char *path, ls_error *error);

/* CRC-32C (Castagnoli) of some bytes, for tests. */
uint32_t tensorboard_crc(const void *bytes, size_t size);

#endif
