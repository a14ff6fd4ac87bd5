/* What is known of the rows that a command scores: read where the rows come from, a dataset file or a table.
 */
#ifndef REQUEST_ROW_LABELS_H
#define REQUEST_ROW_LABELS_H

#include "anomaly/labels.h"
#include "config/settings.h"

/* Whether each row of the array is anomalous that the settings name as data.x, or each row of the table.
 * *out (n) is malloc'd, caller-owned. Errors are those of labels_read; LS_USAGE where rows are windows, which
 * labels do not belong to. Not collective. */
ls_status row_labels_read(const settings_t *settings, const char *table, const labels_request_t *request,
                          bool **out, int64_t *n, ls_error *error);

/* The labels of `rows` rows with these numbers in the array, or with the numbers from 0 on (NULL). *out is
 * malloc'd, caller-owned. LS_BAD_DATA if there are fewer than n labels. Not collective. */
ls_status row_labels_pick(const bool *labels, int64_t n, const int64_t *numbers, int64_t rows, bool **out,
                          ls_error *error);

#endif
