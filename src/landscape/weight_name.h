/* Names of single parameters, as users write them: LAYER.ARRAY[I,J], such as dense1.weight[0,2] (the weight
 * of output 0 for input 2) and dense1.bias[0]. Layers and arrays have the names that `lockstep info` prints.
 */
#ifndef LANDSCAPE_WEIGHT_NAME_H
#define LANDSCAPE_WEIGHT_NAME_H

#include "model/graph.h"

enum { WEIGHT_NAME_SIZE = 128 };

/* An element of an array of the graph, which is row-major. */
typedef struct {
  size_t array, element;
} weight_place_t;

/* Finds the parameter that `word` names. An array with one value needs no [0]. LS_USAGE, with the nearest
 * name or the range of indices, for a word that names none. Not collective. */
ls_status weight_find(const graph_t *graph, const char *word, weight_place_t *out, ls_error *error);

/* Writes the name of a parameter. */
void weight_name(const graph_t *graph, weight_place_t place, char out[WEIGHT_NAME_SIZE]);

#endif
