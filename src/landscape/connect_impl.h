/* Private to the landscape room: the files of lockstep connect. Rank 0 alone calls these functions. */
#ifndef LANDSCAPE_CONNECT_IMPL_H
#define LANDSCAPE_CONNECT_IMPL_H

#include "landscape/connect.h"

enum { CONNECT_PATH_SIZE = 4096 };

/* OUT.checkpoint. LS_USAGE if the path is too long. */
ls_status connect_checkpoint_path(const connect_options_t *options, char out[CONNECT_PATH_SIZE],
                                  ls_error *error);

ls_status connect_save(const connect_t *connect, ls_error *error);
/* Restores the state from a checkpoint. LS_BAD_SETTINGS if it is of another request. On failure the state is
 * undefined. */
ls_status connect_load(connect_t *connect, ls_error *error);

/* Write the result, and a model. */
ls_status connect_write(const connect_t *connect, ls_error *error);
/* The parameters are those of connect->search.here. */
ls_status connect_write_model(const connect_t *connect, ls_error *error);

#endif
