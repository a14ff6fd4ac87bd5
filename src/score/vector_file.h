/* A whole vector of a graph in a file: each array of it plain, (out, in), without the padding that a vector
 * has in memory. Parameters are such a vector, and so is each state of an optimiser. */
#ifndef SCORE_VECTOR_FILE_H
#define SCORE_VECTOR_FILE_H

#include "model/graph.h"
#include "store/store.h"

/* Writes `vector` (graph_floats) as the arrays FOLDER/NAME. Running statistics, which an optimiser has no
 * state of, are written to the folder "parameters" alone. Not collective. */
ls_status vector_write(store_t *store, const graph_t *graph, const char *folder, const float *vector,
                       ls_error *error);

/* The reverse, into a caller-owned vector (graph_floats); its padding, and statistics that the folder does
 * not hold, stay as they are. LS_BAD_DATA when an array is missing or has another shape: then the vector may
 * be filled in part. Not collective. */
ls_status vector_read(const store_t *store, const graph_t *graph, const char *folder, float *vector,
                      ls_error *error);

#endif
