/* A number for each row of a split: the losses of `lockstep eval --rows`, and the scores of `lockstep
 * anomalies`, with what was made of them. */
#ifndef ANSWERS_ROW_LOSSES_H
#define ANSWERS_ROW_LOSSES_H

#include "data/window.h"
#include "loss/objective.h"

#include <stdio.h>

/* What is written; all borrowed. */
typedef struct {
  const objective_t *objective; /* NULL: losses has one number for each row */
  int64_t rows;
  const double *losses;     /* (rows, heads), as evaluator_keep_losses fills them */
  const int64_t *numbers;   /* (rows): the number of each row in its array; NULL: from 0 on */
  const windows_t *windows; /* NULL unless rows are windows */
  const char *name;         /* of the number in files and messages; NULL: "loss" */
  const bool *is_anomaly;   /* (rows): the column "anomaly" of 0 and 1; NULL: there is none */
  const bool *labels;       /* (rows): the same for "label", what is known of the row */
  const double *threshold;  /* of the scores, an attribute of FILE.h5; NULL: there is none */
} row_losses_t;

/* Finds the numbers that the rows of a split have in their array, on every rank: with data.validation or
 * data.folds, training and validation rows lie in one array. *numbers (split->partition.rows) is malloc'd, or
 * NULL if rows are numbered from 0 on. LS_USAGE if rows with missing values were left out, because then rows
 * have no known numbers. Collective. */
ls_status row_losses_number(world_t *world, const settings_t *settings, const objective_t *objective,
                            const dataset_t *data, const split_t *split, int64_t **numbers, ls_error *error);

/* Writes FILE.csv or FILE.h5. On rank 0. */
ls_status row_losses_write(const char *path, const row_losses_t *rows, ls_error *error);

/* Prints the rows with the largest losses in one line; NaN counts as the largest. */
void row_losses_print(const row_losses_t *rows, FILE *out);

#endif
