/* Names of weights as users write them: `dense1.weight[0,3]` is the weight from input 3 to unit 0 of the
 * first dense layer, `dense1.bias[0]` its bias, and `dense1.weight` all of its weights. Layer and array are
 * those that `lockstep info --graph` and exported files show; `dense1/weight`, as in model files, means the
 * same. Numbers count from 0. Nothing here is collective. */
#ifndef SCORE_WEIGHT_NAME_H
#define SCORE_WEIGHT_NAME_H

#include "model/graph.h"

/* Constant once it is read. */
typedef struct {
  size_t array;        /* as in graph_parameter */
  bool is_whole;       /* no numbers: the whole array is meant; row, column and at are 0 */
  int64_t row, column; /* of a single weight; column 0 if the array has one dimension */
  size_t at;           /* of a single weight: its index in the plain row-major array */
} weight_name_t;

/* Reads a name. LS_BAD_SETTINGS, beginning with the text, for an array that the network does not have, and
 * for numbers that are missing, too many, or beyond its shape. *out is untouched on failure. Thread-safe. */
ls_status weight_name_read(const graph_t *graph, const char *text, weight_name_t *out, ls_error *error);

/* The same for a name that must mean a single weight; an array of one value needs no numbers. LS_USAGE. */
ls_status weight_name_single(const graph_t *graph, const char *text, weight_name_t *out, ls_error *error);

/* Writes the name of element `at` of a plain array: "dense1.weight[0,3]". */
enum { WEIGHT_NAME_SIZE = 128 };
void weight_name_write(const graph_t *graph, size_t array, size_t at, char out[WEIGHT_NAME_SIZE]);

/* Where a single weight is in the parameter vector. Copies of weights behind the vector are not changed with
 * it (graph_transpose). */
size_t weight_name_place(const graph_t *graph, const weight_name_t *name);

/* Lists the arrays of the network, "dense1.weight (3, 2), dense1.bias (3)", cut to `size`. */
void weight_names_list(const graph_t *graph, char *out, size_t size);

#endif
