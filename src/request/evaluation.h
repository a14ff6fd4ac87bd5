/* Writes what `lockstep eval` has found as JSON. Called on rank 0 only. */
#ifndef REQUEST_EVALUATION_H
#define REQUEST_EVALUATION_H

#include "base/error.h"
#include "quality/quality.h"
#include "score/metrics.h"
#include "study/importance.h"

/* All borrowed. */
typedef struct {
  const char *file, *rows;         /* of the rows: the file, and the split or array */
  char *const *const *class_names; /* (heads): (classes) of each, or NULL */
  const double *temperatures;      /* (heads); 0: none */
  const metrics_t *metrics;
  const quality_t *quality;       /* or NULL */
  const importance_t *importance; /* or NULL */
  char *const *columns;           /* (importance->columns): names of the columns of x, or NULL */
} evaluation_facts_t;

ls_status evaluation_write_json(const char *path, const evaluation_facts_t *facts, ls_error *error);

#endif
