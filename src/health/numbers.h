/* Looks for numbers that are not finite among parameters and state of the optimiser, between steps. */
#ifndef HEALTH_NUMBERS_H
#define HEALTH_NUMBERS_H

#include "step/engine.h"

/* The first number that is not finite: parameters first (*state -1), then the states of the optimiser (*state
 * its number). *place is its place in the vector, -1 if all are finite. Each rank looks at its share with all
 * its threads. Collective. */
ls_status numbers_check(engine_t *engine, int64_t *place, int *state, ls_error *error);

/* The name of the array that holds a place of the parameter vector. */
const char *numbers_array(const graph_t *graph, int64_t place);

#endif
