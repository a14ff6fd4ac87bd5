/* Weights as a CSV table, to be read and edited by hand: one line for each weight,
 *
 *   layer,parameter,row,column,value
 *   dense1,weight,0,0,0.25
 *   dense1,bias,0,,0.5
 *
 * Row and column count from 0, as in the names of weights (score/weight_name.h); the column of an array with
 * one dimension is empty. Values have nine digits, which is enough to get the same bits back. Nothing here is
 * collective. */
#ifndef SCORE_WEIGHTS_CSV_H
#define SCORE_WEIGHTS_CSV_H

#include "model/graph.h"

/* Writes all arrays of a parameter vector in graph order, rows in order. */
ls_status weights_csv_write(const char *path, const graph_t *graph, const float *vector, ls_error *error);

/* What a table gives. */
typedef struct {
  size_t given;     /* weights of the network that the table has */
  bool *is_given;   /* (graph_plain_floats): which ones, array by array; malloc'd (weights_given_free) */
  char others[200]; /* names of layers that the network does not have, ", " between them */
} weights_given_t;
void weights_given_free(weights_given_t *given);

/* Reads a table: lines in any order, and of layers that the network does not have if `may_have_others`. Sets
 * the weights in `vector` (graph_floats) and keeps the others; NULL: only reads. LS_BAD_DATA, with the line,
 * for one that is no such line, a weight that is not there or comes twice, and a value that is not finite in
 * single precision. *out is caller-owned, untouched on failure; `vector` may be filled in part then. */
ls_status weights_csv_read(const char *path, const graph_t *graph, bool may_have_others, float *vector,
                           weights_given_t *out, ls_error *error);

#endif
