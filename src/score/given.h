/* Weights that a user gives for training to begin with: literal numbers (model.init_values), and a table
 * (score/weights_csv.h). Nothing here is collective. */
#ifndef SCORE_GIVEN_H
#define SCORE_GIVEN_H

#include "base/log.h"
#include "config/settings.h"
#include "model/graph.h"

/* Sets the weights that model.init_values names in `vector` (graph_floats); NULL: only looks whether they
 * could be set. Later entries win. Logs their names unless `log` is NULL. LS_BAD_SETTINGS, beginning with the
 * key, for a weight that the network does not have, and numbers of another shape than the array. */
ls_status given_values_set(const settings_t *settings, const graph_t *graph, float *vector, const log_t *log,
                           ls_error *error);

/* Whether model.init_from names a table of weights: a file *.csv. */
bool given_is_table(const settings_t *settings);

/* The same for a table. With model.init_layers: all, every weight must be there. `checksum` receives that of
 * the file's bytes; if it holds one already, the file must still have it. */
ls_status given_table_set(const settings_t *settings, const graph_t *graph, float *vector, const log_t *log,
                          char checksum[17], ls_error *error);

/* The checksum of a file's bytes, 16 hex digits. LS_BAD_DATA if the file cannot be read. */
ls_status given_checksum(const char *path, char checksum[17], ls_error *error);

#endif
