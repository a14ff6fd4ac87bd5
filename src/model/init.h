/* Initial weights: a table of variance rules. */
#ifndef MODEL_INIT_H
#define MODEL_INIT_H

#include "model/graph.h"

/* Fills the parameter vector. Weights follow their rule, with random numbers by (seed, array, element).
 * Biases, shifts and running means are 0; scales and running variances are 1. Glorot: variance 2/(fan_in +
 * fan_out) (Glorot and Bengio 2010); He: 2/fan_in (He et al. 2015); LeCun: 1/fan_in (LeCun et al. 1998); each
 * uniform or normal. LS_NO_MEMORY. */
ls_status init_parameters(const graph_t *graph, uint64_t seed, float *vector, ls_error *error);

bool init_choice(size_t i, choice_t *out);

#endif
