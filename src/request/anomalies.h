/* Scores rows by how unusual they are for a ready model, finds the threshold above which rows are anomalies,
 * and writes what was found. */
#ifndef REQUEST_ANOMALIES_H
#define REQUEST_ANOMALIES_H

#include "anomaly/labels.h"
#include "request/asked_rows.h"

/* What is asked for; all borrowed. */
typedef struct {
  const char *model; /* as the command line names it */
  const arguments_t *arguments;
  asked_rows_t asked; /* data may be a table */
  bool has_threshold;
  double threshold, quantile; /* the first with has_threshold, else the second */
  bool by_validation;         /* the quantile is that of the validation rows, not of the training rows */
  labels_request_t labels;    /* path NULL: nothing is known of the rows */
  int64_t k;                  /* 0: as many as rows are anomalous */
  const char *out, *json;     /* files, or NULL */
} anomaly_request_t;

/* LS_BAD_SETTINGS for a model whose losses are no scores; else the errors of what it reads and writes. Prints
 * on rank 0. Collective. */
ls_status anomalies_find(const session_t *session, ready_t *ready, const anomaly_request_t *request,
                         ls_error *error);

#endif
