/* Prints the computation graph of a network, with the basis functions before it. */
#ifndef INSPECT_GRAPH_H
#define INSPECT_GRAPH_H

#include "config/settings.h"
#include "model/graph.h"

#include <stdbool.h>

/* Prints to stdout, as text or for Graphviz (`dot`). `features`: the number of features that the basis
 * functions, if any, are computed from. */
void inspect_graph(const graph_t *graph, const basis_settings_t *basis, int64_t features, bool dot);

#endif
