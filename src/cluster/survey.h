/* A look at all rows before a fit: the units of exact sums (exact.h) follow from their mean and the largest
 * numbers. */
#ifndef CLUSTER_SURVEY_H
#define CLUSTER_SURVEY_H

#include "cluster/fit.h"
#include "nearest/exact.h"

/* Chooses the units of sums of the training rows, by a pass over these. Collective. */
ls_status survey_rows(const fit_inputs_t *inputs, exact_t *exact, ls_error *error);

#endif
