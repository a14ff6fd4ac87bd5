/* The commands of lockstep. A command is a row of a table (request/request.h): its name, its options and its
 * function. Each file of this room defines one or more rows; main.c holds the table. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "request/request.h"

extern const command_t command_import, command_check, command_train, command_sweep, command_cluster,
    command_solve, command_components, command_density, command_eval, command_anomalies, command_sample,
    command_predict, command_gradcheck, command_lr_find, command_landscape, command_connect, command_bench,
    command_runs, command_info, command_history, command_watch, command_weights, command_diff, command_adopt,
    command_reference;

#endif
