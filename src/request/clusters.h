/* Figures of clusters in commands that measure a model (quality/quality.h): which array holds the labels that
 * clusters are compared with, and the figures of rows that are loaded. */
#ifndef REQUEST_CLUSTERS_H
#define REQUEST_CLUSTERS_H

#include "quality/quality.h"
#include "request/asked_rows.h"

/* Whether the model has clusters: its loss has no targets. */
bool clusters_are_known(const model_t *model);

/* Decides which array of the file holds labels for the chosen rows, and makes the settings name it as their
 * targets: `labels`, "none", or if NULL the whole numbers of the place's own y, if there are any. Sets
 * place->labels. LS_USAGE for a model without clusters, LS_BAD_DATA if there is no such array. Call it after
 * asked_rows_choose. Not collective. */
ls_status clusters_choose_labels(const char *labels, ready_t *ready, asked_place_t *place, ls_error *error);

/* The figures of a split whose mean loss is known. Collective. */
ls_status clusters_judge(const session_t *session, const ready_t *ready, const split_t *split,
                         const asked_place_t *place, double mean_loss, quality_t *out, ls_error *error);

#endif
